// watch: a pass each interval, the token kept alive in between, the queue looked at after a switch.
//
// One thread works; the signal thread wakes or stops it. SIGHUP: the configuration anew, and a pass now.

#include <atomic>
#include <csignal>
#include <random>

#include "core/net/address.hpp"
#include "core/observe/log.hpp"
#include "core/run/daemon.hpp"
#include "core/run/notify.hpp"
#include "core/run/signals.hpp"
#include "vault-sync/apply/auto_rollback.hpp"
#include "vault-sync/apply/hooks.hpp"
#include "vault-sync/command/commands.hpp"
#include "vault-sync/command/session.hpp"
#include "vault-sync/command/work.hpp"
#include "vault-sync/config/load.hpp"

namespace mailcore::vault_sync {
namespace {

namespace events = observe::events;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLookEvery{10};   // at the queue, after a switch, and at the token

std::string_view result_word(int code)
{
    switch (code) {
        case 0: return "ok";
        case 10: return "degraded";
        case 11: return "provider_refused";
        case 12: return "login_refused";
        default: return "failed";
    }
}

// As `log` in the configuration says. A configuration with errors is complained of by the session.
base::Result<observe::Log> open_watch_log(std::string const& config)
{
    config::Diagnostics problems;
    auto const log = load_settings(config, problems).log;
    return observe::Log::open("vault-sync", log.level, log.format, log.target);
}

class Watch {
public:
    Watch(Common const& common, observe::Log& log, StopSwitch& stop) : common_{common}, log_{log}, stop_{stop} {}

    base::Result<> start()
    {
        if (auto opened = open_session(); !opened) return opened;
        return serve_metrics();
    }

    void reload() { reload_ = true; stop_.wake(); }

    void run()
    {
        log_.write(events::kStarted, {{"words", "watching every " + std::to_string(session_->settings().watch.interval.count() / 1000) + " s"}});
        auto next_pass = Clock::now();
        while (!stop_.is_stopped()) {
            if (reload_.exchange(false)) {
                take_new_configuration();
                next_pass = Clock::now();
            }
            if (Clock::now() >= next_pass) {
                pass();
                next_pass = Clock::now() + session_->settings().watch.interval + jitter();
            }
            look();
            run::notify_alive();
            auto const until_pass = std::chrono::duration_cast<std::chrono::milliseconds>(next_pass - Clock::now());
            auto const nap = std::min<std::chrono::milliseconds>(until_pass, look_interval());
            if (!stop_.sleep_or_wake(std::max(nap, std::chrono::milliseconds{1}))) break;
        }
        if (auto* const vault = session_->vault()) vault->revoke_own_token();
        log_.write(events::kStopped);
    }

    void stop_serving() { metrics_.stop_serving(); }

private:
    base::Result<> open_session()
    {
        auto session = Session::open(common_.config, "watch", stop_);
        if (!session) return base::fail(session.error());
        (*session)->use_log(&log_);
        if (auto opened = (*session)->open_output(); !opened) return opened;
        session_ = std::move(*session);
        return {};
    }

    base::Result<> serve_metrics()
    {
        if (session_->settings().metrics.listen.value.empty()) return {};
        auto const address = net::SocketAddress::parse(session_->settings().metrics.listen.value);
        if (!address) return base::fail("metrics.listen: " + address.error().message);
        return metrics_.serve(*address);
    }

    // The old configuration stays where the new one has errors.
    void take_new_configuration()
    {
        run::notify_reloading();
        auto former = std::move(session_);
        if (auto opened = open_session(); !opened) {
            session_ = std::move(former);
            log_.write(events::kReloadFailed, {{"words", opened.error().message}});
        } else {
            if (auto* const vault = former->vault()) vault->revoke_own_token();
            log_.write(events::kRulesReloaded, {{"words", "the configuration was read anew"}});
        }
        run::notify_ready("watching");
    }

    std::chrono::milliseconds jitter()
    {
        auto const most = session_->settings().watch.jitter.count();
        return std::chrono::milliseconds{std::uniform_int_distribution<std::int64_t>{0, std::max<std::int64_t>(0, most)}(random_)};
    }

