#include "core/mail/encoded_word.hpp"

#include <optional>

#include "core/base/text.hpp"
#include "core/crypto/hmac.hpp"

namespace mailcore::mail {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool is_blank(char c) { return kBlanks.find(c) != std::string_view::npos; }

// RFC 2047 2: token, printable ASCII but the especials.
bool is_token(std::string_view text)
{
    constexpr std::string_view especials = "()<>@,;:\\\"/[]?.=";
    for (char const c : text) {
        if (!base::is_printable_ascii(c) || c == ' ' || especials.find(c) != std::string_view::npos) return false;
    }
    return !text.empty();
}

std::optional<unsigned> hex_digit(char c)
{
    c = base::to_lower(c);
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10u;
    return std::nullopt;
}

// RFC 2047 4.2.
std::optional<std::string> decode_q(std::string_view text)
{
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '_') {
            bytes += ' ';
        } else if (text[i] != '=') {
            bytes += text[i];
        } else {
            auto const high = i + 1 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
            auto const low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
            if (!high || !low) return std::nullopt;
            bytes += static_cast<char>(*high << 4u | *low);
            i += 2;
        }
    }
    return bytes;
}

// RFC 2047 4.1.
std::optional<std::string> decode_b(std::string_view text)
{
    auto decoded = crypto::from_base64(text);
    if (!decoded) return std::nullopt;
    return std::move(*decoded);
}

struct EncodedWord {
    std::size_t length = 0;   // as written
    std::string bytes;
};

// The encoded word at the start of text, which begins with "=?".
std::optional<EncodedWord> read_word(std::string_view text)
{
    text = text.substr(0, kMaxEncodedWord);
    auto const charset_end = text.find('?', 2);
    if (charset_end == std::string_view::npos || !is_token(text.substr(2, charset_end - 2))) return std::nullopt;
    if (charset_end + 2 >= text.size() || text[charset_end + 2] != '?') return std::nullopt;

    auto const begin = charset_end + 3;
    auto const end = text.find('?', begin);
    if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != '=') return std::nullopt;
    auto const encoded = text.substr(begin, end - begin);
    if (encoded.empty()) return std::nullopt;
    for (char const c : encoded) {
        if (!base::is_printable_ascii(c) || c == ' ') return std::nullopt;
    }
    char const encoding = base::to_lower(text[charset_end + 1]);
    auto bytes = encoding == 'b' ? decode_b(encoded) : encoding == 'q' ? decode_q(encoded) : std::nullopt;
    if (!bytes) return std::nullopt;
    return EncodedWord{end + 2, std::move(*bytes)};
}

bool may_stand_here(std::string_view text, std::size_t begin, std::size_t end)
{
    return (begin == 0 || is_blank(text[begin - 1])) && (end == text.size() || is_blank(text[end]));
}

}   // namespace

std::string decode_encoded_words(std::string_view text, EncodedWordPlace place)
{
    std::string decoded;
    std::size_t copied = 0;         // up to here text is in decoded
    bool after_word = false;        // an encoded word ends at copied
    for (auto at = text.find("=?"); at != std::string_view::npos; at = text.find("=?", at)) {
        auto word = read_word(text.substr(at));
        if (!word || (place == EncodedWordPlace::BetweenBlanks && !may_stand_here(text, at, at + word->length))) {
            ++at;
            continue;
        }
        auto const between = text.substr(copied, at - copied);
        bool const only_blanks = between.find_first_not_of(kBlanks) == std::string_view::npos;
        if (!after_word || !only_blanks) decoded += between;   // RFC 2047 6.2
        decoded += word->bytes;
        at += word->length;
        copied = at;
        after_word = true;
    }
    decoded += text.substr(copied);
    return decoded;
}

}   // namespace mailcore::mail
