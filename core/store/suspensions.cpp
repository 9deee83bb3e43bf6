#include "core/store/suspensions.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <tuple>

namespace mailcore::store {
namespace {

using rules::Suspension;
using rules::Suspensions;

// ---- In Redis ----

constexpr std::string_view kHash = "mailcore:suspensions";
constexpr std::string_view kVersion = ":version";   // no tenant's name begins so

// Of the format, "1795000000000000 suspended invoice 4711", the latest time that is read: what stands there with a later one
// is somebody else's, and could never be overtaken. Lua's numbers are exact to a little more.
constexpr std::int64_t kLatest = 9'000'000'000'000'000;

// ARGV: tenant, time, value; and so on. What is not ours to read counts as older: as entry_of() does. The version begins with
// the server's time, so that after a loss it is none that was there before.
constexpr std::string_view kMerge = R"lua(
local changed = false
for i = 1, #ARGV, 3 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  known = known or ''
  local time = tonumber(string.match(known, '^(%d+) suspended ') or string.match(known, '^(%d+) resumed ') or '-1')
  if time > 9000000000000000 then time = -1 end
  if tonumber(ARGV[i + 1]) > time then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    changed = true
  end
end
if changed then
  local now = redis.call('TIME')
  redis.call('HSETNX', KEYS[1], ':version', string.format('%.0f', now[1] * 1000000 + now[2]))
  redis.call('HINCRBY', KEYS[1], ':version', 1)
end
return changed and 1 or 0
)lua";

std::string micros_of(Suspension const& entry) { return std::to_string(entry.time.time_since_epoch().count()); }

std::string written(Suspension const& entry)
{
    return micros_of(entry) + (entry.suspended ? " suspended " : " resumed ") + entry.reason;
}

// "1795000000000000 suspended invoice 4711"
std::optional<Suspension> entry_of(std::string_view text)
{
    std::int64_t micros = 0;
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), micros);
    if (failure != std::errc{} || text.starts_with('-') || micros > kLatest) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    for (auto const& [word, suspended] : {std::pair{std::string_view{" suspended "}, true}, {" resumed ", false}}) {
        if (!text.starts_with(word)) continue;
        return Suspension{suspended, base::Time{std::chrono::microseconds{micros}}, std::string{text.substr(word.size())}};
    }
    return std::nullopt;
}

class RedisSuspensions final : public SuspensionTable {
public:
    explicit RedisSuspensions(RedisPool& pool) : pool_{pool} {}

    bool may_have_changed() override
    {
        if (pool_.is_away()) return true;
        auto const version = pool_.call(std::array<std::string_view, 3>{"HGET", kHash, kVersion});
        return !version || version->text != version_;
    }

    base::Result<Suspensions> load() override
    {
        version_.reset();
        auto const reply = pool_.call(std::array<std::string_view, 2>{"HGETALL", kHash});
        if (!reply) return base::fail(reply.error());
        Suspensions entries;
        std::string version;
        for (std::size_t i = 0; i + 1 < reply->list.size(); i += 2) {
            auto const& [tenant, value] = std::tie(reply->list[i].text, reply->list[i + 1].text);
            if (tenant == kVersion) version = value;
            else if (auto entry = entry_of(value)) entries.merge(tenant, std::move(*entry));
        }
        version_ = version;
        return entries;
    }

    base::Result<> merge(Suspensions const& entries) override
    {
        std::vector<std::string> arguments;
        for (auto const& [tenant, entry] : entries) {
            arguments.insert(arguments.end(), {tenant, micros_of(entry), written(entry)});
        }
        if (arguments.empty()) return {};
        version_.reset();   // the one that we knew is past: to find it again would mean a loss, which must be noticed
        static std::string const script{kMerge};
        auto const reply = pool_.run_script(script, std::array{std::string{kHash}}, arguments);
        return reply ? base::Result<>{} : base::fail(reply.error());
    }

    base::Result<std::string> begin_anew() override { return base::fail("what stands in Redis is not ours to put aside"); }

private:
    RedisPool& pool_;
    std::optional<std::string> version_;   // "" where there is no hash; nothing: not read
};

// ---- Beside the counters in LMDB ----

std::unique_ptr<SuspensionTable> shared_table(LimitsOptions const& options, Limits& limits, std::string const& host_directory)
{
    if (limits.redis() != nullptr) return redis_suspensions(*limits.redis());
    auto const directory = options.store.substr(options.store.find(':') + 1) + "/suspensions";
    if (directory == host_directory) return nullptr;   // one table for both
    return lmdb_suspensions(directory);
}

// What `known` says that `copy` lacks, or says of an earlier time.
Suspensions missing_in(Suspensions const& copy, Suspensions const& known)
{
    Suspensions missing;
    for (auto const& [tenant, entry] : known) {
        auto const* const there = copy.find(tenant);
        if (there == nullptr || there->time < entry.time) missing.merge(tenant, entry);
    }
    return missing;
}

void take_over(Suspensions& into, Suspensions const& from)
{
    for (auto const& [tenant, entry] : from) into.merge(tenant, entry);
}

}   // namespace

std::unique_ptr<SuspensionTable> redis_suspensions(RedisPool& pool) { return std::make_unique<RedisSuspensions>(pool); }

