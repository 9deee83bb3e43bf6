// The doctor's judgement: a host in order, and one thing wrong at a time.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "vault-sync/doctor/checks.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr char kOutput[] = "/etc/postfix/mailcore";

// A host on which nothing is wrong.
struct Host {
    Host()
    {
        generation.number = 7;
        Relay relay;
        relay.name = "primary";
        relay.host = "smtp.test";
        relay.port = 587;
        relay.user = "user";
        relay.password = base::Secret{"hunter2"};
        generation.relays.push_back(std::move(relay));
        facts.generation = &generation;

        std::string const current = std::string{kOutput} + "/current/";
        host.parameters = {{"smtp_sasl_auth_enable", "yes"},
                           {"smtp_sasl_password_maps", "hash:" + current + "sasl_passwd"},
                           {"smtp_tls_policy_maps", "hash:" + current + "tls_policy"},
                           {"transport_maps", "hash:" + current + "transport"},
                           {"sender_dependent_relayhost_maps", "regexp:" + current + "relayhost"},
                           {"sender_dependent_default_transport_maps", "regexp:" + current + "default_transport"},
                           {"smtp_sasl_security_options", "noanonymous"},
                           {"smtp_sasl_tls_security_options", "noanonymous"},
                           {"smtp_sasl_mechanism_filter", "plain, login"},
                           {"smtp_sasl_auth_soft_bounce", "yes"},
                           {"smtp_tls_fingerprint_digest", "sha256"},
                           {"smtp_tls_CApath", "/etc/ssl/certs"},
                           {"smtp_delivery_status_filter", "regexp:{{/^5(.* 530 .*MAIL FROM.*)/ 4$1}}"},
                           {"compatibility_level", "3.6"},
                           {"default_database_type", "hash"},
                           {"queue_directory", "/var/spool/postfix"}};
        host.services = {{.name = "smtp", .type = "inet", .command = "smtpd", .chroot = true, .overrides = {}},
                         {.name = "smtp", .type = "unix", .command = "smtp", .chroot = true, .overrides = {}},
                         {.name = "mailcore-smtps",
                          .type = "unix",
                          .command = "smtp",
                          .chroot = true,
                          .overrides = {{"smtp_tls_wrappermode", "yes"}, {"smtp_tls_security_level", "encrypt"}}}};
        host.map_types = {"hash", "regexp", "lmdb"};
        host.sasl_clients = {"cyrus"};
        host.postfix_runs = host.has_plain_mechanism = host.is_systemd = true;
        host.everyones_nexthops = {"[smtp.test]:587"};
        host.installed_units = host.enabled_units = {"vault-sync.service"};
        for (std::string const directory : {kOutput, "/var/log/mailcore", "/var/spool/postfix/etc/ssl/certs"})
            host.files[directory] = {0, 0755, true, false};
        for (auto const* name : {"/generations", "/state"})
            host.files[kOutput + std::string{name}] = {0, 0700, true, false};
        for (std::string const& file :
             {current + "sasl_passwd", current + "sasl_passwd.db", std::string{"/etc/mailcore/role-id"},
              std::string{"/etc/mailcore/secret-id"}, std::string{"/etc/mailcore/cache.key"}}) {
            host.files[file] = {0, 0600, false, false};
        }
    }

    std::vector<Check> checks() const { return evaluate(settings, facts, host); }
    // "failed words -> cure" of each check of this name, or all that did not pass.
    std::string said(std::string const& name = "") const
    {
        std::string text;
        for (auto const& check : checks()) {
            bool const is_fine = check.result == Check::Result::Passed || check.result == Check::Result::NotApplicable;
            if (name.empty() ? is_fine : check.name != name) continue;
            text += (text.empty() ? "" : "\n") + std::string{word(check.result)} + " " + check.words +
                    (check.cure.empty() ? "" : " -> " + check.cure);
        }
        return text;
    }
    Relay& relay() { return generation.relays.front(); }

    Settings settings;
    Generation generation;
    DoctorFacts facts;
    HostFacts host;
};

TEST(Doctor, FindsNothingOnAHostInOrder)
{
    Host const host;
    EXPECT_EQ(host.said(), "");
    EXPECT_FALSE(any_failed(host.checks()));
    EXPECT_GT(host.checks().size(), 30U);
}

