#include <algorithm>
#include <charconv>
#include <cstdint>
#include <ctime>

#include "outcomes/log/postfix_line.hpp"

namespace mailcore::outcomes {
namespace {

using namespace std::chrono;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// So many digits, or -1. A blank may stand for the first: "Nov  2".
int number(std::string_view digits)
{
    int value = 0;
    while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
    auto const [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return failure == std::errc{} && end == digits.data() + digits.size() && value >= 0 ? value : -1;
}

microseconds take_fraction(std::string_view& text)
{
    if (text.empty() || (text.front() != '.' && text.front() != ',')) return {};
    text.remove_prefix(1);
    std::int64_t micros = 0;
    std::int64_t unit = 100'000;
    while (!text.empty() && is_digit(text.front())) {
        micros += (text.front() - '0') * unit;
        unit /= 10;
        text.remove_prefix(1);
    }
    return microseconds{micros};
}

// "Z", "+02:00", and journalctl's "+0200".
std::optional<minutes> take_offset(std::string_view& text)
{
    if (text.empty()) return std::nullopt;
    char const sign = text.front();
    text.remove_prefix(1);
    if (sign == 'Z' || sign == 'z') return minutes{0};
    if ((sign != '+' && sign != '-') || text.size() < 4) return std::nullopt;
    std::size_t const colon = text[2] == ':' ? 1 : 0;
    if (text.size() < 4 + colon) return std::nullopt;
    auto const hour = number(text.substr(0, 2));
    auto const minute = number(text.substr(2 + colon, 2));
    if (hour < 0 || minute < 0 || !is_digit(text[0]) || !is_digit(text[2 + colon])) return std::nullopt;
    text.remove_prefix(4 + colon);
    auto const offset = hours{hour} + minutes{minute};
    return sign == '-' ? -offset : offset;
}

std::optional<base::Time> utc_second(std::string_view text)   // "2026-08-24T19:15:44"
{
    std::array<char, 20> zulu;
    *std::copy(text.begin(), text.end(), zulu.begin()) = 'Z';
    return base::parse_time({zulu.data(), text.size() + 1});
}

// The moment at which the host's clocks show this in winter (is_dst 0) or in summer (1), if there is one.
std::optional<base::Time> shown_at(std::tm const& wanted, int is_dst)
{
    auto parts = wanted;
    parts.tm_isdst = is_dst;
    auto const moment = std::mktime(&parts);
    if (parts.tm_isdst != is_dst || parts.tm_hour != wanted.tm_hour) return std::nullopt;
    return base::Time{seconds{moment}};
}

unsigned month_of(std::string_view name)
{
    constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
    auto const at = names.find(name);
    return at == std::string_view::npos || at % 3 != 0 ? 0 : static_cast<unsigned>(at / 3 + 1);
}

}   // namespace

void LogClock::set_reference(base::Time reference)
{
    reference_ = reference;
    last_size_ = 0;   // the same text may now mean another year
}

template <class Read>
bool LogClock::read_second(std::string_view text, Read read_anew)
{
    if (text == std::string_view{last_.data(), last_size_}) return true;
    auto const time = read_anew(text);
    if (!time) return false;
    last_time_ = *time;
    last_size_ = text.size();
    std::copy(text.begin(), text.end(), last_.begin());
    return true;
}

bool LogClock::read(std::string_view& line, base::Time& time)
{
    constexpr std::size_t with_year = 19;      // "2026-08-24T19:15:44"
    constexpr std::size_t without_year = 15;   // "Nov 22 05:00:01"
    if (line.size() <= with_year) return false;
    auto rest = line;
    if (is_digit(line.front())) {
        if (!read_second(line.substr(0, with_year), utc_second)) return false;
        rest.remove_prefix(with_year);
        auto const fraction = take_fraction(rest);
        auto const offset = take_offset(rest);
        if (!offset) return false;
        time = last_time_ + fraction - *offset;
    } else {
        if (!read_second(line.substr(0, without_year), [this](auto text) { return in_host_zone(text); })) return false;
        rest.remove_prefix(without_year);
        time = last_time_ + take_fraction(rest);
    }
    if (rest.empty() || rest.front() != ' ') return false;
    line = rest.substr(1);
    return true;
}

std::optional<base::Time> LogClock::in_host_zone(std::string_view text) const
{
    auto const month_number = month_of(text.substr(0, 3));
    auto const day_number = number(text.substr(4, 2));
    if (month_number == 0 || day_number < 1 || text[3] != ' ' || text[6] != ' ') return std::nullopt;
    auto const today = floor<days>(reference_);
    auto const last_day = today + days{2};   // a day later in any zone
    auto const next_year = year_month_day{today}.year() + years{1};
    for (int back = 0; back < 10; ++back) {   // 29 February comes back after eight years at the latest
        year_month_day const date{next_year - years{back}, month{month_number}, day{static_cast<unsigned>(day_number)}};
        if (!date.ok() || sys_days{date} > last_day) continue;
        auto const time = in_year(date, text.substr(7));
        if (!time || *time <= reference_ + days{1}) return time;
    }
    return std::nullopt;
}

std::optional<base::Time> LogClock::in_year(year_month_day date, std::string_view text) const   // text: "05:00:01"
{
    auto const hour = number(text.substr(0, 2));
    auto const minute = number(text.substr(3, 2));
    auto const second = number(text.substr(6, 2));
    if (text[2] != ':' || text[5] != ':' || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return std::nullopt;
    std::tm parts{};
    parts.tm_year = static_cast<int>(date.year()) - 1900;
    parts.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
    parts.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
    parts.tm_hour = hour;
    parts.tm_min = minute;
    parts.tm_sec = std::min(second, 59);   // a leap second would become the next hour's first
    auto const summer = shown_at(parts, 1);
    auto const winter = shown_at(parts, 0);
    if (summer && winter) return *summer < last_time_ - minutes{10} && *winter > *summer ? winter : summer;
    if (summer || winter) return summer ? summer : winter;
    parts.tm_isdst = -1;   // an hour that the clocks skip in spring: somebody set them by hand
    return base::Time{seconds{std::mktime(&parts)}};
}

}   // namespace mailcore::outcomes
