// Owners and modes of what holds secrets, and of what leads there.

#include <cstdio>

#include "core/base/text.hpp"
#include "vault-sync/doctor/checks.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr mode_t kOthers = 0077;
constexpr mode_t kOthersWrite = 0022;

std::string octal(mode_t mode)
{
    char text[8];
    return {text, static_cast<std::size_t>(std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode)))};
}

// Root's, and none of these bits.
void check_path(Examination& e, std::string const& check, std::string const& path, mode_t forbidden,
                std::string const& wanted)
{
    auto const* file = e.host.file(path);
    if (file == nullptr) return e.not_applicable(check, path + " is not there yet");
    if (file->is_link) return e.failed(check, path + " is a symbolic link", "put the real one in its place");
    if (file->owner != 0)
        return e.failed(check, path + " belongs to user id " + std::to_string(file->owner), "chown root:root " + path);
    if ((file->mode & forbidden) != 0)
        return e.failed(check, path + " has mode " + octal(file->mode), "chmod " + wanted + " " + path);
    e.passed(check, path + " is root's, " + octal(file->mode));
}

void check_output(Examination& e)
{
    auto const& directory = e.settings.output.directory;
    check_path(e, "output_directory", directory, kOthersWrite, "0755");
    check_path(e, "generations_directory", directory + "/generations", kOthers, "0700");
    check_path(e, "state_directory", directory + "/state", kOthers, "0700");
    std::string open;
    for (auto const& [path, file] : e.host.files) {
        if (path.starts_with(directory + "/current/") && (file.owner != 0 || (file.mode & kOthers) != 0))
            open += " " + path;
    }
    if (open.empty()) e.passed("map_files", "the maps are root's alone");
    else e.failed("map_files", "maps that others can read:" + open, "chown root:root" + open + "; chmod 0600" + open);
}

// What a hand-kept relay host leaves behind: still valid passwords, often readable by everyone.
void check_old_password_files(Examination& e)
{
    std::string open, closed;
    for (auto const& path : e.host.old_password_files) {
        auto const* file = e.host.file(path);
        if (file != nullptr && (file->mode & kOthers) != 0) open += " " + path;
        else closed += " " + path;
    }
    if (!open.empty())
        e.failed("old_password_files", "others can read passwords in" + open,
                 "chmod 0600" + open + "; then remove what is no longer used");
    else if (!closed.empty())
        e.warned("old_password_files", "passwords kept by hand:" + closed, "remove what is no longer used");
    else e.passed("old_password_files", "no sasl_passwd is left beside main.cf");
}

void check_secret_file(Examination& e, std::string const& check, std::string const& path,
                       std::string const& missing_cure)
{
    if (path.empty()) return;
    if (e.host.file(path) == nullptr) return e.failed(check, path + " is missing", missing_cure);
    check_path(e, check, path, kOthers, "0600");
}

void check_vault_files(Examination& e)
{
    auto const& auth = e.settings.vault.auth;
    if (auth.method == "approle") {
        check_secret_file(e, "role_id_file", auth.role_id_file,
                          "vault read -field=role_id auth/approle/role/NAME/role-id > " + auth.role_id_file);
        if (auth.remove_secret_id_file && e.host.file(auth.secret_id_file) == nullptr)
            e.passed("secret_id_file", auth.secret_id_file + " was removed after reading");
        else
            check_secret_file(
                e, "secret_id_file", auth.secret_id_file,
                "vault write -f -field=secret_id auth/approle/role/NAME/secret-id > " + auth.secret_id_file);
    }
    if (auth.method == "token")
        check_secret_file(e, "token_file", auth.token_file, "let an agent write it, or use auth.method: approle");
    if (auth.method == "jwt") check_secret_file(e, "jwt_file", auth.jwt_file, "set vault.auth.jwt_file");
    check_secret_file(e, "client_key", e.settings.vault.client_key, "set vault.client_key to the key of client_cert");
}

void check_cache(Examination& e)
{
    auto const& cache = e.settings.cache;
    if (cache.file.empty())
        return e.not_applicable("cache", "cache.file is empty: with Vault away there is no second source");
    constexpr std::string_view kFile = "file:", kTransit = "transit:";
    if (cache.key.starts_with(kTransit)) {
        return e.warned("cache_key",
                        "a cache sealed by Vault's transit cannot be read after a restart while Vault is away",
                        "set cache.key to file:/etc/mailcore/cache.key or credential:cache-key");
    }
    if (!cache.key.starts_with(kFile)) return e.passed("cache_key", "cache.key is " + cache.key);
    auto const path = cache.key.substr(kFile.size());
    check_secret_file(e, "cache_key", path, "(umask 077; head -c 32 /dev/urandom | base64 > " + path + ")");
}

void check_audit_log(Examination& e)
{
    auto const& path = e.settings.audit_log;
    if (path.empty())
        return e.warned("audit_log", "audit_log is off: nobody will know who read which secret when",
                        "set audit_log in vault-sync.yaml");
    auto const parent = path.substr(0, path.rfind('/'));
    auto const* directory = e.host.file(parent);
    if (directory == nullptr || !directory->is_directory)
        return e.failed("audit_log", parent + " is missing",
                        "systemd-tmpfiles --create mailcore.conf, or mkdir -m 0750 " + parent);
    auto const* file = e.host.file(path);
    if (file != nullptr && (file->mode & 0007) != 0)
        return e.failed("audit_log", "everyone can read " + path, "chmod 0640 " + path);
    e.passed("audit_log", path);
}

// smtp(8) reads `tafile` when it connects, as user postfix and within its chroot. Where it cannot, all mail of this
// relay waits with "client TLS configuration problem" (measured on 3.7.11), whatever verify says.
void check_authorities(Examination& e)
{
    if (e.facts.generation == nullptr) return;
    for (auto const& relay : e.facts.generation->relays) {
        if (relay.ca_file.empty() || relay.tls == Tls::None || !relay.fingerprints.empty()) continue;
        auto const path = seen_by(e.host, service_of(relay), relay.ca_file);
        auto const* file = e.host.file(path);
        bool const is_readable = file != nullptr && (file->mode & 0004) != 0;
        if (is_readable) e.passed("ca_file", relay.name + ": smtp can read " + path);
        else if (file != nullptr)
            e.failed("ca_file", relay.name + ": user postfix cannot read " + path, "chmod 0644 " + path);
        else
            e.failed("ca_file", relay.name + ": smtp looks for ca_file at " + path + ", and it is not there",
                     "install -D -m 0644 " + relay.ca_file + " " + path);
    }
}

}   // namespace

void check_files(Examination& e)
{
    check_output(e);
    check_old_password_files(e);
    check_vault_files(e);
    check_cache(e);
    check_audit_log(e);
    check_authorities(e);
}

}   // namespace mailcore::vault_sync
