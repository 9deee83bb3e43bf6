#include "core/base/duration.hpp"

#include <array>
#include <charconv>
#include <limits>

namespace mailcore::base {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array kTimes{Unit{"ms", 1},         Unit{"s", 1000},         Unit{"m", 60'000},
                            Unit{"h", 3'600'000},  Unit{"d", 86'400'000},   Unit{"w", 604'800'000}};
constexpr std::array kSizes{Unit{"", 1},           Unit{"B", 1},            Unit{"KiB", 1u << 10}, Unit{"MiB", 1u << 20},
                            Unit{"GiB", 1u << 30}, Unit{"kB", 1000},        Unit{"MB", 1'000'000}, Unit{"GB", 1'000'000'000}};

// The number times its unit, or nullopt-like failure with the words given.
template <std::size_t N>
Result<std::uint64_t> parse_with_unit(std::string_view text, std::array<Unit, N> const& units, std::string_view expected)
{
    std::uint64_t number = 0;
    auto const [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    auto const unit_name = std::string_view{rest, static_cast<std::size_t>(text.data() + text.size() - rest)};
    if (failure == std::errc{}) {
        for (auto const& unit : units) {
            if (unit.name != unit_name) continue;
            if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / unit.factor) break;
            return number * unit.factor;
        }
    }
    return fail("\"" + std::string{text} + "\" is not " + std::string{expected});
}

template <std::size_t N>
std::string format_with_unit(std::uint64_t value, std::array<Unit, N> const& units)
{
    Unit best = units[0];
    for (auto const& unit : units) {
        if (unit.factor >= best.factor && value % unit.factor == 0) best = unit;
    }
    return std::to_string(value / best.factor) + std::string{best.name};
}

}   // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text)
{
    if (text == "0") return std::chrono::milliseconds{0};
    auto const parsed = parse_with_unit(text, kTimes, "a duration; write a number and ms, s, m, h, d or w, as in 10m");
    if (!parsed) return fail(parsed.error());
    // Clocks count in nanoseconds, 292 years of them: a longer time added to now would overflow.
    if (*parsed > static_cast<std::uint64_t>(kLongestDuration.count())) {
        return fail("\"" + std::string{text} + "\" is too long; at most " + format_duration(kLongestDuration));
    }
    return std::chrono::milliseconds{static_cast<std::int64_t>(*parsed)};
}

std::string format_duration(std::chrono::milliseconds duration)
{
    if (duration.count() == 0) return "0s";
    constexpr std::array upto_days{kTimes[0], kTimes[1], kTimes[2], kTimes[3], kTimes[4]};   // "90d", not "7w"
    return format_with_unit(static_cast<std::uint64_t>(duration.count()), upto_days);
}

Result<std::uint64_t> parse_size(std::string_view text)
{
    return parse_with_unit(text, kSizes, "a size; write a number of bytes or with a unit, as in 25MiB");
}

std::string format_size(std::uint64_t bytes)
{
    if (bytes == 0) return "0";
    constexpr std::array binary{kSizes[0], kSizes[2], kSizes[3], kSizes[4]};
    return format_with_unit(bytes, binary);
}

}   // namespace mailcore::base
