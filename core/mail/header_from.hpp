// The header From (RFC 5322 3.6.2), strictly: mailcore accepts exactly one field with exactly one mailbox.
//
// Where mail programs could disagree on who the author is, the field is Malformed, even if the RFC's grammar (its
// obsolete half above all) gives it a meaning: what we check must be what the reader is shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/mail/address.hpp"

namespace mailcore::mail {

struct HeaderFrom {
    enum class State : std::uint8_t {
        None,        // no From field
        Malformed,   // several fields, several mailboxes, group syntax, or no addr-spec
        One,
    };
    State state = State::None;
    Address address;   // when One

    // One more From field was seen; value as received, not decoded. Encoded words (RFC 2047) may stand in the display
    // name only; one inside the addr-spec makes it malformed.
    void add_field(std::string_view value);
    void clear();

    static constexpr std::size_t kMaxValue = 65'536;   // a longer value is malformed
    static constexpr int kMaxCommentDepth = 16;
};

}   // namespace mailcore::mail
