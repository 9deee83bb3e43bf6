#include "vault-sync/relay/relay.hpp"

#include <algorithm>

namespace mailcore::vault_sync {

std::string_view word(Tls tls)
{
    switch (tls) {
        case Tls::None:
            return "none";
        case Tls::StartTls:
            return "starttls";
        case Tls::Wrapper:
            return "wrapper";
    }
    return "";
}

std::string Relay::shown_user() const
{
    bool const is_secret = !user.empty() && user == password.reveal();
    return is_secret ? "(token)" : user;
}

std::string Relay::nexthop() const { return '[' + host + "]:" + std::to_string(port); }

Relay Relay::copy() const
{
    Relay other;
    other.name = name;
    other.kind = kind;
    other.host = host;
    other.port = port;
    other.tls = tls;
    other.ca_file = ca_file;
    other.fingerprints = fingerprints;
    other.user = user;
    other.password = password.copy();
    other.from = from;
    other.helo = helo;
    other.timeout = timeout;
    other.source = source;
    other.path = path;
    other.version = version;
    return other;
}

bool same_delivery(Relay const& left, Relay const& right)
{
    // A list of fingerprints means any of them: their order does not matter.
    auto const sorted = [](std::vector<std::string> pins) {
        std::sort(pins.begin(), pins.end());
        return pins;
    };
    return left.host == right.host && left.port == right.port && left.tls == right.tls &&
           left.ca_file == right.ca_file && sorted(left.fingerprints) == sorted(right.fingerprints) &&
           left.user == right.user && left.password == right.password;
}

}   // namespace mailcore::vault_sync
