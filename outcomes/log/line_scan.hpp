// Reading a line of Postfix's log from left to right: each take_…() takes what it gives off the front of the text. Inline, for
// the millions of lines a second.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "core/base/text.hpp"
#include "outcomes/log/postfix_line.hpp"

namespace mailcore::outcomes::scan {

constexpr auto npos = std::string_view::npos;

inline bool take(std::string_view& text, std::string_view prefix)
{
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

inline std::string_view take_size(std::string_view& text, std::size_t size)   // npos: everything
{
    auto const found = text.substr(0, size);
    text.remove_prefix(found.size());
    return found;
}

// What stands before the first `end`, which is taken off too; everything where there is none.
inline std::string_view take_until(std::string_view& text, std::string_view end)
{
    auto const at = text.find(end);
    auto const found = text.substr(0, at);
    text.remove_prefix(at == npos ? text.size() : at + end.size());
    return found;
}

inline bool take_key(std::string_view& text, std::string_view& key)   // "key="
{
    auto const equals = text.find('=');
    if (equals == npos) return false;
    key = take_size(text, equals);
    text.remove_prefix(1);
    return true;
}

inline std::uint64_t take_number(std::string_view& text)
{
    std::uint64_t value = 0;
    auto const end = std::from_chars(text.data(), text.data() + text.size(), value).ptr;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

// --- Queue ids

// Short ids are upper-case hex, long ones have begun with a digit since 1998; "warning" and "statistics" are neither.
inline bool is_queue_id(std::string_view word)
{
    if (word.size() < 6) return false;
    bool any_digit = false;
    bool all_hex = true;
    for (char const c : word) {
        if (!base::is_alnum(c)) return false;
        any_digit = any_digit || c <= '9';
        all_hex = all_hex && c <= 'F';
    }
    return any_digit || all_hex;
}

inline std::string_view take_alnum(std::string_view& text)
{
    auto const end = std::find_if_not(text.begin(), text.end(), base::is_alnum);
    return take_size(text, static_cast<std::size_t>(end - text.begin()));
}

// --- Addresses: "<…>"

// The length of a quoted local part with its quotes, 0 if none begins here or it does not end where one may.
inline std::size_t quoted_length(std::string_view text)
{
    if (!text.starts_with('"')) return 0;
    for (std::size_t at = 1; at + 1 < text.size(); ++at) {
        if (text[at] == '\\') ++at;
        else if (text[at] == '"') return text[at + 1] == '@' || text[at + 1] == '>' ? at + 1 : 0;
    }
    return 0;
}

// Takes "<address>" and gives the address. In the external form (3.5 and later) a `>` may stand within quotes only; in the
// internal one it may stand anywhere, so that the address ends where the line goes on as after an address.
inline std::string_view take_address(std::string_view& text)
{
    if (!text.starts_with('<')) return {};
    auto const start = text.substr(1);
    auto const goes_on = [&](std::size_t close) {
        return close + 1 >= start.size() || std::string_view{", ;:"}.find(start[close + 1]) != npos;
    };
    auto close = start.find('>', quoted_length(start));
    while (close != npos && !goes_on(close)) close = start.find('>', close + 1);
    text = close == npos ? std::string_view{} : start.substr(close + 1);
    return start.substr(0, close);
}

// "mail.example[192.0.2.1]:52144", "localhost[::1]"; postscreen's has no name. Takes it with its port.
inline void take_client(std::string_view& text, PostfixLine& parsed)
{
    auto const open = text.find_first_of("[ ,;");
    auto const close = text.find(']', open == npos ? text.size() : open);
    if (close == npos || text[open] != '[') return;
    parsed.client_name = text.substr(0, open);
    parsed.client = text.substr(open + 1, close - open - 1);
    text.remove_prefix(close + 1);
    if (text.size() < 2 || text[0] != ':' || !base::is_alnum(text[1])) return;
    text.remove_prefix(1);
    take_alnum(text);   // the port, or "unknown"
}

}   // namespace mailcore::outcomes::scan
