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
#include <yaml-cpp/node/node.h>   // so that clang-tidy does not take its forward declaration for our Node
#include <yaml-cpp/parser.h>

#include "core/config/encoding.hpp"
#include "core/config/forms.hpp"

namespace mailcore::config {
namespace {

constexpr std::size_t kDeepest = 32;             // nested lists and maps; the configuration itself needs 7
constexpr std::size_t kLongestText = 16'384;     // bytes of one value
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

// The text from the mark on.
std::string_view from(std::string_view text, YAML::Mark const& mark)
{
    return text.substr(std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), text.size()));
}

// Turns yaml-cpp's events into nodes.
class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(std::pmr::memory_resource& memory, std::shared_ptr<std::string const> const& name,
                std::string_view text, Diagnostics& problems)
        : memory_{memory}, name_{name}, text_{text}, problems_{problems}
    {
    }

    Node const* root() const { return root_; }

    // Where the innermost [ or { stands that is still open.
    Node const* open_bracket() const
    {
        auto const innermost =
            std::find_if(open_.rbegin(), open_.rend(), [](Open const& each) { return each.in_brackets; });
        return innermost == open_.rend() ? nullptr : innermost->node;
    }

    YAML::Mark const& last_quoted() const { return last_quoted_; }

    void OnDocumentStart(YAML::Mark const& mark) override
    {
        if (!root_) return;
        bool const starts_anew = from(text_, mark).starts_with("---");
        throw Refusal{mark.line + 1, mark.column + 1,
                      starts_anew ? "a second document (---) is not supported"
                                  : "the configuration ended before this line: look at its indentation"};
    }
    void OnDocumentEnd() override {}
    void OnNull(YAML::Mark const& mark, YAML::anchor_t anchor) override
    {
        refuse_anchor(mark, anchor);
        add(make(Node::Kind::Nothing, mark));
    }
    void OnAlias(YAML::Mark const& mark, YAML::anchor_t) override
    {
        error(mark, "aliases (*) are not supported: write the value out; a text that begins with * must be quoted");
        add(make(Node::Kind::Refused, mark));
    }
    void OnScalar(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                  std::string const& value) override
    {
        refuse_anchor(mark, anchor);
        bool const refused = refuse_tag(mark, tag) || refuse_content(mark, value);
        auto* node = make(refused ? Node::Kind::Refused : Node::Kind::Scalar, mark);
        node->plain = tag == "?";
        if (!refused) node->text = keep(value);
        if (!node->plain) last_quoted_ = mark;
        add(node);
    }
    void OnSequenceStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value style) override
    {
        open(Node::Kind::List, mark, tag, anchor, style == YAML::EmitterStyle::Flow);
    }
    void OnSequenceEnd() override { open_.pop_back(); }
    void OnMapStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value style) override
    {
        open(Node::Kind::Map, mark, tag, anchor, style == YAML::EmitterStyle::Flow);
    }
    void OnMapEnd() override
    {
        drop_duplicates(*open_.back().node);
        open_.pop_back();
    }

