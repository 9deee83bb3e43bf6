#include "core/rules/compile_limits.hpp"

#include <algorithm>
#include <map>

#include "core/base/duration.hpp"

namespace mailcore::rules {
namespace {

std::string amount(LimitUnit unit, std::uint64_t number)
{
    if (unit != LimitUnit::Bytes) return std::to_string(number);
    auto const size = base::format_size(number);
    return size.back() == 'B' ? size : size + " bytes";
}

// "100 messages", "1 recipient", "25MiB"
std::string amount_and_unit(LimitUnit unit, std::uint64_t number)
{
    if (unit == LimitUnit::Bytes) return amount(unit, number);
    auto text = amount(unit, number) + ' ' + std::string{word(unit)};
    if (number == 1) text.pop_back();
    return text;
}

std::string name_of(Limit const& limit, std::string const& per)
{
    auto name = amount_and_unit(limit.unit, limit.rate.number) + " per " + per;
    if (limit.rate.burst != limit.rate.number) name += ", " + amount(limit.unit, limit.rate.burst) + " at once";
    if (limit.key != LimitKey::Tenant) name += ", each " + std::string{word(limit.key)};
    if (limit.warmup) name += ", with warm-up";
    return name;
}

LimitKey key_of(std::string_view written)
{
    for (auto const key : {LimitKey::Client, LimitKey::Login, LimitKey::Sender}) {
        if (word(key) == written) return key;
    }
    return LimitKey::Tenant;
}

Rate rate_of(config::LimitSettings const& settings)
{
    auto const number = std::max({settings.messages, settings.recipients, settings.bytes.value});   // the others are 0
    return {number, settings.per, settings.burst.value > 0 ? settings.burst.value : number};
}

// The largest burst that rate.hpp allows.
std::uint64_t most_burst(Rate const& rate)
{
    __extension__ using Wide = __int128;
    auto const most = Wide{kLongestRefill.count()} * static_cast<Wide>(rate.number) / rate.per.count();
    return static_cast<std::uint64_t>(std::min(most, static_cast<Wide>(kMaxNumber)));
}

Limit compile_limit(config::LimitSettings const& settings)
{
    Limit limit;
    limit.unit = settings.bytes.value > 0 ? LimitUnit::Bytes : settings.recipients > 0 ? LimitUnit::Recipients : LimitUnit::Messages;
    limit.rate = rate_of(settings);
    limit.action = settings.action == "reject" ? mail::Action::Reject : mail::Action::Defer;
    limit.key = key_of(settings.key);
    if (auto const& warmup = settings.warmup) {
        limit.warmup = Warmup{warmup->from, warmup->start.number, warmup->double_every, warmup->until.number};
    }
    auto const per = base::format_duration(settings.per);
    limit.name = name_of(limit, per);
    limit.id = std::string{word(limit.unit)} + '/' + per;
    if (limit.key != LimitKey::Tenant) limit.id += '/' + std::string{word(limit.key)};
    auto const reason = " (" + std::string{word(mail::Reason::LimitExceeded)} + ")";
    limit.reply = "Sending limit reached: " + limit.name + reason;
    limit.never_reply = "Message alone exceeds a sending limit: " + limit.name + reason;
    return limit;
}

// What rate.hpp demands of a rate. Only bytes and bursts can be written that large.
void check_rate(Rate const& rate, config::LimitSettings const& settings, config::Diagnostics& problems)
{
    auto const complain = [&](config::Position const& place, std::string const& words, std::uint64_t most) {
        problems.error(place, words + "; at most " + std::to_string(most));
    };
    if (rate.number == 0 || rate.per.count() == 0) return;   // the reader has said so
    if (rate.number > kMaxNumber) return complain(settings.bytes.position, "bytes: more than can be counted", kMaxNumber);
    auto const most = most_burst(rate);
    if (rate.burst <= most) return;
    bool const too_long = most < kMaxNumber;
    complain(settings.burst.position, too_long ? "burst: would take more than a century to be free again" : "burst: more than can be counted", most);
}

void append(std::string& text, std::string const& part) { text.append(part) += '\n'; }

}   // namespace

std::vector<Limit> compile_limits(std::vector<config::LimitSettings> const& settings, config::Diagnostics& problems)
{
    std::vector<Limit> limits;
    std::map<std::string, int> count_by_id;
    for (auto const& each : settings) {
        auto limit = compile_limit(each);
        check_rate(limit.rate, each, problems);
        auto const count = ++count_by_id[limit.id];
        if (count > 1) limit.id += '#' + std::to_string(count);
        limits.push_back(std::move(limit));
    }
    return limits;
}

std::string limits_text(std::vector<config::LimitSettings> const& settings)
{
    std::string text;
    for (auto const& limit : settings) {
        for (auto const number : {limit.messages, limit.recipients, limit.bytes.value, limit.burst.value}) append(text, std::to_string(number));
        append(text, std::to_string(limit.per.count()));
        append(text, limit.action);
        append(text, limit.key);
        if (auto const& warmup = limit.warmup) {
            append(text, std::to_string(warmup->from.time_since_epoch().count()));
            for (auto const number : {warmup->start.number, warmup->until.number}) append(text, std::to_string(number));
            append(text, std::to_string(warmup->double_every.count()));
        }
        text += '\f';
    }
    return text;
}

}   // namespace mailcore::rules