    std::chrono::milliseconds look_interval() const
    {
        auto const watchdog = std::chrono::duration_cast<std::chrono::milliseconds>(run::watchdog_interval());
        auto const usual = std::min<std::chrono::milliseconds>(kLookEvery, std::max<std::chrono::milliseconds>(
                                        session_->settings().auto_rollback.window / 20, std::chrono::milliseconds{200}));
        return watchdog.count() > 0 ? std::min(usual, watchdog / 3) : usual;
    }

    void pass()
    {
        auto const report = run_pass(session_->workshop(), {});
        if (!report) {
            ++facts_.passes["failed"];
            log_.write(events::kSwitchFailed, {{"words", report.error().message}});
            return tell_metrics();
        }
        auto const code = exit_code(*report, false, false);
        ++facts_.passes[std::string{result_word(code)}];
        facts_.switches += report->changed ? 1u : 0u;
        generation_ = report->generation;
        tell_hooks(*report, code);
        run::notify_status("generation " + std::to_string(report->generation) + ", active " + report->routing.active + ", last pass " +
                           std::string{result_word(code)});
        tell_metrics();
    }

    // on_failure once for each new trouble, not every five minutes.
    void tell_hooks(PassReport const& report, int code)
    {
        std::string trouble = std::to_string(code);
        for (auto const& [relay, words] : report.state.complaints) trouble += '\n' + relay;
        bool const is_news = code != 0 && trouble != trouble_told_;
        trouble_told_ = code == 0 ? "" : trouble;
        finish_pass(*session_, report, is_news ? TellFailure::Yes : TellFailure::No);
    }

    // Between passes: the token's life, and what the last switch did to deliveries.
    void look()
    {
        auto& workshop = session_->workshop();
        if (auto* const vault = session_->vault()) {
            if (auto kept = vault->keep_alive(workshop.now()); !kept && kept.error().message != token_trouble_) {
                token_trouble_ = kept.error().message;
                workshop.notify({&events::kTokenWarning, "", token_trouble_});
            } else if (kept) {
                token_trouble_.clear();
            }
        }
        if (auto const back = roll_back_if_refused(workshop)) {
            ++facts_.rollbacks;
            generation_ = back->generation;
            session_->audit("rollback", "generation " + std::to_string(back->generation), 0, "automatic rollback", "ok");
            tell_hook(*session_, session_->settings().hooks.on_change, rollback_facts(*back, true, workshop.now()));
            tell_metrics();
        }
    }

    void tell_metrics()
    {
        auto const state = session_->workshop().states.load().value_or(State{});
        auto facts = facts_of(*session_, state, generation_);
        facts.passes = facts_.passes;
        facts.switches = facts_.switches;
        facts.rollbacks = facts_.rollbacks;
        metrics_.set(std::move(facts));
        write_textfile(*session_, metrics_.text());
    }

    Common const& common_;
    observe::Log& log_;
    StopSwitch& stop_;
    std::unique_ptr<Session> session_;
    observe::SyncMetrics metrics_{MAILCORE_VERSION};
    observe::SyncFacts facts_;   // the counters
    std::uint64_t generation_ = 0;
    std::string trouble_told_, token_trouble_;
    std::atomic<bool> reload_{false};
    std::mt19937 random_{std::random_device{}()};
};

}   // namespace

int watch(Common const& common)
{
    run::block_signals({SIGHUP, SIGTERM, SIGINT});
    StopSwitch stop;
    auto log = open_watch_log(common.config);
    if (!log) return complain(log.error());
    Watch watch{common, *log, stop};
    run::SignalThread signals{{{SIGHUP, [&] { watch.reload(); }},
                               {SIGTERM, [&] { run::notify_stopping(); stop.stop(); }},
                               {SIGINT, [&] { stop.stop(); }}}};
    if (auto started = watch.start(); !started) return complain(started.error());
    run::notify_ready("watching");
    watch.run();
    watch.stop_serving();
    return 0;
}

}   // namespace mailcore::vault_sync
