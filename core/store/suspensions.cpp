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

// ARGV: tenant, time, value; and so on. What is not ours to read counts as older. The version begins with the server's
// time, so that after a loss it is none that was there before.
constexpr std::string_view kMerge = R"lua(
local changed = false
for i = 1, #ARGV, 3 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  local time = known and tonumber(string.match(known, '^(%d+) ')) or -1
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
    if (failure != std::errc{}) return std::nullopt;
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

private:
    RedisPool& pool_;
    std::optional<std::string> version_;   // "" where there is no hash; nothing: not read
};

// ---- Beside the counters in LMDB ----

// Opened at its first use, and tried again after a failure: a store that cannot be opened now is away.
class LaterTable final : public SuspensionTable {
public:
    explicit LaterTable(std::string directory) : directory_{std::move(directory)} {}

    bool may_have_changed() override { return !table_ || table_->may_have_changed(); }
    base::Result<Suspensions> load() override
    {
        if (auto const opened = open(); !opened) return base::fail(opened.error());
        return table_->load();
    }
    base::Result<> merge(Suspensions const& entries) override
    {
        if (auto opened = open(); !opened) return opened;
        return table_->merge(entries);
    }

private:
    base::Result<> open()
    {
        if (table_) return {};
        auto opened = open_lmdb_suspensions(directory_);
        if (!opened) return base::fail(opened.error());
        table_ = std::move(*opened);
        return {};
    }

    std::string const directory_;
    std::unique_ptr<SuspensionTable> table_;
};

std::unique_ptr<SuspensionTable> shared_table(LimitsOptions const& options, Limits& limits, std::string const& host_directory)
{
    if (limits.redis() != nullptr) return redis_suspensions(*limits.redis());
    auto const directory = options.store.substr(options.store.find(':') + 1) + "/suspensions";
    if (directory == host_directory) return nullptr;   // one table for both
    return std::make_unique<LaterTable>(directory);
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

SuspensionKeeper::SuspensionKeeper(std::unique_ptr<SuspensionTable> host, std::unique_ptr<SuspensionTable> shared)
{
    host_.table = std::move(host);
    shared_.table = std::move(shared);
}

base::Result<std::unique_ptr<SuspensionKeeper>> SuspensionKeeper::open(LimitsOptions const& options, Limits& limits)
{
    auto const directory = options.state_directory + "/suspensions";
    auto host = open_lmdb_suspensions(directory);
    if (!host) return base::fail(host.error());
    std::unique_ptr<SuspensionKeeper> keeper{new SuspensionKeeper{std::move(*host), shared_table(options, limits, directory)}};
    keeper->refresh();
    return keeper;
}

void SuspensionKeeper::read(Copy& copy)
{
    if (!copy.table || !copy.table->may_have_changed()) return;
    auto loaded = copy.table->load();
    copy.is_known = loaded.has_value();
    if (loaded) copy.entries = std::move(*loaded);
}

// A copy that cannot be read is left alone: the next refresh reads it again.
base::Result<> SuspensionKeeper::write_back(Copy& copy) const
{
    if (!copy.table || !copy.is_known) return {};
    auto const missing = missing_in(copy.entries, current_);
    if (missing.begin() == missing.end()) return {};
    auto written = copy.table->merge(missing);
    if (written) take_over(copy.entries, missing);
    return written;
}

bool SuspensionKeeper::refresh()
{
    auto const before = current_;
    read(host_);
    read(shared_);
    take_over(current_, host_.entries);
    take_over(current_, shared_.entries);
    static_cast<void>(write_back(host_));     // what fails now is tried again by the next refresh
    static_cast<void>(write_back(shared_));
    return current_ != before;
}

base::Result<bool> SuspensionKeeper::set(std::string const& tenant, bool suspended, std::string const& reason, base::Time now)
{
    refresh();   // the other hosts' clocks may be ahead: this change must be the latest nevertheless
    auto const* const known = current_.find(tenant);
    auto const time = known == nullptr ? now : std::max(now, known->time + std::chrono::microseconds{1});
    Suspensions change;
    change.merge(tenant, {suspended, time, reason});

    auto const by_host = host_.table->merge(change);
    auto const shared = shared_.table ? shared_.table->merge(change) : by_host;
    if (!by_host && !shared) return base::fail(by_host.error());
    take_over(current_, change);
    if (by_host) take_over(host_.entries, change);
    if (shared && shared_.is_known) take_over(shared_.entries, change);
    return shared.has_value();
}

}   // namespace mailcore::store
