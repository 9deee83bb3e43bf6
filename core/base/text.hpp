// Small text helpers. ASCII only on purpose: the C library's own follow the locale.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mailcore::base {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_printable_ascii(char c) { return c >= ' ' && c <= '~'; }

std::string lower(std::string_view text);
void append_lower(std::string& out, std::string_view text);
bool equal_ignoring_case(std::string_view left, std::string_view right);
std::string_view trim(std::string_view text);   // spaces, tabs, CR and LF at both ends
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(std::span<std::string_view const> parts, std::string_view separator);

// The candidate nearest to what was written, or "" when none is near enough to be a slip of the pen.
std::string_view nearest(std::string_view written, std::span<std::string_view const> candidates);

// The length of the well-formed UTF-8 character at the start of text, 0 if there is none. RFC 3629: no overlong forms, no
// surrogates.
std::size_t utf8_length(std::string_view text);
std::size_t find_not_utf8(std::string_view text);   // where the first byte stands that is none; npos: all is UTF-8

// Printable ASCII without quotes and backslashes: stands in a JSON string as it is.
bool is_plain_json(std::string_view text);

// Appends text as a JSON string with its quotes. Control characters are escaped; bytes that are not
// well-formed UTF-8 become U+FFFD, so that a log line is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

// What may be shown to a person on a terminal or in a message: control characters and 8-bit bytes become "?".
std::string printable(std::string_view text);

// For unordered_map<std::string, T, TextHash, std::equal_to<>>: looked up by string_view without making a string.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

}   // namespace mailcore::base
