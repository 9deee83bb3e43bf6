// RFC 2047 encoded words: "=?utf-8?q?Ticket_=5B#4711=5D?=" is "Ticket [#4711]".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mailcore::mail {

// RFC 2047 2 ends a word at 75 characters, but many scripts put a whole subject into one, and mail programs decode it.
// A line has at most 998 (RFC 5322 2.1.1): beyond that nobody agrees any more.
inline constexpr std::size_t kMaxEncodedWord = 998;

// Where an encoded word may stand.
enum class EncodedWordPlace {
    BetweenBlanks,   // RFC 2047 5: blanks or the text's ends on both sides
    Anywhere,        // also glued to other text or inside quotes, as lenient mail programs read it
};

// Replaces every well-formed encoded word (B and Q) by its bytes, dropping blanks between adjacent ones (6.2); leaves
// everything else, malformed words included, as it stands. Bytes are not converted between character sets: what we look
// for in the result is ASCII. The result is never longer than the text. It may hold control characters: whoever uses
// it must check.
std::string decode_encoded_words(std::string_view text, EncodedWordPlace place = EncodedWordPlace::BetweenBlanks);

}   // namespace mailcore::mail
