#include "outcomes/log/log_place.hpp"

#include <charconv>

#include "core/base/text.hpp"

namespace mailcore::outcomes {
namespace {

constexpr std::string_view kVersion = "file1";

template <class Number>
bool take_number(std::string_view text, Number& number, int base = 10)
{
    auto const* const end = text.data() + text.size();
    auto const [stopped, error] = std::from_chars(text.data(), end, number, base);
    return error == std::errc{} && stopped == end;
}

template <class Number>
std::string hex(Number number)
{
    std::string digits(2 * sizeof number, '0');
    for (auto digit = digits.rbegin(); number != 0; number /= 16) *digit++ = "0123456789abcdef"[number % 16];
    return digits;
}

bool take_steps(std::string_view text, Head& head)
{
    constexpr std::size_t width = 8;
    if (text.size() % width != 0 || text.size() / width > Head::kSteps) return false;
    for (std::size_t step = 0; step * width < text.size(); ++step) {
        if (!take_number(text.substr(step * width, width), head.steps[step], 16)) return false;
    }
    return true;
}

// "file1:DEVICE:INODE:OFFSET:BYTES OF THE HEAD:HASH:STEPS:MICROSECONDS OF THE CHANGE"
std::string text_of(LogPlace const& place)
{
    auto text = std::string{kVersion};
    for (auto const number : {place.id.device, place.id.inode, place.offset, std::uint64_t{place.head.size}}) {
        text += ":" + std::to_string(number);
    }
    text += ":" + hex(place.head.hash) + ":";
    for (std::size_t step = 0; std::size_t{16} << step <= place.head.size; ++step) text += hex(place.head.steps[step]);
    return text + ":" + std::to_string(place.changed.time_since_epoch().count());
}

std::optional<LogPlace> parse_place(std::string_view text)
{
    auto const parts = base::split(text, ':');
    if (parts.size() != 8 || parts[0] != kVersion) return std::nullopt;
    LogPlace place;
    std::int64_t changed = 0;
    bool const whole = take_number(parts[1], place.id.device) && take_number(parts[2], place.id.inode) &&
                       take_number(parts[3], place.offset) && take_number(parts[4], place.head.size) &&
                       take_number(parts[5], place.head.hash, 16) && take_steps(parts[6], place.head) &&
                       take_number(parts[7], changed);
    if (!whole || place.head.size > Head::kMost) return std::nullopt;
    place.changed = base::Time{base::Time::duration{changed}};
    return place;
}

}   // namespace

// The places one after the other, with blanks between.
std::string to_text(LogPosition const& position)
{
    auto text = text_of(position.place);
    for (auto const& place : position.left) text += " " + text_of(place);
    return text;
}

std::optional<LogPosition> parse_position(std::string_view text)
{
    if (text.empty()) return std::nullopt;
    LogPosition position;
    auto const parts = base::split(text, ' ');
    for (std::size_t number = 0; number < parts.size(); ++number) {
        auto place = parse_place(parts[number]);
        if (!place) return std::nullopt;
        if (number == 0) position.place = *place;
        else position.left.push_back(*place);
    }
    return position;
}

}   // namespace mailcore::outcomes
