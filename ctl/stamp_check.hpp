// Is a message's stamp genuine? For `stamp verify`, and for telling whose a message in Postfix's queue is.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/config/settings.hpp"
#include "core/mail/stamp.hpp"

namespace mailcore::ctl {

// The headers a stamp is about. A second copy of any of them makes the message ambiguous.
struct StampedHeaders {
    std::optional<std::string> tenant, ticket, signature, message_id, return_path;
    bool ambiguous = false;
};

StampedHeaders read_stamped_headers(std::string_view message, config::StampSettings const& names);

// `sender`: of the envelope, internal form. Fails in words for a person.
base::Result<> verify(StampedHeaders const& headers, mail::StampKeys const& keys, std::string const& sender,
                      std::chrono::milliseconds max_age);

}   // namespace mailcore::ctl
