// Nodes into structs, by their rows. Every mistake is reported and skipped, so that one run finds them all.
//
//     auto settings = read_document<Settings>(document, problems);
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/diagnostics.hpp"
#include "core/config/fields.hpp"
#include "core/config/yaml.hpp"

namespace mailcore::config {

// Which part of the configuration is being read, for messages: tenants.kbz_test.limits. Made on the way down,
// turned into text only when there is something to complain of.
struct Path {
    Path const* parent = nullptr;
    std::string_view key;
    std::string text() const;                        // "" at the top
    std::string before(std::string_view words) const;   // "policy.listen: words"
    std::string in() const;                          // " in tenants.kbz_test", "" at the top
};

class Reader {
public:
    Reader(Document const& document, Diagnostics& problems) : document_{document}, problems_{problems} {}

    Position position(Node const& node) const { return document_.position(node); }
    void error(Node const& place, std::string message) { problems_.error(position(place), std::move(message)); }
    void warning(Node const& place, std::string message) { problems_.warning(position(place), std::move(message)); }

    // Whether the node is of this kind. If not, reports that `wanted` ("a list") should stand here.
    bool expect(Node::Kind kind, std::string_view wanted, Path const& path, Node const& node);
    void unknown_key(Node const& key, Path const& path, std::vector<std::string_view> const& allowed);
    void bad_word(Path const& path, Node const& node, std::string_view what, std::string const& hint);
    void missing(Path const& path, Node const& node, std::vector<std::string_view> const& keys);
    void check_name(Check const* check, std::string_view what, Node const& key);

private:
    Document const& document_;
    Diagnostics& problems_;
};

// What rows cannot say about a section is said by an overload of this for its struct (see load.cpp's limits).
template <class S>
void check_section(Reader&, Path const&, Node const&, S const&)
{
}

template <class Value, ScalarForm Form>
void read(Reader& reader, Path const& path, Node const& node, Value& out, Form const& form);
template <class Value, ScalarForm Form>
void read(Reader& reader, Path const& path, Node const& node, Located<Value>& out, Form const& form);
template <class Value, class Form>
void read(Reader& reader, Path const& path, Node const& node, std::vector<Value>& out, ListOf<Form> const& form);
template <class Value, class Form>
void read(Reader& reader, Path const& path, Node const& node, std::vector<Value>& out, AnyOf<Form> const& form);
template <class Value, class Form>
void read(Reader& reader, Path const& path, Node const& node, std::vector<Value>& out, Maybe<Form> const& form);
template <class Value, class Form>
void read(Reader& reader, Path const& path, Node const& node, std::map<std::string, Value>& out,
          MapOf<Form> const& form);
template <HasFields S>
void read(Reader& reader, Path const& path, Node const& node, std::vector<S>& out, NamedSections const& form);
template <HasFields S>
void read(Reader& reader, Path const& path, Node const& node, std::optional<S>& out, SectionForm const& form);
template <HasFields S>
void read(Reader& reader, Path const& path, Node const& node, S& out, SectionForm const& form);

// One value without parts. The value is left alone when there is something to complain of. True if it was read.
template <class Value, ScalarForm Form>
bool read_scalar(Reader& reader, Path const& path, Node const& node, Value& out, Form const& form)
{
    if (!reader.expect(Node::Kind::Scalar, Form::noun, path, node)) return false;
    auto parsed = form.parse(Written{node.text, node.plain});
    if (!parsed) {
        constexpr bool is_word = requires { form.words; };
        if constexpr (is_word) {
            reader.bad_word(path, node, form.what, parsed.error().message);
        } else {
            reader.error(node, path.before(parsed.error().message));
        }
        return false;
    }
    out = *std::move(parsed);
    return true;
}

template <class Value, ScalarForm Form>
void read(Reader& reader, Path const& path, Node const& node, Value& out, Form const& form)
{
    read_scalar(reader, path, node, out, form);
}

template <class Value, ScalarForm Form>
void read(Reader& reader, Path const& path, Node const& node, Located<Value>& out, Form const& form)
{
    if (read_scalar(reader, path, node, out.value, form)) out.position = reader.position(node);
}

// Reads one more item of a list; a bad one is reported and left out.
template <class Value, class Form>
void read_item(Reader& reader, Path const& path, Node const& node, std::vector<Value>& out, Form const& form)
{
    if constexpr (ScalarForm<Form>) {
        typename Form::Value value{};
        if (!read_scalar(reader, path, node, value, form)) return;
        if constexpr (std::constructible_from<Value, typename Form::Value, Position>) {
            out.emplace_back(std::move(value), reader.position(node));
        } else {
            out.push_back(std::move(value));
        }
    } else {
        Value value;
        read(reader, path, node, value, form);
        out.push_back(std::move(value));
    }
}

template <class Value, class Form>
void read(Reader& reader, Path const& path, Node const& node, std::vector<Value>& out, ListOf<Form> const& form)
{
    if (node.kind != Node::Kind::Nothing && !reader.expect(Node::Kind::List, "a list", path, node)) return;
    out.clear();
    for (Node const& item : node) read_item(reader, path, item, out, form.each);
}

template <class Value, class Form>
void read(Reader& reader, Path const& path, Node const& node, std::vector<Value>& out, AnyOf<Form> const& form)
{
    if (node.kind == Node::Kind::List) {
        if (!node.first) reader.error(node, path.before("an empty list would never hold; leave the key out"));
        read(reader, path, node, out, list_of(form.each));
    } else {
        read_item(reader, path, node, out, form.each);
    }
}

template <class Value, class Form>
void read(Reader& reader, Path const& path, Node const& node, std::vector<Value>& out, Maybe<Form> const& form)
{
    read_item(reader, path, node, out, form.each);
}

template <class Value, class Form>
void read(Reader& reader, Path const& path, Node const& node, std::map<std::string, Value>& out,
          MapOf<Form> const& form)
{
    if (node.kind != Node::Kind::Nothing && !reader.expect(Node::Kind::Map, "a map", path, node)) return;
    out.clear();
    for (Node const& entry : node) {
        reader.check_name(form.name, path.key, *entry.key);
        read(reader, Path{&path, entry.key->text}, entry, out[std::string{entry.key->text}], form.each);
    }
}

template <HasFields S>
void read(Reader& reader, Path const& path, Node const& node, std::vector<S>& out, NamedSections const& form)
{
    if (node.kind != Node::Kind::Nothing && !reader.expect(Node::Kind::Map, "a map", path, node)) return;
    out.reserve(out.size() + static_cast<std::size_t>(std::distance(node.begin(), node.end())));
    for (Node const& entry : node) {
        reader.check_name(form.name, path.key, *entry.key);
        auto& section = out.emplace_back();
        section.name = {std::string{entry.key->text}, reader.position(*entry.key)};
        read(reader, Path{&path, entry.key->text}, entry, section, SectionForm{});
    }
}

template <HasFields S>
void read(Reader& reader, Path const& path, Node const& node, std::optional<S>& out, SectionForm const& form)
{
    if (node.kind != Node::Kind::Nothing) read(reader, path, node, out.emplace(), form);
}

template <class S, class Rows, std::size_t... I>
bool read_entry(Reader& reader, Path const& path, Node const& entry, S& out, Rows const& rows,
                std::array<bool, sizeof...(I)>& given, std::index_sequence<I...>)
{
    auto const try_row = [&](auto const& row, bool& seen) {
        if (row.key != entry.key->text) return false;
        seen = true;
        read(reader, Path{&path, row.key}, entry, out.*row.member, row.form);
        return true;
    };
    return (try_row(std::get<I>(rows), given[I]) || ...);
}

// The name of a section in a list, so that a message can say which: rules.no-exes.
inline Path named(Path const& path, Node const& node)
{
    auto const* name = path.parent ? node.find("name") : nullptr;
    bool const has_name = name && name->kind == Node::Kind::Scalar && !name->text.empty();
    return has_name ? Path{&path, name->text} : Path{path.parent, path.key};
}

template <HasFields S>
void read(Reader& reader, Path const& outer, Node const& node, S& out, SectionForm const&)
{
    static constexpr auto rows = fields(Of<S>{});
    constexpr auto count = std::tuple_size_v<std::remove_cv_t<decltype(rows)>>;

    if constexpr (requires { out.position; }) out.position = reader.position(node);
    if (node.kind != Node::Kind::Nothing && !reader.expect(Node::Kind::Map, "a map", outer, node)) return;
    Path const path = named(outer, node);
    std::array<bool, count> given{};
    for (Node const& entry : node) {
        if (!read_entry(reader, path, entry, out, rows, given, std::make_index_sequence<count>{})) {
            reader.unknown_key(*entry.key, path, keys_of<S>());
        }
    }
    std::size_t next = 0;
    std::vector<std::string_view> missing;
    for_each_field<S>([&](auto const& row) {
        if (!given[next++] && row.presence == Presence::Required) missing.push_back(row.key);
    });
    if (!missing.empty()) reader.missing(path, node, missing);
    check_section(reader, path, node, out);
}

template <HasFields S>
S read_document(Document const& document, Diagnostics& problems)
{
    S settings;
    Reader reader{document, problems};
    read(reader, Path{}, document.root(), settings, SectionForm{});
    return settings;
}

}   // namespace mailcore::config
