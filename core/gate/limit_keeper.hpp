// The limits' store, the suspensions, and the thread that looks after both: four times a second it takes over what has
// been suspended or resumed elsewhere, sweeps, comes back to a Redis that was away, and mends a damaged table.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/clock.hpp"
#include "core/config/settings.hpp"
#include "core/observe/limit_metrics.hpp"
#include "core/observe/log.hpp"
#include "core/rules/ruleset.hpp"
#include "core/run/snapshot.hpp"
#include "core/store/limits.hpp"
#include "core/store/suspensions.hpp"

namespace mailcore::gate {

class LimitKeeper {
public:
    // Suspensions are known when this returns. `log` must outlive the keeper.
    static base::Result<std::unique_ptr<LimitKeeper>> open(config::Settings const& settings, observe::Log& log);
    ~LimitKeeper();
    LimitKeeper(LimitKeeper const&) = delete;
    LimitKeeper& operator=(LimitKeeper const&) = delete;

    rules::LimitStore& store() { return *limits_; }
    run::Snapshot<rules::Suspensions> const& suspensions() const { return suspensions_; }
    observe::LimitStoreFacts facts() const;
    store::Limits::Health health() const { return limits_->health(); }
    store::SuspensionKeeper::Health suspensions_health() const { return keeper_->health(); }

    // Called by the keeper's thread every five seconds from here on; the one before has returned when this does. It must be
    // brief: suspensions wait for it.
    void help_too(std::function<void(base::Time)> helper);

    // See limit_desk.hpp. Any thread; what is about suspensions waits for nothing else.
    base::Result<std::string> answer(std::string const& request, rules::Ruleset const& ruleset);

private:
    LimitKeeper(std::unique_ptr<store::Limits> limits, std::unique_ptr<store::SuspensionKeeper> keeper, observe::Log& log);
    void run();
    void help();
    void take_over();   // under mutex_

    observe::Log& log_;
    std::unique_ptr<store::Limits> limits_;
    std::mutex mutex_;   // of keeper_, and of stopping_
    std::unique_ptr<store::SuspensionKeeper> keeper_;
    run::Snapshot<rules::Suspensions> suspensions_;
    std::condition_variable wake_;
    bool stopping_ = false;
    unsigned turns_ = 0;   // by the thread
    std::mutex helper_mutex_;
    std::function<void(base::Time)> helper_;
    std::thread thread_;
};

}   // namespace mailcore::gate
