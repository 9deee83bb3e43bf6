// mailcore.yaml as one const value. Member initialisers are the defaults; the rows in settings_fields.hpp name
// each key once, and loader, --print-config, reference and man page follow from them.
// Texts that another module must understand (addresses, networks, patterns) stay text with their position:
// rules/compile parses them and complains at their place.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config/diagnostics.hpp"
#include "core/config/forms.hpp"

namespace mailcore::config {

using Text = Located<std::string>;
using TextList = std::vector<Text>;

struct LogSettings {
    std::string level = "info";      // debug | info | warning | error
    std::string format = "json";     // json | text
    std::string target = "stderr";   // stderr | /path
};

struct PolicySettings {
    Text listen{"unix:/var/spool/postfix/mailcore/policy.sock"};   // unix:/path | inet:host:port | systemd
    Text metrics{"inet:127.0.0.1:9461"};                           // "" = off
    std::uint64_t max_clients = 10'000;                            // connections served at once
};

struct MilterSettings {
    Text listen{"unix:/var/spool/postfix/mailcore/milter.sock"};
    Text metrics{"inet:127.0.0.1:9462"};
};

struct ClaimsSettings {
    TextList tenant_headers{{"X-KeyBuzz-Tenant"}};
    TextList ticket_headers{{"X-KeyBuzz-Ticket"}};
};

struct StampSettings {
    Text tenant_header{"X-KeyBuzz-Tenant"};
    Text ticket_header{"X-KeyBuzz-Ticket"};
    Text signature_header{"X-KeyBuzz-Stamp"};
    Text keys_file{"/etc/mailcore/stamp-keys.yaml"};   // "" = unsigned
};

struct LimitsSettings {
    Text store{"lmdb:/var/lib/mailcore/limits"};
    std::string count_at = "milter";   // milter | policy
    Text fallback{"lmdb:/var/lib/mailcore/limits-local"};
    std::string on_error = "pass";     // pass | defer
    Duration timeout{50};              // of one round trip to Redis
    Text password_file;                // "" = the address's password, or none
    Text ca_file;                      // "" = the system's store
};

// A limit that grows from `start` to `until`, doubling each `double_every`, beginning at `from`.
struct WarmupSettings {
    Position position;
    base::Time from{};
    WrittenRate start;
    Duration double_every{0};
    WrittenRate until;
};

// One limit of a tenant: exactly one of messages, recipients, bytes is above 0.
struct LimitSettings {
    Position position;
    std::uint64_t messages = 0;
    std::uint64_t recipients = 0;
    Located<std::uint64_t> bytes;
    Duration per{0};
    Located<std::uint64_t> burst;      // 0 = the limit's own number
    std::string action = "defer";      // defer | reject
    std::string key = "tenant";        // tenant | client | login | sender
    std::optional<WarmupSettings> warmup;
};

struct TicketSettings {
    bool required = false;
    Text pattern{"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}"};
    std::vector<std::string> sources{"header", "plus", "subject", "references"};
    Text subject{R"(\[#([^\]]+)\])"};
    Text references{"<([^@.>]+)[.@]"};
};

struct RecipientSettings {
    TextList allow;
    TextList deny;
};

struct TenantSettings {
    Text name;
    TextList clients;
    TextList logins;
    TextList certificates;
    TextList senders;
    std::string null_sender = "allow";   // allow | reject
    std::string from = "enforce";        // enforce | observe | off
    RecipientSettings recipients;
    TicketSettings ticket;
    std::uint64_t size = 0;              // bytes; 0 = any
    std::vector<LimitSettings> limits;
    std::string mode = "enforce";        // enforce | observe | suspended
};

// What a rule's `when` asks. Absent (empty list, nullopt-like flag) = always holds. A list means any of it.
struct WhenSettings {
    Position position;
    TextList tenant, client, login, sender, recipient, from, helo;
    std::vector<Located<std::uint64_t>> port;
    std::vector<bool> tls;                          // none or one
    std::vector<std::uint64_t> size_over;           // none or one, bytes
    std::vector<WhenSettings> negated;              // `not:` none or one
};

struct RuleSettings {
    Position position;
    Text name;
    WhenSettings when;
    std::string action;   // pass | reject | defer | hold
    Text text;
};

struct WebhookSettings {
    std::string url;
    std::string secret_file = "/etc/mailcore/webhook.key";
    Duration timeout{10'000};
    std::vector<Duration> retry{Duration{1'000}, Duration{2'000}, Duration{4'000}, Duration{8'000}, Duration{16'000}};
    Duration give_up_after{86'400'000};
    std::uint64_t batch = 1;
};

struct AlertSettings {
    double failure_rate = 0.10;   // written 10%
    Duration window{3'600'000};
};

struct OutcomesSettings {
    std::string mail_log = "/var/log/mail.log";   // /path | journal
    std::string store = "sqlite:/var/lib/mailcore/outcomes.db";
    Duration retention{90LL * 86'400'000};
    Text metrics{"inet:127.0.0.1:9463"};
    std::map<std::string, std::string> providers{{"email-smtp.*.amazonaws.com", "SES"}};
    WebhookSettings webhook;
    AlertSettings alert;
};

struct Settings {
    LogSettings log;
    Text decision_log{"/var/log/mailcore/decisions.jsonl"};   // "" = off
    Text state_directory{"/var/lib/mailcore"};
    std::map<std::string, TextList> networks;
    std::string socket_mode = "0660";
    std::string socket_group = "postfix";
    PolicySettings policy;
    MilterSettings milter;
    std::string unknown_tenant = "reject";   // reject | observe
    std::string on_error = "defer";          // defer | pass
    ClaimsSettings claims;
    StampSettings stamp;
    LimitsSettings limits;
    TextList include;
    std::vector<TenantSettings> tenants;
    std::vector<RuleSettings> rules;
    OutcomesSettings outcomes;
};

}   // namespace mailcore::config
