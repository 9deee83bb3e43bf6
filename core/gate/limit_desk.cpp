#include "core/gate/limit_desk.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/duration.hpp"

namespace mailcore::gate {
namespace {

using nlohmann::json;

// In one answer, lest it takes minutes and gigabytes. What is left out is the least full, and how much that is, is told.
constexpr std::size_t kMostKeys = 10'000;    // of one limit that is counted apart
constexpr std::size_t kMostLines = 10'000;   // of all tenants

std::string dumped(json const& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string per_of(rules::Rate const& rate)
{
    return base::format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(rate.per));
}

std::string later(base::Time time, base::Time now) { return time > now ? base::format_time(time) : std::string{}; }

json entry_of(std::string const& tenant, rules::Limit const& limit, std::string_view value, rules::Bucket const& bucket, base::Time now)
{
    auto const rate = limit.rate_at(now);
    auto const level = rules::level(bucket, rate, now);
    json entry{{"tenant", tenant}, {"limit", limit.name}, {"id", limit.id}, {"key", value}, {"unit", rules::word(limit.unit)},
            {"action", mail::word(limit.action)}, {"number", rate.number}, {"burst", rate.burst}, {"per", per_of(rate)},
            {"used", level.used}, {"left", level.left}, {"free_at", later(level.free_at, now)}, {"empty_at", later(level.empty_at, now)}};
    if (limit.warmup) entry["full_number"] = limit.rate.number;
    return entry;
}

std::string tenant_of(json const& request) { return request.value("tenant", std::string{}); }

base::Result<> must_know(rules::Ruleset const& ruleset, std::string const& tenant)
{
    if (ruleset.find_tenant(tenant) != nullptr) return {};
    return base::fail("no tenant \"" + tenant + "\" in the rules in force");
}

struct Listing {
    json limits = json::array();
    std::size_t left_out = 0;
};

// One counted apart by client, login or sender: as many lines as there are live ones, or one of its own where there is none.
base::Result<> add_apart(Listing& listing, rules::LimitStore& store, std::string const& tenant, rules::Limit const& limit, base::Time now)
{
    auto const prefix = rules::bucket_prefix(tenant) + limit.id + ' ';
    auto const found = store.list(prefix, kMostKeys, now);
    if (!found) return base::fail(found.error());
    if (found->buckets.empty()) listing.limits.push_back(entry_of(tenant, limit, {}, {}, found->time));
    for (auto const& [key, bucket] : found->buckets) {
        auto entry = entry_of(tenant, limit, std::string_view{key}.substr(prefix.size()), bucket, found->time);
        entry["keys"] = found->total;
        listing.limits.push_back(std::move(entry));
    }
    listing.left_out += found->total - found->buckets.size();
    return {};
}

base::Result<> add_one_tenant(Listing& listing, rules::LimitStore& store, rules::Ruleset const& ruleset, rules::Tenant const& tenant, base::Time now)
{
    auto const& limits = ruleset.limits_of(tenant);
    std::vector<std::string> keys;
    for (auto const& limit : limits) keys.push_back(rules::bucket_prefix(tenant.name) + limit.id);
    auto const found = store.read(keys, now);
    if (!found) return base::fail(found.error());
    for (std::size_t i = 0; i < limits.size(); ++i) {
        if (limits[i].key == rules::LimitKey::Tenant) {
            listing.limits.push_back(entry_of(tenant.name, limits[i], {}, found->buckets[i].bucket, found->time));
        } else if (auto added = add_apart(listing, store, tenant.name, limits[i], now); !added) {
            return added;
        }
    }
    return {};
}

struct Line {
    rules::Tenant const* tenant;
    rules::Limit const* limit;
    rules::Bucket bucket{};
    base::Time time{};
    double fill = 0;
    std::size_t number = 0;   // in the order of the configuration
};

// Keeps the fullest, in no order.
void cut(std::vector<Line>& lines, std::size_t most)
{
    if (lines.size() <= most) return;
    std::nth_element(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(most), lines.end(), [](Line const& left, Line const& right) {
        return left.fill != right.fill ? left.fill > right.fill : left.number < right.number;
    });
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(most), lines.end());
}

// The counters of the lines from `first` on, with as few questions as there are batches.
base::Result<> read_lines(std::span<Line> lines, rules::LimitStore& store, base::Time now)
{
    std::vector<std::string> keys;   // apart ones have no such key: nothing used
    for (auto const& line : lines) keys.push_back(rules::bucket_prefix(line.tenant->name) + line.limit->id);
    auto const found = store.read(keys, now);
    if (!found) return base::fail(found.error());
    for (std::size_t i = 0; i < lines.size(); ++i) {
        auto& line = lines[i];
        line.bucket = found->buckets[i].bucket;
        line.time = found->time;
        auto const rate = line.limit->rate_at(line.time);
        line.fill = static_cast<double>(rules::level(line.bucket, rate, line.time).used) / static_cast<double>(rate.burst);
    }
    return {};
}

// Of all tenants only what is counted as a whole: a few reads of many keys, and no walk through the store.
base::Result<> add_all_tenants(Listing& listing, rules::LimitStore& store, rules::Ruleset const& ruleset, base::Time now)
{
    constexpr std::size_t kBatch = 500;
    std::vector<Line> lines;
    std::size_t number = 0, unread = 0;
    auto const read = [&] {
        auto done = read_lines(std::span{lines}.last(std::exchange(unread, 0)), store, now);
        if (lines.size() >= 2 * kMostLines) cut(lines, kMostLines);
        return done;
    };
    for (auto const& tenant : ruleset.tenants) {
        for (auto const& limit : ruleset.limits_of(tenant)) {
            lines.push_back({.tenant = &tenant, .limit = &limit, .number = number++});
            if (++unread < kBatch) continue;
            if (auto done = read(); !done) return done;
        }
    }
    if (auto done = read(); !done) return done;
    cut(lines, kMostLines);
    std::sort(lines.begin(), lines.end(), [](Line const& left, Line const& right) { return left.number < right.number; });
    for (auto const& line : lines) listing.limits.push_back(entry_of(line.tenant->name, *line.limit, {}, line.bucket, line.time));
    listing.left_out = number - lines.size();
    return {};
}

base::Result<json> list_limits(rules::Ruleset const& ruleset, store::Limits& store, json const& request, base::Time now)
{
    Listing listing;
    auto const wanted = tenant_of(request);
    auto const* const tenant = wanted.empty() ? nullptr : ruleset.find_tenant(wanted);
    if (!wanted.empty() && tenant == nullptr) return base::fail(must_know(ruleset, wanted).error());
    auto const added = tenant != nullptr ? add_one_tenant(listing, store, ruleset, *tenant, now)
                                         : add_all_tenants(listing, store, ruleset, now);
    if (!added) return base::fail(added.error());
    auto const health = store.health();
    json answer{{"store", health.store}, {"on_fallback", health.on_fallback}, {"left_out", listing.left_out}};
    answer["limits"] = std::move(listing.limits);
    return answer;
}

base::Result<json> forget(rules::Ruleset const& ruleset, rules::LimitStore& store, json const& request)
{
    auto const tenant = tenant_of(request);
    if (auto const known = must_know(ruleset, tenant); !known) return base::fail(known.error());
    auto const forgotten = store.reset(rules::bucket_prefix(tenant));
    if (!forgotten) return base::fail(forgotten.error());
    return json{{"tenant", tenant}, {"forgotten", *forgotten}};
}

// A tenant that is gone from the configuration can still be resumed.
base::Result<json> set_suspended(rules::Ruleset const& ruleset, store::SuspensionKeeper& suspensions, bool suspended,
                                 json const& request, base::Time now)
{
    auto const tenant = tenant_of(request);
    suspensions.refresh();
    bool const was = suspensions.current().holds(tenant);
    if (auto const known = must_know(ruleset, tenant); !known && !was) return base::fail(known.error());
    auto const told = suspensions.set(tenant, suspended, request.value("reason", std::string{}), now);
    if (!told) return base::fail(told.error());
    return json{{"tenant", tenant}, {"suspended", suspended}, {"changed", was != suspended}, {"told_fleet", told->shared},
                {"untold", told->trouble}};
}

json list_suspensions(store::SuspensionKeeper& suspensions)
{
    suspensions.refresh();
    auto list = json::array();
    for (auto const& [tenant, entry] : suspensions.current()) {
        if (entry.suspended) list.push_back({{"tenant", tenant}, {"since", base::format_time(entry.time)}, {"reason", entry.reason}});
    }
    return {{"suspensions", list}};
}

base::Result<json> read_buckets(rules::LimitStore& store, json const& request, base::Time now)
{
    auto const keys = request.at("keys").get<std::vector<std::string>>();
    auto const found = store.read(keys, now);
    if (!found) return base::fail(found.error());
    auto list = json::array();
    for (auto const& [key, bucket] : found->buckets) {
        list.push_back({{"key", key}, {"micros", bucket.micros}, {"parts", bucket.parts}, {"number", bucket.number},
                        {"run", bucket.run}, {"taken", bucket.taken}, {"returned", bucket.returned}});
    }
    return json{{"time", found->time.time_since_epoch().count()}, {"buckets", list}};
}

}   // namespace

