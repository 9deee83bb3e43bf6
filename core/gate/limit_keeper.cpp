#include "core/gate/limit_keeper.hpp"

#include "core/gate/limit_desk.hpp"

namespace mailcore::gate {
namespace {

namespace events = observe::events;

constexpr std::chrono::milliseconds kInterval{250};   // a suspension is seen within a second
constexpr unsigned kTurnsToHelp = 20;                 // every five seconds

void tell(observe::Log& log, store::Notice const& notice)
{
    using Kind = store::Notice::Kind;
    auto const& event = [&]() -> observe::Event const& {
        switch (notice.kind) {
            case Kind::Away: return events::kLimitStoreAway;
            case Kind::Back: return events::kLimitStoreBack;
            case Kind::Healed: return events::kLimitStoreHealed;
            case Kind::SuspensionsFailed: return events::kSuspensionsFailed;
            case Kind::SuspensionsMended: return events::kSuspensionsMended;
            case Kind::Failed: break;
        }
        return events::kLimitStoreFailed;
    }();
    log.write(event, {{"what", notice.words}});
}

// "kbz_test suspended (invoice 4711), shop resumed"
std::string changes(rules::Suspensions const& before, rules::Suspensions const& after)
{
    std::string words;
    for (auto const& [tenant, entry] : after) {
        auto const* const known = before.find(tenant);
        if (known != nullptr && *known == entry) continue;
        if (known == nullptr && !entry.suspended) continue;
        words += (words.empty() ? "" : ", ") + tenant + (entry.suspended ? " suspended" : " resumed");
        if (!entry.reason.empty()) words += " (" + entry.reason + ")";
    }
    return words;
}

}   // namespace

base::Result<std::unique_ptr<LimitKeeper>> LimitKeeper::open(config::Settings const& settings, observe::Log& log)
{
    auto const options = limits_options(settings);
    auto const to_log = [&log](store::Notice const& notice) { tell(log, notice); };
    auto limits = store::Limits::open(options, to_log);
    if (!limits) return base::fail(base::Error{limits.error()}.within("limits"));
    auto keeper = store::SuspensionKeeper::open(options, **limits, to_log);
    if (!keeper) return base::fail(base::Error{keeper.error()}.within("suspensions"));
    return std::unique_ptr<LimitKeeper>{new LimitKeeper{std::move(*limits), std::move(*keeper), log}};
}

LimitKeeper::LimitKeeper(std::unique_ptr<store::Limits> limits, std::unique_ptr<store::SuspensionKeeper> keeper, observe::Log& log)
    : log_{log},
      limits_{std::move(limits)},
      keeper_{std::move(keeper)},
      suspensions_{std::make_shared<rules::Suspensions const>()}
{
    {
        std::lock_guard const lock{mutex_};
        take_over();
    }
    thread_ = std::thread{[this] { run(); }};
}

LimitKeeper::~LimitKeeper()
{
    {
        std::lock_guard const lock{mutex_};
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void LimitKeeper::run()
{
    std::unique_lock lock{mutex_};
    while (!wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
        try {
            lock.unlock();
            limits_->keep(base::now());
            help();
            lock.lock();
            take_over();
        } catch (std::exception const& failure) {   // no memory, most likely; the next turn may fare better
            if (!lock.owns_lock()) lock.lock();
            log_.write(events::kLimitStoreFailed, {{"what", failure.what()}});
        }
    }
}

void LimitKeeper::help()
{
    if (++turns_ % kTurnsToHelp != 0) return;
    std::lock_guard const lock{helper_mutex_};
    if (helper_) helper_(base::now());
}

void LimitKeeper::help_too(std::function<void(base::Time)> helper)
{
    std::lock_guard const lock{helper_mutex_};
    helper_ = std::move(helper);
}

void LimitKeeper::take_over()
{
    keeper_->refresh();
    auto const before = suspensions_.get();
    if (*before == keeper_->current()) return;
    suspensions_.replace(std::make_shared<rules::Suspensions const>(keeper_->current()));
    if (auto const words = changes(*before, keeper_->current()); !words.empty()) {
        log_.write(events::kSuspensionsChanged, {{"what", words}});
    }
}

observe::LimitStoreFacts LimitKeeper::facts() const
{
    auto const health = limits_->health();
    auto const copies = keeper_->health();
    return {.up = health.up, .on_fallback = health.on_fallback, .fallback_up = health.fallback_up,
            .host_suspensions_up = copies.host_up, .shared_suspensions_up = copies.shared_up, .failures = health.failures,
            .fallback_calls = health.fallback_calls, .suspended_tenants = suspensions_.get()->suspended()};
}

base::Result<std::string> LimitKeeper::answer(std::string const& request, rules::Ruleset const& ruleset)
{
    LimitDesk desk{ruleset, *limits_, *keeper_};
    if (!LimitDesk::is_about_suspensions(request)) return desk.answer(request, base::now());
    std::lock_guard const lock{mutex_};
    auto answer = desk.answer(request, base::now());
    take_over();
    return answer;
}

}   // namespace mailcore::gate
