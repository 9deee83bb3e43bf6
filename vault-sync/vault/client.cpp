#include "vault-sync/vault/client.hpp"

#include "core/crypto/hmac.hpp"
#include "vault-sync/vault/kv_reader.hpp"
#include "vault-sync/vault/session.hpp"
#include "vault-sync/vault/transport.hpp"

namespace mailcore::vault_sync {
namespace {

base::Secret base64_secret(std::string_view text) { return base::Secret{crypto::base64(text)}; }

// {"plaintext":"…","associated_data":"…"}; base64 needs no escapes.
base::Secret transit_body(std::string_view field, std::string_view value, std::string_view bound)
{
    base::Secret body{"{\"" + std::string{field} + "\":"};
    append_json_string(body, value);
    if (!bound.empty()) {
        body.append(",\"associated_data\":");
        append_json_string(body, crypto::base64(bound));
    }
    body.append("}");
    return body;
}

}   // namespace

struct VaultClient::State {
    VaultEnvironment environment;
    Transport transport;
    Session session;
    KvReader kv;

    State(VaultSettings const& settings, VaultEnvironment given, VaultSeams seams)
        : environment{std::move(given)},
          transport{settings, environment, std::move(seams)},
          session{settings, environment, transport},
          kv{settings.kv_version, transport} {}
    State(State const&) = delete;
    State& operator=(State const&) = delete;

    void warn_of(VaultSettings const& settings) const
    {
        if (transport.is_exposed()) {
            transport.warn("vault.address " + transport.address() +
                           " is not encrypted: whoever is on the way reads the token and the secrets; use https://");
        }
        if (settings.skip_verify)
            transport.warn(
                "VAULT_SKIP_VERIFY is set: whoever is on the way can pose as Vault; set vault.ca_cert instead");
    }

    // One question to transit, with a living token.
    VaultResult<ApiAnswer> transit(std::string const& operation, std::string const& key, base::Secret const& body)
    {
        auto const path = "transit/" + operation + "/" + key;
        return session.with_token(path, [&]() -> VaultResult<ApiAnswer> {
            auto answer = transport.call({"POST", path, session.token(), &body});
            if (!answer || answer->ok()) return answer;
            auto const told =
                answer->words.empty() ? " (" + std::to_string(answer->status) + ")" : ": " + answer->words;
            if (answer->status == 403)
                return fail(VaultFailure::Denied,
                            transport.address() + " denies " + path + told + "; grant update on it in the policy");
            if (answer->status == 404)
                return fail(VaultFailure::NotFound, transport.address() + " has no " + path + told);
            return fail(VaultFailure::Malformed, transport.address() + " refused " + path + told);
        });
    }
};

VaultClient::VaultClient(std::unique_ptr<State> state) : state_{std::move(state)} {}
VaultClient::VaultClient(VaultClient&&) noexcept = default;
VaultClient& VaultClient::operator=(VaultClient&&) noexcept = default;
VaultClient::~VaultClient() = default;

base::Result<VaultClient> VaultClient::open(VaultSettings const& settings, VaultEnvironment environment,
                                            VaultSeams seams) {
    if (auto const checked = Transport::check_address(settings.address); !checked) return base::fail(checked.error());
    if (auto const checked = Login::check(settings); !checked) return base::fail(checked.error());
    auto state = std::make_unique<State>(settings, std::move(environment), std::move(seams));
    state->warn_of(settings);
    return VaultClient{std::move(state)};
}

VaultResult<SecretRecord> VaultClient::read(std::string const& path, std::string const& mount)
{
    auto const clean = clean_path(path);
    if (!clean) return fail(VaultFailure::Malformed, clean.error().message);
    auto const clean_mount = mount.empty() ? base::Result<std::string>{""} : clean_path(mount);
    if (!clean_mount) return fail(VaultFailure::Malformed, clean_mount.error().message);
    auto record = state_->session.with_token(
        *clean, [&] { return state_->kv.read(*clean, *clean_mount, *state_->session.token()); });
    if (record) record->path = path;
    return record;
}

VaultResult<> VaultClient::keep_alive(base::Time now) { return state_->session.keep_alive(now); }
std::optional<std::chrono::seconds> VaultClient::token_left(base::Time now) const
{
    return state_->session.token_left(now);
}
std::optional<base::Time> VaultClient::next_renewal() const { return state_->session.next_renewal(); }
void VaultClient::revoke_own_token() { state_->session.revoke_own_token(); }
std::string const& VaultClient::address() const { return state_->transport.address(); }

VaultResult<std::string> VaultClient::encrypt(std::string const& key, base::Secret const& text, std::string_view bound)
{
    auto const body = transit_body("plaintext", base64_secret(text.reveal()).reveal(), bound);
    auto const answer = state_->transit("encrypt", key, body);
    if (!answer) return base::fail_with(answer.error());
    auto const ciphertext = answer->at("data", "ciphertext").text();
    if (ciphertext.empty())
        return fail(VaultFailure::Malformed, address() + " answered transit/encrypt/" + key + " without a ciphertext");
    return std::string{ciphertext};
}

VaultResult<base::Secret> VaultClient::decrypt(std::string const& key, std::string const& ciphertext,
                                               std::string_view bound) {
    auto const answer = state_->transit("decrypt", key, transit_body("ciphertext", ciphertext, bound));
    if (!answer) return base::fail_with(answer.error());
    auto const plain = answer->at("data", "plaintext");
    auto text = crypto::from_base64(plain.text());
    if (!plain.is_text() || !text)
        return fail(VaultFailure::Malformed, address() + " answered transit/decrypt/" + key + " without a plaintext");
    return base::Secret{std::move(*text)};
}

}   // namespace mailcore::vault_sync
