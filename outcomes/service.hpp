// The loop of mailcore-outcomes: reads both logs, joins, stores a batch with the positions in one transaction, wakes the
// webhook. Starts anew with other settings at a reload; nothing is lost by that, since the positions are in the store.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/config/settings.hpp"
#include "core/observe/log.hpp"
#include "core/observe/outcome_metrics.hpp"
#include "outcomes/join/joiner.hpp"
#include "outcomes/log/follower.hpp"
#include "outcomes/store/outcome_store.hpp"
#include "outcomes/trouble.hpp"
#include "outcomes/webhook/webhook.hpp"

namespace mailcore::outcomes {

// What a run needs of the configuration.
struct ServiceOptions {
    std::string mail_log;        // /path | journal | - (standard input: ends with it)
    std::string decision_log;    // "" = off: nothing is known of tenants
    std::string store_path;
    std::chrono::milliseconds retention{};
    std::map<std::string, std::string> providers;
    WebhookOptions webhook;
    base::Time (*now)() = base::now;   // the clock, which may be set

    static ServiceOptions from(config::Settings const& settings);
};

class OutcomesService {
public:
    // Fails where the store cannot be opened, or another daemon uses it. All arguments must outlive the service.
    static base::Result<std::unique_ptr<OutcomesService>> open(ServiceOptions options, observe::Log& log, observe::OutcomeMetrics& metrics);
    ~OutcomesService();

    // Until stop(), or the end of standard input. Its own thread: the caller's.
    base::Result<> serve();
    void stop();                                     // any thread
    base::Result<> restart(ServiceOptions options);  // any thread; takes effect within a second

    OutcomeStore& store() { return *store_; }
    void events_changed();                           // an operator has put failed events back

private:
    struct Source {
        std::string name;                            // mail_log, decision_log
        std::unique_ptr<LogSource> log{};
        base::Time last_time{};
        bool at_end = true;                          // of what can be read
        bool has_ended = false;                      // standard input was closed
        std::string position{};                      // as read; "" = none
        std::string told_trouble{};
        std::uint64_t unstored = 0;                  // bytes of lines that were read and are not in the store
        std::uint64_t told_gaps = 0;
        std::string told_gap{};                      // in words, until it is in the store
        std::uint64_t new_gaps = 0;                  // not in the batch yet
        std::uint64_t unreadable = 0;                // lines; likewise

        bool is_off() const { return !log; }
        bool is_read_to_its_end() const { return is_off() || (at_end && log->health().trouble.empty()); }
    };

    OutcomesService(ServiceOptions options, base::Fd claim, std::unique_ptr<OutcomeStore> store, base::Fd wake, observe::Log& log,
                    observe::OutcomeMetrics& metrics);
    base::Result<> begin();                          // sources, joiner and webhook by the options
    base::Result<> open_sources();
    void open_webhook();
    void end_webhook();
    bool turn();                                     // true: there may be more to read at once
    Lines fetch(Source& source, std::size_t most_bytes);
    bool note_taken(Source& source, Lines const& lines);
    void note_unreadable(Source& source, base::Error const& error);
    bool read_decisions();                           // true, here and below: something is to be stored
    bool read_decisions_until(base::Time time);
    base::Time time_of_last(Lines const& lines) const;
    bool take_mail_lines();
    bool waits_for_decisions();
    void take_decision(std::string_view line, Source& source);
    bool commit();
    bool start_again_behind_the_store();             // false: the store does not say where
    void tell_store_trouble(base::Error const& error);
    void end_store_trouble();
    bool is_live() const;                            // all that is written was read
    void housekeeping(base::Time now);
    void wait();
    void tell_health(Source& source);
    void tell_losses();
    void show_facts(base::Time now);
    bool take_over_options();

    std::string const store_path_;
    ServiceOptions options_;                         // the serving thread's
    base::Fd claim_;                                 // of the store
    std::unique_ptr<OutcomeStore> store_;
    base::Fd wake_;
    observe::Log& log_;
    observe::OutcomeMetrics& metrics_;
    Source mail_{"mail_log"};
    Source decisions_{"decision_log"};
    std::optional<Lines> mail_lines_;                // read, and not taken yet
    std::optional<base::Stopwatch::time_point> waiting_since_;   // for decisions in a file that is not read yet
    std::unique_ptr<LogClock> clock_;
    std::unique_ptr<Joiner> joiner_;
    std::unique_ptr<Webhook> webhook_;
    Webhook::Facts former_requests_;                 // of webhooks before the last reload
    std::mutex webhook_mutex_;                       // of the pointer, against events_changed()
    DecisionRecord decision_;
    std::map<std::string, std::uint64_t> counters_;  // as stored
    std::uint64_t store_failures_ = 0;
    bool is_ahead_of_store_ = false;                 // what was read last could not be stored
    std::string store_trouble_;                      // "" = none
    Trouble store_telling_;
    Trouble unreadable_telling_;
    std::optional<base::Error> not_stored_;          // of what cannot be read again
    base::Stopwatch::time_point next_housekeeping_{};   // the clock may be set back
    base::Stopwatch::time_point next_facts_{};
    bool has_caught_up_ = false;                     // is_live() was true since the start
    std::atomic<bool> stopping_{false};
    std::mutex options_mutex_;
    std::unique_ptr<ServiceOptions> next_options_;
};

}   // namespace mailcore::outcomes
