// Relays and routing as the texts of Postfix's maps. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "vault-sync/relay/relay.hpp"

namespace mailcore::vault_sync {

// Who serves what, by names of relays.
struct Routing {
    std::string active;
    std::vector<std::string> fallback;
    std::map<std::string, std::string> routes;       // envelope sender or @domain to relay
    std::map<std::string, std::string> transports;   // recipient domain to relay
    bool operator==(Routing const&) const = default;
};

// A line of an indexed map by its key. Values of sasl_passwd are secrets; those of tls_policy are kept likewise.
using MapLines = std::map<std::string, base::Secret>;

struct MapTexts {
    MapLines sasl_passwd;           // "[host]:port" to "user:password"
    MapLines tls_policy;            // "[host]:port" to "secure match=…"
    std::map<std::string, std::string> transport;   // recipient domain to "smtp:[host]:port" or "mailcore-smtps:[host]:465"
    std::string relayhost;          // regexp table, whole text
    std::string default_transport;  // regexp table, whole text
};

// Fails, naming the relays and the cure, where two relays cannot live together (one nexthop with two users, relays of
// two transports in one fallback list) and where routing names a relay that is not among `relays`.
base::Result<MapTexts> render(std::vector<Relay> const& relays, Routing const& routing);

// Puts the former generation's own lines for nexthops that `texts` no longer names beside them, so that nothing bounces
// between rename and reload. Returns the keys carried.
std::vector<std::string> carry_lines(MapTexts& texts, MapTexts const& former);

// One text for postmap: "key value" lines. What Postfix cannot carry was refused when the relay was made.
base::Secret map_file(MapLines const& lines);
std::string map_file(std::map<std::string, std::string> const& lines);

}   // namespace mailcore::vault_sync
