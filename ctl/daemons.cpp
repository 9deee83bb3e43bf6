// Commands that ask the running daemons by their control sockets.

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <optional>

#include "core/base/text.hpp"
#include "core/config/load.hpp"
#include "core/run/control_socket.hpp"
#include "ctl/commands.hpp"
#include "ctl/print.hpp"

namespace mailcore::ctl {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 2> kDaemons{"mailcore-policy", "mailcore-milter"};

struct Answer {
    std::string daemon;
    bool running = false;
    json body;           // {"ok": …}; of a daemon that does not run: {"ok": false, "error": "not running"}
    bool ok() const { return body.value("ok", false); }
    std::string error() const { return body.value("error", ""); }
};

Answer ask(std::string const& state_directory, std::string_view daemon, std::string_view command)
{
    Answer answer{std::string{daemon}, false, {{"ok", false}, {"error", "not running"}}};
    auto const path = run::control_path(state_directory, daemon);
    if (!std::filesystem::exists(path)) return answer;
    auto const line = run::call_control_socket(path, json{{"command", command}}.dump());
    if (!line) {
        answer.body["error"] = line.error().message;
        return answer;
    }
    answer.body = json::parse(*line, nullptr, false);
    answer.running = true;
    if (!answer.body.is_object()) answer.body = {{"ok", false}, {"error", "answered what is no JSON object"}};
    return answer;
}

// The value of a line "state_directory: VALUE", with its quotes and comment taken off.
std::optional<std::string> state_directory_in(std::string_view line)
{
    constexpr std::string_view key = "state_directory:";
    if (!line.starts_with(key)) return std::nullopt;
    auto value = base::trim(line.substr(key.size()));
    value = base::trim(value.substr(0, value.find(" #")));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) value = value.substr(1, value.size() - 2);
    return std::string{value};
}

// Only the state directory is needed: mistakes elsewhere in the file, even one that keeps it from being read as YAML,
// must not keep the operator from asking.
std::string find_state_directory(std::string const& path)
{
    config::Diagnostics problems;
    auto const settings = config::load(path, problems);
    if (!problems.has_errors() || settings.state_directory.position.line > 0) return settings.state_directory.value;
    auto const text = read_input(path);
    if (!text) return settings.state_directory.value;
    for (auto const line : base::split(*text, '\n')) {
        if (auto const written = state_directory_in(line)) return *written;
    }
    return settings.state_directory.value;
}

std::vector<Answer> ask_all(Common const& common, std::string_view command)
{
    auto const state_directory = find_state_directory(common.config);
    std::vector<Answer> answers;
    for (auto const daemon : kDaemons) answers.push_back(ask(state_directory, daemon, command));
    return answers;
}

bool none_runs(std::vector<Answer> const& answers)
{
    return std::none_of(answers.begin(), answers.end(), [](Answer const& answer) { return answer.running; });
}

int complain_of_silence(std::vector<Answer> const& answers)
{
    for (auto const& answer : answers) complain(answer.daemon + ": " + answer.error());
    return 1;
}

std::string number(json const& body, char const* key) { return std::to_string(body.value(key, std::int64_t{0})); }

std::string uptime(std::int64_t seconds)
{
    auto const part = [](std::int64_t value, char const* unit) { return std::to_string(value) + unit; };
    if (seconds >= 86'400) return part(seconds / 86'400, "d ") + part(seconds % 86'400 / 3600, "h");
    if (seconds >= 3600) return part(seconds / 3600, "h ") + part(seconds % 3600 / 60, "m");
    return part(seconds / 60, "m ") + part(seconds % 60, "s");
}

}   // namespace

int reload(Common const& common)
{
    auto const answers = ask_all(common, "reload");
    auto document = json::array();
    bool failed = none_runs(answers);
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
    if (common.json) print_json(document);
    return failed ? 1 : 0;
}

int status(Common const& common)
{
    auto const answers = ask_all(common, "status");
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
    if (common.json) print_json(document);
    else print_table({"DAEMON", "STATE", "CONNECTIONS", "TENANTS", "PASS", "REJECT", "DEFER", "HOLD"}, rows);
    return none_runs(answers) ? 1 : 0;
}

int tenants(Common const& common)
{
    auto const answers = ask_all(common, "tenants");
    for (auto const& answer : answers) {
        if (!answer.ok()) continue;   // both daemons have the same; the first that answers will do
        auto const& list = answer.body["tenants"];
        std::vector<std::vector<std::string>> rows;
        for (auto const& tenant : list) rows.push_back({tenant.value("name", ""), tenant.value("mode", "")});
        if (common.json) print_json(list);
        else print_table({"TENANT", "MODE"}, rows);
        return 0;
    }
    return complain_of_silence(answers);
}

int rules(Common const& common)
{
    auto const answers = ask_all(common, "rules");
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
