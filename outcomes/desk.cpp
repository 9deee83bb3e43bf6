#include "outcomes/desk.hpp"

#include <nlohmann/json.hpp>

#include "core/base/text.hpp"

namespace mailcore::outcomes {
namespace {

using nlohmann::json;

constexpr std::size_t kMostRows = 50'000;   // in one answer, which the control socket keeps below 64 MiB

std::string dumped(json const& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

std::optional<std::string> text(json const& request, char const* key)
{
    auto const found = request.find(key);
    if (found == request.end() || found->is_null()) return std::nullopt;
    return found->get<std::string>();
}

base::Result<std::optional<base::Time>> time(json const& request, char const* key)
{
    auto const written = text(request, key);
    if (!written) return std::optional<base::Time>{};
    auto const parsed = base::parse_time(*written);
    if (!parsed) return base::fail(std::string{key} + ": \"" + *written + "\" is no time; write one as in 2026-11-22T05:00:00Z");
    return parsed;
}

base::Result<std::optional<Status>> status(json const& request)
{
    auto const written = text(request, "status");
    if (!written) return std::optional<Status>{};
    std::string words;
    for (int i = 0; i < kStatuses; ++i) {
        auto const one = static_cast<Status>(i);
        if (base::equal_ignoring_case(word(one), *written)) return std::optional{one};
        words += (words.empty() ? "" : ", ") + std::string{word(one)};
    }
    return base::fail("status: \"" + *written + "\" is none of " + words);
}

std::size_t number(json const& request, char const* key, std::size_t usual)
{
    return std::min(request.value(key, usual), kMostRows);
}

base::Result<json> list_outcomes(OutcomeStore& store, json const& request)
{
    Query query;
    query.ticket = text(request, "ticket");
    query.tenant = text(request, "tenant");
    query.queue_id = text(request, "queue_id");
    query.message_id = text(request, "message_id");
    query.recipient = text(request, "recipient");
    auto const since = time(request, "since");
    auto const until = time(request, "until");
    auto const wanted = status(request);
    if (!since) return base::fail(since.error());
    if (!until) return base::fail(until.error());
    if (!wanted) return base::fail(wanted.error());
    query.since = *since;
    query.until = *until;
    query.status = *wanted;
    query.most = number(request, "limit", query.most);
    query.after_change = request.value("after_change", std::int64_t{0});
    auto const found = store.query(query);
    if (!found) return base::fail(found.error());
    auto list = json::array();
    for (auto const& outcome : found->outcomes) list.push_back(json::parse(to_json(outcome)));
    return json{{"outcomes", list}, {"last_change", found->last_change}};
}

// By queue id, for those of which outcomes know; short queue ids are used again: the newest counts.
base::Result<json> tenants_of(OutcomeStore& store, json const& request)
{
    auto tenants = json::object();
    for (auto const& id : request.at("queue_ids")) {
        Query query;
        query.queue_id = id.get<std::string>();
        query.most = 1;
        auto const found = store.query(query);
        if (!found) return base::fail(found.error());
        if (!found->outcomes.empty()) tenants[*query.queue_id] = found->outcomes.front().tenant_id;
    }
    return json{{"tenants", tenants}};
}

base::Result<json> stats(OutcomeStore& store)
{
    auto const queue = store.queue_stats();
    if (!queue) return base::fail(queue.error());
    return json{{"webhook", {{"pending", queue->pending}, {"sending", queue->sending}, {"sent", queue->sent}, {"failed", queue->failed}}}};
}

base::Result<json> list_failed(OutcomeStore& store, json const& request)
{
    auto const failed = store.failed_events(number(request, "limit", 100));
    if (!failed) return base::fail(failed.error());
    auto const queue = store.queue_stats();
    if (!queue) return base::fail(queue.error());
    auto list = json::array();
    for (auto const& event : *failed) {
        list.push_back({{"event", json::parse(to_json(event.outcome))}, {"attempts", event.attempts}, {"error", event.error},
                        {"failedAt", base::format_time(event.failed_at)}});
    }
    return json{{"failed", list}, {"forgotten", queue->forgotten}};
}

base::Result<json> retry(OutcomeStore& store, json const& request, std::function<void()> const& events_changed)
{
    auto const count = store.retry_failed(number(request, "max", kMostRows));
    if (!count) return base::fail(count.error());
    if (*count > 0 && events_changed) events_changed();
    return json{{"retried", *count}};
}

}   // namespace

base::Result<std::string> answer_operator(OutcomeStore& store, std::string const& text, std::function<void()> const& events_changed)
{
    auto const request = json::parse(text);
    auto const command = request.value("command", std::string{});
    auto const result = [&]() -> base::Result<json> {
        if (command == "outcomes") return list_outcomes(store, request);
        if (command == "tenants-of") return tenants_of(store, request);
        if (command == "queue-stats") return stats(store);
        if (command == "queue-failed") return list_failed(store, request);
        if (command == "queue-retry") return retry(store, request, events_changed);
        return base::fail("no such command: " + command);
    }();
    if (!result) return base::fail(result.error());
    auto document = *result;
    document["ok"] = true;
    return dumped(document);
}

}   // namespace mailcore::outcomes
