#include "core/gate/limit_desk.hpp"

#include <nlohmann/json.hpp>

#include "core/base/duration.hpp"

namespace mailcore::gate {
namespace {

using nlohmann::json;

constexpr std::size_t kMostBuckets = 10'000;   // of one tenant, in one answer

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

// What is counted apart in a bucket of this limit, "" where the tenant is counted as a whole; nothing: another limit's.
std::optional<std::string_view> value_in(std::string_view key, std::string_view prefix, rules::Limit const& limit)
{
    auto const name = key.substr(prefix.size());
    if (name == limit.id) return std::string_view{};
    bool const is_its_own = name.starts_with(limit.id) && name[limit.id.size()] == ' ';
    return is_its_own ? std::optional{name.substr(limit.id.size() + 1)} : std::nullopt;
}

// One counted apart by client, login or sender has as many lines as there are live ones, and one of its own where there
// is none.
base::Result<> add_one_tenant(json& list, rules::LimitStore& store, rules::Ruleset const& ruleset, rules::Tenant const& tenant, base::Time now)
{
    auto const prefix = rules::bucket_prefix(tenant.name);
    auto const found = store.list(prefix, kMostBuckets, now);
    if (!found) return base::fail(found.error());
    for (auto const& limit : ruleset.limits_of(tenant)) {
        auto const before = list.size();
        for (auto const& [key, bucket] : found->buckets) {
            if (auto const value = value_in(key, prefix, limit)) list.push_back(entry_of(tenant.name, limit, *value, bucket, found->time));
        }
        if (list.size() == before) list.push_back(entry_of(tenant.name, limit, {}, {}, found->time));
    }
    return {};
}

struct Line {
    rules::Tenant const* tenant;
    rules::Limit const* limit;
};

// Of all tenants only what is counted as a whole: a few reads of many keys, and no walk through the store.
base::Result<> add_all_tenants(json& list, rules::LimitStore& store, rules::Ruleset const& ruleset, base::Time now)
{
    constexpr std::size_t kBatch = 500;
    std::vector<Line> lines;
    std::vector<std::string> keys;
    auto const add_batch = [&]() -> base::Result<> {
        auto const found = store.read(keys, now);
        if (!found) return base::fail(found.error());
        for (std::size_t i = 0; i < lines.size(); ++i) {
            list.push_back(entry_of(lines[i].tenant->name, *lines[i].limit, {}, found->buckets[i].bucket, found->time));
        }
        lines.clear();
        keys.clear();
        return {};
    };
    for (auto const& tenant : ruleset.tenants) {
        for (auto const& limit : ruleset.limits_of(tenant)) {
            lines.push_back({&tenant, &limit});
            keys.push_back(rules::bucket_prefix(tenant.name) + limit.id);   // apart ones have no such key: nothing used
            if (lines.size() < kBatch) continue;
            if (auto added = add_batch(); !added) return added;
        }
    }
    return lines.empty() ? base::Result<>{} : add_batch();
}

base::Result<json> list_limits(rules::Ruleset const& ruleset, store::Limits& store, json const& request, base::Time now)
{
    auto list = json::array();
    auto const wanted = tenant_of(request);
    auto const* const tenant = wanted.empty() ? nullptr : ruleset.find_tenant(wanted);
    if (!wanted.empty() && tenant == nullptr) return base::fail(must_know(ruleset, wanted).error());
    auto const added = tenant != nullptr ? add_one_tenant(list, store, ruleset, *tenant, now)
                                         : add_all_tenants(list, store, ruleset, now);
    if (!added) return base::fail(added.error());
    auto const health = store.health();
    return json{{"store", health.store}, {"on_fallback", health.on_fallback}, {"limits", list}};
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
    return json{{"tenant", tenant}, {"suspended", suspended}, {"changed", was != suspended}, {"told_fleet", *told}};
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

base::Result<std::string> LimitDesk::answer(std::string const& text, base::Time now)
{
    auto const request = json::parse(text);
    auto const command = request.value("command", std::string{});
    auto const result = [&]() -> base::Result<json> {
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
    auto document = *result;
    document["ok"] = true;
    return dumped(document);
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
