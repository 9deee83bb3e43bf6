// Relays, records and settings as these tests write them.
#pragma once

#include <string>

#include "vault-sync/apply/plan.hpp"

namespace mailcore::vault_sync {

inline Relay relay(std::string const& name, std::string const& password, std::string const& host = "")
{
    Relay made;
    made.name = name;
    made.kind = "smtp";
    made.host = host.empty() ? name + ".test" : host;
    made.port = 587;
    made.user = password.empty() ? "" : "user-" + name;
    made.password = base::Secret{password};
    made.path = "secret/" + name;
    return made;
}

inline SecretRecord record(std::string const& name, std::string const& password, std::uint64_t version = 1)
{
    SecretRecord made;
    made.path = "secret/" + name;
    made.version = version;
    made.fields.emplace("host", base::Secret{name + ".test"});
    made.fields.emplace("port", base::Secret{"587"});
    made.fields.emplace("user", base::Secret{"user-" + name});
    made.fields.emplace("password", base::Secret{password});
    return made;
}

inline RelaySettings relay_settings(std::string const& name)
{
    RelaySettings made;
    made.name = Text{name};
    made.secret = "secret/" + name;
    return made;
}

// Relays "primary", the active one, and "ses", the fallback.
inline Settings two_relays()
{
    Settings settings;
    settings.relays.push_back(relay_settings("primary"));
    settings.relays.push_back(relay_settings("ses"));
    settings.active = Text{"primary"};
    settings.fallback = {Text{"ses"}};
    settings.cache.file = "";
    return settings;
}

inline base::Time at(std::int64_t seconds) { return base::Time{std::chrono::seconds{1'795'000'000 + seconds}}; }

}   // namespace mailcore::vault_sync
