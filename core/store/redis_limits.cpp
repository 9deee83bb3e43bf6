#include "core/store/redis_limits.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "core/store/fullest.hpp"

namespace mailcore::store {
namespace {

using rules::Bucket;
using rules::Charge;
using rules::KeyedBucket;
using rules::Rate;
using Texts = std::vector<std::string>;

constexpr std::string_view kPrefix = "mailcore:limit:";
constexpr std::size_t kKeysAtOnce = 500;   // in one command that reads or forgets
constexpr int kMostTries = 100;            // of a give-back that meets others' changes

// A key lives until its bucket is empty, and a little longer. With a clock of the caller's, which the server knows
// nothing of, much longer.
constexpr std::int64_t kSlack = 1'000;             // milliseconds
constexpr std::int64_t kSlackOfGivenClock = 3'600'000;

// ---- The scripts ----
// Lua's numbers are doubles: whole numbers are exact up to 2^53, which micros of a century from now (5e15) and parts of a
// number up to kMaxNumber (1e15) keep, and sums of two of them. They are written by %.0f, never as Lua would (1e+15).

// The time as it stands in each script's first argument, or the server's where that is empty.
constexpr std::string_view kNow = R"lua(
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
)lua";

// What rules::judge() and take() do, for all buckets or for none. A span of time is micros and parts, as in a Bucket.
// ARGV: time, slack, kMostSkew, 1 = may take; then, of each bucket, cost and burst as micros and parts, number, cost, per.
constexpr std::string_view kTake = R"lua(
local slack = tonumber(ARGV[2])
local most_skew = tonumber(ARGV[3])
local passes = ARGV[4] == '1'

local function text(...)
  return string.format('%.0f %.0f %.0f %.0f %.0f %.0f', ...)
end

-- ceil(micros * number / per): a product of twice 50 bits, so bit by bit of the number.
local function units(micros, number, per)
  local rest_of_micros = math.fmod(micros, per)
  local whole_of_micros = (micros - rest_of_micros) / per
  local whole, rest = 0, 0
  for bit = 49, 0, -1 do
    whole, rest = 2 * whole, 2 * rest
    if math.floor(number / 2 ^ bit) % 2 == 1 then
      whole, rest = whole + whole_of_micros, rest + rest_of_micros
      if rest >= per then whole, rest = whole + 1, rest - per end
    end
    if rest >= per then whole, rest = whole + 1, rest - per end
  end
  return rest > 0 and whole + 1 or whole
end

local function later(micros, parts, than_micros, than_parts)
  return micros > than_micros or (micros == than_micros and parts > than_parts)
end

local stored = redis.call('MGET', unpack(KEYS))
local changed = {}
for i = 1, #KEYS do
  local argument = {}
  for k = 1, 7 do argument[k] = tonumber(ARGV[4 + (i - 1) * 7 + k]) end
  local cost_micros, cost_parts, burst_micros, burst_parts, number, cost, per = unpack(argument)

  local pattern = '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$'
  local micros, parts, of_number, run, taken, returned = string.match(stored[i] or '0 0 1 0 0 0', pattern)
  if not micros then micros, parts, of_number, run, taken, returned = 0, 0, 1, 0, 0, 0 end
  local same_parts = tonumber(of_number) == number

  -- backlog()
  local ahead, ahead_parts = tonumber(micros) - now, tonumber(parts)
  if not same_parts then
    if ahead_parts > 0 then ahead = ahead + 1 end
    ahead_parts = 0
  end
  if ahead < 0 or later(ahead, ahead_parts, burst_micros + most_skew, burst_parts) then ahead, ahead_parts = 0, 0 end

