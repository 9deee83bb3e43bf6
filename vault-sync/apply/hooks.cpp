#include "vault-sync/apply/hooks.hpp"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/base/child.hpp"
#include "core/base/text.hpp"

namespace mailcore::vault_sync {
namespace {

using nlohmann::json;

json facts(char const* event, base::Time now)
{
    char host[256] = {};
    static_cast<void>(::gethostname(host, sizeof host - 1));
    return {{"event", event}, {"time", base::format_time(now)}, {"host", host}};
}

json relay_facts(RelayOutcome const& outcome)
{
    json relay{{"name", outcome.name}, {"result", outcome.result}, {"words", outcome.words}};
    if (outcome.source) relay["source"] = word(*outcome.source);
    if (outcome.relay) {
        relay["host"] = outcome.relay->host;
        relay["port"] = outcome.relay->port;
        relay["user"] = outcome.relay->shown_user();
        relay["version"] = outcome.relay->version;
    }
    return relay;
}

json relays_facts(PassReport const& report)
{
    auto relays = json::array();
    for (auto const& relay : report.relays) relays.push_back(relay_facts(relay));
    return relays;
}

std::string text(json const& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"; }

}   // namespace

std::string change_facts(PassReport const& report, base::Time now)
{
    auto object = facts("change", now);
    object["generation"] = report.generation;
    object["former"] = report.former;
    object["active"] = report.routing.active;
    object["relays"] = relays_facts(report);
    return text(object);
}

std::string rollback_facts(RollbackReport const& report, bool automatic, base::Time now)
{
    auto object = facts("rollback", now);
    object["generation"] = report.generation;
    object["former"] = report.left;
    object["active"] = report.active;
    object["automatic"] = automatic;
    return text(object);
}

std::string failure_facts(PassReport const& report, int exit_code, base::Time now)
{
    auto object = facts("failure", now);
    object["exit_code"] = exit_code;
    object["generation"] = report.generation;
    object["complaints"] = report.state.complaints;
    object["relays"] = relays_facts(report);
    return text(object);
}

std::string overdue_facts(std::vector<SecretAge> const& ages, base::Time now)
{
    auto object = facts("overdue", now);
    object["secrets"] = json::array();
    for (auto const& age : ages) {
        if (!age.is_overdue && !age.is_soon) continue;
        object["secrets"].push_back({{"relay", age.relay}, {"age_days", age.days}, {"limit_days", age.limit_days}, {"overdue", age.is_overdue}});
    }
    return text(object);
}

base::Result<> run_hook(std::vector<std::string> const& hook, std::string const& facts, std::chrono::milliseconds timeout)
{
    if (hook.empty()) return {};
    base::ChildOptions options;
    options.input = facts;
    options.timeout = timeout;
    auto const ended = base::run_child(hook, options);
    if (!ended) return base::fail(ended.error());
    if (ended->status == 0) return {};
    auto const said = base::printable(base::trim(ended->err).substr(0, 300));
    return base::fail(hook.front() + " ended with status " + std::to_string(ended->status) + (said.empty() ? "" : ": " + said));
}

}   // namespace mailcore::vault_sync
