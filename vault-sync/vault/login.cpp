#include "vault-sync/vault/login.hpp"

#include <algorithm>
#include <unistd.h>

#include "core/base/text.hpp"
#include "core/crypto/hmac.hpp"
#include "vault-sync/source/file.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr auto kServiceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";
constexpr std::chrono::seconds kLongestBackoff{300};
constexpr std::size_t kMostCredential = 64u << 10u;

struct Field {
    std::string_view name;
    std::string_view value;
};

base::Secret json_object(std::initializer_list<Field> fields)
{
    base::Secret body;
    for (auto const& field : fields) {
        body.append(body.empty() ? "{" : ",");
        append_json_string(body, field.name);
        body.append(":");
        append_json_string(body, field.value);
    }
    body.append(body.empty() ? "{}" : "}");
    return body;
}

// Tells wrapping tokens apart without keeping them. They are random: nobody guesses one from its digest.
std::string hash_of(base::Secret const& wrapping_token)
{
    constexpr std::string_view hex = "0123456789abcdef";
    std::string text;
    for (auto const byte : crypto::hmac_sha256(base::Secret{"mailcore wrapping token"}, wrapping_token.reveal())) {
        text += {hex[byte >> 4u], hex[byte & 15u]};
    }
    return text;
}

tl::unexpected<VaultError> refuse(std::string message) { return fail(VaultFailure::NoCredentials, std::move(message)); }

std::string mount_or(std::string const& mount, std::string_view usual)
{
    return mount.empty() ? std::string{usual} : mount;
}

}   // namespace

VaultResult<base::Secret> read_credential(std::string const& path, Permissions permissions)
{
    auto const file = read_secret_file(path, kMostCredential);
    if (!file) return refuse(file.error().message);
    auto const cure = "; chmod 0600 " + path;
    if (permissions == Permissions::Strict) {
        if (file->owner != 0 && file->owner != ::geteuid())
            return refuse(path + " belongs to another user; chown root " + path);
        if ((file->mode & 0077u) != 0) return refuse(path + " is accessible to others" + cure);
    }
    if (permissions == Permissions::NotForAll && (file->mode & 0007u) != 0)
        return refuse(path + " is accessible to everybody" + cure);
    auto const text = base::trim(file->text.reveal());
    if (!std::all_of(text.begin(), text.end(), base::is_printable_ascii)) {
        return refuse(path + " holds a character that no credential has; write it anew");
    }
    return base::Secret{text};
}

struct Login::Request {
    std::string method;    // for people
    std::string mount;
    base::Secret body;
    std::string cure;      // what to check when it is refused
    base::Secret secret_id;
};

Login::Login(AuthSettings auth, VaultEnvironment const& environment, Transport& transport)
    : auth_{std::move(auth)}, environment_{&environment}, transport_{&transport}
{
}

base::Result<> Login::check(VaultSettings const& settings)
{
    auto const& auth = settings.auth;
    auto const missing = [&](std::string const& words) {
        return base::fail("vault.auth: method " + auth.method + " needs " + words, base::ErrorKind::Configuration);
    };
    if (auth.method == "approle" || auth.method == "none") return {};
    if (auth.method == "token")
        return auth.token_file.empty() && settings.token.empty()
                   ? missing("token_file, or VAULT_TOKEN in the environment")
                   : base::Result<>{};
    if (auth.method == "kubernetes") return auth.role.empty() ? missing("role") : base::Result<>{};
    if (auth.method == "jwt")
        return auth.role.empty() || auth.jwt_file.empty() ? missing("role and jwt_file") : base::Result<>{};
    if (auth.method != "cert") {
        return base::fail("vault.auth: method \"" + base::printable(auth.method) +
                              "\" is not known; write approle, token, kubernetes, jwt, cert or none",
                          base::ErrorKind::Configuration);
    }
    bool const certificate = !settings.client_cert.empty() || !settings.client_cert_pem.empty();
    return certificate ? base::Result<>{} : missing("vault.client_cert and vault.client_key");
}

VaultResult<Granted> Login::log_in()
{
    auto request = prepare();
    if (!request) return base::fail_with(request.error());
    if (refusal_ && request->body == refused_body_ && transport_->now() < not_before_)
        return base::fail_with(*refusal_);

    auto const answer = transport_->call({"POST", "auth/" + request->mount + "/login", nullptr, &request->body});
    if (!answer) return base::fail_with(answer.error());
    if (!answer->ok()) return base::fail_with(refused(std::move(*request), *answer));
    refusal_.reset();
    backoff_ = std::chrono::seconds{1};
    // Only now: a file with a mistyped secret_id must stay for its owner to see.
    if (auth_.remove_secret_id_file && !auth_.wrapped && !request->secret_id.empty() && keep("", request->secret_id))
        remove_file();
    return granted(*answer);
}

