#include "core/config/yaml.hpp"

#include <algorithm>
#include <cstring>
#include <istream>
#include <new>
#include <optional>
#include <streambuf>
#include <unordered_map>
#include <vector>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "core/config/encoding.hpp"

namespace mailcore::config {
namespace {

constexpr std::size_t kDeepest = 32;             // nested lists and maps; the configuration itself needs 7
constexpr std::size_t kLongestText = 16 * 1024;  // bytes of one value
constexpr std::size_t kFewKeys = 12;             // up to here comparing each with each is quicker than hashing

// Reads a text in place; std::istringstream would copy it.
class ViewBuffer : public std::streambuf {
public:
    explicit ViewBuffer(std::string_view text)
    {
        auto* start = const_cast<char*>(text.data());   // the get area is never written to
        setg(start, start, start + text.size());
    }
};

// Ends the reading of a file: what follows could not be understood.
struct Refusal {
    int line;
    int column;
    std::string message;
};

// Turns yaml-cpp's events into nodes.
class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(std::pmr::memory_resource& memory, std::shared_ptr<std::string const> const& name, Diagnostics& problems)
        : memory_{memory}, name_{name}, problems_{problems}
    {
    }

    Node const* root() const { return root_; }

    void OnDocumentStart(YAML::Mark const&) override {}
    void OnDocumentEnd() override {}
    void OnNull(YAML::Mark const& mark, YAML::anchor_t anchor) override
    {
        refuse_anchor(mark, anchor);
        add(make(Node::Kind::Nothing, mark));
    }
    void OnAlias(YAML::Mark const& mark, YAML::anchor_t) override
    {
        error(mark, "aliases (*) are not supported: write the value out; a text that begins with * must be quoted");
        add(make(Node::Kind::Nothing, mark));
    }
    void OnScalar(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor, std::string const& value) override
    {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        auto* node = make(Node::Kind::Scalar, mark);
        node->plain = tag == "?";
        node->text = keep(checked(mark, value));
        add(node);
    }
    void OnSequenceStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override
    {
        open(Node::Kind::List, mark, tag, anchor);
    }
    void OnSequenceEnd() override { open_.pop_back(); }
    void OnMapStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override
    {
        open(Node::Kind::Map, mark, tag, anchor);
    }
    void OnMapEnd() override
    {
        drop_duplicates(*open_.back().node);
        open_.pop_back();
    }

private:
    struct Open {
        Node* node;
        Node* last = nullptr;        // the newest item
        Node const* key = nullptr;   // read, its value is still to come
    };

    void error(YAML::Mark const& mark, std::string message)
    {
        problems_.error({name_, mark.line + 1, mark.column + 1}, std::move(message));
    }

    Node* make(Node::Kind kind, YAML::Mark const& mark)
    {
        auto* node = new (memory_.allocate(sizeof(Node), alignof(Node))) Node;
        node->kind = kind;
        node->line = mark.line + 1;
        node->column = mark.column + 1;
        return node;
    }

    std::string_view keep(std::string_view text)
    {
        if (text.empty()) return {};
        auto* copy = static_cast<char*>(memory_.allocate(text.size(), 1));
        std::memcpy(copy, text.data(), text.size());
        return {copy, text.size()};
    }

    void refuse_anchor(YAML::Mark const& mark, YAML::anchor_t anchor)
    {
        if (anchor == YAML::NullAnchor) return;
        error(mark, "anchors (&) are not supported: write the value out; a text that begins with & must be quoted");
    }

    // yaml-cpp says "?" for a plain text and "!" for a quoted one; "" and "?" for lists and maps.
    void refuse_tag(YAML::Mark const& mark, std::string const& tag)
    {
        if (tag.empty() || tag == "?" || tag == "!") return;
        auto const written = tag.starts_with('!') ? tag : "!" + tag;
        error(mark, quoted(written) + " is a YAML tag here; put a text that begins with ! in quotes");
    }

    std::string_view checked(YAML::Mark const& mark, std::string_view value)
    {
        if (value.size() > kLongestText) {
            error(mark, "this text is " + std::to_string(value.size()) + " bytes long; at most " +
                            std::to_string(kLongestText) + " are allowed");
            return {};
        }
        auto const control = find_control(value);
        if (control == std::string_view::npos) return value;
        bool const line_break = value[control] == '\n';
        error(mark, line_break ? "a text must be one line" : "this text holds a control character");
        return {};
    }

    void open(Node::Kind kind, YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor)
    {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        if (open_.size() == kDeepest) {
            throw Refusal{mark.line + 1, mark.column + 1, "nested deeper than " + std::to_string(kDeepest) + " levels"};
        }
        auto* node = make(kind, mark);
        add(node);
        open_.push_back({node});
    }

    void add(Node* node)
    {
        if (open_.empty()) {
            root_ = node;
            return;
        }
        auto& parent = open_.back();
        if (parent.node->kind == Node::Kind::Map && !parent.key) {
            if (node->kind != Node::Kind::Scalar) {
                throw Refusal{node->line, node->column, "a key must be a text, found " + std::string{kind_name(*node)}};
            }
            parent.key = node;
            return;
        }
        node->key = std::exchange(parent.key, nullptr);
        (parent.last ? parent.last->next : parent.node->first) = node;
        parent.last = node;
    }

