#include "core/config/encoding.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace mailcore::config {
namespace {

unsigned byte_at(std::string_view text, std::size_t i)
{
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
}

std::string hexadecimal(unsigned byte)
{
    constexpr std::string_view digits = "0123456789abcdef";
    return {'0', 'x', digits[byte >> 4u], digits[byte & 15u]};
}

// What is wrong with the character at i, or "" if nothing is.
std::string complaint(std::string_view text, std::size_t i)
{
    unsigned const byte = byte_at(text, i);
    if (byte == '\r') return byte_at(text, i + 1) == '\n' ? "" : "a carriage return (CR) without a line feed";
    if (byte == '\t' || byte == '\n') return "";
    if (byte < 0x20 || byte == 0x7F) return "control character " + hexadecimal(byte) + " in the file";
    if (base::utf8_length(text.substr(i)) == 0) return "byte " + hexadecimal(byte) + " is not UTF-8; save the file as UTF-8";
    return "";
}

BadEncoding at(std::string_view text, std::size_t i, std::string message)
{
    auto const before = text.substr(0, i);
    auto const line_start = before.rfind('\n') + 1;   // npos + 1 is 0
    return {1 + static_cast<int>(std::count(before.begin(), before.end(), '\n')), 1 + static_cast<int>(i - line_start),
            std::move(message)};
}

}   // namespace

std::optional<BadEncoding> find_bad_encoding(std::string_view text)
{
    if (text.starts_with("\xFE\xFF") || text.starts_with("\xFF\xFE")) {
        return BadEncoding{1, 1, "the file is UTF-16; save it as UTF-8"};
    }
    for (std::size_t i = 0; i < text.size();) {
        unsigned const byte = byte_at(text, i);
        if (byte >= 0x20 && byte < 0x7F) {
            ++i;
            continue;
        }
        if (auto message = complaint(text, i); !message.empty()) return at(text, i, std::move(message));
        i += base::utf8_length(text.substr(i));
    }
    return {};
}

std::string_view without_byte_order_mark(std::string_view text)
{
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    return text;
}

std::size_t find_control(std::string_view text)
{
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned const byte = byte_at(text, i);
        if (byte < 0x20 || byte == 0x7F) return i;
        if (byte == 0xC2 && byte_at(text, i + 1) < 0xA0) return i;
    }
    return std::string_view::npos;
}

}   // namespace mailcore::config
