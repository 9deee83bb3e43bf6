#include "vault-sync/apply/gather.hpp"

#include <algorithm>

#include "core/observe/redactor.hpp"
#include "vault-sync/relay/credentials.hpp"

namespace mailcore::vault_sync {
namespace {

Trouble trouble_of(VaultError const& error)
{
    if (error.is_absence()) return Trouble::Away;
    if (error.kind == VaultFailure::NoCredentials) return Trouble::NoCredentials;
    return error.kind == VaultFailure::LoginRefused || error.kind == VaultFailure::Tampered ? Trouble::LoginRefused
                                                                                            : Trouble::NotTaken;
}

// No message may show what it carries: also not a password that was derived and so is in no secret.
base::Result<MadeRelay> make_hidden_relay(RelaySettings const& settings, SecretRecord const& record)
{
    auto made = make_relay(settings, record);
    if (made) observe::hide_secret(made->relay.password, made->relay.user);
    return made;
}

// Gathers relay after relay; remembers that Vault is away, so that the next relay does not wait for it again.
class Gatherer {
public:
    Gatherer(Settings const& settings, SecretSources const& sources) : settings_{settings}, sources_{sources} {}

    Gathered one(RelaySettings const& relay, bool is_active, Relay const* former)
    {
        Gathered gathered;
        read_own_source(relay, is_active, gathered);
        if (!gathered.relay && may_be_served(gathered.trouble)) serve_from_cache(relay, former, gathered);
        if (!gathered.relay && !gathered.is_served && may_be_served(gathered.trouble)) {
            serve_from_environment(relay, is_active, former, gathered);
        }
        return gathered;
    }

private:
    // A deleted or malformed secret is no absence: what Postfix has is kept, and it is said.
    static bool may_be_served(Trouble trouble)
    {
        return trouble == Trouble::Away || trouble == Trouble::NoCredentials || trouble == Trouble::LoginRefused;
    }

    std::string path_of(RelaySettings const& relay) const
    {
        if (relay.source.starts_with("file:")) return relay.source.substr(5);
        return relay.source == "env" ? "environment" : relay.secret;
    }

    static void complain(Gathered& gathered, Trouble trouble, std::string words)
    {
        gathered.trouble = trouble;
        gathered.complaint = std::move(words);
    }

    void take(RelaySettings const& relay, SecretRecord record, Gathered& gathered)
    {
        auto made = make_hidden_relay(relay, record);
        if (!made) return complain(gathered, Trouble::NotTaken, made.error().message);
        std::move(made->warnings.begin(), made->warnings.end(), std::back_inserter(gathered.warnings));
        gathered.relay = std::move(made->relay);
        gathered.record = std::move(record);
    }

    void read_own_source(RelaySettings const& relay, bool is_active, Gathered& gathered)
    {
        if (relay.source == "env") return read_environment(relay, gathered);
        if (relay.source.starts_with("file:")) return read_file(relay, gathered);
        if (!sources_.use_vault && is_active) return complain(gathered, Trouble::Away, relay.name.value + ": SMTP_USE_VAULT is false, so Vault is not asked");
        read_vault(relay, gathered);
    }

    void read_environment(RelaySettings const& relay, Gathered& gathered)
    {
        auto record = sources_.environment();
        if (!record) return complain(gathered, Trouble::NotTaken, relay.name.value + ": SMTP_HOST is not set in the environment");
        take(relay, std::move(*record), gathered);
    }

    void read_file(RelaySettings const& relay, Gathered& gathered)
    {
        auto record = sources_.file(path_of(relay));
        if (!record) return complain(gathered, Trouble::NotTaken, relay.name.value + ": " + record.error().message);
        if (!*record) return complain(gathered, Trouble::Away, relay.name.value + ": there is no " + path_of(relay) + "; the agent has not written it");
        take(relay, std::move(**record), gathered);
    }

    void read_vault(RelaySettings const& relay, Gathered& gathered)
    {
        if (vault_trouble_ != Trouble::None) return complain(gathered, vault_trouble_, relay.name.value + ": " + vault_words_);
        auto record = sources_.vault(relay.secret, relay.mount);
        if (record) return take(relay, std::move(*record), gathered);
        auto const trouble = trouble_of(record.error());
        if (trouble != Trouble::NotTaken) {
            vault_trouble_ = trouble;
            vault_words_ = record.error().message;
        }
        complain(gathered, trouble, relay.name.value + ": " + record.error().message);
    }

    void serve_from_cache(RelaySettings const& relay, Relay const* former, Gathered& gathered)
    {
        auto record = sources_.cache(path_of(relay));
        if (!record) return gathered.warnings.push_back(relay.name.value + ": " + record.error().message);
        if (!*record) return;
        auto made = make_hidden_relay(relay, **record);
        if (!made) return gathered.warnings.push_back(made.error().message + " (from the cache)");
        gathered.is_served = true;
        // What Postfix uses went through after the cache was written, if they differ: the cache never puts back an older login.
        bool const is_older = former != nullptr && former->version >= (*record)->version &&
                              (former->user != made->relay.user || !(former->password == made->relay.password));
        if (is_older) return;
        gathered.relay = std::move(made->relay);
        gathered.record = std::move(**record);
    }

    // In production it can hold no login (the program would not have started), and serves relays without one only.
    void serve_from_environment(RelaySettings const& relay, bool is_active, Relay const* former, Gathered& gathered)
    {
        if (!settings_.environment_fallback || !is_active || relay.kind != "smtp") return;
        if (former != nullptr && sources_.use_vault) return;   // a proved value is in use: better than this one
        auto record = sources_.environment();
        if (!record) return;
        auto made = make_hidden_relay(relay, *record);
        if (!made) return gathered.warnings.push_back(made.error().message + " (from the environment)");
        gathered.is_served = true;
        gathered.relay = std::move(made->relay);
        gathered.record = std::move(*record);
    }

    Settings const& settings_;
    SecretSources const& sources_;
    Trouble vault_trouble_ = Trouble::None;
    std::string vault_words_;
};

}   // namespace

Relay const* find_relay(std::vector<Relay> const& relays, std::string_view name)
{
    auto const found = std::find_if(relays.begin(), relays.end(), [&](auto const& relay) { return relay.name == name; });
    return found == relays.end() ? nullptr : &*found;
}

GatheredRelays gather(Settings const& settings, std::string const& active, std::vector<Relay> const& former,
                      SecretSources const& sources, std::string const& only)
{
    GatheredRelays all;
    Gatherer gatherer{settings, sources};
    for (auto const& relay : settings.relays) {
        if (!only.empty() && relay.name.value != only) continue;
        all.emplace(relay.name.value, gatherer.one(relay, relay.name.value == active, find_relay(former, relay.name.value)));
    }
    return all;
}

}   // namespace mailcore::vault_sync