private:
    struct Open {
        Node* node;
        bool in_brackets = false;    // written as [] or {}
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
    bool refuse_tag(YAML::Mark const& mark, std::string const& tag)
    {
        if (tag.empty() || tag == "?" || tag == "!") return false;
        auto const written = from(text_, mark);
        auto const word = written.substr(0, written.find_first_of(" \t\r\n,]}"));
        error(mark, in_quotes(word) + " is a YAML tag here; put a text that begins with ! in quotes");
        return true;
    }

    bool refuse_content(YAML::Mark const& mark, std::string_view value)
    {
        auto const control = find_control(value);
        if (value.size() > kLongestText) {
            error(mark, "this text is " + grouped(value.size()) + " bytes long; at most " + grouped(kLongestText) +
                            " are allowed");
        } else if (control != std::string_view::npos) {
            error(mark, value[control] == '\n' ? "a text must be one line" : "this text holds a control character");
        } else {
            return false;
        }
        return true;
    }

    void open(Node::Kind kind, YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor, bool in_brackets)
    {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        if (open_.size() == kDeepest) {
            throw Refusal{mark.line + 1, mark.column + 1, "nested deeper than " + std::to_string(kDeepest) + " levels"};
        }
        auto* node = make(kind, mark);
        add(node);
        open_.push_back({.node = node, .in_brackets = in_brackets});
    }

    void add(Node* node)
    {
        if (open_.empty()) {
            root_ = node;
            return;
        }
        auto& parent = open_.back();
        if (parent.node->kind == Node::Kind::Map && !parent.key) {
            if (node->kind != Node::Kind::Scalar && node->kind != Node::Kind::Refused) {
                throw Refusal{node->line, node->column, "a key must be a text, found " + std::string{kind_name(*node)}};
            }
            parent.key = node;
            return;
        }
        node->key = std::exchange(parent.key, nullptr);
        (parent.last ? parent.last->next : parent.node->first) = node;
        parent.last = node;
    }

    // Reports every key given again and takes its value out, so that what stands first counts. A refused key
    // goes too: whether its value fits cannot be said.
    void drop_duplicates(Node& map)
    {
        KeySet seen{map};
        for (Node** link = &map.first; *link;) {
            if ((*link)->key->kind == Node::Kind::Refused) {
                *link = (*link)->next;
                continue;
            }
            Node const* earlier = seen.insert(**link);
            if (!earlier) {
                link = &(*link)->next;
                continue;
            }
            auto const& key = *(*link)->key;
            problems_.error(
                {name_, key.line, key.column},
                "duplicate key " + in_quotes(key.text) + "; first given at line " + std::to_string(earlier->line));
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
    std::string_view text_;
    Diagnostics& problems_;
    std::vector<Open> open_;
    Node const* root_ = nullptr;
    YAML::Mark last_quoted_ = YAML::Mark::null_mark();
};

Refusal refusal_at(YAML::Mark const& mark, std::string message)
{
    bool const nowhere = mark.is_null();
    return {nowhere ? 1 : mark.line + 1, nowhere ? 1 : mark.column + 1, std::move(message)};
}

bool is_one_of(char c, std::string_view characters)
{
    return c != '\0' && characters.find(c) != std::string_view::npos;
}

// Where the blanks before the marked text hold a tab: how far back it stands. 0 = they hold none.
std::size_t tab_before(std::string_view text, YAML::Mark const& mark)
{
    auto const before = text.substr(0, text.size() - from(text, mark).size());
    auto const line = before.substr(before.rfind('\n') + 1);
    auto const blanks = line.substr(0, line.find_first_not_of(" \t"));
    auto const tab = blanks.find('\t');
    return tab == std::string_view::npos ? 0 : line.size() - tab;
}

// yaml-cpp's words for what goes wrong most often, in terms of what to do about it.
std::string in_clear_words(YAML::Exception const& problem, std::string_view text)
{
    auto const& said = problem.msg;
    auto const rest = from(text, problem.mark);
    char const here = rest.empty() ? '\0' : rest.front();
    if (is_one_of(here, "@`%*&!")) return std::string{"a text that begins with "} + here + " must be quoted";
    if (said == YAML::ErrorMsg::END_OF_MAP || said == YAML::ErrorMsg::END_OF_SEQ) {
        return "this line does not fit in here: look at its indentation, and for a missing colon or quote above";
    }
    if (said == YAML::ErrorMsg::EOF_IN_SCALAR) return "a quoted text is not closed";
    if (said == YAML::ErrorMsg::MAP_VALUE) {
        return "a colon cannot stand here: a text that holds \": \" must be quoted, or a colon is missing in the line "
               "above";
    }
    if (said == YAML::ErrorMsg::FLOW_END) return "a closing bracket without an opening one";
    if (said.starts_with(YAML::ErrorMsg::INVALID_ESCAPE)) {
        return "this \\ makes no sense in double quotes; use single quotes";
    }
    return "this is not valid YAML: " + said;
}

// The bracket or quote that ends right before the marked text, which cannot stand there: [::1]/128. Else '\0'.
char closed_before(std::string_view text, YAML::Mark const& mark)
{
    auto const rest = from(text, mark);
    auto const place = text.size() - rest.size();
    if (place == 0 || rest.empty() || is_one_of(rest.front(), ":]},\r\n")) return '\0';
    return is_one_of(text[place - 1], "]}\"'") ? text[place - 1] : '\0';
}

Refusal explain(YAML::Exception const& problem, std::string_view text, TreeBuilder const& builder)
{
    auto const& said = problem.msg;
    if (auto const back = tab_before(text, problem.mark); back > 0 || said == YAML::ErrorMsg::TAB_IN_INDENTATION) {
        auto refusal = refusal_at(problem.mark, "a tab cannot indent; use blanks");
        refusal.column -= static_cast<int>(back);
        return refusal;
    }
    if (char const closed = closed_before(text, problem.mark); closed != '\0') {
        return refusal_at(problem.mark, std::string{"nothing can follow the "} + closed +
                                            " here; perhaps the whole text must be quoted");
    }
    auto const* bracket = builder.open_bracket();
    if (bracket && (said == YAML::ErrorMsg::END_OF_MAP_FLOW || said == YAML::ErrorMsg::END_OF_SEQ_FLOW)) {
        auto const* which =
            bracket->kind == Node::Kind::List ? "this [ is not closed by ]" : "this { is not closed by }";
        return {bracket->line, bracket->column,
                std::string{which} + ", or a comma is missing, before line " + std::to_string(problem.mark.line + 1) +
                    ", column " + std::to_string(problem.mark.column + 1)};
    }
    return refusal_at(problem.mark, in_clear_words(problem, text));
}

// yaml-cpp takes the end of the file for the end of a quoted text. Such a text is the last one.
std::optional<Refusal> find_open_quote(std::string_view text, YAML::Mark const& last_quoted)
{
    if (last_quoted.is_null()) return {};
    auto const rest = from(text, last_quoted);
    if (rest.empty() || !is_one_of(rest.front(), "\"'")) return {};   // a block text: | or >
    char const quote = rest.front();
    for (std::size_t i = 1; i < rest.size(); ++i) {
        bool const escapes = quote == '"' ? rest[i] == '\\' : rest.substr(i).starts_with("''");
        if (escapes) ++i;
        else if (rest[i] == quote) return {};
    }
    return refusal_at(last_quoted, "this quote is not closed");
}

std::optional<Refusal> read_events(std::string_view text, TreeBuilder& builder)
{
    try {
        ViewBuffer buffer{text};
        std::istream stream{&buffer};
        YAML::Parser parser{stream};
        parser.HandleNextDocument(builder);
        parser.HandleNextDocument(builder);   // the builder refuses a second one
    } catch (Refusal& refusal) {
        return std::move(refusal);
    } catch (YAML::Exception const& problem) {
        return explain(problem, text, builder);
    } catch (std::exception const& problem) {
        return Refusal{1, 1, std::string{"this cannot be read: "} + problem.what()};
    }
    return find_open_quote(text, builder.last_quoted());
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
        case Node::Kind::Refused: return "what is refused";
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
    TreeBuilder builder{*document.memory_, document.name_, text, problems};
    if (auto const refusal = read_events(text, builder)) {
        problems.error({document.name_, refusal->line, refusal->column}, refusal->message);
        return document;
    }
    if (!builder.root() || builder.root()->kind == Node::Kind::Nothing) {
        problems.error(document.start(), "the file holds nothing");
    } else {
        document.root_ = builder.root();
    }
    return document;
}

}   // namespace mailcore::config
