// What became of messages, and the queue of the webhook. Answered by mailcore-outcomes; where it does not run, by
// `mailcore-outcomes --answer`, which opens the store.

#include "ctl/outcomes.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <thread>

#include "core/base/child.hpp"
#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "core/config/load.hpp"
#include "ctl/client.hpp"
#include "ctl/postfix.hpp"
#include "ctl/print.hpp"

namespace mailcore::ctl {
namespace {

using nlohmann::json;

constexpr std::string_view kDaemon = "mailcore-outcomes";
constexpr std::chrono::milliseconds kFollowInterval{500};
constexpr std::size_t kFollowAtOnce = 10'000;
constexpr std::size_t kIdsAtOnce = 1'000;
constexpr std::chrono::minutes kAnswerTimeout{5};   // a large store, opened for one question

std::string text(json const& entry, char const* key) { return entry.value(key, std::string{}); }

// The program beside this one, else the installed one.
std::string program_path()
{
    std::error_code failure;
    auto const own = std::filesystem::read_symlink("/proc/self/exe", failure);
    if (!failure) {
        auto const beside = own.parent_path() / kDaemon;
        if (std::filesystem::exists(beside, failure)) return beside;
    }
    return "/usr/sbin/" + std::string{kDaemon};
}

base::Result<json> answer_without_daemon(std::string const& config, std::string const& request)
{
    auto const ran = base::run_child({program_path(), "--answer", "--config", config},
                                     {.input = request, .timeout = kAnswerTimeout, .most_output = std::size_t{256} << 20u});
    if (!ran) return base::fail(ran.error());
    if (ran->status != 0) {
        auto words = std::string{base::trim(ran->err)};
        auto const prefix = std::string{kDaemon} + ": ";
        if (words.starts_with(prefix)) words.erase(0, prefix.size());
        return base::fail(words, ran->status == 78 ? base::ErrorKind::Configuration : base::ErrorKind::Failed);
    }
    auto answer = json::parse(ran->out, nullptr, false);
    if (!answer.is_object()) return base::fail(std::string{kDaemon} + " --answer gave what is no JSON object");
    return answer;
}

base::Result<json> ask(Common const& common, json const& request)
{
    auto answer = ask_outcomes(common.config, request);
    if (answer.ok()) return std::move(answer.body);
    if (answer.running) return base::fail(answer.error());
    return answer_without_daemon(common.config, request.dump(-1, ' ', false, json::error_handler_t::replace));
}

void print_outcomes(json const& list)
{
    std::vector<std::vector<std::string>> rows;
    for (auto const& outcome : list) rows.push_back(outcome_row(outcome));
    auto const width = terminal_width();
    if (fits(rows, width)) return print_table(kOutcomeHead, rows);
    for (auto const& row : rows) std::cout << as_lines(row, width);
}

void print_line(json const& outcome, bool as_json)
{
    if (as_json) return print_json(outcome);
    std::string line;
    for (auto const& cell : outcome_row(outcome)) line += (line.empty() ? "" : "  ") + (cell.empty() ? std::string{"-"} : cell);
    std::cout << line << std::endl;
}

int follow(Common const& common, json request, json const& first)
{
    for (auto entry = first["outcomes"].rbegin(); entry != first["outcomes"].rend(); ++entry) print_line(*entry, common.json);
    request["after_change"] = std::max<std::int64_t>(first.value("last_change", std::int64_t{0}), 1);
    request["limit"] = kFollowAtOnce;
    for (;;) {
        std::this_thread::sleep_for(kFollowInterval);
        auto const more = ask(common, request);
        if (!more) return complain(more.error());
        for (auto const& outcome : (*more)["outcomes"]) print_line(outcome, common.json);
        auto const last = more->value("last_change", std::int64_t{0});
        if (last > 0) request["after_change"] = last;
        std::cout.flush();
        if (!std::cout) return 0;   // nobody reads any more
    }
}

// Whose a queued message is, as far as outcomes know. Some at a time: a request is one line of at most 64 KiB.
json tenants_of(Common const& common, std::vector<QueueEntry> const& messages)
{
    auto tenants = json::object();
    for (std::size_t begin = 0; begin < messages.size(); begin += kIdsAtOnce) {
        auto ids = json::array();
        for (std::size_t i = begin; i < std::min(begin + kIdsAtOnce, messages.size()); ++i) ids.push_back(messages[i].queue_id);
        auto const answer = ask(common, {{"command", "tenants-of"}, {"queue_ids", ids}});
        if (!answer) return tenants;
        tenants.update((*answer)["tenants"]);
    }
    return tenants;
}

// A configuration with mistakes says nothing: they must not keep the operator from asking.
bool is_without_webhook(Common const& common)
{
    config::Diagnostics problems;
    auto const settings = config::load(common.config, problems);
    return !problems.has_errors() && settings.outcomes.webhook.url.empty();
}

void complain_of_what_waits_in_vain(Common const& common, json const& hook)
{
    if (hook.value("pending", std::uint64_t{0}) == 0 || !is_without_webhook(common)) return;
    complain("no webhook is configured: what is pending is sent when outcomes.webhook.url is set");
}

void complain_of_forgotten(json const& answer)
{
    auto const forgotten = answer.value("forgotten", std::size_t{0});
    if (forgotten == 0) return;
    complain(counted(forgotten, "event") + " that " + (forgotten == 1 ? "was" : "were") +
             " given up can be shown no more: deleted with the messages after outcomes.retention");
}

json postfix_part(Common const& common, Queue const& queue, std::string& trouble)
{
    auto const entries = queue.list();
    if (entries) return postfix_stats(*entries, tenants_of(common, *entries), base::now());
    trouble = "Postfix's queue: " + entries.error().message;
    return nullptr;
}

void print_stats(json const& stats)
{
    auto const& hook = stats["webhook"];
    auto const number = [](json const& from, char const* key) { return std::to_string(from.value(key, std::uint64_t{0})); };
    print_table({"WEBHOOK", "PENDING", "SENDING", "SENT", "FAILED"},
                {{"events", number(hook, "pending"), number(hook, "sending"), number(hook, "sent"), number(hook, "failed")}});
    if (!stats["postfix"].is_object()) return;
    auto const& queues = stats["postfix"]["queues"];
    std::cout << '\n';
    print_table({"POSTFIX", "INCOMING", "ACTIVE", "DEFERRED", "HOLD"},
                {{"messages", number(queues, "incoming"), number(queues, "active"), number(queues, "deferred"), number(queues, "hold")}});
    std::vector<std::vector<std::string>> rows;
    for (auto const& tenant : stats["postfix"]["tenants"]) {
        auto const oldest = std::chrono::seconds{tenant.value("oldest_seconds", std::int64_t{0})};
        auto const name = text(tenant, "tenant");
        rows.push_back({name.empty() ? "(not known)" : name, number(tenant, "messages"), number(tenant, "recipients"), in_words(oldest)});
    }
    if (rows.empty()) return;
    std::cout << '\n';
    print_table({"TENANT", "MESSAGES", "RECIPIENTS", "OLDEST"}, rows);
}

}   // namespace

base::Result<std::string> moment(std::string_view option, std::string const& written, base::Time now)
{
    if (auto const distance = base::parse_duration(written)) return base::format_time(now - *distance);
    if (auto const time = base::parse_time(written)) return base::format_time(*time);
    return base::fail(std::string{option} + ": \"" + base::printable(written) + "\" is no time; write 1h for an hour ago, or 2026-11-22T05:00:00Z",
                      base::ErrorKind::Usage);
}

base::Result<json> outcomes_request(OutcomesOptions const& options, base::Time now)
{
    json request{{"command", "outcomes"}, {"limit", options.limit}};
    auto const add = [&](char const* key, std::string const& value) {
        if (!value.empty()) request[key] = value;
    };
    add("ticket", options.ticket);
    add("tenant", options.tenant);
    add("queue_id", options.queue_id);
    add("message_id", options.message_id);
    add("recipient", options.recipient);
    add("status", options.status);
    for (auto const& [name, key, written] : {std::tuple{"--since", "since", options.since}, std::tuple{"--until", "until", options.until}}) {
        if (written.empty()) continue;
        auto const time = moment(name, written, now);
        if (!time) return base::fail(time.error());
        request[key] = *time;
    }
    return request;
}

std::vector<std::string> outcome_row(json const& outcome)
{
    auto time = text(outcome, "sentAt");
    if (time.size() > 19) time = time.substr(0, 10) + ' ' + time.substr(11, 8);
    auto const cell = [&](char const* key) { return base::printable(text(outcome, key)); };
    return {time, cell("status"), cell("tenantId"), cell("ticketId"), cell("recipient"), cell("dsn"), cell("reason")};
}

bool fits(std::vector<std::vector<std::string>> const& rows, std::size_t width)
{
    constexpr std::size_t kGap = 2;
    std::size_t used = 0;
    for (std::size_t column = 0; column < kOutcomeHead.size(); ++column) {
        std::size_t widest = kOutcomeHead[column].size();
        for (auto const& row : rows) widest = std::max(widest, row[column].size());
        used += widest + (column > 0 ? kGap : 0);
    }
    return width == 0 || used <= width;
}

std::string as_lines(std::vector<std::string> const& row, std::size_t width)
{
    constexpr std::size_t kIndentation = 4;
    auto const& [time, status, tenant, ticket, recipient, dsn, reason] = std::tie(row[0], row[1], row[2], row[3], row[4], row[5], row[6]);
    std::string whose;
    for (auto const* part : {&tenant, &ticket, &dsn}) {
        if (!part->empty()) whose += (whose.empty() ? "" : ", ") + *part;
    }
    if (!reason.empty()) whose += (whose.empty() ? "" : ": ") + reason;
    auto const indented = std::string(kIndentation, ' ');
    return time + "  " + status + "  " + recipient + "\n" + (whose.empty() ? "" : indented + wrapped(whose, kIndentation, width) + "\n");
}

json postfix_stats(std::vector<QueueEntry> const& messages, json const& tenants, base::Time now)
{
    struct Sum {
        std::size_t messages = 0, recipients = 0;
        std::int64_t oldest = 0;
    };
    std::map<std::string, std::uint64_t> queues{{"incoming", 0}, {"active", 0}, {"deferred", 0}, {"hold", 0}};
    std::map<std::string, Sum> by_tenant;
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    for (auto const& message : messages) {
        ++queues[message.queue];
        auto& sum = by_tenant[tenants.is_object() ? tenants.value(message.queue_id, std::string{}) : std::string{}];
        ++sum.messages;
        sum.recipients += message.recipients;
        sum.oldest = std::max(sum.oldest, seconds - message.arrived);
    }
    auto list = json::array();
    for (auto const& [tenant, sum] : by_tenant) {
        list.push_back({{"tenant", tenant}, {"messages", sum.messages}, {"recipients", sum.recipients}, {"oldest_seconds", sum.oldest}});
    }
    return {{"messages", messages.size()}, {"queues", queues}, {"tenants", list}};
}

int outcomes(Common const& common, OutcomesOptions const& options)
{
    auto const request = outcomes_request(options, base::now());
    if (!request) return complain(request.error());
    auto const answer = ask(common, *request);
    if (!answer) return complain(answer.error());
    if (options.follow) return follow(common, *request, *answer);
    auto const& list = (*answer)["outcomes"];
    if (common.json) {
        print_json(list);
        return 0;
    }
    if (list.empty()) std::cout << "No outcome is known that fits.\n";
    else print_outcomes(list);
    if (list.size() == options.limit) complain("there may be more; --limit " + std::to_string(options.limit * 10) + " shows more, or narrow it down");
    return 0;
}

int queue_stats(Common const& common, std::string const& postfix_config_directory)
{
    auto const answer = ask(common, {{"command", "queue-stats"}});
    if (!answer) return complain(answer.error());
    std::string trouble;
    json const stats{{"webhook", (*answer)["webhook"]}, {"postfix", postfix_part(common, Queue{Postfix{postfix_config_directory}}, trouble)}};
    if (common.json) print_json(stats);
    else print_stats(stats);
    if (!trouble.empty()) complain(trouble);
    complain_of_what_waits_in_vain(common, stats["webhook"]);
    return 0;
}

int queue_failed(Common const& common, std::size_t limit)
{
    auto const answer = ask(common, {{"command", "queue-failed"}, {"limit", limit}});
    if (!answer) return complain(answer.error());
    complain_of_forgotten(*answer);
    auto const& list = (*answer)["failed"];
    if (common.json) {
        print_json(list);
        return 0;
    }
    if (list.empty()) {
        std::cout << "No event has failed.\n";
        return 0;
    }
    std::vector<std::vector<std::string>> rows;
    for (auto const& entry : list) {
        auto const& event = entry["event"];
        rows.push_back({minute_of(text(entry, "failedAt")), text(event, "status"), text(event, "tenantId"), text(event, "ticketId"),
                        base::printable(text(event, "recipient")), std::to_string(entry.value("attempts", 0)), base::printable(text(entry, "error"))});
    }
    print_table({"GIVEN UP", "STATUS", "TENANT", "TICKET", "RECIPIENT", "TRIES", "WHY"}, rows);
    return 0;
}

int queue_retry(Common const& common, std::size_t most)
{
    if (is_without_webhook(common)) {
        return complain("no webhook is configured, so nothing can be sent again: outcomes.webhook.url is empty in " + common.config, 78);
    }
    auto const answer = ask(common, {{"command", "queue-retry"}, {"max", most}});
    if (!answer) return complain(answer.error());
    auto const count = answer->value("retried", std::size_t{0});
    if (common.json) print_json({{"retried", count}});
    else std::cout << (count == 0 ? std::string{"No event has failed."} : counted(count, "event") + " will be sent again.") << '\n';
    return 0;
}

}   // namespace mailcore::ctl