VaultError Login::refused(Request request, ApiAnswer const& answer)
{
    VaultError error{VaultFailure::LoginRefused,
                     transport_->address() + " refused the login by " + request.method +
                         (answer.words.empty() ? " (" + std::to_string(answer.status) + ")" : ": " + answer.words) +
                         "; check " + request.cure};
    refusal_ = error;
    refused_body_ = std::move(request.body);
    not_before_ = transport_->now() + backoff_;
    backoff_ = std::min(backoff_ * 2, kLongestBackoff);
    return error;
}

VaultResult<Granted> Login::granted(ApiAnswer const& answer)
{
    auto const auth = answer.at("auth");
    auto const token = auth.at("client_token").text();
    if (token.empty())
        return fail(VaultFailure::Malformed, transport_->address() + " answered the login without a token");
    Granted granted{base::Secret{token}, std::chrono::seconds{auth.at("lease_duration").number().value_or(0)},
                    auth.at("renewable").boolean().value_or(false), auth.at("token_type").text() == "batch",
                    auth.at("num_uses").number().value_or(0)};
    transport_->remember(granted.token);
    return granted;
}

VaultResult<Login::Request> Login::prepare()
{
    if (auth_.method == "approle") return approle();
    if (auth_.method == "kubernetes") return token_of_a_file("Kubernetes", kServiceAccountToken);
    if (auth_.method == "jwt") return token_of_a_file("JWT", "");
    return certificate();
}

VaultResult<Login::Request> Login::approle()
{
    auto const role_id = read_credential(auth_.role_id_file, Permissions::Strict);
    if (!role_id) return base::fail_with(role_id.error());
    if (role_id->empty()) return refuse(auth_.role_id_file + " is empty; write the role_id of the AppRole into it");
    auto id = secret_id();
    if (!id) return base::fail_with(id.error());
    transport_->remember(*id);
    auto body = json_object({{"role_id", role_id->reveal()}, {"secret_id", id->reveal()}});
    return Request{"AppRole", mount_or(auth_.mount, "approle"), std::move(body),
                   auth_.role_id_file + " and " + auth_.secret_id_file, std::move(*id)};
}

// Read at each login: a projected service account token is replaced every hour. Its mode is Kubernetes' affair.
VaultResult<Login::Request> Login::token_of_a_file(std::string const& method, std::string const& usual_file)
{
    auto const& file = auth_.jwt_file.empty() ? usual_file : auth_.jwt_file;
    auto const token = read_credential(file, Permissions::Any);
    if (!token) return base::fail_with(token.error());
    if (token->empty()) return refuse(file + " is empty; it should hold a JWT");
    transport_->remember(*token);
    auto body = json_object({{"role", auth_.role}, {"jwt", token->reveal()}});
    return Request{method,
                   mount_or(auth_.mount, auth_.method),
                   std::move(body),
                   file + " and the role \"" + auth_.role + "\"",
                   {}};
}

Login::Request Login::certificate() const
{
    auto body = auth_.name.empty() ? json_object({}) : json_object({{"name", auth_.name}});
    auto const role = auth_.name.empty() ? "" : " and the role \"" + auth_.name + "\"";
    return Request{"TLS certificate", mount_or(auth_.mount, "cert"), std::move(body), "vault.client_cert" + role, {}};
}

// ---- the secret_id

VaultResult<base::Secret> Login::secret_id()
{
    auto const& path = auth_.secret_id_file;
    bool const removed = ::access(path.c_str(), F_OK) != 0;
    if (removed)
        return kept_secret_id(
            {VaultFailure::NoCredentials, "cannot open " + path + ": there is none, and none is kept from before"});
    auto file = read_credential(path, Permissions::Strict);
    if (!file) return base::fail_with(file.error());
    if (file->empty())
        return kept_secret_id({VaultFailure::NoCredentials,
                               path + " is empty, and no secret_id is kept from before; write a new one into it"});
    if (!auth_.wrapped) return std::move(*file);
    return unwrapped(*file);
}

