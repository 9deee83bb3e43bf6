#include "ctl/client.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "core/base/text.hpp"
#include "core/config/load.hpp"
#include "core/gate/limit_desk.hpp"
#include "core/rules/read.hpp"
#include "core/run/control_socket.hpp"
#include "ctl/print.hpp"

namespace mailcore::ctl {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 2> kDaemons{"mailcore-policy", "mailcore-milter"};
constexpr auto kNotRunning = "not running";

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

// That a damaged table was begun anew is worth a word. What else there is, a command's answer tells.
void tell(store::Notice const& notice)
{
    using Kind = store::Notice::Kind;
    if (notice.kind == Kind::Healed || notice.kind == Kind::SuspensionsMended) complain(notice.words);
}

// Daemons that are there and cannot be reached, as an addition to an error: "; mailcore-policy: cannot reach …".
std::string unreachable(std::vector<DaemonAnswer> const& silent)
{
    std::string words;
    for (auto const& answer : silent) {
        if (answer.error() != kNotRunning) words += "; " + answer.daemon + ": " + answer.error();
    }
    return words;
}

// A path below what this user may not look into may be there.
bool is_there(std::string const& path)
{
    std::error_code hidden;
    return std::filesystem::exists(path, hidden) || hidden;
}

}   // namespace

std::string find_state_directory(std::string const& config)
{
    config::Diagnostics problems;
    auto const settings = config::load(config, problems);
    if (!problems.has_errors() || settings.state_directory.position.line > 0) return settings.state_directory.value;
    auto const text = read_input(config);
    if (!text) return settings.state_directory.value;
    for (auto const line : base::split(*text, '\n')) {
        if (auto const written = state_directory_in(line)) return *written;
    }
    return settings.state_directory.value;
}

DaemonAnswer ask_daemon(std::string const& state_directory, std::string_view daemon, json const& request)
{
    DaemonAnswer answer{std::string{daemon}, false, {{"ok", false}, {"error", kNotRunning}}};
    auto const path = run::control_path(state_directory, daemon);
    if (!is_there(path)) return answer;
    auto const line = run::call_control_socket(path, request.dump(-1, ' ', false, json::error_handler_t::replace));
    if (!line) {
        answer.body["error"] = line.error().message;
        return answer;
    }
    answer.body = json::parse(*line, nullptr, false);
    answer.running = true;
    if (!answer.body.is_object()) answer.body = {{"ok", false}, {"error", "answered what is no JSON object"}};
    return answer;
}

std::vector<DaemonAnswer> ask_all(std::string const& config, std::string_view command)
{
    auto const state_directory = find_state_directory(config);
    std::vector<DaemonAnswer> answers;
    answers.reserve(kDaemons.size());
    for (auto const daemon : kDaemons) answers.push_back(ask_daemon(state_directory, daemon, {{"command", command}}));
    return answers;
}

DaemonAnswer ask_outcomes(std::string const& config, json const& request)
{
    return ask_daemon(find_state_directory(config), "mailcore-outcomes", request);
}

bool none_runs(std::vector<DaemonAnswer> const& answers)
{
    return std::none_of(answers.begin(), answers.end(), [](DaemonAnswer const& answer) { return answer.running; });
}

int complain_of_silence(std::vector<DaemonAnswer> const& answers)
{
    for (auto const& answer : answers) complain(answer.daemon + ": " + answer.error());
    return 1;
}

// Everything that a LimitDesk stands on; in the order in which it must be made.
struct Desk::Store {
    std::shared_ptr<rules::Ruleset const> ruleset;
    std::unique_ptr<store::Limits> limits;
    std::unique_ptr<store::SuspensionKeeper> suspensions;
};

Desk::Desk(std::string config) : config_{std::move(config)}, state_directory_{find_state_directory(config_)} {}
Desk::~Desk() = default;

base::Result<json> Desk::ask(json const& request)
{
    std::vector<DaemonAnswer> silent;
    for (auto const daemon : kDaemons) {
        if (store_ != nullptr) break;
        auto answer = ask_daemon(state_directory_, daemon, request);
        if (answer.ok()) return std::move(answer.body);
        if (answer.running) return base::fail(answer.error());
        silent.push_back(std::move(answer));
    }
    if (auto const opened = open_store(); !opened) {
        auto error = opened.error();
        if (error.kind == base::ErrorKind::Failed) error.message += unreachable(silent);
        return base::fail(std::move(error));
    }
    auto const text = request.dump(-1, ' ', false, json::error_handler_t::replace);
    auto const answer = gate::LimitDesk{*store_->ruleset, *store_->limits, *store_->suspensions}.answer(text, base::now());
    if (!answer) return base::fail(answer.error());
    return json::parse(*answer);
}

base::Result<> Desk::open_store()
{
    if (store_ != nullptr) return {};
    auto const configuration = rules::read_configuration(config_);
    if (!configuration) return base::fail(configuration.error());
    if (!is_there(state_directory_)) {
        return base::fail("no daemon runs, and there is no state directory " + state_directory_);
    }
    auto const options = gate::limits_options(configuration->settings);
    auto limits = store::Limits::open(options, tell);
    if (!limits) return base::fail(base::Error{limits.error()}.within("no daemon runs, and limits.store cannot be opened"));
    auto suspensions = store::SuspensionKeeper::open(options, **limits, tell);
    if (!suspensions) return base::fail(base::Error{suspensions.error()}.within("no daemon runs, and the suspensions cannot be opened"));
    store_ = std::make_unique<Store>(Store{configuration->ruleset, std::move(*limits), std::move(*suspensions)});
    return {};
}

bool Desk::is_untouched() const { return store_ == nullptr && !is_there(state_directory_); }

std::vector<std::string> Desk::tenants() const
{
    std::vector<std::string> names;
    if (store_ != nullptr) {
        for (auto const& tenant : store_->ruleset->tenants) names.push_back(tenant.name);
        return names;
    }
    for (auto const daemon : kDaemons) {
        auto const answer = ask_daemon(state_directory_, daemon, {{"command", "tenants"}});
        if (!answer.ok()) continue;
        for (auto const& tenant : answer.body["tenants"]) names.push_back(tenant.value("name", ""));
        break;
    }
    return names;
}

int complain_of_tenant(Desk const& desk, base::Error error, std::string const& tenant)
{
    if (!error.message.starts_with("no tenant ")) return complain(error);
    auto const names = desk.tenants();
    std::vector<std::string_view> const candidates(names.begin(), names.end());
    auto const near = base::nearest(tenant, candidates);
    error.message += near.empty() ? "; mailcorectl tenants lists them" : "; did you mean \"" + std::string{near} + "\"?";
    return complain(error);
}

}   // namespace mailcore::ctl
