#include "vault-sync/command/show.hpp"

#include <iostream>

#include "core/run/print.hpp"

namespace mailcore::vault_sync {
namespace {

using nlohmann::json;

json outcome_json(RelayOutcome const& outcome)
{
    auto object = outcome.relay ? relay_json(*outcome.relay) : json::object();
    object["result"] = outcome.result;
    object["words"] = outcome.words;
    if (outcome.source) object["source"] = word(*outcome.source);
    return object;
}

json pass_json(PassReport const& report, int exit_code)
{
    auto relays = json::object();
    for (auto const& outcome : report.relays) relays[outcome.name] = outcome_json(outcome);
    return {{"changed", report.changed}, {"generation", report.generation}, {"former", report.former},
            {"active", report.routing.active}, {"fallback", report.routing.fallback}, {"exit_code", exit_code}, {"relays", relays}};
}

std::string headline(PassReport const& report)
{
    if (report.generation == 0) return "no generation yet";
    auto const number = "generation " + std::to_string(report.generation);
    auto words = report.changed ? number + " is current" : number + " stays: nothing to change";
    if (report.changed && report.former != 0) words += " (was " + std::to_string(report.former) + ")";
    bool const is_trouble = report.failed || report.provider_refused || report.login_refused;
    if (!report.changed && is_trouble) words = number + " stays";
    words += "; active relay " + report.routing.active;
    for (auto const& fallback : report.routing.fallback) words += (&fallback == report.routing.fallback.data() ? ", fallback " : ", ") + fallback;
    return words;
}

}   // namespace

std::string host_and_port(Relay const& relay)
{
    bool const is_v6 = relay.host.find(':') != std::string::npos;
    return (is_v6 ? '[' + relay.host + ']' : relay.host) + ':' + std::to_string(relay.port);
}

void print_line(std::string const& name, std::string const& value)
{
    constexpr std::size_t kColumn = 14;
    std::cout << name << std::string(name.size() < kColumn ? kColumn - name.size() : 1, ' ') << value << '\n';
}

json relay_json(Relay const& relay)
{
    return {{"host", relay.host}, {"port", relay.port}, {"tls", word(relay.tls)}, {"user", relay.shown_user()}, {"kind", relay.kind},
            {"source", word(relay.source)}, {"path", relay.path}, {"version", relay.version}};
}

void show_pass(PassReport const& report, int exit_code, bool json)
{
    if (json) return run::print_json(pass_json(report, exit_code));
    std::cout << headline(report) << "\n\n";
    std::vector<std::vector<std::string>> rows;
    for (auto const& outcome : report.relays) {
        auto const source = outcome.source ? std::string{word(*outcome.source)} : "-";
        rows.push_back({outcome.name, outcome.relay ? host_and_port(*outcome.relay) : "-", source, outcome.result});
    }
    run::print_table({"RELAY", "HOST", "SOURCE", "RESULT"}, rows);
}

}   // namespace mailcore::vault_sync
