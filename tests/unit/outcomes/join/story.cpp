#include "story.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include <unistd.h>

#include "core/base/text.hpp"
#include "outcomes/store/sqlite_store.hpp"

namespace mailcore::outcomes::test {
namespace {

// "2026-11-22T05:00:01.000000+00:00"
std::string in_log(base::Time time)
{
    auto text = base::format_time(time);
    auto const micros = std::to_string(1'000'000 + time.time_since_epoch().count() % 1'000'000);
    return text.replace(text.size() - 1, 1, "." + micros.substr(1) + "+00:00");
}

std::string in_decision(base::Time time)
{
    auto text = base::format_time(time);
    auto const millis = std::to_string(1'000 + time.time_since_epoch().count() / 1'000 % 1'000);
    return text.replace(text.size() - 1, 1, "." + millis.substr(1) + "Z");
}

std::string or_dash(std::string const& text) { return text.empty() ? "-" : text; }

}   // namespace

Folder::Folder()
{
    path_ = (std::filesystem::temp_directory_path() / "mailcore-outcomes-test-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error{"cannot make " + path_};
}

Folder::~Folder() { std::filesystem::remove_all(path_); }

std::string decision_line(base::Time time, std::string const& queue_id, Decided const& decided)
{
    std::string line = "{\"time\":\"" + in_decision(time) + "\",\"daemon\":\"" + decided.daemon + "\"";
    auto const text = [&](std::string_view key, std::string_view value) {
        line.append(",\"").append(key).append("\":");
        base::append_json_string(line, value);
    };
    text("state", decided.state);
    text("queue_id", queue_id);
    text("instance", "");
    text("message_id", decided.message_id);
    text("tenant", decided.tenant);
    text("ticket", decided.ticket);
    text("client", decided.client);
    text("login", "");
    text("sender", decided.sender);
    text("recipient", decided.recipient);
    line += ",\"recipients\":" + std::to_string(decided.recipients) + ",\"size\":1890";   // without Received and what the gate adds
    text("action", decided.action);
    text("reason", decided.action == "pass" ? "ok" : "rule");
    text("reply", decided.reply);
    return line + "}";
}

std::string postfix_line(base::Time time, std::string const& identifier, std::string const& text)
{
    return in_log(time) + " mx " + identifier + "[77]: " + text;
}

std::string describe(Outcome const& outcome)
{
    std::string text{word(outcome.status)};
    text += " " + or_dash(outcome.recipient);
    if (!outcome.original_recipient.empty()) text += " (for " + outcome.original_recipient + ")";
    text += " " + or_dash(outcome.dsn) + " x" + std::to_string(outcome.attempts) + " " + or_dash(outcome.provider);
    text += " " + or_dash(outcome.tenant_id) + "/" + or_dash(outcome.ticket_id);
    text += " " + or_dash(outcome.queue_id);
    if (outcome.postfix_instance != "postfix") text += " of " + or_dash(outcome.postfix_instance);
    if (!outcome.notification_id.empty()) text += " bounce " + outcome.notification_id;
    if (!outcome.reason.empty()) text += ": " + outcome.reason;
    return text;
}

JoinOptions Story::default_options()
{
    return {.providers = {{"email-smtp.*.amazonaws.com", "SES"}, {"*.sendgrid.net", "SendGrid"}}};
}

Story::Story(JoinOptions options) : options_{std::move(options)} { open(); }

void Story::open()
{
    auto store = open_sqlite_store(folder_.file("outcomes.db"));
    if (!store) FAIL() << store.error().message;
    store_ = std::move(*store);
    joiner_ = std::make_unique<Joiner>(*store_, options_);
}

Story& Story::postfix(std::string const& program, std::string const& text, std::string const& instance)
{
    now_ += std::chrono::seconds{1};
    auto const line = postfix_line(now_, instance + "/" + program, text);
    again_ = [this, line] { take_postfix(line); };
    again_();
    return *this;
}

void Story::take_postfix(std::string const& line)
{
    PostfixLine parsed;
    ASSERT_TRUE(parse_postfix_line(line, clock_, parsed)) << line;
    joiner_->take(parsed);
}

Story& Story::gate(std::string const& queue_id, Decided const& decided)
{
    now_ += std::chrono::seconds{1};
    auto const line = decision_line(now_, queue_id, decided);
    again_ = [this, line] { take_decision(line); };
    again_();
    return *this;
}

void Story::take_decision(std::string const& line)
{
    DecisionRecord record;
    auto const parsed = parse_decision_line(line, record);
    ASSERT_TRUE(parsed) << parsed.error().message << "\n" << line;
    joiner_->take(record);
}

Story& Story::again()
{
    again_();
    return *this;
}

Story& Story::wait(std::chrono::microseconds time)
{
    now_ += time;
    return *this;
}

Story& Story::arrives(std::string const& queue_id, int recipients, std::string const& message_id, std::string const& client,
                      std::string const& instance)
{
    postfix("smtpd", queue_id + ": client=app[" + client + "]", instance);
    postfix("cleanup", queue_id + ": message-id=" + message_id, instance);
    return postfix("qmgr", queue_id + ": from=<amazon@inbound.keybuzz.io>, size=2101, nrcpt=" + std::to_string(recipients) + " (queue active)",
                   instance);
}

Story& Story::delivery(std::string const& queue_id, std::string const& to, std::string const& status, std::string const& dsn,
                       std::string const& reason, std::string const& relay, std::string const& instance)
{
    return postfix("smtp", queue_id + ": to=<" + to + ">, relay=" + relay + ", delay=0.7, delays=0/0/0.1/0.6, dsn=" + dsn + ", status=" +
                               status + " (" + reason + ")",
                   instance);
}

Story& Story::sent(std::string const& queue_id, std::string const& to, std::string const& reason)
{
    return delivery(queue_id, to, "sent", "2.0.0", reason);
}

Story& Story::removed(std::string const& queue_id, std::string const& instance) { return postfix("qmgr", queue_id + ": removed", instance); }

void Story::commit()
{
    auto const stored = store_->apply(joiner_->batch());
    ASSERT_TRUE(stored) << stored.error().message;
    joiner_->committed();
}

void Story::kill()
{
    joiner_.reset();
    store_.reset();
    open();
}

std::vector<std::string> Story::rows(Query query)
{
    commit();
    query.most = 100'000;
    auto const found = store_->query(query);
    if (!found) return {found.error().message};
    std::vector<std::string> rows;
    for (auto const& outcome : found->outcomes) rows.push_back(describe(outcome));
    std::sort(rows.begin(), rows.end());
    return rows;
}

std::vector<std::string> Story::events()
{
    commit();
    std::vector<std::string> told;
    for (;;) {
        auto const due = store_->take_due(now_, 1'000);
        if (!due) return {due.error().message};
        if (due->empty()) return told;
        std::vector<std::int64_t> ids;
        for (auto const& event : *due) {
            told.push_back(describe(event.outcome));
            ids.push_back(event.id);
        }
        if (auto const sent = store_->sent(ids, now_); !sent) return {sent.error().message};
    }
}

std::map<std::string, std::uint64_t> Story::counters()
{
    commit();
    return store_->counters().value();
}

std::uint64_t Story::counter(std::string const& name)
{
    auto const all = counters();
    auto const found = all.find(name);
    return found == all.end() ? 0 : found->second;
}

}   // namespace mailcore::outcomes::test
