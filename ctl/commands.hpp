// What mailcorectl can do: one function a command. Each prints to standard output, complains on standard error, and
// returns the exit status: 0 fine, 1 failed (or not valid), 64 usage, 78 configuration.
#pragma once

#include <string>
#include <vector>

namespace mailcore::ctl {

struct Common {
    std::string config = "/etc/mailcore/mailcore.yaml";
    bool json = false;
};

int check(Common const& common);

struct ExplainOptions {
    std::vector<std::string> attributes;   // KEY=VALUE
    std::string message;                   // a file, "-" for standard input, "" for none
    std::string at{};                      // a time or a distance from now; "" = now
};
int explain(Common const& common, ExplainOptions const& options);

int reload(Common const& common);
int status(Common const& common);
int tenants(Common const& common);
int rules(Common const& common);

struct LimitsOptions {
    std::string tenant{}; // "" = all
    bool all = false;     // however many rows that are
};
int limits(Common const& common, LimitsOptions const& options);
int limits_reset(Common const& common, std::string const& tenant);

struct TenantOptions {
    std::string name;
    std::string reason{};  // the operator's words; may be empty
    bool queued = false;   // --hold, --release: what waits in Postfix's queue, too
    std::string postfix_config_directory = "/etc/postfix";
};
int tenant_suspend(Common const& common, TenantOptions const& options);
int tenant_resume(Common const& common, TenantOptions const& options);

struct StampVerifyOptions {
    std::string file = "-";
    std::string sender;            // with has_sender: may be empty for the null sender
    bool has_sender = false;
    std::string max_age = "30d";
};
int stamp_verify(Common const& common, StampVerifyOptions const& options);
int stamp_key_new(Common const& common);
int stamp_key_rotate(Common const& common);

struct OutcomesOptions {
    std::string ticket{}, tenant{}, queue_id{}, message_id{}, recipient{}, status{};
    std::string since{}, until{};   // "1h" ago, or RFC 3339
    std::size_t limit = 100;
    bool follow = false;
};
int outcomes(Common const& common, OutcomesOptions const& options);
int queue_stats(Common const& common, std::string const& postfix_config_directory);
int queue_failed(Common const& common, std::size_t limit);
int queue_retry(Common const& common, std::size_t most);
int alerts(Common const& common);

int reference(std::string const& page);   // config | events | metrics | man-keys

}   // namespace mailcore::ctl
