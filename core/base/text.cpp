#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace mailcore::base {
namespace {

// Has any of eight bytes its high bit set, or is it below 0x20, a quote, a backslash or DEL? Arithmetic on all at once;
// a borrow can only add a false alarm to a neighbour of a true one.
bool has_special_byte(std::uint64_t bytes)
{
    constexpr std::uint64_t ones = 0x0101'0101'0101'0101ull;
    constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080ull;
    auto const equal_to = [&](unsigned char c) { return (bytes ^ (ones * c)) - ones; };
    auto const below_space = bytes - ones * 0x20;
    return ((bytes | below_space | equal_to('"') | equal_to('\\') | equal_to(0x7F)) & high_bits) != 0;
}

void append_json_control(std::string& out, char c)
{
    constexpr std::string_view hex = "0123456789abcdef";
    switch (c) {
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        default:
            out += "\\u00";
            out += hex[static_cast<unsigned char>(c) >> 4u];
            out += hex[static_cast<unsigned char>(c) & 15u];
    }
}

// Levenshtein's distance, one row at a time.
std::size_t edit_distance(std::string_view left, std::string_view right)
{
    std::vector<std::size_t> row(right.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= left.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= right.size(); ++j) {
            std::size_t const replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row.back();
}

}   // namespace

std::size_t utf8_length(std::string_view text)
{
    auto const byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    auto const continues = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
    unsigned const first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        bool const overlong = first == 0xE0 && byte(1) < 0xA0;
        bool const surrogate = first == 0xED && byte(1) > 0x9F;
        return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        bool const overlong = first == 0xF0 && byte(1) < 0x90;
        bool const beyond = first == 0xF4 && byte(1) > 0x8F;
        return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

std::size_t find_not_utf8(std::string_view text)
{
    for (std::size_t i = 0; i < text.size();) {
        auto const length = utf8_length(text.substr(i));
        if (length == 0) return i;
        i += length;
    }
    return std::string_view::npos;
}

std::string lower(std::string_view text)
{
    std::string result;
    append_lower(result, text);
    return result;
}

void append_lower(std::string& out, std::string_view text)
{
    auto const start = out.size();
    out += text;
    for (std::size_t i = start; i < out.size(); ++i) out[i] = to_lower(out[i]);
}

bool equal_ignoring_case(std::string_view left, std::string_view right)
{
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char a, char b) { return to_lower(a) == to_lower(b); });
}

std::string_view trim(std::string_view text)
{
    constexpr std::string_view blanks = " \t\r\n";
    auto const first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    for (;;) {
        auto const end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::string join(std::span<std::string_view const> parts, std::string_view separator)
{
    std::string joined;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) joined += separator;
        joined += parts[i];
    }
    return joined;
}

std::string_view nearest(std::string_view written, std::span<std::string_view const> candidates)
{
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, written.size() / 3) + 1;   // a slip, not another word
    for (auto const& candidate : candidates) {
        auto const distance = edit_distance(written, candidate);
        if (distance < best_distance && distance < candidate.size()) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

bool is_plain_json(std::string_view text)
{
    std::uint64_t bytes = 0;
    for (; text.size() >= sizeof bytes; text.remove_prefix(sizeof bytes)) {
        std::memcpy(&bytes, text.data(), sizeof bytes);
        if (has_special_byte(bytes)) return false;
    }
    bytes = 0x7878'7878'7878'7878ull;   // 'x', which is plain
    if (!text.empty()) std::memcpy(&bytes, text.data(), text.size());
    return !has_special_byte(bytes);
}

void append_json_string(std::string& out, std::string_view text)
{
    out += '"';
    while (!text.empty()) {
        auto const plain = std::find_if_not(text.begin(), text.end(), [](char c) {
            return is_printable_ascii(c) && c != '"' && c != '\\';
        });
        auto const length = static_cast<std::size_t>(plain - text.begin());
        out.append(text.data(), length);
        text.remove_prefix(length);
        if (text.empty()) break;

        std::size_t used = 1;
        if (text[0] == '"' || text[0] == '\\') {
            out += '\\';
            out += text[0];
        } else if (static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7F) {
            append_json_control(out, text[0]);
        } else if (used = utf8_length(text); used > 0) {
            out.append(text.data(), used);
        } else {
            out += "\xEF\xBF\xBD";
            used = 1;
        }
        text.remove_prefix(used);
    }
    out += '"';
}

std::string printable(std::string_view text)
{
    std::string result{text};
    std::replace_if(result.begin(), result.end(), [](char c) { return !is_printable_ascii(c); }, '?');
    return result;
}

}   // namespace mailcore::base
