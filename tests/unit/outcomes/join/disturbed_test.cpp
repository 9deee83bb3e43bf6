// The same end, whatever happens on the way: batches cut anywhere, kills and failed commits at any moment, a memory that
// holds next to nothing, lines read twice, the two logs out of step.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "outcomes/store/sqlite_store.hpp"
#include "recording.hpp"
#include "story.hpp"

namespace mailcore::outcomes::test {
namespace {

// All that is to be equal.
struct End {
    std::vector<std::string> rows;                            // of every recipient, with times and event ids
    std::map<std::string, std::vector<std::string>> events;   // by message, in order
    std::map<std::string, std::uint64_t> counters;
    std::vector<std::string> messages;
};

std::string whole(Outcome const& outcome) { return to_json(outcome); }

std::string whole(MessageState const& message)
{
    std::string text = message.instance + "/" + message.queue_id + " " + message.tenant + "/" + message.ticket + " " + message.message_id +
                       " from " + message.sender + " by " + message.client + " " + base::format_time(message.began) + ".." +
                       base::format_time(message.changed) + " size " + std::to_string(message.size) + " nrcpt " +
                       std::to_string(message.recipients_expected);
    for (auto const& [flag, name] : {std::pair{message.decided, "decided"}, {message.opened, "opened"}, {message.seen, "seen"},
                                     {message.ended, "ended"}, {message.lost, "lost"}}) {
        if (flag) text += std::string{" "} + name;
    }
    text += " notification of " + message.notification_of + " hop of " + message.hop_instance + "/" + message.hop_of;
    std::vector<std::string> recipients;
    for (auto const& one : message.recipients) {
        recipients.push_back(std::string{word(one.status)} + " " + one.recipient + " " + one.orig_to + " via " + one.via + " told " + one.told_dsn +
                             base::format_time(one.told_at) + (one.told ? " told" : "") + (one.counted ? " counted" : "") + " " +
                             std::to_string(one.deferrals_counted));
    }
    std::sort(recipients.begin(), recipients.end());
    for (auto const& one : recipients) text += "\n  " + one;
    return text;
}

// Reads a recording as the daemon does: a batch, a commit with the position, and after a kill on from that position.
class Reading {
public:
    explicit Reading(std::vector<Recorded> const& lines, std::size_t most_held = 100'000) : lines_{lines}, options_{Story::default_options()}
    {
        options_.most_held = most_held;
        open();
    }

    void take(std::size_t count)
    {
        for (; count > 0 && at_ < lines_.size(); --count) take(lines_[at_++]);
    }
    bool at_end() const { return at_ == lines_.size(); }
    void commit()
    {
        joiner_->batch().positions["mail_log"] = std::to_string(at_);
        auto const stored = store_->apply(joiner_->batch());
        ASSERT_TRUE(stored) << stored.error().message;
        joiner_->committed();
    }
    void kill()
    {
        joiner_.reset();
        store_.reset();
        open();
    }
    void fail_to_commit()
    {
        joiner_->rolled_back();
        go_back();
    }

    End end()
    {
        End end;
        auto const found = store_->query({.most = 100'000}).value();
        for (auto const& outcome : found.outcomes) {
            end.rows.push_back(whole(outcome));
            if (!outcome.queue_id.empty()) ids_.insert(outcome.queue_id);
        }
        std::sort(end.rows.begin(), end.rows.end());
        end.counters = store_->counters().value();
        for (auto const& id : ids_) {
            auto const messages = store_->find(id, 100).value();
            for (auto const& message : messages) end.messages.push_back(whole(message));
        }
        std::sort(end.messages.begin(), end.messages.end());
        take_events(end);
        return end;
    }

private:
    void open()
    {
        auto store = open_sqlite_store(folder_.file("outcomes.db"));
        ASSERT_TRUE(store) << store.error().message;
        store_ = std::move(*store);
        joiner_ = std::make_unique<Joiner>(*store_, options_);
        go_back();
    }
    void go_back()
    {
        auto const position = store_->positions().value()["mail_log"];
        at_ = position.empty() ? 0 : std::stoul(position);
    }
    void take(Recorded const& one)
    {
        if (one.log == Recorded::Log::LookForLosses) return joiner_->look_for_losses(one.time);
        if (one.log == Recorded::Log::Gate) {
            DecisionRecord record;
            ASSERT_TRUE(parse_decision_line(one.line, record)) << one.line;
            joiner_->take(record);
            return;
        }
        PostfixLine parsed;
        ASSERT_TRUE(parse_postfix_line(one.line, clock_, parsed)) << one.line;
        if (!parsed.queue_id.empty()) ids_.emplace(parsed.queue_id);
        joiner_->take(parsed);
    }
    void take_events(End& end)
    {
        auto const now = kMorning + std::chrono::hours{24};
        for (;;) {
            auto const due = store_->take_due(now, 1'000).value();
            if (due.empty()) return;
            for (auto const& event : due) {
                end.events[event.outcome.postfix_instance + "/" + event.outcome.queue_id].push_back(whole(event.outcome));
                ASSERT_TRUE(store_->sent(std::vector{event.id}, now));
            }
        }
    }

    std::vector<Recorded> const& lines_;
    Folder folder_;
    JoinOptions options_;
    std::unique_ptr<OutcomeStore> store_;
    std::unique_ptr<Joiner> joiner_;
    LogClock clock_{kMorning};
    std::size_t at_ = 0;
    std::set<std::string> ids_;
};

End undisturbed(std::vector<Recorded> const& lines)
{
    Reading run{lines};
    run.take(lines.size());
    run.commit();
    return run.end();
}

// What only one of the two has: the whole of both would fill pages.
std::string difference(std::vector<std::string> const& left, std::vector<std::string> const& right)
{
    std::vector<std::string> less, more;
    std::set_difference(right.begin(), right.end(), left.begin(), left.end(), std::back_inserter(less));
    std::set_difference(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(more));
    std::string text;
    for (auto const& one : less) text += "- " + one + "\n";
    for (auto const& one : more) text += "+ " + one + "\n";
    return text;
}

std::vector<std::string> lines_of(std::map<std::string, std::vector<std::string>> const& events)
{
    std::vector<std::string> lines;
    for (auto const& [message, told] : events) {
        for (std::size_t i = 0; i < told.size(); ++i) lines.push_back(message + " #" + std::to_string(i) + " " + told[i]);
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

void expect_equal(End const& left, End const& right)
{
    EXPECT_EQ(difference(left.rows, right.rows), "");
    EXPECT_EQ(difference(left.messages, right.messages), "");
    EXPECT_EQ(difference(lines_of(left.events), lines_of(right.events)), "");
    EXPECT_EQ(left.counters, right.counters);
}

TEST(Disturbed, ARecordingHasWhatItIsToProve)
{
    std::map<std::string, int> states;
    std::uint64_t lost = 0;
    for (unsigned seed = 1; seed <= 8; ++seed) {
        auto const end = undisturbed(record({.seed = seed}));
        for (auto const& row : end.rows) {
            auto const at = row.find("\"status\":\"") + 10;
            ++states[row.substr(at, row.find('"', at) - at)];
        }
        if (end.counters.contains("lost")) lost += end.counters.at("lost");
        EXPECT_GT(end.events.size(), 20u);
    }
    EXPECT_GT(lost, 0u);
    for (auto const* state : {"ACCEPTED", "SENT", "BOUNCED", "EXPIRED", "REJECTED", "DELETED"}) EXPECT_GT(states[state], 0) << state;
}

TEST(Disturbed, TheEndIsTheSameWhereverBatchesAreCut)
{
    for (unsigned seed = 1; seed <= 8; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        auto const lines = record({.seed = seed});
        auto const expected = undisturbed(lines);
        std::mt19937 random{seed};
        Reading run{lines};
        while (!run.at_end()) {
            run.take(1 + random() % 20);
            run.commit();
        }
        expect_equal(run.end(), expected);
    }
}

TEST(Disturbed, TheEndIsTheSameWhateverFitsInMemory)
{
    for (std::size_t most_held : {0u, 1u, 5u}) {
        SCOPED_TRACE("held " + std::to_string(most_held));
        auto const lines = record({.seed = 9});
        Reading run{lines, most_held};
        while (!run.at_end()) {
            run.take(1);
            run.commit();
        }
        expect_equal(run.end(), undisturbed(lines));
    }
}

TEST(Disturbed, TheEndIsTheSameHoweverOftenItIsKilled)
{
    for (unsigned seed = 11; seed <= 20; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        auto const lines = record({.seed = seed});
        auto const expected = undisturbed(lines);
        std::mt19937 random{seed};
        Reading run{lines};
        while (!run.at_end()) {
            run.take(1 + random() % 40);
            switch (random() % 6) {
                case 0: run.kill(); break;
                case 1: run.fail_to_commit(); break;
                case 2: break;
                default: run.commit();
            }
        }
        run.commit();
        expect_equal(run.end(), expected);
    }
}

// Which log is read first depends on chance. What was told on the way may differ then (a deferral before the decision is not
// told if the mail went meanwhile), and for whom something was counted; what stands at the end may not.
TEST(Disturbed, TheRowsAreTheSameInWhateverOrderTheLogsAreRead)
{
    for (unsigned seed = 21; seed <= 28; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        auto const in_step = record({.seed = seed, .doubled = false, .displaced = false, .losses = false});
        auto const expected = undisturbed(in_step);
        auto const gate_first = [](Recorded const& one) { return one.log == Recorded::Log::Gate; };
        auto lines = in_step;
        std::stable_partition(lines.begin(), lines.end(), gate_first);
        auto const early = undisturbed(lines);
        EXPECT_EQ(difference(early.rows, expected.rows), "");
        EXPECT_EQ(difference(lines_of(early.events), lines_of(expected.events)), "") << "decisions known beforehand change nothing";
        EXPECT_EQ(early.counters, expected.counters);

        std::stable_partition(lines.begin(), lines.end(), std::not_fn(gate_first));
        EXPECT_EQ(difference(undisturbed(lines).rows, expected.rows), "");
    }
}

}   // namespace
}   // namespace mailcore::outcomes::test
