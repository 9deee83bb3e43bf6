#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/child.hpp"
#include "core/base/secret.hpp"
#include "core/base/text.hpp"
#include "vault-sync/apply/postfix.hpp"
#include "vault-sync/doctor/host.hpp"

namespace mailcore::vault_sync {
namespace {

std::string ask(std::vector<std::string> const& arguments, std::string_view input = "")
{
    auto answer = base::run_child(arguments, {.input = input});
    return answer ? std::move(answer->out) : std::string{};
}

std::set<std::string> lines_of(std::string_view text)
{
    std::set<std::string> lines;
    for (auto const line : base::split(text, '\n')) {
        if (auto const trimmed = base::trim(line); !trimmed.empty()) lines.emplace(trimmed);
    }
    return lines;
}

std::vector<std::string> words_of(std::string_view line)
{
    std::vector<std::string> words;
    for (auto const word : base::split(line, ' ')) {
        if (!word.empty()) words.emplace_back(word);
    }
    return words;
}

// postconf -M prints "smtp unix - - y - - smtp -v -o name=value"; -P prints "smtp/unix/name = value".
std::vector<MasterService> services_of(std::string_view lines, std::string_view overrides)
{
    std::vector<MasterService> services;
    for (auto const line : base::split(lines, '\n')) {
        auto const words = words_of(line);
        if (words.size() < 8) continue;
        MasterService service{
            .name = words[0], .type = words[1], .command = words[7], .chroot = words[4] == "y", .overrides = {}};
        service.verbose =
            std::any_of(words.begin() + 8, words.end(), [](auto const& word) { return word == "-v" || word == "-vv"; });
        auto const prefix = service.name + "/" + service.type + "/";
        for (auto const setting : base::split(overrides, '\n')) {
            auto const equals = setting.find('=');
            if (!setting.starts_with(prefix) || equals == std::string_view::npos) continue;
            service.overrides.emplace(base::trim(setting.substr(prefix.size(), equals - prefix.size())),
                                      base::trim(setting.substr(equals + 1)));
        }
        services.push_back(std::move(service));
    }
    return services;
}

std::vector<std::string> matches(std::string const& pattern)
{
    glob_t found{};
    std::vector<std::string> paths;
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    return paths;
}

void note(HostFacts& host, std::string const& path)
{
    struct stat facts{};
    if (path.empty() || ::lstat(path.c_str(), &facts) != 0) return;
    bool const is_link = S_ISLNK(facts.st_mode);
    host.files[path] = {facts.st_uid, facts.st_mode & 07777U, S_ISDIR(facts.st_mode), is_link};
}

// Tables that are files, or written out: asking another could ask the network.
bool is_local_table(std::string_view table)
{
    for (std::string_view const type :
         {"hash:", "btree:", "lmdb:", "cdb:", "texthash:", "regexp:", "pcre:", "inline:", "static:"}) {
        if (table.starts_with(type)) return true;
    }
    return false;
}

// The first answer of any of these tables. It may be a login, so it is wiped when it goes.
base::Secret look_up(Settings const& settings, std::string const& tables, std::string const& key)
{
    for (auto const& table : tables_of(tables)) {
        if (!is_local_table(table)) continue;
        base::Secret found{ask({"postmap", "-c", settings.postfix.config_directory, "-q", "-", table}, key + "\n")};
        auto const tab = found.reveal().find('\t');
        if (tab != std::string_view::npos) return base::Secret{base::trim(found.reveal().substr(tab + 1))};
    }
    return {};
}

void gather_lookups(HostFacts& host, Settings const& settings, DoctorFacts const& facts)
{
    auto const answer = look_up(settings, host.parameter("sender_dependent_relayhost_maps"), "probe@mailcore.invalid");
    for (auto const& nexthop : tables_of(answer.reveal())) host.everyones_nexthops.push_back(nexthop);
    if (facts.generation == nullptr) return;
    for (auto const& relay : facts.generation->relays) {
        bool const known =
            std::find(host.bare_hosts.begin(), host.bare_hosts.end(), relay.host) != host.bare_hosts.end();
        if (!known && !look_up(settings, host.parameter("smtp_sasl_password_maps"), relay.host).empty())
            host.bare_hosts.push_back(relay.host);
    }
}

void gather_postfix(HostFacts& host, Settings const& settings, DoctorFacts const& facts)
{
    Postfix const postfix{settings.postfix.config_directory};
    auto parameters = postfix.parameters({"smtp_sasl_auth_enable",
                                          "smtp_sasl_password_maps",
                                          "smtp_sasl_security_options",
                                          "smtp_sasl_tls_security_options",
                                          "smtp_sasl_mechanism_filter",
                                          "smtp_sasl_auth_soft_bounce",
                                          "smtp_sasl_auth_cache_name",
                                          "smtp_sender_dependent_authentication",
                                          "smtp_tls_policy_maps",
                                          "smtp_tls_CApath",
                                          "smtp_tls_CAfile",
                                          "smtp_tls_fingerprint_digest",
                                          "smtp_delivery_status_filter",
                                          "transport_maps",
                                          "sender_dependent_relayhost_maps",
                                          "sender_dependent_default_transport_maps",
                                          "relayhost",
                                          "debug_peer_list",
                                          "compatibility_level",
                                          "default_database_type",
                                          "queue_directory"});
    if (!parameters) {
        host.postfix_problem = parameters.error().message;
        return;
    }
    host.parameters = std::move(*parameters);
    std::vector<std::string> const postconf{"postconf", "-c", settings.postfix.config_directory};
    auto const with = [&](char const* option) {
        auto arguments = postconf;
        arguments.emplace_back(option);
        return ask(arguments);
    };
    host.services = services_of(with("-M"), with("-Px"));
    host.map_types = lines_of(with("-m"));
    host.sasl_clients = lines_of(with("-A"));
    host.postfix_runs = postfix.is_running();
    gather_lookups(host, settings, facts);
}

void gather_files(HostFacts& host, Settings const& settings, DoctorFacts const& facts)
{
    auto const& directory = settings.output.directory;
    auto const& auth = settings.vault.auth;
    constexpr std::string_view kFile = "file:";
    auto const cache_key =
        settings.cache.key.starts_with(kFile) ? settings.cache.key.substr(kFile.size()) : std::string{};
    for (auto const& path : {directory, directory + "/generations", directory + "/state", auth.role_id_file,
                             auth.secret_id_file, auth.token_file, auth.jwt_file, settings.vault.client_key, cache_key,
                             settings.audit_log, settings.audit_log.substr(0, settings.audit_log.rfind('/'))}) {
        note(host, path);
    }
    for (auto const& path : matches(directory + "/current/*")) note(host, path);
    host.old_password_files = matches(settings.postfix.config_directory + "/sasl_passwd*");
    for (auto const& path : matches(settings.postfix.config_directory + "/sasl/sasl_passwd*"))
        host.old_password_files.push_back(path);
    for (auto const& path : host.old_password_files) note(host, path);
    note(host, seen_by(host, "smtp", host.parameter("smtp_tls_CApath")));
    if (facts.generation == nullptr) return;
    for (auto const& relay : facts.generation->relays) note(host, seen_by(host, service_of(relay), relay.ca_file));
}

void gather_system(HostFacts& host)
{
    host.has_plain_mechanism =
        !matches("/usr/lib/*/sasl2/libplain.so*").empty() || !matches("/usr/lib/sasl2/libplain.so*").empty();
    for (auto const* name : {"SMTP_PASSWORD", "SMTP_USER", "SMTP_USERNAME"}) {
        if (std::getenv(name) != nullptr)
            host.environment.emplace(name);   // NOLINT(concurrency-mt-unsafe): nobody sets it meanwhile
    }
    std::ifstream{"/proc/sys/fs/suid_dumpable"} >> host.suid_dumpable;
    host.is_systemd = ::access("/run/systemd/system", F_OK) == 0;
    for (std::string const unit : {"vault-sync.service", "vault-sync-once.timer"}) {
        for (std::string const directory :
             {"/etc/systemd/system/", "/lib/systemd/system/", "/usr/lib/systemd/system/"}) {
            if (::access((directory + unit).c_str(), F_OK) == 0) host.installed_units.insert(unit);
        }
        if (!matches("/etc/systemd/system/*.wants/" + unit).empty()) host.enabled_units.insert(unit);
    }
}

}   // namespace

std::vector<std::string> tables_of(std::string_view value)
{
    std::vector<std::string> tables(1);
    int depth = 0;
    for (char const c : value) {
        depth += c == '{' ? 1 : c == '}' ? -1 : 0;
        if (depth == 0 && (c == ',' || c == ' ' || c == '\t' || c == '\n')) tables.emplace_back();
        else tables.back() += c;
    }
    std::erase(tables, "");
    return tables;
}

std::string seen_by(HostFacts const& host, std::string const& service, std::string const& path)
{
    bool const chrooted = std::any_of(host.services.begin(), host.services.end(), [&](auto const& one) {
        return one.name == service && one.type == "unix" && one.chroot;
    });
    return chrooted && !path.empty() ? host.parameter("queue_directory") + path : path;
}

std::string service_of(Relay const& relay) { return relay.tls == Tls::Wrapper ? "mailcore-smtps" : "smtp"; }

HostFacts gather(Settings const& settings, DoctorFacts const& facts)
{
    HostFacts host;
    gather_postfix(host, settings, facts);
    gather_files(host, settings, facts);
    gather_system(host);
    return host;
}

}   // namespace mailcore::vault_sync
