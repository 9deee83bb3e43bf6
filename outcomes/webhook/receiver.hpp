// The URL of the webhook, taken apart so that no secret of it is ever shown.
#pragma once

#include <string>

#include "core/base/secret.hpp"

namespace mailcore::outcomes {

struct Receiver {
    std::string url;              // to ask: without the login
    std::string name;             // to show: "https://app.example:8443"; paths and queries may hold tokens
    base::Secret authorization;   // "Basic …" where the URL holds user:password@
};
Receiver parse_receiver(std::string const& url);   // by RFC 3986; the configuration refuses a login that could be read in two ways

}   // namespace mailcore::outcomes