struct Case {
    std::string name;
    std::function<void(Host&)> change;
    std::string said;
};
std::string const kCurrent = std::string{kOutput} + "/current/";

// Each is all that the doctor complains about.
void expect_each(std::vector<Case> const& cases)
{
    for (auto const& [name, change, said] : cases) {
        Host host;
        change(host);
        EXPECT_EQ(host.said(), said) << name;
        for (auto const& check : host.checks()) {
            EXPECT_EQ(check.words.find("hunter2"), std::string::npos);
            EXPECT_FALSE(check.result == Check::Result::Failed && check.cure.empty()) << check.name;
        }
    }
}

TEST(Doctor, ComparesTheMapsOfMainCf)
{
    auto const parameter = [](char const* name, std::string value) {
        return [=](Host& host) { host.host.parameters[name] = value; };
    };
    std::string const own = "hash:" + kCurrent + "sasl_passwd";
    std::string const cure = " -> postconf -e 'smtp_sasl_password_maps = " + own + "'";
    expect_each({
        {"none", parameter("smtp_sasl_password_maps", ""),
         "failed smtp_sasl_password_maps does not name " + own + cure},
        {"another file", parameter("smtp_sasl_password_maps", "hash:/etc/postfix/sasl_passwd"),
         "failed smtp_sasl_password_maps does not name " + own + cure},
        {"another type", parameter("smtp_sasl_password_maps", "lmdb:" + kCurrent + "sasl_passwd"),
         "failed smtp_sasl_password_maps says lmdb:" + kCurrent + "sasl_passwd, but the map is " + own + cure},
        {"proxymap runs as postfix", parameter("smtp_sasl_password_maps", "proxy:" + own),
         "failed smtp_sasl_password_maps goes through proxy:, which opens maps as user postfix: these are root's" +
             cure},
        {"debug logs", parameter("smtp_sasl_password_maps", "debug:" + own),
         "failed smtp_sasl_password_maps goes through debug:, which logs values" + cure},
        {"two", parameter("smtp_sasl_password_maps", "hash:/etc/postfix/old, " + own),
         "warned smtp_sasl_password_maps names other tables, too; their lines can hide those of " + kCurrent +
             "sasl_passwd" + cure},
        {"others beside transport do no harm",
         parameter("transport_maps", "hash:/etc/postfix/transport hash:" + kCurrent + "transport"), ""},
        {"hash for a regexp", parameter("sender_dependent_relayhost_maps", "hash:" + kCurrent + "relayhost"),
         "failed sender_dependent_relayhost_maps says hash:" + kCurrent +
             "relayhost, but the map is regexp:" + kCurrent +
             "relayhost -> postconf -e 'sender_dependent_relayhost_maps = regexp:" + kCurrent + "relayhost'"},
    });
}

