#include "core/rules/rate.hpp"

#include <algorithm>

namespace mailcore::rules {
namespace {

// Spans of time in parts, 1/number of a microsecond each: then every cost is a whole number of them.
__extension__ using Parts = __int128;

Parts wide(std::uint64_t value) { return static_cast<Parts>(value); }
std::int64_t micros_of(base::Time time) { return time.time_since_epoch().count(); }

Parts parts_of(std::uint64_t units, Rate const& rate) { return wide(units) * rate.per.count(); }

Parts rounded_up(Parts dividend, Parts divisor) { return (dividend + divisor - 1) / divisor; }

// How long until all that was taken has been served. Further ahead than the whole burst, and than clocks read a little
// earlier explain, it tells of a clock that was set back, or of a burst made much smaller. Nobody is to wait for that, and
// there is no telling what was used before: it counts as nothing.
Parts backlog(Bucket const& bucket, Rate const& rate, base::Time now)
{
    bool const same_parts = bucket.number == rate.number;
    auto const whole = Parts{bucket.micros} - micros_of(now) + (!same_parts && bucket.parts > 0 ? 1 : 0);
    auto const ahead = whole * wide(rate.number) + (same_parts ? wide(bucket.parts) : 0);
    bool const beyond_belief = ahead > parts_of(rate.burst, rate) + Parts{kMostSkew.count()} * wide(rate.number);
    return beyond_belief ? Parts{0} : std::max(ahead, Parts{0});
}

void set_backlog(Bucket& bucket, Rate const& rate, Parts ahead, base::Time now)
{
    auto const number = wide(rate.number);
    bucket.micros = micros_of(now) + static_cast<std::int64_t>(ahead / number);
    bucket.parts = static_cast<std::uint64_t>(ahead % number);
    bucket.number = rate.number;
}

base::Time later(base::Time now, Parts ahead, Rate const& rate)
{
    return now + std::chrono::microseconds{static_cast<std::int64_t>(rounded_up(ahead, wide(rate.number)))};
}

}   // namespace

bool Bucket::is_empty(base::Time now) const { return micros < micros_of(now) || (micros == micros_of(now) && parts == 0); }

// A run begins at the time that the clock shows. Where that looks right, what it leads to is over in a century at most.
bool Bucket::is_of_another_clock(base::Time now) const
{
    auto const latest = micros_of(now) + kMostSkew.count();
    return run > latest || micros > latest + kLongestRefill.count();
}

Outcome judge(Bucket const& bucket, Rate const& rate, std::uint64_t cost, base::Time now)
{
    if (cost > rate.burst) return {Outcome::Kind::Never, {}};
    if (cost == 0) return {};   // also where a burst was made smaller
    auto const missing = backlog(bucket, rate, now) + parts_of(cost, rate) - parts_of(rate.burst, rate);
    if (missing <= 0) return {};
    return {Outcome::Kind::Wait, later(now, missing, rate)};
}

Taken take(Bucket& bucket, Rate const& rate, std::uint64_t cost, base::Time now)
{
    auto const ahead = backlog(bucket, rate, now);
    if (ahead == 0 || bucket.number != rate.number) {   // of a run at another rate nothing can be given back any more
        bucket.run = micros_of(now);
        bucket.taken = static_cast<std::uint64_t>(rounded_up(ahead, rate.per.count()));
        bucket.returned = 0;
    }
    bucket.taken += cost;
    auto const most = std::max(ahead, parts_of(rate.burst, rate));
    set_backlog(bucket, rate, std::min(ahead + parts_of(cost, rate), most), now);
    return {cost, rate.number, bucket.run, bucket.taken};
}

// As if the cost had never been there, the backlog would be at most each of these: what it is, less the cost, unless what
// was taken after the cost weighs more; and all that was taken in the run and not given back.
void give_back(Bucket& bucket, Rate const& rate, Taken const& taken, base::Time now)
{
    auto const ahead = backlog(bucket, rate, now);
    bool const same_run = bucket.run == taken.run && bucket.number == taken.number && bucket.number == rate.number;
    if (ahead == 0 || !same_run || bucket.taken - bucket.returned < taken.cost) return;
    bucket.returned += taken.cost;
    auto const without_it = std::max(ahead - parts_of(taken.cost, rate), parts_of(bucket.taken - taken.taken, rate));
    auto const of_the_run = parts_of(bucket.taken - bucket.returned, rate);
    set_backlog(bucket, rate, std::min({ahead, without_it, of_the_run}), now);
}

Level level(Bucket const& bucket, Rate const& rate, base::Time now)
{
    auto const ahead = backlog(bucket, rate, now);
    auto const used = static_cast<std::uint64_t>(rounded_up(std::min(ahead, parts_of(rate.burst, rate)), rate.per.count()));
    auto const one = judge(bucket, rate, 1, now);
    return {used, rate.burst - used, one.passes() ? now : one.free_at, later(now, ahead, rate)};
}

}   // namespace mailcore::rules
