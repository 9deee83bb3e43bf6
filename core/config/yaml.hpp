// A YAML file as a tree of nodes that know where they stand. The only door to yaml-cpp.
//
//     auto document = Document::parse("/etc/mailcore/mailcore.yaml", text, problems);
//     for (Node const& entry : document.root()) { entry.key->text … entry.text … }
//
// Only what a configuration needs is let in: one document of maps, lists and one-line texts. Anchors, aliases,
// tags, several documents, duplicate keys, control characters and deep nesting are refused in words that name
// the cure. Nothing is interpreted: `off`, `0660` and `1m` are the texts that stand there, quoted or not.
// Nodes live as long as their Document. Built from yaml-cpp's events, since its own Node tree loses duplicate
// keys and takes several times as long. Never throws, whatever the bytes.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>

#include "core/config/diagnostics.hpp"

namespace mailcore::config {

struct Node {
    enum class Kind : unsigned char { Nothing, Scalar, List, Map, Refused };   // Refused: already complained of

    // Walks a list's items or a map's values (each with its key).
    class Iterator {
    public:
        using value_type = Node const;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        explicit Iterator(Node const* node) : node_{node} {}
        Node const& operator*() const { return *node_; }
        Node const* operator->() const { return node_; }
        Iterator& operator++()
        {
            node_ = node_->next;
            return *this;
        }
        Iterator operator++(int)
        {
            auto before = *this;
            ++*this;
            return before;
        }
        bool operator==(Iterator const&) const = default;

    private:
        Node const* node_ = nullptr;
    };

    Kind kind = Kind::Nothing;
    bool plain = false;           // Scalar: written without quotes
    int line = 0;
    int column = 0;
    std::string_view text;        // Scalar: its value
    Node const* key = nullptr;    // in a map: the key of this value
    Node* first = nullptr;        // List, Map: the first item
    Node* next = nullptr;         // in a list or map: the next item

    Iterator begin() const { return Iterator{first}; }
    Iterator end() const { return Iterator{}; }
    Node const* find(std::string_view wanted) const;   // the value of a map's key, or null
};

// "a text", "a list", "a map" or "nothing", for messages.
std::string_view kind_name(Node const& node);

class Document {
public:
    // Problems are reported at their place. After a syntax error root() is Nothing.
    static Document parse(std::string const& name, std::string_view text, Diagnostics& problems);

    Node const& root() const { return *root_; }
    Position position(Node const& node) const;   // of the value; of its key where the value is Nothing
    Position start() const { return {name_, 1, 1}; }

private:
    explicit Document(std::string const& name);

    std::shared_ptr<std::string const> name_;
    std::unique_ptr<std::pmr::monotonic_buffer_resource> memory_;   // holds nodes and texts
    Node const* root_;
};

}   // namespace mailcore::config