TEST(Doctor, KnowsWhyPostfixDoesNotLogIn)
{
    auto const parameter = [](char const* name, std::string value) {
        return [=](Host& host) { host.host.parameters[name] = value; };
    };
    expect_each({
        {"off", parameter("smtp_sasl_auth_enable", "no"),
         "failed smtp_sasl_auth_enable is no -> postconf -e 'smtp_sasl_auth_enable = yes'"},
        {"default options", parameter("smtp_sasl_security_options", "noplaintext, noanonymous"),
         "failed smtp_sasl_security_options is noplaintext, noanonymous -> postconf -e 'smtp_sasl_security_options = "
         "noanonymous'"},
        {"md5", parameter("smtp_tls_fingerprint_digest", "md5"),
         "failed smtp_tls_fingerprint_digest is md5 -> postconf -e 'smtp_tls_fingerprint_digest = sha256'"},
        {"filter", parameter("smtp_sasl_mechanism_filter", "cram-md5"),
         "failed smtp_sasl_mechanism_filter leaves out plain or login: cram-md5 -> postconf -e "
         "'smtp_sasl_mechanism_filter = plain, login'"},
        {"any mechanism", parameter("smtp_sasl_mechanism_filter", ""),
         "warned Postfix may choose a mechanism that verify does not prove: smtp_sasl_mechanism_filter is empty -> "
         "postconf -e "
         "'smtp_sasl_mechanism_filter = plain, login'"},
        {"no modules", [](Host& host) { host.host.has_plain_mechanism = false; },
         "failed Cyrus SASL has no PLAIN here: mail waits with \"no mechanism available\" -> apt-get install "
         "libsasl2-modules"},
        {"no client", [](Host& host) { host.host.sasl_clients.clear(); },
         "failed this Postfix was built without Cyrus SASL, which logs in to relays -> apt-get install postfix"},
        {"no authorities", parameter("smtp_tls_CApath", ""),
         "failed smtp_tls_CApath is empty: no relay's certificate can be checked -> postconf -e 'smtp_tls_CApath = "
         "/etc/ssl/certs'"},
        {"not in the chroot", [](Host& host) { host.host.files.erase("/var/spool/postfix/etc/ssl/certs"); },
         "failed smtp looks for its authorities at /var/spool/postfix/etc/ssl/certs, and they are not there -> "
         "systemctl restart "
         "postfix, by which Debian copies /etc/ssl/certs into the chroot"},
        {"bare host", [](Host& host) { host.host.bare_hosts = {"smtp.test"}; },
         "failed smtp_sasl_password_maps has keys without brackets and port, which win over vault-sync's: smtp.test -> "
         "take them "
         "out of the table that has them"},
        {"another route", [](Host& host) { host.host.everyones_nexthops = {"[smtp.test]:submission"}; },
         "failed mail goes to what is no relay of generation 7, without a login: [smtp.test]:submission -> take other "
         "tables out of "
         "sender_dependent_relayhost_maps"},
        {"no route", [](Host& host) { host.host.everyones_nexthops.clear(); },
         "failed sender_dependent_relayhost_maps has no answer for an unknown sender: mail goes out directly, or by "
         "relayhost -> "
         "vault-sync once --force"},
        {"another directory",
         [](Host& host) {
             host.settings.postfix.config_directory = "/etc/postfix-out";
             host.host.parameters["smtp_sasl_auth_enable"] = "no";
         },
         "failed smtp_sasl_auth_enable is no -> postconf -c /etc/postfix-out -e 'smtp_sasl_auth_enable = yes'"},
    });
}

TEST(Doctor, KnowsWhatMasterCfMustHave)
{
    std::string const cure =
        " -> postconf -M 'mailcore-smtps/unix=mailcore-smtps unix - - y - - smtp -o smtp_tls_wrappermode=yes "
        "-o smtp_tls_security_level=encrypt'";
    expect_each({
        {"not needed", [](Host& host) { host.host.services.pop_back(); }, ""},
        {"needed",
         [](Host& host) {
             host.host.services.pop_back();
             host.relay().tls = Tls::Wrapper;
         },
         "failed master.cf has no service mailcore-smtps, which a relay on port 465 needs" + cure},
        {"no wrapper mode", [](Host& host) { host.host.services.back().overrides.clear(); },
         "failed mailcore-smtps in master.cf is no smtp with smtp_tls_wrappermode=yes" + cure},
        {"-v", [](Host& host) { host.host.services[1].verbose = true; },
         "failed -v logs passwords: smtp/unix -> take -v out of these services in master.cf, then postfix reload"},
        {"debug peers", [](Host& host) { host.host.parameters["debug_peer_list"] = "smtp.test"; },
         "failed debug_peer_list logs the passwords given to smtp.test -> postconf -e 'debug_peer_list ='"},
        {"overridden", [](Host& host) { host.host.services[1].overrides["smtp_sasl_auth_enable"] = "no"; },
         "warned master.cf overrides what main.cf says, so these may not log in: smtp (smtp_sasl_auth_enable) -> "
         "compare them in master.cf"},
        {"stopped", [](Host& host) { host.host.postfix_runs = false; },
         "warned Postfix does not run -> systemctl start postfix"},
        {"bounces", [](Host& host) { host.host.parameters["smtp_delivery_status_filter"] = ""; },
         "failed a relay that wants a login it was not given makes mail bounce: smtp_delivery_status_filter is empty "
         "-> postconf -e "
         "'smtp_delivery_status_filter = regexp:{{/^5(\\.[0-9]+\\.[0-9]+ .* 530 .*MAIL FROM.*)/ 4$$1}}'"},
        {"type missing", [](Host& host) { host.host.map_types.erase("hash"); },
         "failed this Postfix knows no hash maps -> set output.map_type to cdb or lmdb"},
        {"no Postfix", [](Host& host) { host.host.postfix_problem = "postconf is not here"; },
         "failed postconf is not here -> apt-get install postfix, or set postfix.config_directory"},
    });
}

