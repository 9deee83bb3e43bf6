// Commands that ask the running daemons by their control sockets.

#include <algorithm>
#include <iostream>

#include "ctl/client.hpp"
#include "ctl/commands.hpp"
#include "ctl/print.hpp"

namespace mailcore::ctl {
namespace {

using nlohmann::json;

std::string number(json const& body, char const* key) { return std::to_string(body.value(key, std::int64_t{0})); }

std::string uptime(std::int64_t seconds)
{
    auto const part = [](std::int64_t value, char const* unit) { return std::to_string(value) + unit; };
    if (seconds >= 86'400) return part(seconds / 86'400, "d ") + part(seconds % 86'400 / 3600, "h");
    if (seconds >= 3600) return part(seconds / 3600, "h ") + part(seconds % 3600 / 60, "m");
    return part(seconds / 60, "m ") + part(seconds % 60, "s");
}

// {"store": …, "up": …, "on_fallback": …, "fallback": …, "fallback_up": …, "full": …, "failures": …}
std::string health(json const& limits)
{
    bool const up = limits.value("up", true);
    bool const full = limits.value("full", false);
    std::string words = "fine";
    if (limits.value("on_fallback", false)) words = full ? "away; this host counts alone, but not what is new" : "away; this host counts alone";
    else if (!up && full) words = "full; what is new is not counted, limits.on_error decides";
    else if (!up) words = limits.value("fallback", "").empty() ? "failing; limits.on_error decides" : "failing, the fallback, too; limits.on_error decides";
    else if (!limits.value("fallback_up", true)) words = "fine, but without it nobody would count all: the fallback fails";
    auto const failures = limits.value("failures", std::int64_t{0});
    return failures == 0 ? words : words + ", " + counted(static_cast<std::size_t>(failures), "failure") + " so far";
}

// Both daemons tell of the same copies.
void add_once(std::vector<std::string>& list, std::string words)
{
    if (std::find(list.begin(), list.end(), words) == list.end()) list.push_back(std::move(words));
}

// Each daemon has its own way to the store, so each has its line.
void print_limits(std::vector<DaemonAnswer> const& answers)
{
    std::vector<std::vector<std::string>> rows;
    std::vector<std::string> troubles;
    std::int64_t suspended = 0;
    for (auto const& answer : answers) {
        if (!answer.ok() || !answer.body.contains("limits")) continue;
        auto const& limits = answer.body["limits"];
        for (auto const& words : limits.value("troubles", json::array())) add_once(troubles, shown(words.get<std::string>()));
        rows.push_back({answer.daemon, limits.value("store", ""), health(limits)});
        suspended = std::max(suspended, limits.value("suspended", std::int64_t{0}));
    }
    if (!rows.empty()) {
        std::cout << '\n';
        print_table({"DAEMON", "COUNTS LIMITS IN", "STATE"}, rows);
    }
    for (auto const& words : troubles) std::cout << '\n' << words << '\n';
    if (suspended > 0) {
        std::cout << '\n' << counted(static_cast<std::size_t>(suspended), "tenant")
                  << " suspended by an operator; mailcorectl tenants shows which\n";
    }
}

std::string mode_of(json const& tenant)
{
    auto mode = tenant.value("mode", "");
    return tenant.value("suspended", false) && mode != "suspended" ? "suspended by operator" : mode;
}

// Where the last of these columns begins, behind the others.
std::size_t last_column(std::vector<std::vector<std::string>> const& rows, std::size_t columns)
{
    std::size_t begin = 0;
    for (std::size_t i = 0; i + 1 < columns; ++i) {
        std::size_t widest = 0;
        for (auto const& row : rows) widest = std::max(widest, i < row.size() ? row[i].size() : 0);
        begin += widest + 2;
    }
    return begin;
}

// The columns of suspensions stand there only where somebody is suspended.
void print_tenants(json const& list)
{
    bool const any = std::any_of(list.begin(), list.end(), [](json const& tenant) { return tenant.value("suspended", false); });
    std::vector<std::string> head{"TENANT", "MODE"};
    if (any) head.insert(head.end(), {"SINCE", "REASON"});
    std::vector<std::vector<std::string>> rows;
    for (auto const& tenant : list) {
        std::vector<std::string> row{tenant.value("name", ""), mode_of(tenant)};
        bool const suspended = tenant.value("suspended", false);
        if (suspended) row.insert(row.end(), {minute_of(tenant.value("since", "")), shown(tenant.value("reason", ""))});
        rows.push_back(std::move(row));
    }
    auto const reasons_at = last_column(rows, head.size());
    for (auto& row : rows) {
        if (row.size() == head.size() && any) row.back() = wrapped(row.back(), reasons_at, terminal_width());
    }
    print_table(head, rows);
}

std::uint64_t total(json const& list)
{
    std::uint64_t sum = 0;
    for (auto const& entry : list) sum += entry.value("count", std::uint64_t{0});
    return sum;
}

// "mail_log 12034 bytes behind", "decision_log cannot be read"; a log that is read to its end needs no word.
std::string reading(json const& logs)
{
    std::string words;
    for (auto const& log : logs) {
        auto const behind = log.value("bytes_behind", std::uint64_t{0});
        bool const readable = log.value("readable", true);
        if (readable && behind == 0) continue;
        words += (words.empty() ? "" : ", ") + log.value("source", "") + (readable ? ' ' + counted(behind, "byte") + " behind" : " cannot be read");
    }
    return words.empty() ? "to the end" : words;
}

void print_outcomes(DaemonAnswer const& answer)
{
    if (!answer.ok()) return;
    auto const& body = answer.body;
    auto const to_tell = body["webhook"]["events"].value("pending", std::uint64_t{0});
    std::cout << '\n';
    print_table({"OUTCOMES READ", "SENT", "FAILED", "IN QUEUE", "LOST", "TO TELL"},
                {{reading(body["logs"]), std::to_string(total(body["sent"])), std::to_string(total(body["failed"])),
                  std::to_string(total(body["queue"])), number(body, "lost"), std::to_string(to_tell)}});
    auto const unreadable = body.value("unreadable_decisions", std::uint64_t{0});
    if (unreadable > 0) std::cout << '\n' << counted(unreadable, "decision line") << " could not be read; the event decision_unreadable says why.\n";
    auto const trouble = body.value("store_trouble", "");
    if (!trouble.empty()) std::cout << "\nNothing can be stored now; the logs are read again until it can.\n" << trouble << '\n';
}

// mailcore-outcomes reads the same configuration. A host may do without it, so that it does not run is no failure here.
DaemonAnswer reload_outcomes(Common const& common, json& document)
{
    auto answer = ask_outcomes(common.config, {{"command", "reload"}});
    if (!answer.running) return answer;
    document.push_back(answer.body);
    document.back()["daemon"] = answer.daemon;
    if (common.json) return answer;
    if (answer.ok()) std::cout << answer.daemon << ": reloaded\n";
    else std::cerr << answer.daemon << ": kept what it had:\n" << answer.error() << '\n';
    return answer;
}

}   // namespace

int reload(Common const& common)
{
    auto const answers = ask_all(common.config, "reload");
    auto document = json::array();
    bool failed = false;
    for (auto const& answer : answers) {
        failed |= answer.running && !answer.ok();
        auto entry = answer.body;
        entry["daemon"] = answer.daemon;
        document.push_back(entry);
        if (common.json) continue;
        if (answer.ok()) {
            std::cout << answer.daemon << ": reloaded (" << number(answer.body, "tenants") << " tenants, "
                      << number(answer.body, "rules") << " rules)\n";
        } else if (answer.running) {
            std::cerr << answer.daemon << ": kept the old rules:\n" << answer.error() << '\n';
        } else {
            std::cerr << answer.daemon << ": " << answer.error() << '\n';
        }
    }
    auto const outcomes = reload_outcomes(common, document);
    failed |= outcomes.running ? !outcomes.ok() : none_runs(answers);
    if (common.json) print_json(document);
    return failed ? 1 : 0;
}

int status(Common const& common)
{
    auto const answers = ask_all(common.config, "status");
    auto document = json::array();
    std::vector<std::vector<std::string>> rows;
    for (auto const& answer : answers) {
        auto entry = answer.body;
        entry["daemon"] = answer.daemon;
        document.push_back(entry);
        if (!answer.ok()) {
            rows.push_back({answer.daemon, answer.error()});
            continue;
        }
        auto const& decisions = answer.body["decisions"];
        rows.push_back({answer.daemon, "up " + uptime(answer.body.value("uptime_seconds", std::int64_t{0})),
                        number(answer.body, "connections"), number(answer.body, "tenants"), number(decisions, "pass"),
                        number(decisions, "reject"), number(decisions, "defer"), number(decisions, "hold")});
    }
    auto const outcomes = ask_outcomes(common.config, {{"command", "status"}});
    document.push_back(outcomes.body);
    document.back()["daemon"] = outcomes.daemon;
    rows.push_back({outcomes.daemon, outcomes.ok() ? "up " + uptime(outcomes.body.value("uptime_seconds", std::int64_t{0})) : outcomes.error()});
    if (common.json) {
        print_json(document);
    } else {
        print_table({"DAEMON", "STATE", "CONNECTIONS", "TENANTS", "PASS", "REJECT", "DEFER", "HOLD"}, rows);
        print_limits(answers);
        print_outcomes(outcomes);
    }
    return none_runs(answers) ? 1 : 0;
}

int tenants(Common const& common)
{
    auto const answers = ask_all(common.config, "tenants");
    for (auto const& answer : answers) {
        if (!answer.ok()) continue;   // both daemons have the same; the first that answers will do
        auto const& list = answer.body["tenants"];
        if (common.json) print_json(list);
        else print_tenants(list);
        return 0;
    }
    return complain_of_silence(answers);
}

int rules(Common const& common)
{
    auto const answers = ask_all(common.config, "rules");
    if (none_runs(answers)) return complain_of_silence(answers);
    auto document = json::array();
    std::vector<std::vector<std::string>> rows;
    for (auto const& answer : answers) {
        if (!answer.ok()) continue;
        for (auto rule : answer.body["rules"]) {
            rule["daemon"] = answer.daemon;
            rows.push_back({rule.value("name", ""), rule.value("action", ""), answer.daemon, number(rule, "hits"),
                            rule.value("position", "")});
            document.push_back(rule);
        }
    }
    if (common.json) print_json(document);
    else print_table({"RULE", "ACTION", "DAEMON", "HITS", "WHERE"}, rows);
    return 0;
}

}   // namespace mailcore::ctl