    // Reports every key given again and takes its value out, so that what stands first counts.
    void drop_duplicates(Node& map)
    {
        KeySet seen{map};
        for (Node** link = &map.first; *link;) {
            Node const* earlier = seen.insert(**link);
            if (!earlier) {
                link = &(*link)->next;
                continue;
            }
            auto const& key = *(*link)->key;
            problems_.error({name_, key.line, key.column}, "duplicate key " + quoted(key.text) +
                                                               "; first given at line " + std::to_string(earlier->line));
            *link = (*link)->next;
        }
    }

    // The keys of one map seen so far.
    class KeySet {
    public:
        explicit KeySet(Node const& map) : map_{map}, few_{std::distance(map.begin(), map.end()) <= Count{kFewKeys}} {}

        // The key given earlier with the same text, or null.
        Node const* insert(Node const& entry)
        {
            if (!few_) {
                auto const [place, is_new] = keys_.emplace(entry.key->text, entry.key);
                return is_new ? nullptr : place->second;
            }
            for (Node const& each : map_) {
                if (&each == &entry) return nullptr;
                if (each.key->text == entry.key->text) return each.key;
            }
            return nullptr;
        }

    private:
        using Count = std::ptrdiff_t;
        Node const& map_;
        bool few_;
        std::unordered_map<std::string_view, Node const*> keys_;
    };

    std::pmr::memory_resource& memory_;
    std::shared_ptr<std::string const> const& name_;
    Diagnostics& problems_;
    std::vector<Open> open_;
    Node const* root_ = nullptr;
};

// The character of the text where yaml-cpp stopped.
char character_at(std::string_view text, YAML::Mark const& mark)
{
    auto const place = static_cast<std::size_t>(std::max(mark.pos, 0));
    return place < text.size() ? text[place] : '\0';
}

// yaml-cpp's words for what goes wrong most often, in terms of what to do about it.
std::string in_clear_words(YAML::Exception const& problem, std::string_view text)
{
    auto const& said = problem.msg;
    char const c = character_at(text, problem.mark);
    if (c != '\0' && std::string_view{"@`%*&!"}.find(c) != std::string_view::npos) {
        return std::string{"a text that begins with "} + c + " must be quoted";
    }
    if (said == YAML::ErrorMsg::TAB_IN_INDENTATION) return "a tab cannot indent; use blanks";
    if (said == YAML::ErrorMsg::END_OF_MAP || said == YAML::ErrorMsg::END_OF_SEQ) {
        return "this line does not fit in here: look at its indentation, and for a missing colon or quote above";
    }
    if (said == YAML::ErrorMsg::END_OF_MAP_FLOW) return "a { is not closed by }, or a comma is missing";
    if (said == YAML::ErrorMsg::END_OF_SEQ_FLOW) return "a [ is not closed by ], or a comma is missing";
    if (said == YAML::ErrorMsg::EOF_IN_SCALAR) return "a quoted text is not closed";
    if (said == YAML::ErrorMsg::MAP_VALUE) return "a colon cannot stand here; a text that holds \": \" must be quoted";
    if (said == YAML::ErrorMsg::FLOW_END) return "a closing bracket without an opening one";
    return "this is not valid YAML: " + said;
}

std::optional<Refusal> read_events(std::string_view text, TreeBuilder& builder)
{
    try {
        ViewBuffer buffer{text};
        std::istream stream{&buffer};
        YAML::Parser parser{stream};
        if (!parser.HandleNextDocument(builder)) return Refusal{1, 1, "the file holds nothing"};
        if (parser.HandleNextDocument(builder)) return Refusal{1, 1, "the file holds several documents (---); one is allowed"};
    } catch (Refusal& refusal) {
        return std::move(refusal);
    } catch (YAML::Exception const& problem) {
        bool const nowhere = problem.mark.is_null();
        return Refusal{nowhere ? 1 : problem.mark.line + 1, nowhere ? 1 : problem.mark.column + 1,
                       in_clear_words(problem, text)};
    } catch (std::exception const& problem) {
        return Refusal{1, 1, std::string{"this cannot be read: "} + problem.what()};
    }
    return {};
}

constexpr Node kNothing;

}   // namespace

Node const* Node::find(std::string_view wanted) const
{
    if (kind != Kind::Map) return nullptr;
    for (Node const& entry : *this) {
        if (entry.key->text == wanted) return &entry;
    }
    return nullptr;
}

std::string_view kind_name(Node const& node)
{
    switch (node.kind) {
        case Node::Kind::Nothing: return "nothing";
        case Node::Kind::Scalar: return "a text";
        case Node::Kind::List: return "a list";
        case Node::Kind::Map: return "a map";
    }
    return "";
}

Document::Document(std::string const& name)
    : name_{std::make_shared<std::string const>(name)},
      memory_{std::make_unique<std::pmr::monotonic_buffer_resource>()},
      root_{&kNothing}
{
}

Position Document::position(Node const& node) const
{
    Node const& place = node.kind == Node::Kind::Nothing && node.key ? *node.key : node;
    return {name_, place.line, place.column};
}

Document Document::parse(std::string const& name, std::string_view text, Diagnostics& problems)
{
    Document document{name};
    if (auto const bad = find_bad_encoding(text)) {
        problems.error({document.name_, bad->line, bad->column}, bad->message);
        return document;
    }
    TreeBuilder builder{*document.memory_, document.name_, problems};
    if (auto const refusal = read_events(text, builder)) {
        problems.error({document.name_, refusal->line, refusal->column}, refusal->message);
        return document;
    }
    if (builder.root()) document.root_ = builder.root();
    return document;
}

}   // namespace mailcore::config
