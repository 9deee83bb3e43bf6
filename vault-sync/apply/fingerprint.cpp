#include "vault-sync/apply/fingerprint.hpp"

#include "core/crypto/hmac.hpp"
#include "vault-sync/apply/files.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr std::size_t kKeyBytes = 32;

// Parts of any content, told apart by their lengths.
class Parts {
public:
    Parts& add(std::string_view part)
    {
        text_.append(std::to_string(part.size()) + ':');
        text_.append(part);
        return *this;
    }
    std::string_view text() const { return text_.reveal(); }

private:
    base::Secret text_;
};

std::string hex(crypto::Sha256 const& digest)
{
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (unsigned const byte : digest) {
        text += kDigits[byte >> 4u];
        text += kDigits[byte & 15u];
    }
    return text;
}

}   // namespace

base::Result<Fingerprints> Fingerprints::open(std::string const& key_file)
{
    auto key = read_private_file(key_file);
    if (!key) return base::fail(key.error());
    if (*key && (*key)->size() == kKeyBytes) return Fingerprints{std::move(**key)};
    if (*key) return base::fail(key_file + " does not hold " + std::to_string(kKeyBytes) + " bytes: remove it, and ages are counted anew");
    base::Secret made{crypto::random_bytes(kKeyBytes)};
    if (auto written = replace_file(key_file, made.reveal()); !written) return base::fail(written.error());
    return Fingerprints{std::move(made)};
}

Fingerprints Fingerprints::of_this_run() { return Fingerprints{base::Secret{crypto::random_bytes(kKeyBytes)}}; }

std::string Fingerprints::credential(Relay const& relay) const
{
    Parts parts;
    parts.add("credential").add(relay.user).add(relay.password.reveal());
    return hex(crypto::hmac_sha256(key_, parts.text()));
}

std::string Fingerprints::value(Relay const& relay) const
{
    Parts parts;
    parts.add("value").add(relay.host).add(std::to_string(relay.port)).add(relay.user).add(relay.password.reveal());
    return hex(crypto::hmac_sha256(key_, parts.text()));
}

std::string Fingerprints::routing(Routing const& routing) const
{
    Parts parts;
    parts.add("routing").add(routing.active);
    for (auto const& relay : routing.fallback) parts.add("fallback").add(relay);
    for (auto const& [sender, relay] : routing.routes) parts.add("route").add(sender).add(relay);
    for (auto const& [domain, relay] : routing.transports) parts.add("transport").add(domain).add(relay);
    return hex(crypto::hmac_sha256(key_, parts.text()));
}

std::string Fingerprints::short_form(Relay const& relay) const
{
    return relay.has_login() ? credential(relay).substr(0, 8) : "";
}

}   // namespace mailcore::vault_sync