  -- take()
  run, taken, returned = tonumber(run), tonumber(taken), tonumber(returned)
  if not same_parts or (ahead == 0 and ahead_parts == 0) then
    run, taken, returned = now, same_parts and 0 or units(ahead, number, per), 0
  end
  ahead, ahead_parts = ahead + cost_micros, ahead_parts + cost_parts
  if ahead_parts >= number then ahead, ahead_parts = ahead + 1, ahead_parts - number end
  if cost > 0 and later(ahead, ahead_parts, burst_micros, burst_parts) then passes = false end
  changed[i] = {text(now + ahead, ahead_parts, number, run, taken + cost, returned),
                string.format('%.0f', math.floor(ahead / 1000) + 1 + slack)}
end

local answer = {string.format('%.0f', now), passes and 1 or 0}
for i = 1, #KEYS do
  if passes then redis.call('SET', KEYS[i], changed[i][1], 'PX', changed[i][2]) end
  answer[i + 2] = passes and changed[i][1] or stored[i] or ''
end
return answer
)lua";

constexpr std::string_view kRead = R"lua(
local answer = {string.format('%.0f', now)}
for i, value in ipairs(redis.call('MGET', unpack(KEYS))) do answer[i + 1] = value or '' end
return answer
)lua";

// ARGV, of each key: what it was, what it shall be, for how many milliseconds. 1 where it was so, else 0.
constexpr std::string_view kReplace = R"lua(
local answer = {}
for i = 1, #KEYS do
  local was, shall_be, lifetime = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  answer[i] = 0
  if redis.call('GET', KEYS[i]) == was then
    redis.call('SET', KEYS[i], shall_be, 'PX', lifetime)
    answer[i] = 1
  end
end
return answer
)lua";

std::string const& take_script()
{
    static std::string const script = std::string{kNow}.append(kTake);
    return script;
}
std::string const& read_script()
{
    static std::string const script = std::string{kNow}.append(kRead);
    return script;
}
std::string const& replace_script()
{
    static std::string const script{kReplace};
    return script;
}

// ---- Buckets as texts ----

std::string written(Bucket const& bucket)
{
    std::string text = std::to_string(bucket.micros);
    for (auto const number : {bucket.parts, bucket.number, static_cast<std::uint64_t>(bucket.run), bucket.taken, bucket.returned}) {
        text.append(" ").append(std::to_string(number));
    }
    return text;
}

template <class Number>
bool read_number(std::string_view& text, Number& number)
{
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.starts_with(' ')) text.remove_prefix(1);
    return true;
}

// A new one where there is none, or what stands there is none.
Bucket bucket_of(std::string_view text)
{
    Bucket bucket;
    bool const whole = read_number(text, bucket.micros) && read_number(text, bucket.parts) && read_number(text, bucket.number) &&
                       read_number(text, bucket.run) && read_number(text, bucket.taken) && read_number(text, bucket.returned);
    return whole && text.empty() ? bucket : Bucket{};
}

base::Time time_of(std::string_view text)
{
    std::int64_t micros = 0;
    read_number(text, micros);
    return base::Time{std::chrono::microseconds{micros}};
}

std::int64_t micros_of(base::Time time) { return time.time_since_epoch().count(); }

// ---- Arguments ----

// units × per / number as micros and parts: exact, and small enough for the script.
void append_span(Texts& arguments, std::uint64_t units, Rate const& rate)
{
    __extension__ using Wide = unsigned __int128;
    auto const parts = static_cast<Wide>(units) * static_cast<std::uint64_t>(rate.per.count());
    arguments.push_back(std::to_string(static_cast<std::uint64_t>(parts / rate.number)));
    arguments.push_back(std::to_string(static_cast<std::uint64_t>(parts % rate.number)));
}

void append_charge(Texts& arguments, Charge const& charge)
{
    auto const cost = std::min(charge.cost, charge.rate.burst);   // one above the burst is not taken anyway
    append_span(arguments, cost, charge.rate);
    append_span(arguments, charge.rate.burst, charge.rate);
    for (auto const number : {charge.rate.number, cost, static_cast<std::uint64_t>(charge.rate.per.count())}) {
        arguments.push_back(std::to_string(number));
    }
}

std::string key_of(std::string_view bucket) { return std::string{kPrefix}.append(bucket); }

// So that a tenant's name means itself in a pattern of SCAN.
std::string pattern_of(std::string_view prefix)
{
    auto pattern = std::string{kPrefix};
    for (char const c : prefix) {
        if (std::string_view{"*?[]\\^-"}.find(c) != std::string_view::npos) pattern += '\\';
        pattern += c;
    }
    return pattern += '*';
}