TEST(Doctor, LooksAtOwnersAndModes)
{
    auto const file = [](std::string path, uid_t owner, mode_t mode) {
        return [=](Host& host) { host.host.files[path] = {owner, mode, false, false}; };
    };
    expect_each({
        {"map", file(kCurrent + "sasl_passwd.db", 0, 0644),
         "failed maps that others can read: " + kCurrent + "sasl_passwd.db -> chown root:root " + kCurrent +
             "sasl_passwd.db; chmod 0600 " + kCurrent + "sasl_passwd.db"},
        {"output", file(kOutput, 0, 0775),
         "failed /etc/postfix/mailcore has mode 0775 -> chmod 0755 /etc/postfix/mailcore"},
        {"not root's", file("/etc/mailcore/role-id", 1000, 0600),
         "failed /etc/mailcore/role-id belongs to user id 1000 -> chown root:root /etc/mailcore/role-id"},
        {"secret_id", file("/etc/mailcore/secret-id", 0, 0640),
         "failed /etc/mailcore/secret-id has mode 0640 -> chmod 0600 /etc/mailcore/secret-id"},
        {"no role_id", [](Host& host) { host.host.files.erase("/etc/mailcore/role-id"); },
         "failed /etc/mailcore/role-id is missing -> vault read -field=role_id auth/approle/role/NAME/role-id > "
         "/etc/mailcore/role-id"},
        {"removed as wanted",
         [](Host& host) {
             host.settings.vault.auth.remove_secret_id_file = true;
             host.host.files.erase("/etc/mailcore/secret-id");
         },
         ""},
        {"no key", [](Host& host) { host.host.files.erase("/etc/mailcore/cache.key"); },
         "failed /etc/mailcore/cache.key is missing -> (umask 077; head -c 32 /dev/urandom | base64 > "
         "/etc/mailcore/cache.key)"},
        {"transit", [](Host& host) { host.settings.cache.key = "transit:mailcore"; },
         "warned a cache sealed by Vault's transit cannot be read after a restart while Vault is away -> set cache.key "
         "to "
         "file:/etc/mailcore/cache.key or credential:cache-key"},
        {"left behind",
         [](Host& host) {
             host.host.old_password_files = {"/etc/postfix/sasl_passwd"};
             host.host.files["/etc/postfix/sasl_passwd"] = {0, 0644, false, false};
         },
         "failed others can read passwords in /etc/postfix/sasl_passwd -> chmod 0600 /etc/postfix/sasl_passwd; then "
         "remove what is no longer used"},
        {"left behind, closed",
         [](Host& host) {
             host.host.old_password_files = {"/etc/postfix/sasl_passwd"};
             host.host.files["/etc/postfix/sasl_passwd"] = {0, 0600, false, false};
         },
         "warned passwords kept by hand: /etc/postfix/sasl_passwd -> remove what is no longer used"},
        {"no audit", [](Host& host) { host.settings.audit_log.clear(); },
         "warned audit_log is off: nobody will know who read which secret when -> set audit_log in vault-sync.yaml"},
        {"ca_file outside the chroot",
         [](Host& host) {
             host.relay().ca_file = "/etc/mailcore/ca.pem";
             host.relay().tls = Tls::StartTls;
         },
         "failed primary: smtp looks for ca_file at /var/spool/postfix/etc/mailcore/ca.pem, and it is not there -> "
         "install -D -m 0644 "
         "/etc/mailcore/ca.pem /var/spool/postfix/etc/mailcore/ca.pem"},
        {"ca_file closed",
         [](Host& host) {
             host.relay().ca_file = "/ca.pem";
             host.host.files["/var/spool/postfix/ca.pem"] = {0, 0600, false, false};
         },
         "failed primary: user postfix cannot read /var/spool/postfix/ca.pem -> chmod 0644 /var/spool/postfix/ca.pem"},
        {"ca_file there",
         [](Host& host) {
             host.relay().ca_file = "/ca.pem";
             host.host.files["/var/spool/postfix/ca.pem"] = {0, 0644, false, false};
         },
         ""},
    });
}

