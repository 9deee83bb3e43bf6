#include "outcomes/join/providers.hpp"

#include <fnmatch.h>

namespace mailcore::outcomes {
namespace {

constexpr auto npos = std::string_view::npos;

// "mx.example[192.0.2.1]:25" is a relay; "local", "virtual", a transport of pipe(8), "host[private/lmtp]" are this host.
bool is_local(std::string_view relay)
{
    auto const bracket = relay.find('[');
    return bracket == npos || relay.find('/', bracket) != npos;
}

std::string_view host_in_reason(std::string_view reason)
{
    constexpr std::string_view kConnect = "connect to ";
    auto const start = reason.find(kConnect);
    if (start == npos) return {};
    auto const host = reason.substr(start + kConnect.size());
    return host.substr(0, host.find('['));
}

}   // namespace

Providers::Providers(std::map<std::string, std::string> patterns) : patterns_{patterns.begin(), patterns.end()} {}

std::string_view Providers::of(PostfixLine const& delivery)
{
    if (delivery.service == "discard") return kLocal;
    if (delivery.relay.empty() || delivery.relay == "none") return of_host(host_in_reason(delivery.reason));
    if (is_local(delivery.relay)) return kLocal;
    return of_host(delivery.relay.substr(0, delivery.relay.find('[')));
}

std::string_view Providers::of_host(std::string_view host)
{
    if (host == host_) return last_;
    host_ = host;
    last_ = kSmtp;
    for (auto const& [pattern, provider] : patterns_) {
        if (::fnmatch(pattern.c_str(), host_.c_str(), FNM_CASEFOLD) == 0) {
            last_ = provider;
            break;
        }
    }
    return last_;
}

}   // namespace mailcore::outcomes
