// Structs into YAML, by their rows. What is printed loads to the same value.
//
//     flow(AlertSettings{}, SectionForm{})          {failure_rate: 10%, window: 1h}
//     print_block(out, settings, "")                the same over several lines, one key each
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/fields.hpp"

namespace mailcore::config {

template <class Value, ScalarForm Form>
std::string flow(Value const& value, Form const& form);
template <class Value, ScalarForm Form>
std::string flow(Located<Value> const& value, Form const& form);
template <class Value, class Form>
std::string flow(std::vector<Value> const& values, ListOf<Form> const& form);
template <class Value, class Form>
std::string flow(std::vector<Value> const& values, AnyOf<Form> const& form);
template <class Value, class Form>
std::string flow(std::vector<Value> const& value, Maybe<Form> const& form);
template <class Value, class Form>
std::string flow(std::map<std::string, Value> const& values, MapOf<Form> const& form);
template <HasFields S>
std::string flow(std::vector<S> const& sections, NamedSections const& form);
template <HasFields S>
std::string flow(std::optional<S> const& section, SectionForm const& form);
template <HasFields S>
std::string flow(S const& section, SectionForm const& form);

// Joins parts with commas between two brackets.
class FlowParts {
public:
    explicit FlowParts(std::string_view open) : text_{open} {}
    void add(std::string const& part)
    {
        if (!first_) text_ += ", ";
        text_ += part;
        first_ = false;
    }
    std::string close(std::string_view bracket) && { return std::move(text_) + std::string{bracket}; }

private:
    std::string text_;
    bool first_ = true;
};

template <class Value, ScalarForm Form>
std::string flow(Value const& value, Form const& form)
{
    return form.print(value);
}

template <class Value, ScalarForm Form>
std::string flow(Located<Value> const& value, Form const& form)
{
    return form.print(value.value);
}

template <class Value, class Form>
std::string flow(std::vector<Value> const& values, ListOf<Form> const& form)
{
    FlowParts parts{"["};
    for (auto const& value : values) parts.add(flow(value, form.each));
    return std::move(parts).close("]");
}

template <class Value, class Form>
std::string flow(std::vector<Value> const& values, AnyOf<Form> const& form)
{
    return values.size() == 1 ? flow(values.front(), form.each) : flow(values, list_of(form.each));
}

template <class Value, class Form>
std::string flow(std::vector<Value> const& value, Maybe<Form> const& form)
{
    return value.empty() ? "" : flow(static_cast<Value const&>(value.front()), form.each);
}

template <class Value, class Form>
std::string flow(std::map<std::string, Value> const& values, MapOf<Form> const& form)
{
    FlowParts parts{"{"};
    for (auto const& [name, value] : values) parts.add(yaml_text(name) + ": " + flow(value, form.each));
    return std::move(parts).close("}");
}

template <HasFields S>
std::string flow(std::vector<S> const& sections, NamedSections const&)
{
    FlowParts parts{"{"};
    for (auto const& section : sections) parts.add(yaml_text(section.name.value) + ": " + flow(section, SectionForm{}));
    return std::move(parts).close("}");
}

template <HasFields S>
std::string flow(std::optional<S> const& section, SectionForm const& form)
{
    return section ? flow(*section, form) : "";
}

// Whether the key has to be printed: an optional one that was not given is left out.
template <HasFields S, class Row>
bool is_given(S const& section, Row const& row)
{
    static S const nothing_given{};
    return row.presence != Presence::Optional ||
           flow(section.*row.member, row.form) != flow(nothing_given.*row.member, row.form);
}

template <HasFields S>
std::string flow(S const& section, SectionForm const&)
{
    FlowParts parts{"{"};
    for_each_field<S>([&](auto const& row) {
        if (is_given(section, row)) parts.add(std::string{row.key} + ": " + flow(section.*row.member, row.form));
    });
    return std::move(parts).close("}");
}

template <HasFields S>
void print_block(std::string& out, S const& section, std::string const& indent);

// A key whose value does not go over several lines.
template <class Value, class Form>
void print_entry(std::string& out, std::string_view key, Value const& value, Form const& form,
                 std::string const& indent)
{
    out += indent + std::string{key} + ": " + flow(value, form) + '\n';
}

template <HasFields S>
void print_entry(std::string& out, std::string_view key, S const& section, SectionForm const&,
                 std::string const& indent)
{
    out += indent + std::string{key} + ":\n";
    print_block(out, section, indent + "  ");
}

// Lists of sections and maps: an item a line.
template <HasFields S>
void print_entry(std::string& out, std::string_view key, std::vector<S> const& sections,
                 ListOf<SectionForm> const& form, std::string const& indent)
{
    out += indent + std::string{key} + (sections.empty() ? ": []\n" : ":\n");
    for (auto const& section : sections) out += indent + "  - " + flow(section, form.each) + '\n';
}

template <class Value, class Form>
void print_entry(std::string& out, std::string_view key, std::map<std::string, Value> const& values,
                 MapOf<Form> const& form, std::string const& indent)
{
    out += indent + std::string{key} + (values.empty() ? ": {}\n" : ":\n");
    for (auto const& [name, value] : values) {
        out += indent + "  " + yaml_text(name) + ": " + flow(value, form.each) + '\n';
    }
}

template <HasFields S>
void print_entry(std::string& out, std::string_view key, std::vector<S> const& sections, NamedSections const&,
                 std::string const& indent)
{
    out += indent + std::string{key} + (sections.empty() ? ": {}\n" : ":\n");
    for (auto const& section : sections) {
        print_entry(out, yaml_text(section.name.value), section, SectionForm{}, indent + "  ");
    }
}

template <HasFields S>
void print_block(std::string& out, S const& section, std::string const& indent)
{
    for_each_field<S>([&](auto const& row) {
        if (is_given(section, row)) print_entry(out, row.key, section.*row.member, row.form, indent);
    });
}

}   // namespace mailcore::config