// ---- Replies ----

tl::unexpected<base::Error> fail_reply(RedisPool const& pool)
{
    return base::fail(pool.shown() + ": the reply is none of our script's");
}

bool is_list(RedisReply const& reply, std::size_t size)
{
    return reply.kind == RedisReply::Kind::List && reply.list.size() == size;
}

// By rate.cpp itself, from the buckets as they were found: why it waits, and for how long.
rules::Answer refusal(std::span<Charge const> charges, std::vector<Bucket> buckets, base::Time time)
{
    rules::Answer answer;
    answer.time = time;
    for (std::size_t i = 0; i < charges.size(); ++i) {
        answer.outcomes.push_back(rules::judge(buckets[i], charges[i].rate, charges[i].cost, time));
    }
    answer.buckets = std::move(buckets);
    return answer;
}

rules::Answer success(std::span<Charge const> charges, std::vector<Bucket> buckets, base::Time time)
{
    rules::Answer answer;
    answer.taken = true;
    answer.time = time;
    answer.outcomes.resize(charges.size());
    for (std::size_t i = 0; i < charges.size(); ++i) {
        auto const& [limit, key, rate, cost] = charges[i];
        answer.receipt.parts.push_back({key, rate, {cost, rate.number, buckets[i].run, buckets[i].taken}});
    }
    answer.buckets = std::move(buckets);
    return answer;
}

// What SCAN finds, piece by piece; a key may come twice.
template <class Take>
base::Result<> scan(RedisPool& pool, std::string const& pattern, Take const& take)
{
    std::string cursor = "0";
    do {
        auto reply = pool.call(std::vector<std::string_view>{"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"});
        if (!reply) return base::fail(reply.error());
        if (!is_list(*reply, 2)) return fail_reply(pool);
        cursor = reply->list[0].text;
        if (auto taken = take(reply->list[1].list); !taken) return taken;
    } while (cursor != "0");
    return {};
}

}   // namespace

RedisLimits::RedisLimits(RedisPool& pool, Clock clock) : pool_{pool}, clock_{clock} {}
RedisLimits::~RedisLimits() = default;

std::string RedisLimits::time_argument(base::Time now) const
{
    return clock_ == Clock::Given ? std::to_string(micros_of(now)) : "";
}

std::int64_t RedisLimits::slack() const { return clock_ == Clock::Given ? kSlackOfGivenClock : kSlack; }

base::Result<rules::Answer> RedisLimits::take(std::span<Charge const> charges, base::Time now)
{
    if (charges.empty()) return success({}, {}, now);
    bool const can_pass = std::all_of(charges.begin(), charges.end(), [](auto const& one) { return one.cost <= one.rate.burst; });
    Texts keys;
    Texts arguments{time_argument(now), std::to_string(slack()), std::to_string(rules::kMostSkew.count()), can_pass ? "1" : "0"};
    for (auto const& charge : charges) {
        keys.push_back(key_of(charge.key));
        append_charge(arguments, charge);
    }
    auto const reply = pool_.run_script(take_script(), keys, arguments);
    if (!reply) return base::fail(reply.error());
    if (!is_list(*reply, charges.size() + 2)) return fail_reply(pool_);

    std::vector<Bucket> buckets;
    for (std::size_t i = 0; i < charges.size(); ++i) buckets.push_back(bucket_of(reply->list[i + 2].text));
    auto const time = time_of(reply->list[0].text);
    bool const taken = reply->list[1].integer == 1;
    return taken ? success(charges, std::move(buckets), time) : refusal(charges, std::move(buckets), time);
}

// Read, computed here, and put where nothing has changed meanwhile: give-backs are rare, and rate.cpp alone knows how.
base::Result<> RedisLimits::give_back(rules::Receipt const& receipt, base::Time now)
{
    auto parts = receipt.parts;
    for (int i = 0; i < kMostTries && !parts.empty(); ++i) {
        auto conflicts = try_to_give_back(parts, now);
        if (!conflicts) return base::fail(conflicts.error());
        parts = std::move(*conflicts);
    }
    if (!parts.empty()) return base::fail(pool_.shown() + ": \"" + parts.front().key + "\" changes too often to give back to it");
    return {};
}