VaultResult<base::Secret> Login::kept_secret_id(VaultError why_none) const
{
    if (!unwrapped_.empty()) return unwrapped_.copy();
    if (environment_->secret_ids.recall) {
        if (auto kept = environment_->secret_ids.recall("")) return std::move(*kept);
    }
    return base::fail_with(std::move(why_none));
}

VaultResult<base::Secret> Login::unwrapped(base::Secret const& wrapping_token)
{
    transport_->remember(wrapping_token);
    auto const hash = hash_of(wrapping_token);
    if (hash == unwrapped_hash_) return unwrapped_.copy();
    if (environment_->secret_ids.recall) {
        if (auto kept = environment_->secret_ids.recall(hash)) return std::move(*kept);
    }
    if (auto const origin = check_origin(wrapping_token, hash); !origin) return base::fail_with(origin.error());
    return unwrap(wrapping_token, hash);
}

// Somebody who swapped the file for a token of his own would choose which role we log in to.
VaultResult<> Login::check_origin(base::Secret const& wrapping_token, std::string const& hash)
{
    auto const answer = transport_->call({"GET", "sys/wrapping/lookup", &wrapping_token, nullptr});
    if (!answer) return base::fail_with(answer.error());
    if (!answer->ok()) return base::fail_with(not_valid(hash, answer->words));
    auto const made_by = answer->at("data", "creation_path").text();
    auto const start = "auth/" + mount_or(auth_.mount, "approle") + "/role/";
    constexpr std::string_view end = "/secret-id";
    bool const framed =
        made_by.size() > start.size() + end.size() && made_by.starts_with(start) && made_by.ends_with(end);
    auto const role =
        framed ? made_by.substr(start.size(), made_by.size() - start.size() - end.size()) : std::string_view{};
    if (framed && role.find('/') == std::string_view::npos && (auth_.role.empty() || role == auth_.role)) return {};
    auto const wanted = start + (auth_.role.empty() ? "ROLE" : auth_.role) + std::string{end};
    return fail(VaultFailure::Tampered, auth_.secret_id_file + ": the wrapping token was made by " +
                                            base::printable(made_by.substr(0, 200)) + ", not by " + wanted +
                                            ": somebody may have exchanged it; find out who before writing a new one");
}

VaultResult<base::Secret> Login::unwrap(base::Secret const& wrapping_token, std::string const& hash)
{
    // The token as header and no body: both together would use it twice, and lose the value.
    auto const answer = transport_->call({"POST", "sys/wrapping/unwrap", &wrapping_token, nullptr, Repeat::IfUnheard});
    if (!answer) {
        lost_hash_ = hash;
        return base::fail_with(answer.error());
    }
    if (!answer->ok()) return base::fail_with(not_valid(hash, answer->words));
    auto const text = answer->at("data", "secret_id").text();
    if (text.empty())
        return fail(
            VaultFailure::Malformed,
            auth_.secret_id_file + ": what the wrapping token held is no secret_id; write a new wrapped one into it");
    unwrapped_ = base::Secret{text};
    unwrapped_hash_ = hash;
    transport_->remember(unwrapped_);
    if (keep(hash, unwrapped_) && auth_.remove_secret_id_file) remove_file();
    return unwrapped_.copy();
}

VaultError Login::not_valid(std::string const& hash, std::string const& words) const
{
    auto const told = words.empty() ? "" : " (" + words + ")";
    if (hash == lost_hash_) {
        return {VaultFailure::LoginRefused,
                auth_.secret_id_file + ": the wrapping token is spent" + told +
                    ": the answer to our own unwrapping was lost; write a new wrapped secret_id into it"};
    }
    return {VaultFailure::Tampered,
            auth_.secret_id_file + ": the wrapping token is not valid" + told +
                ", and vault-sync never unwrapped it: it has expired, or somebody else has the secret_id; destroy "
                "that secret_id, find out who, and write a new wrapped one"};
}

// False, with a warning, if it would be gone after a restart.
bool Login::keep(std::string const& hash, base::Secret const& secret_id)
{
    auto const why = !environment_->secret_ids.keep ? base::Result<>{base::fail("there is no cache")}
                                                    : environment_->secret_ids.keep(hash, secret_id);
    if (why) return true;
    transport_->warn("the secret_id could not be kept: " + why.error().message +
                     "; after a restart a new one is needed in " + auth_.secret_id_file);
    return false;
}

void Login::remove_file()
{
    if (::unlink(auth_.secret_id_file.c_str()) != 0)
        transport_->warn(base::fail_errno("cannot remove " + auth_.secret_id_file).value().message);
}

}   // namespace mailcore::vault_sync
