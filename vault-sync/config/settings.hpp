// vault-sync.yaml as one const value. Member initialisers are the defaults; the rows in settings_fields.hpp name each key
// once, and loader, --print-config, reference and man page follow from them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/secret.hpp"
#include "core/config/diagnostics.hpp"
#include "core/config/settings.hpp"

namespace mailcore::vault_sync {

using config::Duration;
using config::Text;
using config::TextList;

struct AuthSettings {
    std::string method = "approle";   // approle | token | kubernetes | jwt | cert | none
    std::string mount;                // "" = the method's usual one
    std::string role_id_file = "/etc/mailcore/role-id";
    std::string secret_id_file = "/etc/mailcore/secret-id";
    bool wrapped = false;
    bool remove_secret_id_file = false;   // after it has been kept encrypted
    std::string token_file;           // token; "" = VAULT_TOKEN
    std::string role;                 // kubernetes, jwt; approle: the role's name, for the creation path of wrapped secret ids
    std::string jwt_file;             // kubernetes: "" = the service account's own
    std::string name;                 // cert
};

struct VaultSettings {
    std::string address;              // "" = VAULT_ADDR, else https://127.0.0.1:8200
    std::string namespace_;           // key: namespace
    std::string ca_cert;
    std::string client_cert;
    std::string client_key;
    Duration timeout{0};              // 0 = VAULT_CLIENT_TIMEOUT, else 10s
    int retries = -1;                 // -1 = VAULT_MAX_RETRIES, else 3
    std::string kv_version = "auto";  // auto | 1 | 2
    AuthSettings auth;
    // From VAULT_* and BAO_* only:
    std::string ca_path, ca_pem, client_cert_pem, client_key_pem, server_name, proxy;
    bool skip_verify = false;
    bool is_agent = false;            // the address is VAULT_AGENT_ADDR
    bool disable_redirects = false;
    base::Secret token;
};

struct RelaySettings {
    Text name;
    std::string secret;                // path in Vault
    std::string mount;                 // where the path is ambiguous
    std::string source = "vault";      // vault | file:/path | env
    std::string kind = "smtp";         // smtp | ses
    std::string preset;                // gmail, google-relay, sendgrid, ses, mailgun, office365, postmark, brevo, sparkpost
    std::string tls = "auto";          // none | starttls | wrapper | auto
    std::string host;                  // overrides the secret's
    std::uint64_t port = 0;            // 0 = the secret's, the preset's, the kind's
    std::string ca_file;
    std::string plaintext = "refuse";  // refuse | allow
    std::string region_check = "on";   // on | off
    TextList fingerprint;              // sha256:HEX
    std::string from;
    Duration timeout{30'000};
    std::string helo;
};

struct OutputSettings {
    std::string directory = "/etc/postfix/mailcore";
    std::string map_type = "auto";   // auto | cdb | lmdb | hash
    std::uint64_t keep = 5;
};

struct PostfixSettings {
    std::string config_directory = "/etc/postfix";
    std::string reload = "on_change";   // on_change | never
    bool flush_deferred = true;
};

struct VerifySettings {
    bool before_switch = true;
    std::uint64_t attempts = 3;   // AUTH commands per value and run
    Duration window{60'000};      // how long a new SES key's 535 is tried again
};

struct CacheSettings {
    std::string file = "/var/lib/mailcore/vault-sync/last-good";   // "" = none
    std::string key = "file:/etc/mailcore/cache.key";              // credential:NAME | file:/path | transit:KEY
    Duration max_age{30LL * 86'400'000};
};

struct RotationSettings {
    Duration smtp{180LL * 86'400'000};
    Duration ses{90LL * 86'400'000};
    Duration warn_before{14LL * 86'400'000};
};

struct WatchSettings {
    Duration interval{300'000};
    Duration jitter{30'000};
};

struct AutoRollbackSettings {
    bool enabled = true;
    Duration window{600'000};
};

struct HooksSettings {
    std::vector<std::string> on_change, on_failure, on_overdue;   // a program and its arguments
    Duration timeout{30'000};
};

struct SyncMetricsSettings {
    std::string textfile;
    Text listen{"inet:127.0.0.1:9464"};   // watch only; "" = off
};

struct Settings {
    std::string mode = "production";   // production | development
    config::LogSettings log;
    VaultSettings vault;
    std::vector<RelaySettings> relays;
    Text active;
    TextList fallback;
    std::map<std::string, Text> routes;       // envelope sender or @domain to relay
    std::map<std::string, Text> transports;   // recipient domain to relay
    OutputSettings output;
    PostfixSettings postfix;
    VerifySettings verify;
    CacheSettings cache;
    bool environment_fallback = true;
    RotationSettings rotation;
    WatchSettings watch;
    AutoRollbackSettings auto_rollback;
    HooksSettings hooks;
    std::string audit_log = "/var/log/mailcore/vault-audit.jsonl";   // "" = off
    SyncMetricsSettings metrics;

    RelaySettings const* relay(std::string_view name) const;
};

}   // namespace mailcore::vault_sync