bool LimitDesk::is_about_suspensions(std::string const& text)
{
    auto const command = json::parse(text).value("command", std::string{});
    return command == "suspend" || command == "resume" || command == "suspensions";
}

base::Result<std::string> LimitDesk::answer(std::string const& text, base::Time now)
{
    auto const request = json::parse(text);
    auto const command = request.value("command", std::string{});
    auto result = [&]() -> base::Result<json> {
        if (command == "limits") return list_limits(ruleset_, limits_, request, now);
        if (command == "limits-reset") return forget(ruleset_, limits_, request);
        if (command == "suspend" || command == "resume") {
            return set_suspended(ruleset_, suspensions_, command == "suspend", request, now);
        }
        if (command == "suspensions") return list_suspensions(suspensions_);
        if (command == "buckets") return read_buckets(limits_, request, now);
        return base::fail("no such command: " + command);
    }();
    if (!result) return base::fail(result.error());
    (*result)["ok"] = true;
    return dumped(*result);
}

// Where the configuration names no place, the tables lie in the state directory, wherever that is.
store::LimitsOptions limits_options(config::Settings const& settings)
{
    auto const& limits = settings.limits;
    auto const below_state = [&](config::Text const& text, char const* name) {
        return text.position.line > 0 ? text.value : "lmdb:" + settings.state_directory.value + "/" + name;
    };
    store::LimitsOptions options;
    options.store = below_state(limits.store, "limits");
    options.fallback = below_state(limits.fallback, "limits-local");
    options.password_file = limits.password_file.value;
    options.ca_file = limits.ca_file.value;
    options.timeout = limits.timeout;
    options.state_directory = settings.state_directory.value;
    return options;
}

}   // namespace mailcore::gate
