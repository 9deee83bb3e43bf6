#include "core/base/clock.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace mailcore::base {
namespace {

// Reads a number of exactly so many digits, and what must follow it.
class TimeReader {
public:
    explicit TimeReader(std::string_view text) : text_{text} {}
    int number(std::size_t digits)
    {
        int value = 0;
        auto const part = text_.substr(0, digits);
        auto const [end, failure] = std::from_chars(part.data(), part.data() + part.size(), value);
        if (part.size() != digits || failure != std::errc{} || end != part.data() + digits || part.front() == '-')
            return bad_ = true, 0;
        text_.remove_prefix(digits);
        return value;
    }
    void expect(char c)
    {
        if (!take(c)) bad_ = true;
    }
    bool take(char c)
    {
        if (text_.empty() || text_.front() != c) return false;
        text_.remove_prefix(1);
        return true;
    }
    std::chrono::microseconds fraction()
    {
        if (!take('.')) return {};
        auto const end = std::find_if(text_.begin(), text_.end(), [](char c) { return c < '0' || c > '9'; });
        auto const count = static_cast<std::size_t>(end - text_.begin());
        if (count == 0 || count > 9) return bad_ = true, std::chrono::microseconds{};
        std::int64_t micros = 0;
        for (std::size_t i = 0; i < 6; ++i) micros = micros * 10 + (i < count ? text_[i] - '0' : 0);
        text_.remove_prefix(count);
        return std::chrono::microseconds{micros};
    }
    std::chrono::minutes offset()
    {
        if (take('Z') || take('z')) return {};
        int const sign = take('-') ? -1 : 1;
        if (sign > 0) expect('+');
        auto const hours = number(2);
        expect(':');
        return sign * (std::chrono::hours{hours} + std::chrono::minutes{number(2)});
    }
    bool done() const { return !bad_ && text_.empty(); }

private:
    std::string_view text_;
    bool bad_ = false;
};

}   // namespace

std::optional<Time> parse_time(std::string_view text)
{
    using namespace std::chrono;
    TimeReader reader{text};
    auto const year_number = reader.number(4);
    reader.expect('-');
    auto const month_number = reader.number(2);
    reader.expect('-');
    year_month_day const date{year{year_number}, month{static_cast<unsigned>(month_number)},
                              day{static_cast<unsigned>(reader.number(2))}};
    if (reader.done() && date.ok()) return Time{sys_days{date}};
    if (!reader.take('T') && !reader.take('t')) return std::nullopt;
    auto const hour = reader.number(2);
    reader.expect(':');
    auto const minute = reader.number(2);
    reader.expect(':');
    auto const second = reader.number(2);
    auto const fraction = reader.fraction();
    auto const offset = reader.offset();
    if (!reader.done() || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    return Time{sys_days{date} + hours{hour} + minutes{minute} + seconds{second} + fraction - offset};
}

std::string format_time(Time time)
{
    // Not by system_clock::to_time_t(), whose nanoseconds end in 2262.
    std::time_t const seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}   // namespace mailcore::base
