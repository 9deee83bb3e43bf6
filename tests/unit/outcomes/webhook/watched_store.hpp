// The real store, with its calls about the webhook's queue seen, hastened and made to fail.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "outcomes/store/outcome_store.hpp"

namespace mailcore::testing {

class WatchedStore final : public outcomes::OutcomeStore {
public:
    explicit WatchedStore(std::unique_ptr<outcomes::OutcomeStore> real) : real_{std::move(real)} {}

    // Events about one message each, in order; those of one queue id are about the same message.
    void add(std::vector<outcomes::Outcome> const& events)
    {
        std::map<std::string, outcomes::MessageState> messages;
        outcomes::Batch batch;
        for (auto const& event : events) {
            auto& message = messages[event.queue_id];
            message.instance = event.postfix_instance;
            message.queue_id = event.queue_id;
            message.tenant = event.tenant_id;
            message.decided = message.seen = true;
            auto const found = value(real_->find(event.queue_id, 1));
            if (!found.empty()) message.row = found.front().row;
        }
        for (auto& [queue_id, message] : messages) batch.messages.push_back(&message);
        for (auto const& event : events) batch.events.emplace_back(event, &messages[event.queue_id]);
        if (auto const applied = real_->apply(batch); !applied) throw std::runtime_error{applied.error().message};
    }

    // What is due within that time is due now.
    void hasten(std::chrono::milliseconds by) { ahead_ = by; }
    // So many calls fail as on a full disk.
    void fail_taking(int times) { failing_takes_ = times; }
    void fail_recording(int times) { failing_records_ = times; }

    struct Again {
        std::int64_t id;
        base::Time at, now;
        std::string error;
    };
    std::vector<Again> again()
    {
        std::lock_guard const lock{mutex_};
        return again_;
    }

    // Waits for the queue to become so; false after a minute.
    bool wait(std::function<bool(outcomes::QueueStats const&)> const& wanted)
    {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, std::chrono::minutes{1}, [&] { return wanted(value(real_->queue_stats())); });
    }
    bool wait_until_put_back(std::size_t times)
    {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, std::chrono::minutes{1}, [&] { return again_.size() >= times; });
    }
    bool wait_until_sent(std::uint64_t count)
    {
        return wait([=](auto const& stats) { return stats.sent == count && stats.pending + stats.sending == 0; });
    }

    base::Result<> apply(outcomes::Batch& batch) override { return real_->apply(batch); }
    base::Result<outcomes::Positions> positions() override { return real_->positions(); }
    base::Result<std::map<std::string, std::uint64_t>> counters() override { return real_->counters(); }
    base::Result<outcomes::Recent> recent(std::size_t most_open, std::size_t most_ended) override
    {
        return real_->recent(most_open, most_ended);
    }
    base::Result<std::vector<outcomes::MessageState>> find(std::string const& queue_id, std::size_t most) override
    {
        return real_->find(queue_id, most);
    }
    base::Result<bool> has_refusal(outcomes::MessageState const& refusal) override { return real_->has_refusal(refusal); }
    base::Result<std::vector<outcomes::MessageState>> decided_but_unseen(base::Time before, std::size_t most) override
    {
        return real_->decided_but_unseen(before, most);
    }
    base::Result<outcomes::Found> query(outcomes::Query const& query) override { return real_->query(query); }
    base::Result<std::vector<outcomes::OpenCount>> open_recipients(std::size_t most) override
    {
        return real_->open_recipients(most);
    }
    base::Result<std::vector<outcomes::QueuedEvent>> take_due(base::Time now, std::size_t most) override
    {
        if (failing_takes_ > 0 && failing_takes_-- > 0) return base::fail("database or disk is full");
        return real_->take_due(now + ahead_.load(), most);
    }
    base::Result<> sent(std::span<std::int64_t const> ids, base::Time now) override
    {
        return recorded([&] { return real_->sent(ids, now); });
    }
    base::Result<> try_again(std::span<std::int64_t const> ids, base::Time at, std::string const& error) override
    {
        return recorded([&] {
            for (auto const id : ids) again_.push_back({id, at, base::now(), error});
            return real_->try_again(ids, at, error);
        });
    }
    base::Result<> give_up(std::span<std::int64_t const> ids, base::Time now, std::string const& error) override
    {
        return recorded([&] { return real_->give_up(ids, now, error); });
    }
    base::Result<> resume_sending() override { return real_->resume_sending(); }
    base::Result<> bring_forward(base::Time latest, base::Time now) override { return real_->bring_forward(latest, now); }
    base::Result<std::optional<base::Time>> next_due() override
    {
        auto next = real_->next_due();
        if (next && *next) **next -= ahead_.load();
        return next;
    }
    base::Result<outcomes::QueueStats> queue_stats() override { return real_->queue_stats(); }
    base::Result<std::vector<outcomes::FailedEvent>> failed_events(std::size_t most) override
    {
        return real_->failed_events(most);
    }
    base::Result<std::size_t> retry_failed(std::size_t most) override { return real_->retry_failed(most); }
    base::Result<bool> forget_before(base::Time time) override { return real_->forget_before(time); }

private:
    template <class Value>
    static Value value(base::Result<Value> result)
    {
        if (!result) throw std::runtime_error{result.error().message};
        return std::move(*result);
    }
    base::Result<> recorded(std::function<base::Result<>()> const& record)
    {
        if (failing_records_ > 0 && failing_records_-- > 0) return base::fail("database or disk is full");
        std::lock_guard const lock{mutex_};
        auto result = record();
        changed_.notify_all();
        return result;
    }

    std::unique_ptr<outcomes::OutcomeStore> real_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Again> again_;
    std::atomic<std::chrono::milliseconds> ahead_{};
    std::atomic<int> failing_takes_ = 0, failing_records_ = 0;
};

}   // namespace mailcore::testing