TEST(Doctor, LooksAtWhatIsInForce)
{
    expect_each({
        {"damaged",
         [](Host& host) {
             host.facts.generation = nullptr;
             host.facts.damage = "generation 7 is not whole: transport.db is missing";
         },
         "failed generation 7 is not whole: transport.db is missing -> vault-sync once --force, or vault-sync "
         "rollback"},
        {"none", [](Host& host) { host.facts.generation = nullptr; },
         "failed there are no maps yet: mail waits -> vault-sync once"},
        {"reload owed", [](Host& host) { host.facts.reload_owed = 7; },
         "failed Postfix has not taken generation 7: it owes a reload -> vault-sync once"},
        {"overdue", [](Host& host) { host.facts.overdue = {"primary: the login is 200 days old"}; },
         "failed primary: the login is 200 days old -> rotate it at the provider, and write the new one to Vault"},
        {"relayhost", [](Host& host) { host.host.parameters["relayhost"] = "[smtp.test]:587"; },
         "warned relayhost = [smtp.test]:587 is never used: the last line of vault-sync's table answers for everyone "
         "-> postconf -e 'relayhost ='"},
        {"plaintext", [](Host& host) { host.relay().tls = Tls::None; },
         "warned primary: the password goes over the network unencrypted (plaintext: allow) -> use port 587 with tls: "
         "starttls"},
    });
    Host microsoft;
    microsoft.relay().host = "smtp-mail.outlook.com";
    microsoft.host.everyones_nexthops = {"[smtp-mail.outlook.com]:587"};
    EXPECT_TRUE(microsoft.said().starts_with("warned primary: ")) << microsoft.said();
}

TEST(Doctor, LooksAtTheWayToVaultAndAtTheHost)
{
    expect_each({
        {"http", [](Host& host) { host.settings.vault.address = "http://vault.test:8200"; },
         "failed secrets cross the network unencrypted: http://vault.test:8200 -> set vault.address to https://…"},
        {"an agent", [](Host& host) { host.settings.vault.address = "http://127.0.0.1:8100"; }, ""},
        {"skip_verify", [](Host& host) { host.settings.vault.skip_verify = true; },
         "failed VAULT_SKIP_VERIFY is set: anybody on the way can be Vault -> unset VAULT_SKIP_VERIFY; set "
         "vault.ca_cert"},
        {"root token", [](Host& host) { host.facts.token_is_root = true; },
         "failed the token is Vault's root token -> use auth.method: approle, with a policy that reads these paths "
         "only"},
        {"environment", [](Host& host) { host.host.environment = {"SMTP_PASSWORD"}; },
         "failed SMTP_PASSWORD in the environment -> take it out of the unit, of .env and of the shell; keep it in "
         "Vault"},
        {"development", [](Host& host) { host.settings.mode = "development"; },
         "warned mode is development: logins from the environment are taken -> set mode: production"},
        {"swap", [](Host& host) { host.facts.memory_is_locked = false; },
         "warned memory for secrets could not be locked, it may reach swap -> raise LimitMEMLOCK (ulimit -l) to 2 MiB"},
        {"cores", [](Host& host) { host.host.suid_dumpable = 1; },
         "warned fs.suid_dumpable = 1: core files of privileged programs are readable -> sysctl -w fs.suid_dumpable=0"},
        {"not started", [](Host& host) { host.host.enabled_units.clear(); },
         "failed nothing starts vault-sync: a rotated secret is not taken over -> systemctl enable --now "
         "vault-sync.service"},
        {"by timer", [](Host& host) { host.host.enabled_units = {"vault-sync-once.timer"}; }, ""},
        {"both", [](Host& host) { host.host.enabled_units.insert("vault-sync-once.timer"); },
         "warned vault-sync.service and vault-sync-once.timer are both enabled -> systemctl disable --now "
         "vault-sync-once.timer"},
        {"no systemd", [](Host& host) { host.host.is_systemd = false; }, ""},
    });
}

TEST(Tables, AreSplitOutsideBraces)
{
    using Names = std::vector<std::string>;
    EXPECT_EQ(tables_of("hash:/a, regexp:/b\n lmdb:/c"), (Names{"hash:/a", "regexp:/b", "lmdb:/c"}));
    EXPECT_EQ(tables_of("regexp:{{/x, y/ z}} hash:/a"), (Names{"regexp:{{/x, y/ z}}", "hash:/a"}));
    EXPECT_EQ(tables_of(""), Names{});
}

}   // namespace
}   // namespace mailcore::vault_sync
