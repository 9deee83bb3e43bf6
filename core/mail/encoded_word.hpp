// RFC 2047 encoded words: "=?utf-8?q?Ticket_=5B#4711=5D?=" is "Ticket [#4711]".
#pragma once

#include <string>
#include <string_view>

namespace mailcore::mail {

// Replaces every well-formed encoded word (B and Q) by its bytes, dropping blanks between adjacent ones (6.2); leaves
// everything else, malformed words included, as it stands. Bytes are not converted between character sets: what we look
// for in the result is ASCII. The result may hold control characters: whoever uses it must check.
std::string decode_encoded_words(std::string_view text);

}   // namespace mailcore::mail
