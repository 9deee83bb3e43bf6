// The rows as text for people: what the reference and the man page print.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <vector>

#include "core/config/fields.hpp"
#include "core/config/print.hpp"

namespace mailcore::config {

struct KeyText {
    std::string key;
    std::string type;
    std::string absent;    // what counts without it, as YAML; "" where a section of its own tells
    std::string meaning;
    Presence presence = Presence::Default;
};

struct SectionText {
    std::string path;      // "" for the top, else "outcomes.webhook" or "tenants.NAME.limits"
    std::string meaning;
    std::vector<KeyText> keys;
};

template <ScalarForm Form>
std::string type_of(Form const& form)
{
    return form.type();
}
inline std::string type_of(SectionForm const&) { return "map"; }
inline std::string type_of(NamedSections const&) { return "map of NAME to map"; }
template <class Form>
std::string type_of(ListOf<Form> const& form)
{
    return "list: " + type_of(form.each);
}
template <class Form>
std::string type_of(AnyOf<Form> const& form)
{
    return type_of(form.each) + ", or a list";
}
template <class Form>
std::string type_of(Maybe<Form> const& form)
{
    return type_of(form.each);
}
template <class Form>
std::string type_of(MapOf<Form> const& form)
{
    return "map of NAME to " + type_of(form.each);
}

// The struct with rows of its own inside a member, if there is one.
template <class T>
struct InnerOf {
    using Section = T;
};
template <class T>
struct InnerOf<std::vector<T>> : InnerOf<T> {};
template <class T>
struct InnerOf<std::optional<T>> : InnerOf<T> {};

template <HasFields S>
void describe(std::vector<SectionText>& sections, std::string const& path, std::string const& meaning)
{
    static S const defaults{};
    auto const place = sections.size();
    sections.push_back({path, meaning, {}});
    for_each_field<S>([&](auto const& row) {
        using Member = std::remove_cvref_t<decltype(defaults.*row.member)>;
        using Inner = typename InnerOf<Member>::Section;
        KeyText text{std::string{row.key}, type_of(row.form), flow(defaults.*row.member, row.form),
                     std::string{row.meaning}, row.presence};
        if constexpr (HasFields<Inner>) {
            constexpr bool by_name = std::same_as<std::remove_cvref_t<decltype(row.form)>, NamedSections>;
            if (std::same_as<Inner, Member>) text.absent.clear();   // its own section tells its defaults
            // `not` holds what `when` holds: told once
            if constexpr (!std::same_as<Inner, S>) {
                auto const inner = (path.empty() ? "" : path + '.') + text.key + (by_name ? ".NAME" : "");
                describe<Inner>(sections, inner, text.meaning);
            }
        }
        sections[place].keys.push_back(std::move(text));
    });
}

template <HasFields S>
std::vector<SectionText> describe()
{
    std::vector<SectionText> sections;
    describe<S>(sections, "", "");
    return sections;
}

}   // namespace mailcore::config
