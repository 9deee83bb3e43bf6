#include "ctl/print.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/text.hpp"

namespace mailcore::ctl {

int complain(base::Error const& error)
{
    switch (error.kind) {
        case base::ErrorKind::Failed: return complain(error.message, 1);
        case base::ErrorKind::Usage: return complain(error.message, 64);
        case base::ErrorKind::Configuration: break;   // names file and line itself
    }
    std::cerr << error.message;
    return 78;
}

int complain(std::string const& message, int exit_status)
{
    std::cerr << "mailcorectl: " << message << '\n';
    return exit_status;
}

std::string counted(std::size_t count, std::string_view what)
{
    return std::to_string(count) + " " + std::string{what} + (count == 1 ? "" : "s");
}

std::string in_words(std::chrono::seconds distance)
{
    struct Unit {
        std::int64_t seconds;
        char const* name;
    };
    constexpr std::array<Unit, 4> units{{{86'400, " d"}, {3600, " h"}, {60, " m"}, {1, " s"}}};
    std::size_t largest = 0;
    while (largest + 1 < units.size() && distance.count() < units[largest].seconds) ++largest;
    // What is too small to be told counts as one more of the smallest told: who waits that long does not wait in vain.
    auto const smallest = units[std::min(largest + 1, units.size() - 1)];
    auto const rounded = (distance.count() + smallest.seconds - 1) / smallest.seconds * smallest.seconds;
    if (largest > 0 && rounded >= units[largest - 1].seconds) --largest;   // 59 m 60 s are 1 h
    auto words = std::to_string(rounded / units[largest].seconds) + units[largest].name;
    if (largest + 1 == units.size()) return words;
    auto const rest = rounded % units[largest].seconds / units[largest + 1].seconds;
    return rest == 0 ? words : words + " " + std::to_string(rest) + units[largest + 1].name;
}

std::string when(base::Time time, base::Time now)
{
    return time <= now ? "now" : "in " + in_words(std::chrono::ceil<std::chrono::seconds>(time - now));
}

std::string human_size(std::uint64_t bytes)
{
    constexpr std::array<char const*, 6> units{" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
    char text[32];
    std::snprintf(text, sizeof text, unit == 0 || value == std::floor(value) ? "%.0f" : "%.1f", value);
    return std::string{text} + units[unit];
}

std::string minute_of(std::string const& time)
{
    constexpr std::string_view shape = "2026-11-22T05:00";
    if (time.size() < shape.size() || time[10] != 'T') return time;
    return time.substr(0, 10) + " " + time.substr(11, 5) + " UTC";
}

std::string shown(std::string_view words)
{
    std::string text;
    while (!words.empty()) {
        auto const length = base::utf8_length(words);
        auto const first = static_cast<unsigned char>(words.front());
        // U+0080 to U+009F are control characters, too: "\xC2\x80" to "\xC2\x9F".
        bool const is_control = first < ' ' || first == 0x7F || (first == 0xC2 && length == 2 && static_cast<unsigned char>(words[1]) < 0xA0);
        if (length == 0 || is_control) text += '?';
        else text.append(words, 0, length);
        words.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return text;
}

std::string wrapped(std::string_view text, std::size_t indentation, std::size_t width)
{
    std::string lines;
    auto column = indentation;
    for (auto const word : base::split(text, ' ')) {
        bool const is_first = column == indentation;
        if (!is_first && width > 0 && column + 1 + word.size() > width) {
            lines += "\n" + std::string(indentation, ' ');
            column = indentation;
        } else if (!is_first) {
            lines += ' ';
            ++column;
        }
        lines += word;
        column += word.size();
    }
    return lines;
}

std::size_t terminal_width()
{
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

base::Result<std::string> read_input(std::string const& path)
{
    if (path == "-") return std::string{std::istreambuf_iterator<char>{std::cin}, {}};
    std::ifstream file{path, std::ios::binary};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (!file && !file.eof()) return base::fail("cannot read " + path + ": " + std::strerror(errno));
    return text;
}

}   // namespace mailcore::ctl
