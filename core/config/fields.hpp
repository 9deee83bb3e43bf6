// A row per key: its name, the member it fills, its meaning, and how it is written. Loader (read.hpp),
// --print-config (print.hpp), reference and man page (reference.hpp) all follow from the rows, so a key is named once.
//
//     constexpr auto fields(Of<PolicySettings>)
//     {
//         return std::tuple{field("listen", &PolicySettings::listen, "Socket to serve: unix:/path …"),
//                           field("max_clients", &PolicySettings::max_clients, "At once", number(1, 1'000'000))};
//     }
//
// The default of a key is the struct's member initialiser. A struct with a member `position` learns where it stood.
#pragma once

#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/config/diagnostics.hpp"
#include "core/config/forms.hpp"

namespace mailcore::config {

// Names a struct without having one: fields(Of<PolicySettings>{}) are its rows.
template <class S>
struct Of {};

template <class S>
concept HasFields = requires { fields(Of<S>{}); };

// What a key that is not there means.
enum class Presence {
    Default,    // the default counts, and --print-config shows it
    Optional,   // it does not apply, and --print-config leaves it out
    Required,   // an error
};

template <class S, class Member, class Form>
struct Field {
    std::string_view key;
    Member S::*member;
    std::string_view meaning;
    Form form;
    Presence presence = Presence::Default;
};

// Forms of values that hold other values; those of single values are in forms.hpp.
struct SectionForm {};             // a map with rows of its own
struct NamedSections {             // a map of names to such maps: `tenants`
    Check const* name;
};
template <class Form>
struct ListOf {                    // [x, y]
    Form each;
};
template <class Form>
struct AnyOf {                     // x or [x, y]
    Form each;
};
template <class Form>
struct Maybe {                     // x; a vector of none or one holds it
    Form each;
};
template <class Form>
struct MapOf {                     // {name: x}
    Form each;
    Check const* name = nullptr;
};

template <class Form>
constexpr ListOf<Form> list_of(Form each)
{
    return {each};
}
template <class Form>
constexpr AnyOf<Form> any_of(Form each)
{
    return {each};
}
template <class Form>
constexpr Maybe<Form> maybe(Form each)
{
    return {each};
}
template <class Form>
constexpr MapOf<Form> map_of(Form each, Check const* name = nullptr)
{
    return {each, name};
}

// A form of one value without parts.
template <class Form>
concept ScalarForm = requires { typename Form::Value; };

// How a member is written when its row does not say.
template <class Member>
struct UsualForm {
    static constexpr SectionForm form{};
};
template <>
struct UsualForm<std::string> {
    static constexpr TextForm form{};
};
template <>
struct UsualForm<bool> {
    static constexpr BooleanForm form{};
};
template <class T>
struct UsualForm<Located<T>> : UsualForm<T> {};
template <class T>
struct UsualForm<std::vector<T>> {
    static constexpr auto form = list_of(UsualForm<T>::form);
};
template <class T>
struct UsualForm<std::map<std::string, T>> {
    static constexpr auto form = map_of(UsualForm<T>::form);
};

template <class S, class Member, class Form>
constexpr Field<S, Member, Form> field(std::string_view key, Member S::*member, std::string_view meaning, Form form)
{
    return {key, member, meaning, form};
}

template <class S, class Member>
constexpr auto field(std::string_view key, Member S::*member, std::string_view meaning)
{
    return field(key, member, meaning, UsualForm<Member>::form);
}

template <class Row>
constexpr Row optional(Row row)
{
    row.presence = Presence::Optional;
    return row;
}

template <class Row>
constexpr Row required(Row row)
{
    row.presence = Presence::Required;
    return row;
}

// Calls visit(row) for each row of S in order.
template <HasFields S, class Visit>
constexpr void for_each_field(Visit visit)
{
    std::apply([&](auto const&... rows) { (visit(rows), ...); }, fields(Of<S>{}));
}

template <HasFields S>
std::vector<std::string_view> keys_of()
{
    std::vector<std::string_view> keys;
    for_each_field<S>([&](auto const& row) { keys.push_back(row.key); });
    return keys;
}

}   // namespace mailcore::config
