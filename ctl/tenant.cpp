// The operator's switch: a tenant suspended or resumed, with what of it waits in Postfix's queue.

#include <chrono>
#include <iostream>
#include <optional>
#include <thread>
#include <unistd.h>

#include "core/base/text.hpp"
#include "core/config/load.hpp"
#include "core/rules/read.hpp"
#include "core/store/redis.hpp"
#include "ctl/client.hpp"
#include "ctl/commands.hpp"
#include "ctl/print.hpp"
#include "ctl/tenant_queue.hpp"

namespace mailcore::ctl {
namespace {

using nlohmann::json;

// Daemons see a suspension within a second; a message that one of them had let pass is in the queue soon after.
constexpr std::chrono::seconds kUntilSeen{2};
constexpr std::size_t kLongestReason = 300;

// The store as it may be shown, where hosts share it; nothing with LMDB.
std::optional<std::string> fleet_store(config::Settings const& settings)
{
    auto const& store = settings.limits.store.value;
    if (!store.starts_with("redis")) return std::nullopt;
    auto const address = store::RedisAddress::parse(store);
    return address ? address->shown() : std::optional<std::string>{"limits.store"};
}

bool is_suspended_by_file(config::Settings const& settings, std::string const& tenant)
{
    for (auto const& one : settings.tenants) {
        if (one.name.value == tenant) return one.mode == "suspended";
    }
    return false;
}

base::Result<TenantQueue> open_queue(TenantOptions const& options, config::Settings const& settings, config::Diagnostics& problems)
{
    auto keys = rules::read_stamp_keys(settings.stamp.keys_file, problems);
    if (problems.has_errors()) return base::fail(problems.text(), base::ErrorKind::Configuration);
    return TenantQueue{Postfix{options.postfix_config_directory}, options.name, settings.stamp, std::move(keys)};
}

// What stops --hold or --release is found before anything is changed.
base::Result<std::optional<TenantQueue>> prepare_queue(TenantOptions const& options, config::Settings const& settings,
                                                       config::Diagnostics& problems, char const* option)
{
    if (!options.queued) return std::nullopt;
    if (::geteuid() != 0) {
        return base::fail(std::string{option} + " is for root, as postsuper is; nothing was changed. Try sudo, or leave " + option + " out");
    }
    auto queue = open_queue(options, settings, problems);
    if (!queue) return base::fail(queue.error());
    auto const readable = Queue{Postfix{options.postfix_config_directory}}.list();
    if (!readable) return base::fail(readable.error().message + "; nothing was changed");
    return std::optional{std::move(*queue)};
}

json as_json(json const& answer)
{
    json document{{"tenant", answer.value("tenant", "")}, {"suspended", answer.value("suspended", false)},
                  {"changed", answer.value("changed", false)}, {"told_fleet", answer.value("told_fleet", true)}};
    if (auto const untold = answer.value("untold", ""); !untold.empty()) document["untold"] = untold;
    return document;
}

void say(Common const& common, std::string const& words)
{
    if (!common.json) std::cout << words << std::flush;   // holding takes its time
}

// `untold`: what the copy of the suspensions that could not be written said, be it that of the fleet or this host's own.
void say_of_fleet(Common const& common, std::optional<std::string> const& store, json const& document)
{
    bool const told = document["told_fleet"];
    auto const untold = document.value("untold", "");
    if (store && told) say(common, "All hosts of " + *store + " are told\n");
    bool const is_away = untold.empty() || untold.starts_with("Redis is away");
    if (store && !told && is_away) complain(*store + " is away: only this host knows; the others are told when it is back");
    else if (store && !told) complain(untold + ": only this host knows; the others are told when that is mended");
    else if (!untold.empty()) complain(untold + ": only one of two copies of the suspensions knows; the other is told when that is mended");
}

// ---- suspend

std::string suspended_words(std::string const& tenant, bool changed, bool asked_daemon)
{
    if (!changed) return tenant + ": was suspended already\n";
    return tenant + ": suspended; " + (asked_daemon ? "its mail is refused within a second (tenant_suspended)\n"
                                                    : "no daemon runs here, they refuse its mail when they start\n");
}

std::string held_words(TenantQueue::Held const& held, bool has_fleet)
{
    auto words = counted(held.held, "message") + " of it in Postfix's queue put on hold\n";
    if (held.unproved > 0) words += counted(held.unproved, "message") + " with its name and no valid stamp left alone\n";
    if (held.unread > 0) words += counted(held.unread, "message") + " could not be read, or left the queue meanwhile\n";
    return has_fleet ? words + "Other hosts have queues of their own: tenant suspend --hold there, too\n" : words;
}

// ---- resume

struct OnHold {
    std::size_t released = 0;
    std::size_t held = 0;    // by suspend --hold, and not released
    std::size_t others = 0;
};

base::Result<OnHold> release_or_count(std::optional<TenantQueue>& queue, TenantOptions const& options)
{
    if (!queue) {
        TenantQueue const only_counted{Postfix{options.postfix_config_directory}, options.name, {}, nullptr};
        return OnHold{0, only_counted.count_held().value_or(0), 0};   // where there is no Postfix, nothing waits
    }
    auto const released = queue->release();
    if (!released) return base::fail(released.error());
    return OnHold{released->released, 0, released->left};
}

std::string resumed_words(std::string const& tenant, bool changed, bool suspended_by_file)
{
    auto words = tenant + (changed ? ": resumed; its mail is judged as before within a second\n" : ": was not suspended by an operator\n");
    return suspended_by_file ? words + "It stays suspended by its mode in the configuration\n" : words;
}

std::string on_hold_words(OnHold const& hold, bool asked_to_release)
{
    std::string words;
    if (asked_to_release) words += counted(hold.released, "message") + " released from hold\n";
    if (hold.held > 0) words += counted(hold.held, "message") + " of it still on hold; tenant resume --release lets them go\n";
    if (hold.others > 0) words += counted(hold.others, "message") + " of it still on hold, put there by a rule or by hand\n";
    return words;
}

}   // namespace

int tenant_suspend(Common const& common, TenantOptions const& options)
{
    if (options.reason.size() > kLongestReason) {
        return complain("--reason: at most " + std::to_string(kLongestReason) + " bytes", 64);
    }
    config::Diagnostics problems;
    auto const settings = config::load(common.config, problems);
    auto queue = prepare_queue(options, settings, problems, "--hold");
    if (!queue) return complain(queue.error());

    Desk desk{common.config};
    auto const answer = desk.ask({{"command", "suspend"}, {"tenant", options.name}, {"reason", options.reason}});
    if (!answer) return complain_of_tenant(desk, answer.error(), options.name);
    auto document = as_json(*answer);
    bool const changed = document["changed"];
    say(common, suspended_words(options.name, changed, desk.asked_daemon()));
    auto const fleet = fleet_store(settings);
    say_of_fleet(common, fleet, document);

    if (*queue) {
        auto const held = (*queue)->hold([&] { if (changed) std::this_thread::sleep_for(kUntilSeen); });
        if (!held) return complain("what is in Postfix's queue is not on hold: " + held.error().message);
        document.update({{"held", held->held}, {"unproved", held->unproved}, {"unread", held->unread}});
        say(common, held_words(*held, fleet.has_value()));
    } else {
        say(common, "What is in Postfix's queue still goes; --hold stops that, too\n");
    }
    if (common.json) print_json(document);
    return 0;
}

int tenant_resume(Common const& common, TenantOptions const& options)
{
    config::Diagnostics problems;
    auto const settings = config::load(common.config, problems);
    auto queue = prepare_queue(options, settings, problems, "--release");
    if (!queue) return complain(queue.error());

    Desk desk{common.config};
    auto const answer = desk.ask({{"command", "resume"}, {"tenant", options.name}});
    if (!answer) return complain_of_tenant(desk, answer.error(), options.name);
    auto document = as_json(*answer);
    say(common, resumed_words(options.name, document["changed"], is_suspended_by_file(settings, options.name)));
    say_of_fleet(common, fleet_store(settings), document);

    auto const on_hold = release_or_count(*queue, options);
    if (!on_hold) return complain("what is on hold stays there: " + on_hold.error().message);
    document.update({{"released", on_hold->released}, {"on_hold", on_hold->held + on_hold->others}});
    say(common, on_hold_words(*on_hold, options.queued));
    if (common.json) print_json(document);
    return 0;
}

}   // namespace mailcore::ctl
