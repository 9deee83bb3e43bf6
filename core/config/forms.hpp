// How one value is written in the file: a text, one of some words, a number, a size, a duration, a percentage.
// A form reads, prints and describes it, so that loader, --print-config and reference agree.
//
//     one_of("json", "text")        number(1, 1'000'000)        duration(1s, 24h)        checked_text(kAbsolutePath)
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/duration.hpp"
#include "core/base/result.hpp"

namespace mailcore::config {

using Duration = std::chrono::milliseconds;

// A value as it stands in the file. Plain = without quotes.
struct Written {
    std::string_view text;
    bool plain = false;
};

// A condition that a text must meet, with the words for the reference and for the complaint.
struct Check {
    std::string_view kind;                // "absolute path"
    bool (*accepts)(std::string_view);
    std::string_view cure;                // "write an absolute path, as in /var/lib/mailcore"
};

bool is_absolute_path(std::string_view text);
bool is_header_name(std::string_view text);
bool is_name(std::string_view text);
bool is_socket_mode(std::string_view text);
bool is_rule_name(std::string_view text);       // 1 to 64 bytes
bool is_reply_text(std::string_view text);
bool is_url(std::string_view text);             // not one whose login could be read in two ways
bool is_log_target(std::string_view text);      // stderr or an absolute path
bool is_mail_log(std::string_view text);        // journal, journal:/directory, - or an absolute path
bool is_limit_store(std::string_view text);     // lmdb:/path, redis://…, rediss://…
bool is_lmdb_store(std::string_view text);      // lmdb:/path
bool is_outcome_store(std::string_view text);   // sqlite:/path
bool not_empty(std::string_view text);

template <bool (*Accepts)(std::string_view)>
bool or_empty(std::string_view text)
{
    return text.empty() || Accepts(text);
}

struct TextForm {
    using Value = std::string;
    static constexpr std::string_view noun = "a text";
    Check const* check = nullptr;
    bool is_address = false;   // may hold a password: redis://user:password@host

    std::string type() const { return std::string{check ? check->kind : "text"}; }
    base::Result<std::string> parse(Written const& written) const;
    std::string print(std::string const& value) const;
};

inline constexpr TextForm any_text() { return {}; }
inline constexpr TextForm checked_text(Check const& check) { return {&check}; }
inline constexpr TextForm checked_address(Check const& check) { return {&check, true}; }

// The shared part of OneOf<N>. The error holds only the hint: the reader knows what the word was to be.
base::Result<std::string> parse_word(std::string_view written, std::span<std::string_view const> words);

template <std::size_t N>
struct OneOf {
    using Value = std::string;
    static constexpr std::string_view noun = "a word";
    std::array<std::string_view, N> words;
    std::string_view what;   // what the word says, where that is not the key: unknown source "subjekt"

    constexpr OneOf called(std::string_view name) const { return {words, name}; }
    std::string type() const
    {
        std::string type = "one of";
        for (auto const& word : words) type += (&word == words.data() ? " " : ", ") + std::string{word};
        return type;
    }
    base::Result<std::string> parse(Written const& written) const { return parse_word(written.text, words); }
    std::string print(std::string const& value) const { return value; }
};

template <class... Words>
constexpr OneOf<sizeof...(Words)> one_of(Words... words)
{
    return {{std::string_view{words}...}, {}};
}

struct NumberForm {
    using Value = std::uint64_t;
    static constexpr std::string_view noun = "a number";
    std::uint64_t least;
    std::uint64_t most;
    std::string type() const;
    base::Result<std::uint64_t> parse(Written const& written) const;
    std::string print(std::uint64_t value) const { return std::to_string(value); }
};

inline constexpr NumberForm number(std::uint64_t least, std::uint64_t most) { return {least, most}; }

// Bytes: 26214400 or 25MiB. The printed form of an amount has no unit.
struct SizeForm {
    using Value = std::uint64_t;
    static constexpr std::string_view noun = "a size";
    bool print_unit = true;
    std::uint64_t least = 0;
    std::string type() const { return print_unit ? "size" : "number or size"; }
    base::Result<std::uint64_t> parse(Written const& written) const;
    std::string print(std::uint64_t value) const
    {
        return print_unit ? base::format_size(value) : std::to_string(value);
    }
};

inline constexpr SizeForm size(std::uint64_t least = 0) { return {true, least}; }
inline constexpr SizeForm amount(std::uint64_t least = 0) { return {false, least}; }

struct DurationForm {
    using Value = Duration;
    static constexpr std::string_view noun = "a duration";
    Duration least;
    Duration most;
    std::string type() const;
    base::Result<Duration> parse(Written const& written) const;
    std::string print(Duration value) const { return base::format_duration(value); }
};

inline constexpr DurationForm duration(Duration least, Duration most) { return {least, most}; }

struct TimeForm {
    using Value = base::Time;
    static constexpr std::string_view noun = "a time";
    std::string type() const { return "date or time"; }
    base::Result<base::Time> parse(Written const& written) const;
    std::string print(base::Time value) const;   // a date alone where that is all
};

inline constexpr TimeForm time() { return {}; }

// 50/1d, or 10MiB/1d.
struct WrittenRate {
    std::uint64_t number = 0;
    Duration per{0};
    bool has_unit = false;   // the number is a size
    bool operator==(WrittenRate const&) const = default;
};

struct RateForm {
    using Value = WrittenRate;
    static constexpr std::string_view noun = "a rate";
    std::string type() const { return "number/duration or size/duration"; }
    base::Result<WrittenRate> parse(Written const& written) const;
    std::string print(WrittenRate const& value) const;
};

inline constexpr RateForm rate() { return {}; }

struct PercentForm {
    using Value = double;
    static constexpr std::string_view noun = "a percentage";
    std::string type() const { return "percentage"; }
    base::Result<double> parse(Written const& written) const;
    std::string print(double value) const;
};

inline constexpr PercentForm percent() { return {}; }

struct BooleanForm {
    using Value = bool;
    static constexpr std::string_view noun = "true or false";
    std::string type() const { return "true or false"; }
    base::Result<bool> parse(Written const& written) const;
    std::string print(bool value) const { return value ? "true" : "false"; }
};

inline constexpr BooleanForm boolean() { return {}; }

// A text as YAML: plain where that is safe, else in double quotes. Control characters must not be in it.
std::string yaml_text(std::string_view text);

// scheme://user:password@host as scheme://***@host, all up to the last @; anything else as it is.
std::string without_password(std::string_view address);

// 1000000 as "1,000,000", for people.
std::string grouped(std::uint64_t number);

}   // namespace mailcore::config