base::Result<std::vector<rules::Receipt::Part>> RedisLimits::try_to_give_back(std::vector<rules::Receipt::Part> const& parts,
                                                                              base::Time now)
{
    Texts keys;
    for (auto const& part : parts) keys.push_back(part.key);
    auto const found = read(keys, now);
    if (!found) return base::fail(found.error());

    std::vector<rules::Receipt::Part> changed;
    Texts changed_keys, arguments;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        auto bucket = found->buckets[i].bucket;
        rules::give_back(bucket, parts[i].rate, parts[i].taken, found->time);
        if (bucket == found->buckets[i].bucket) continue;
        auto const lifetime = std::max<std::int64_t>(0, bucket.micros - micros_of(found->time)) / 1000 + 1 + slack();
        changed.push_back(parts[i]);
        changed_keys.push_back(key_of(parts[i].key));
        arguments.insert(arguments.end(), {written(found->buckets[i].bucket), written(bucket), std::to_string(lifetime)});
    }
    if (changed.empty()) return changed;
    auto const reply = pool_.run_script(replace_script(), changed_keys, arguments);
    if (!reply) return base::fail(reply.error());
    if (!is_list(*reply, changed.size())) return fail_reply(pool_);
    std::vector<rules::Receipt::Part> conflicts;
    for (std::size_t i = 0; i < changed.size(); ++i) {
        if (reply->list[i].integer == 0) conflicts.push_back(changed[i]);
    }
    return conflicts;
}

base::Result<rules::BucketsAt> RedisLimits::read(std::span<std::string const> keys, base::Time now)
{
    rules::BucketsAt result{now, {}};
    for (std::size_t start = 0; start < keys.size(); start += kKeysAtOnce) {
        auto const part = keys.subspan(start, std::min(kKeysAtOnce, keys.size() - start));
        Texts names;
        for (auto const& key : part) names.push_back(key_of(key));
        auto const reply = pool_.run_script(read_script(), names, Texts{time_argument(now)});
        if (!reply) return base::fail(reply.error());
        if (!is_list(*reply, part.size() + 1)) return fail_reply(pool_);
        result.time = time_of(reply->list[0].text);
        for (std::size_t i = 0; i < part.size(); ++i) result.buckets.push_back({part[i], bucket_of(reply->list[i + 1].text)});
    }
    return result;
}

base::Result<rules::BucketsAt> RedisLimits::list(std::string_view prefix, std::size_t most, base::Time now)
{
    rules::BucketsAt result{now, {}};
    Fullest fullest{most};
    auto const scanned = scan(pool_, pattern_of(prefix), [&](std::vector<RedisReply> const& keys) -> base::Result<> {
        if (keys.empty()) return {};
        Texts names;
        for (auto const& key : keys) names.push_back(key.text.substr(kPrefix.size()));
        auto piece = read(names, now);
        if (!piece) return base::fail(piece.error());
        result.time = piece->time;
        for (auto& [key, bucket] : piece->buckets) {
            if (!bucket.is_empty(piece->time)) fullest.add(std::move(key), bucket);
        }
        return {};
    });
    if (!scanned) return base::fail(scanned.error());
    fullest.list(result);
    return result;
}

base::Result<std::size_t> RedisLimits::reset(std::string_view prefix)
{
    std::size_t forgotten = 0;
    auto const scanned = scan(pool_, pattern_of(prefix), [&](std::vector<RedisReply> const& keys) -> base::Result<> {
        if (keys.empty()) return {};
        std::vector<std::string_view> command{"UNLINK"};
        for (auto const& key : keys) command.push_back(key.text);
        auto const reply = pool_.call(command);
        if (!reply) return base::fail(reply.error());
        forgotten += static_cast<std::size_t>(reply->integer);
        return {};
    });
    if (!scanned) return base::fail(scanned.error());
    return forgotten;
}

}   // namespace mailcore::store
