#include "core/config/forms.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "core/base/text.hpp"
#include "core/config/diagnostics.hpp"

namespace mailcore::config {
namespace {

using base::fail;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The whole text as a number without sign.
template <class Number>
bool parse_whole(std::string_view text, Number& number)
{
    auto const [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    return failure == std::errc{} && rest == text.data() + text.size();
}

// Texts that YAML readers take for something else when they stand without quotes.
bool means_something_else(std::string_view text)
{
    constexpr std::array<std::string_view, 7> words{"null", "true", "false", "yes", "no", "on", "off"};
    return std::any_of(words.begin(), words.end(), [&](auto word) { return base::equal_ignoring_case(text, word); });
}

bool is_plain_character(char c)
{
    return base::is_alnum(c) || c == '_' || c == '-' || c == '.' || c == '/' || c == ':';
}

bool safe_without_quotes(std::string_view text)
{
    if (text.empty() || !(base::is_alnum(text.front()) || text.front() == '/') || is_digit(text.front())) return false;
    if (text.ends_with(':') || means_something_else(text)) return false;
    return std::all_of(text.begin(), text.end(), is_plain_character);
}

bool begins_as_url(std::string_view text)
{
    constexpr std::array<std::string_view, 2> schemes{"https://", "http://"};
    return std::any_of(schemes.begin(), schemes.end(),
                       [&](auto scheme) { return text.size() > scheme.size() && text.starts_with(scheme); });
}

// RFC 3986 3.2: the first / ? or # ends login, host and port. "user:12345#ss@host" so asks a host named user; who wrote it
// meant a password, which would then be shown as host and path.
bool has_doubtful_login(std::string_view url)
{
    if (!begins_as_url(url)) return false;
    auto const rest = url.substr(url.find("://") + 3);
    auto const end = std::min(rest.find_first_of("/?#"), rest.size());
    bool const has_login_or_port = rest.substr(0, end).find_first_of(":@") != std::string_view::npos;
    return has_login_or_port && rest.find('@', end) != std::string_view::npos;
}

constexpr std::string_view kDoubtfulLogin =
    " can be read in two ways; percent-encode the login (/ as %2F, ? as %3F, # as %23), and an @ behind the host as %40";

}   // namespace

bool is_absolute_path(std::string_view text) { return text.starts_with('/'); }

bool not_empty(std::string_view text) { return !text.empty(); }

// RFC 5322 2.2: printable ASCII without the colon.
bool is_header_name(std::string_view text)
{
    return !text.empty() && text.size() <= 128 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~' && c != ':'; });
}

bool is_rule_name(std::string_view text) { return !text.empty() && text.size() <= 64; }

// Of tenants and networks: they stand in log lines, metric labels and commands.
bool is_name(std::string_view text)
{
    return !text.empty() && text.size() <= 64 && base::is_alnum(text.front()) &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return base::is_alnum(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_socket_mode(std::string_view text)
{
    return text.size() == 4 && text.front() == '0' &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; });
}

// RFC 5321 4.2: printable ASCII. 300 keeps the reply line below the 512 octets of 4.5.3.1.5.
bool is_reply_text(std::string_view text)
{
    return text.size() <= 300 && std::all_of(text.begin(), text.end(), base::is_printable_ascii);
}

bool is_url(std::string_view text)
{
    return begins_as_url(text) && !has_doubtful_login(text) &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool is_log_target(std::string_view text) { return text == "stderr" || is_absolute_path(text); }

bool is_mail_log(std::string_view text)
{
    constexpr std::string_view directory = "journal:";
    if (text.starts_with(directory)) return is_absolute_path(text.substr(directory.size()));
    return text == "journal" || text == "-" || is_absolute_path(text);
}

bool is_limit_store(std::string_view text)
{
    constexpr std::array<std::string_view, 3> kinds{"lmdb:/", "redis://", "rediss://"};
    return std::any_of(kinds.begin(), kinds.end(),
                       [&](auto kind) { return text.size() > kind.size() && text.starts_with(kind); });
}

bool is_lmdb_store(std::string_view text) { return text.size() > 6 && text.starts_with("lmdb:/"); }

bool is_outcome_store(std::string_view text) { return text.starts_with("sqlite:/"); }

base::Result<std::string> TextForm::parse(Written const& written) const
{
    if (is_address && has_doubtful_login(written.text)) {
        return fail(in_quotes(without_password(written.text)) + std::string{kDoubtfulLogin});
    }
    if (check && !check->accepts(written.text)) {
        return fail(in_quotes(is_address ? without_password(written.text) : written.text) + " is not " + std::string{check->cure});
    }
    return std::string{written.text};
}

std::string TextForm::print(std::string const& value) const
{
    return yaml_text(is_address ? without_password(value) : value);
}

base::Result<std::string> parse_word(std::string_view written, std::span<std::string_view const> words)
{
    if (std::find(words.begin(), words.end(), written) != words.end()) return std::string{written};
    auto const near = base::nearest(base::lower(written), words);
    if (near.empty()) return fail("allowed: " + base::join(words, ", "));
    return fail("did you mean " + in_quotes(near) + "? (allowed: " + base::join(words, ", ") + ")");
}

std::string NumberForm::type() const { return "number, " + grouped(least) + " to " + grouped(most); }

base::Result<std::uint64_t> NumberForm::parse(Written const& written) const
{
    std::uint64_t number = 0;
    bool const is_number = !written.text.empty() && std::all_of(written.text.begin(), written.text.end(), is_digit);
    if (!is_number) return fail("expected a number, found " + in_quotes(written.text));
    if (!written.plain) return fail("expected a number, found a text; take the quotes off");
    if (!parse_whole(written.text, number) || number < least || number > most) {
        return fail(shown(written.text) + " is out of range; allowed: " + grouped(least) + " to " + grouped(most));
    }
    return number;
}

base::Result<std::uint64_t> SizeForm::parse(Written const& written) const
{
    auto const parsed = base::parse_size(written.text);
    if (!parsed) {
        return fail(in_quotes(written.text) + " is not a size; write a number of bytes or with a unit, as in 25MiB");
    }
    if (*parsed < least) {
        return fail(in_quotes(written.text) + " is too small; the least is " + base::format_size(least));
    }
    return *parsed;
}

std::string DurationForm::type() const
{
    return "duration, " + base::format_duration(least) + " to " + base::format_duration(most);
}

base::Result<Duration> DurationForm::parse(Written const& written) const
{
    auto const parsed = base::parse_duration(written.text);
    if (!parsed) {
        return fail(in_quotes(written.text) + " is not a duration; write a number and ms, s, m, h, d or w, as in 10m");
    }
    if (*parsed < least || *parsed > most) {
        return fail(in_quotes(written.text) + " is out of range; allowed: " + base::format_duration(least) + " to " +
                    base::format_duration(most));
    }
    return *parsed;
}

base::Result<base::Time> TimeForm::parse(Written const& written) const
{
    auto const time = base::parse_time(written.text);
    if (!time) {
        return fail(in_quotes(written.text) + " is not a time; write a date or a time with its zone, as in 2026-11-21 or "
                    "2026-11-21T08:00:00+01:00");
    }
    auto const first = base::parse_time("1970-01-01");
    auto const end = base::parse_time("2100-01-01");
    if (time < first || time >= end) return fail(in_quotes(written.text) + " is out of range; allowed: 1970-01-01 to 2099-12-31");
    return *time;
}

std::string TimeForm::print(base::Time value) const
{
    using namespace std::chrono;
    auto const day = floor<days>(value);
    auto const second = floor<seconds>(value);
    auto text = base::format_time(value);   // 2026-11-21T01:00:05Z, to the second
    if (day == value) return text.substr(0, text.find('T'));
    if (second == value) return yaml_text(text);
    auto const micros = std::to_string(1'000'000 + (value - second).count());   // 1, then six digits
    return yaml_text(text.replace(text.size() - 1, 1, "." + micros.substr(1) + "Z"));
}

base::Result<WrittenRate> RateForm::parse(Written const& written) const
{
    auto const slash = written.text.find('/');
    auto const number = base::parse_size(written.text.substr(0, slash));
    auto const per = base::parse_duration(slash == std::string_view::npos ? "" : written.text.substr(slash + 1));
    if (!number || !per || per->count() == 0) {
        return fail(in_quotes(written.text) + " is not a rate; write a number or a size, / and a duration, as in 50/1d");
    }
    if (*number == 0) return fail(in_quotes(written.text) + " is too small; the least is 1 in that time");
    auto const amount = written.text.substr(0, slash);
    return WrittenRate{*number, *per, !std::all_of(amount.begin(), amount.end(), is_digit)};
}

std::string RateForm::print(WrittenRate const& value) const
{
    auto const number = value.has_unit ? base::format_size(value.number) : std::to_string(value.number);
    return number + '/' + base::format_duration(value.per);
}

base::Result<double> PercentForm::parse(Written const& written) const
{
    auto text = written.text;
    double number = 0;
    bool const has_sign = text.ends_with('%');
    if (has_sign) text.remove_suffix(1);
    bool const starts_well = !text.empty() && is_digit(text.front());   // from_chars would take "inf" and "-1"
    bool const digits_only = text.find_first_not_of("0123456789.") == std::string_view::npos;
    if (!has_sign || !starts_well || !digits_only || !parse_whole(text, number)) {
        return fail(in_quotes(written.text) + " is not a percentage; write one as in 10%");
    }
    if (number > 100) return fail(in_quotes(written.text) + " is out of range; allowed: 0% to 100%");
    return number / 100;
}

std::string PercentForm::print(double value) const
{
    std::array<char, 32> text{};
    auto const length = std::snprintf(text.data(), text.size(), "%.10g%%", value * 100);
    return {text.data(), static_cast<std::size_t>(length)};
}

base::Result<bool> BooleanForm::parse(Written const& written) const
{
    if (written.plain && written.text == "true") return true;
    if (written.plain && written.text == "false") return false;
    return fail("expected true or false, found " + (written.plain ? in_quotes(written.text) : "a text in quotes"));
}

std::string yaml_text(std::string_view text)
{
    if (safe_without_quotes(text)) return std::string{text};
    std::string out = "\"";
    for (char const c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string without_password(std::string_view address)
{
    constexpr std::string_view mark = "://";
    auto const scheme_end = address.find(mark);
    if (scheme_end == std::string_view::npos) return std::string{address};
    auto const host = scheme_end + mark.size();
    auto const at = address.rfind('@');   // the last one: a password may hold another, and whatever ends a host
    if (at == std::string_view::npos || at < host) return std::string{address};
    return std::string{address.substr(0, host)} + "***" + std::string{address.substr(at)};
}

std::string grouped(std::uint64_t number)
{
    auto digits = std::to_string(number);
    for (auto place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, ",");
    return digits;
}

}   // namespace mailcore::config
