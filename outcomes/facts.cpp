#include "outcomes/facts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/text.hpp"

namespace mailcore::outcomes {
namespace {

using nlohmann::json;
using observe::OutcomeFacts;

constexpr std::size_t kMostPairs = 200;   // label values in one scrape
constexpr std::size_t kBuckets = std::size(observe::kSendSeconds) + 1;

struct Name {
    std::string_view kind, provider, rest;   // "sent", "SES", "kbz_test"
};

Name split(std::string_view name)
{
    auto const first = name.find('|');
    if (first == std::string_view::npos) return {name, {}, {}};
    auto const second = name.find('|', first + 1);
    if (second == std::string_view::npos) return {name.substr(0, first), name.substr(first + 1), {}};
    return {name.substr(0, first), name.substr(first + 1, second - first - 1), name.substr(second + 1)};
}

observe::SendDurations& durations_of(OutcomeFacts& facts, std::string_view provider)
{
    for (auto& one : facts.durations) {
        if (one.provider == provider) return one;
    }
    facts.durations.push_back({std::string{provider}, std::vector<std::uint64_t>(kBuckets, 0), 0});
    return facts.durations.back();
}

void add_delay(OutcomeFacts& facts, Name const& name, std::uint64_t count)
{
    std::size_t bucket = 0;
    auto const [stop, failure] = std::from_chars(name.rest.data(), name.rest.data() + name.rest.size(), bucket);
    if (failure == std::errc{} && bucket < kBuckets) durations_of(facts, name.provider).buckets[bucket] += count;
}

json pairs_json(std::vector<observe::ByProvider> const& list)
{
    auto result = json::array();
    for (auto const& one : list) result.push_back({{"provider", one.provider}, {"tenant", one.tenant}, {"count", one.count}});
    return result;
}

json stats_of(OutcomeFacts const& facts)
{
    auto logs = json::array();
    for (auto const& log : facts.logs) {
        logs.push_back({{"source", log.source}, {"lines", log.lines}, {"bytes_behind", log.bytes_behind},
                        {"seconds_behind", log.seconds_behind}, {"gaps", log.gaps}, {"readable", log.readable}});
    }
    return {{"sent", pairs_json(facts.sent)},
            {"failed", pairs_json(facts.failed)},
            {"deferred", pairs_json(facts.deferred)},
            {"queue", pairs_json(facts.waiting)},
            {"logs", logs},
            {"lost", facts.lost},
            {"unreadable_decisions", facts.unreadable_decisions},
            {"postfix_rejects", facts.postfix_rejects},
            {"gate_defers", facts.gate_defers},
            {"webhook", {{"events", facts.webhook_events}, {"oldest_pending_seconds", facts.webhook_oldest_seconds},
                         {"requests", facts.webhook_requests}}},
            {"store_failures", facts.store_failures},
            {"store_trouble", facts.store_trouble}};
}

std::uint64_t total(std::vector<observe::ByProvider> const& list)
{
    std::uint64_t sum = 0;
    for (auto const& one : list) sum += one.count;
    return sum;
}

std::string escaped(std::string_view text)
{
    std::string html;
    for (char const c : text) {
        switch (c) {
            case '&': html += "&amp;"; break;
            case '<': html += "&lt;"; break;
            case '>': html += "&gt;"; break;
            case '"': html += "&quot;"; break;
            default: html += c;
        }
    }
    return html;
}

std::string row(std::string_view name, std::string_view value)
{
    return "<tr><th scope=\"row\">" + escaped(name) + "</th><td>" + escaped(value) + "</td></tr>\n";
}

std::string row(std::string_view name, std::uint64_t value) { return row(name, std::to_string(value)); }

// One line a provider and tenant.
std::string deliveries_table(OutcomeFacts const& facts)
{
    std::map<std::pair<std::string, std::string>, std::array<std::uint64_t, 4>> lines;
    auto const add = [&](std::vector<observe::ByProvider> const& list, std::size_t column) {
        for (auto const& one : list) lines[{one.tenant, one.provider}][column] += one.count;
    };
    add(facts.sent, 0);
    add(facts.failed, 1);
    add(facts.deferred, 2);
    add(facts.waiting, 3);
    std::string html = "<table><tr><th>Tenant</th><th>Provider</th><th>Sent</th><th>Failed</th><th>Put off</th><th>In queue</th></tr>\n";
    for (auto const& [pair, counts] : lines) {
        html += "<tr><td>" + escaped(pair.first.empty() ? "(none)" : pair.first) + "</td><td>" +
                escaped(pair.second.empty() ? "(not tried yet)" : pair.second) + "</td>";
        for (auto const count : counts) html += "<td class=\"n\">" + std::to_string(count) + "</td>";
        html += "</tr>\n";
    }
    return html + "</table>\n";
}

// A pair that was seen has both numbers, if only 0: Prometheus sees an increase only of what was there before it.
void add_zeros(OutcomeFacts& facts)
{
    std::set<std::pair<std::string, std::string>> pairs;
    for (auto const* list : {&facts.sent, &facts.failed, &facts.deferred}) {
        for (auto const& one : *list) pairs.emplace(one.provider, one.tenant);
    }
    for (auto* list : {&facts.sent, &facts.failed}) {
        auto missing = pairs;
        for (auto const& one : *list) missing.erase({one.provider, one.tenant});
        for (auto const& [provider, tenant] : missing) list->push_back({provider, tenant, 0});
    }
}

}   // namespace

OutcomeFacts facts_of(std::map<std::string, std::uint64_t> const& counters)
{
    OutcomeFacts facts;
    for (auto const& [key, count] : counters) {
        auto const name = split(key);
        observe::ByProvider const pair{std::string{name.provider}, std::string{name.rest}, count};
        if (name.kind == "sent") facts.sent.push_back(pair);
        else if (name.kind == "failed") facts.failed.push_back(pair);
        else if (name.kind == "deferred") facts.deferred.push_back(pair);
        else if (name.kind == "delay") add_delay(facts, name, count);
        else if (name.kind == "delay_sum_ms") durations_of(facts, name.provider).sum += static_cast<double>(count) / 1'000;
        else if (name.kind == "lost") facts.lost += count;
        else if (name.kind == "unreadable") facts.unreadable_decisions += count;
        else if (name.kind == "postfix_rejects") facts.postfix_rejects += count;
        else if (name.kind == "gate_defers") facts.gate_defers += count;
    }
    add_zeros(facts);
    return facts;
}

void add_store_facts(OutcomeFacts& facts, OutcomeStore& store, base::Time now)
{
    if (auto const open = store.open_recipients(kMostPairs)) {
        for (auto const& one : *open) facts.waiting.push_back({one.provider, one.tenant, one.count});
    }
    if (auto const queue = store.queue_stats()) {
        facts.webhook_events = {{"pending", queue->pending}, {"sending", queue->sending}, {"sent", queue->sent}, {"failed", queue->failed}};
        if (queue->oldest_pending != base::Time{}) {
            auto const age = std::chrono::duration<double>(now - queue->oldest_pending).count();
            facts.webhook_oldest_seconds = std::max(0.0, age);   // the clock may be set back
        }
    }
}

std::string stats_json(OutcomeFacts const& facts)
{
    return stats_of(facts).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string status_answer(OutcomeFacts const& facts, std::chrono::seconds uptime)
{
    auto answer = stats_of(facts);
    answer["ok"] = true;
    answer["uptime_seconds"] = uptime.count();
    return answer.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string status_page(OutcomeFacts const& facts)
{
    std::string html =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>mailcore outcomes</title>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta http-equiv=\"refresh\" content=\"10\">\n"
        "<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1a1a1a}"
        "table{border-collapse:collapse;margin:0 0 2rem}th,td{text-align:left;padding:.25rem 1.5rem .25rem 0;border-bottom:1px solid #ddd}"
        "td.n{text-align:right;font-variant-numeric:tabular-nums}th[scope=row]{font-weight:400;color:#555}"
        "@media(prefers-color-scheme:dark){body{background:#16181c;color:#e6e6e6}th,td{border-color:#333}th[scope=row]{color:#aaa}}</style>"
        "</head><body>\n<h1>mailcore outcomes</h1>\n<table>\n";
    html += row("Sent", total(facts.sent)) + row("Failed", total(facts.failed)) + row("In Postfix's queue", total(facts.waiting));
    html += row("Lost from sight", facts.lost) + row("Decisions that could not be read", facts.unreadable_decisions);
    for (auto const* state : {"pending", "sending", "sent", "failed"}) {
        auto const found = facts.webhook_events.find(state);
        html += row(std::string{"Webhook: "} + state, found == facts.webhook_events.end() ? 0 : found->second);
    }
    if (!facts.store_trouble.empty()) html += row("Nothing is stored", facts.store_trouble);
    for (auto const& log : facts.logs) {
        auto const words = !log.readable ? std::string{"cannot be read"}
                           : log.bytes_behind > 0 ? std::to_string(log.bytes_behind) + " bytes behind" : std::string{"read to its end"};
        html += row(log.source, words + ", " + std::to_string(log.lines) + " lines");
    }
    return html + "</table>\n<h2>Deliveries</h2>\n" + deliveries_table(facts) +
           "<p><a href=\"/stats\">The same as JSON</a>, <a href=\"/metrics\">for Prometheus</a></p>\n</body></html>\n";
}

}   // namespace mailcore::outcomes