// ---- The keeper ----

SuspensionKeeper::SuspensionKeeper(std::unique_ptr<SuspensionTable> host, std::unique_ptr<SuspensionTable> shared, RedisPool* redis, Tell tell)
    : tell_{std::move(tell)}, redis_{redis}
{
    host_.table = std::move(host);
    shared_.table = std::move(shared);
}

base::Result<std::unique_ptr<SuspensionKeeper>> SuspensionKeeper::open(LimitsOptions const& options, Limits& limits, Tell tell,
                                                                         base::Time now)
{
    auto const directory = options.state_directory + "/suspensions";
    std::unique_ptr<SuspensionKeeper> keeper{new SuspensionKeeper{
        lmdb_suspensions(directory), shared_table(options, limits, directory), limits.redis(), std::move(tell)}};
    keeper->refresh(now);
    auto const& [host, shared] = std::tie(keeper->host_, keeper->shared_);
    if (!host.is_known) {
        return base::fail(host.trouble + (shared.trouble.empty() ? "" : "; nor can the other copy be read: " + shared.trouble));
    }
    keeper->knows_all_ = true;
    return keeper;
}

void SuspensionKeeper::read(Copy& copy)
{
    if (!copy.table || !copy.table->may_have_changed()) return;
    auto loaded = copy.table->load();
    copy.is_known = loaded.has_value();
    copy.trouble = loaded ? "" : loaded.error().message;
    if (loaded) copy.entries = std::move(*loaded);
}

// What cannot be read is put aside and begun anew, where what stood in it is known from elsewhere: from the other copy, or
// because we had read it. Where neither can be read at a start, that is refused: no suspension is to be forgotten in silence.
void SuspensionKeeper::rebuild(Copy& copy, Copy const& other)
{
    if (!copy.table || copy.is_known || !(other.is_known || knows_all_)) return;
    auto const begun = copy.table->begin_anew();
    if (!begun) return;
    read(copy);
    if (!begun->empty()) tell_({Notice::Kind::SuspensionsMended, *begun + "; what is known of suspensions is written to it"});
}

// A copy that cannot be read is left alone: the next refresh reads it again.
base::Result<> SuspensionKeeper::write(Copy& copy, Suspensions const& entries)
{
    auto written = copy.table->merge(entries);
    if (written && copy.is_known) take_over(copy.entries, entries);
    if (!written) copy.trouble = written.error().message;
    else if (copy.is_known) copy.trouble.clear();
    return written;
}

// What fails now is tried again by the next refresh.
void SuspensionKeeper::write_back(Copy& copy)
{
    if (!copy.table || !copy.is_known) return;
    auto const missing = missing_in(copy.entries, current_);
    if (missing.begin() == missing.end()) copy.trouble.clear();
    else static_cast<void>(write(copy, missing));
}

void SuspensionKeeper::tell_of(Copy& copy, base::Time now)
{
    if (!copy.trouble.empty() && !is_away(copy)) {
        if (copy.said.lasts(now)) tell_({Notice::Kind::SuspensionsFailed, copy.trouble});
    } else if (copy.trouble.empty() && copy.said.ends()) {
        tell_({Notice::Kind::SuspensionsMended, std::string{copy.name} + " copy of the suspensions can be read and written again"});
    }
}

void SuspensionKeeper::show()
{
    Health health{host_.trouble.empty(), shared_.trouble.empty(), {}};
    for (auto const* copy : {&host_, &shared_}) {
        if (!copy->trouble.empty() && !is_away(*copy)) health.troubles.push_back(copy->trouble);
    }
    std::lock_guard const lock{shown_mutex_};
    shown_ = std::move(health);
}

// Of that Limits tells.
bool SuspensionKeeper::is_away(Copy const& copy) const { return &copy == &shared_ && redis_ != nullptr && redis_->is_away(); }

bool SuspensionKeeper::refresh(base::Time now)
{
    auto const before = current_;
    read(host_);
    read(shared_);
    rebuild(host_, shared_);
    rebuild(shared_, host_);
    take_over(current_, host_.entries);
    take_over(current_, shared_.entries);
    write_back(host_);
    write_back(shared_);
    tell_of(host_, now);
    tell_of(shared_, now);
    show();
    return current_ != before;
}

base::Result<SuspensionKeeper::Told> SuspensionKeeper::set(std::string const& tenant, bool suspended, std::string const& reason, base::Time now)
{
    refresh(now);   // the other hosts' clocks may be ahead: this change must be the latest nevertheless
    auto const* const known = current_.find(tenant);
    auto const time = known == nullptr ? now : std::max(now, known->time + std::chrono::microseconds{1});
    Suspensions change;
    change.merge(tenant, {suspended, time, reason});

    auto const by_host = write(host_, change);
    auto const shared = shared_.table ? write(shared_, change) : by_host;
    if (!by_host && !shared) return base::fail(by_host.error());
    take_over(current_, change);
    if (!shared) return Told{false, shared.error().message};
    return Told{true, by_host ? "" : by_host.error().message};
}

SuspensionKeeper::Health SuspensionKeeper::health() const
{
    std::lock_guard const lock{shown_mutex_};
    return shown_;
}

}   // namespace mailcore::store
