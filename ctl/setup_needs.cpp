#include "ctl/setup_needs.hpp"

#include <algorithm>
#include <set>

#include "core/net/address.hpp"
#include "ctl/setup_networks.hpp"

namespace mailcore::ctl {
namespace {

using Kind = net::SocketAddress::Kind;

struct Listener {
    std::string key;                      // "policy.listen"
    std::string socket;                   // the path below the queue directory that we propose
    std::set<std::string> asked_by;       // programs of Postfix
};

bool may_be_chrooted(PostfixConfiguration const& postfix, std::set<std::string> const& programs)
{
    return std::any_of(postfix.services.begin(), postfix.services.end(), [&](PostfixService const& service) {
        return service.chrooted && programs.contains(service.command);
    });
}

// Any address of this host: Postfix asks on loopback.
std::string inet_address(net::SocketAddress address)
{
    if (address.host == "0.0.0.0" || address.host == "*") address.host = "127.0.0.1";
    if (address.host == "::") address.host = "::1";
    return address.to_string();
}

base::Result<std::string> unix_address(std::string const& path, Listener const& listener,
                                       PostfixConfiguration const& postfix)
{
    auto const queue = postfix.value("queue_directory");
    if (path.starts_with(queue + "/")) return "unix:" + path.substr(queue.size() + 1);
    if (!may_be_chrooted(postfix, listener.asked_by)) return "unix:" + path;
    return base::fail(listener.key + ": unix:" + path + " is out of reach: Postfix is chrooted into " + queue +
                      "; put the socket below it, as in unix:" + queue + "/" + listener.socket);
}

base::Result<std::string> postfix_address(config::Text const& listen, Listener const& listener,
                                          PostfixConfiguration const& postfix)
{
    auto const address = net::SocketAddress::parse(listen.value);
    if (!address) return base::fail(base::Error{address.error()}.within(listener.key));
    switch (address->kind) {
        case Kind::Unix: return unix_address(address->path, listener, postfix);
        case Kind::Inet: return inet_address(*address);
        case Kind::Systemd: return "unix:" + listener.socket;   // as mailcore-policy.socket says
        case Kind::Off: break;
    }
    return base::fail(listener.key + " is empty: there is nothing Postfix could be wired to");
}

// "ab12…" as Postfix writes fingerprints: "AB:12:…".
std::string as_fingerprint(std::string_view digest)
{
    std::string text;
    for (std::size_t i = 0; i < digest.size(); ++i) {
        if (i > 0 && i % 2 == 0) text += ':';
        bool const letter = digest[i] >= 'a' && digest[i] <= 'z';
        text += letter ? static_cast<char>(digest[i] - 'a' + 'A') : digest[i];
    }
    return text;
}

}   // namespace

base::Result<Needs> needs_of(config::Settings const& settings, rules::Ruleset const& ruleset,
                             PostfixConfiguration const& postfix)
{
    auto policy = postfix_address(settings.policy.listen, {"policy.listen", "mailcore/policy.sock", {"smtpd"}}, postfix);
    if (!policy) return base::fail(policy.error());
    auto milter = postfix_address(settings.milter.listen,
                                  {"milter.listen", "mailcore/milter.sock", {"smtpd", "cleanup"}}, postfix);
    if (!milter) return base::fail(milter.error());

    Needs needs{std::move(*policy), std::move(*milter), {}, {}, !ruleset.terms_by_login.empty(), 0};
    for (auto const& network : client_networks(ruleset)) needs.networks.push_back(network.to_string());
    std::set<std::string> certificates;
    for (auto const& [digest, terms] : ruleset.terms_by_certificate) certificates.insert(as_fingerprint(digest));
    needs.certificates.assign(certificates.begin(), certificates.end());
    for (auto const& terms : ruleset.terms) needs.largest_size = std::max(needs.largest_size, terms.size);
    return needs;
}

}   // namespace mailcore::ctl
