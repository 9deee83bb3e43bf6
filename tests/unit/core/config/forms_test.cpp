#include "core/config/forms.hpp"

#include <gtest/gtest.h>

namespace mailcore::config {
namespace {

using namespace std::chrono_literals;

Written plain(std::string_view text) { return {text, true}; }
Written in_double_quotes(std::string_view text) { return {text, false}; }

template <class Form>
std::string complaint(Form const& form, Written const& written)
{
    auto const parsed = form.parse(written);
    return parsed ? "" : parsed.error().message;
}

TEST(Number, IsPlainDigitsWithinItsRange)
{
    auto const form = number(1, 65'535);
    EXPECT_EQ(form.parse(plain("25")), 25u);
    EXPECT_EQ(form.parse(plain("65535")), 65'535u);
    EXPECT_EQ(complaint(form, plain("65536")), "65536 is out of range; allowed: 1 to 65,535");
    EXPECT_EQ(complaint(form, plain("0")), "0 is out of range; allowed: 1 to 65,535");
    EXPECT_EQ(complaint(form, in_double_quotes("25")), "expected a number, found a text; take the quotes off");
    for (auto const* text : {"", "-1", "+1", "1.5", "0x10", "1e3", "1_000", "1,000", " 1"}) {
        EXPECT_NE(complaint(form, plain(text)), "") << text;
    }
}

TEST(Size, HasAUnitOrIsBytes)
{
    EXPECT_EQ(size().parse(plain("25MiB")), 25u << 20u);
    EXPECT_EQ(size().parse(in_double_quotes("25MiB")), 25u << 20u);
    EXPECT_EQ(size().parse(plain("1000")), 1000u);
    EXPECT_EQ(complaint(size(1), plain("0")), "\"0\" is too small; the least is 1");
    EXPECT_NE(complaint(size(), plain("25mib")), "");
    EXPECT_NE(complaint(size(), plain("99999999999GiB")), "");
    EXPECT_EQ(size().print(25u << 20u), "25MiB");
    EXPECT_EQ(amount().print(1024), "1024");   // a number of messages has no unit
}

TEST(DurationText, HasAUnitAndStaysInItsRange)
{
    auto const form = duration(1s, 24h);
    EXPECT_EQ(form.parse(plain("90m")), Duration{90min});
    EXPECT_EQ(form.print(90min), "90m");
    EXPECT_EQ(form.type(), "duration, 1s to 1d");
    EXPECT_EQ(complaint(form, plain("500ms")), "\"500ms\" is out of range; allowed: 1s to 1d");
    EXPECT_EQ(complaint(form, plain("2d")), "\"2d\" is out of range; allowed: 1s to 1d");
    EXPECT_NE(complaint(form, plain("60")), "");
    EXPECT_NE(complaint(form, plain("-1s")), "");
}

TEST(TimeText, IsADateOrATimeWithItsZone)
{
    auto const time_of = [](char const* text) { return *base::parse_time(text); };
    EXPECT_EQ(time().parse(plain("2026-11-01")), time_of("2026-11-01T00:00:00Z"));
    EXPECT_EQ(time().parse(in_double_quotes("2026-11-01T08:00:00+01:00")), time_of("2026-11-01T07:00:00Z"));
    EXPECT_EQ(complaint(time(), plain("tomorrow")), "\"tomorrow\" is not a time; write a date or a time with its zone, "
                                                    "as in 2026-11-21 or 2026-11-21T08:00:00+01:00");
    for (auto const* text : {"", "10", "2026-11-31", "2026-11-01T08:00:00", "01.11.2026"}) EXPECT_NE(complaint(time(), plain(text)), "") << text;
}

// Clocks count in nanoseconds: in the year 2262 they are at their end.
TEST(TimeText, StaysWithinWhatClocksCanSay)
{
    EXPECT_EQ(complaint(time(), plain("2099-12-31T23:59:59Z")), "");
    EXPECT_EQ(complaint(time(), plain("1970-01-01")), "");
    EXPECT_EQ(complaint(time(), plain("4052-11-01")), "\"4052-11-01\" is out of range; allowed: 1970-01-01 to 2099-12-31");
    EXPECT_NE(complaint(time(), plain("2100-01-01")), "");
    EXPECT_NE(complaint(time(), plain("1969-12-31")), "");
}

TEST(TimeText, PrintsWhatLoadsToTheSameTime)
{
    EXPECT_EQ(time().print(*base::parse_time("2026-11-01")), "2026-11-01");
    EXPECT_EQ(time().print(*base::parse_time("2026-11-01T08:00:00Z")), "\"2026-11-01T08:00:00Z\"");
    EXPECT_EQ(time().print(*base::parse_time("2026-11-01T00:00:00.000007Z")), "\"2026-11-01T00:00:00.000007Z\"");
}

TEST(RateText, IsANumberOrASizeAndATime)
{
    EXPECT_EQ(rate().parse(plain("50/1d")), (WrittenRate{50, 24h, false}));
    EXPECT_EQ(rate().parse(in_double_quotes("10MiB/90m")), (WrittenRate{10u << 20u, 90min, true}));
    EXPECT_EQ(complaint(rate(), plain("50")), "\"50\" is not a rate; write a number or a size, / and a duration, as in 50/1d");
    EXPECT_EQ(complaint(rate(), plain("0/1d")), "\"0/1d\" is too small; the least is 1 in that time");
    for (auto const* text : {"", "/", "50/", "/1d", "50/0", "50/0s", "50/d", "50 / 1d", "-1/1d", "1.5/1d", "5/1d/1d", "50 per 1d"}) {
        EXPECT_NE(complaint(rate(), plain(text)), "") << text;
    }
    for (auto const* text : {"50/1d", "10MiB/90m", "1/1ms"}) EXPECT_EQ(rate().print(*rate().parse(plain(text))), text);
}

TEST(Percentage, HasItsSign)
{
    EXPECT_EQ(percent().parse(plain("10%")), 0.10);
    EXPECT_EQ(percent().parse(plain("0%")), 0.0);
    EXPECT_EQ(percent().parse(plain("100%")), 1.0);
    EXPECT_EQ(percent().parse(in_double_quotes("7.5%")), 0.075);
    for (auto const* text : {"10", "%", "-1%", "inf%", "nan%", "1e1%", "10 %", "100.1%", "1.2.3%", "0x1%"}) {
        EXPECT_NE(complaint(percent(), plain(text)), "") << text;
    }
}

TEST(Percentage, PrintsAsItWasWritten)
{
    for (int tenths = 0; tenths <= 1000; ++tenths) {
        auto const written = std::to_string(tenths / 10) + (tenths % 10 ? '.' + std::to_string(tenths % 10) : "") + '%';
        EXPECT_EQ(percent().print(*percent().parse(plain(written))), written);
    }
}

TEST(Boolean, IsTrueOrFalseAndNothingElse)
{
    EXPECT_EQ(boolean().parse(plain("true")), true);
    EXPECT_EQ(boolean().parse(plain("false")), false);
    EXPECT_EQ(complaint(boolean(), in_double_quotes("true")), "expected true or false, found a text in quotes");
    for (auto const* text : {"yes", "no", "on", "off", "True", "1", ""}) {
        EXPECT_NE(complaint(boolean(), plain(text)), "") << text;
    }
}

TEST(Word, IsSuggestedWhenNear)
{
    auto const form = one_of("pass", "reject", "defer", "hold");
    EXPECT_EQ(form.parse(plain("hold")), "hold");
    EXPECT_EQ(complaint(form, plain("rejct")), "did you mean \"reject\"? (allowed: pass, reject, defer, hold)");
    EXPECT_EQ(complaint(form, plain("REJECT")), "did you mean \"reject\"? (allowed: pass, reject, defer, hold)");
    EXPECT_EQ(complaint(form, plain("quarantine")), "allowed: pass, reject, defer, hold");
}

TEST(Name, IsWhatTheContractSays)
{
    for (auto const* name : {"a", "0", "kbz_test", "Shop-1.example", "a..b"}) EXPECT_TRUE(is_name(name)) << name;
    for (auto const* name : {"", "-a", ".a", "_a", "a b", "a/b", "a\nb", "sh\xc3\xb6p", "$a"})
        EXPECT_FALSE(is_name(name)) << name;
    EXPECT_TRUE(is_name(std::string(64, 'a')));
    EXPECT_FALSE(is_name(std::string(65, 'a')));
}

TEST(SocketMode, IsFourOctalDigits)
{
    for (auto const* mode : {"0660", "0000", "0777"}) EXPECT_TRUE(is_socket_mode(mode)) << mode;
    for (auto const* mode : {"660", "1777", "0888", "00660", "", "rw-r"}) EXPECT_FALSE(is_socket_mode(mode)) << mode;
}

TEST(HeaderName, IsWhatCanStandBeforeTheColon)
{
    for (auto const* name : {"X-KeyBuzz-Tenant", "Tenant", "x"}) EXPECT_TRUE(is_header_name(name)) << name;
    for (auto const* name : {"", "X Tenant", "X-Tenant:", "X-\xc3\xbc"}) EXPECT_FALSE(is_header_name(name)) << name;
}

TEST(ReplyText, IsAsciiOfAtMost300)
{
    EXPECT_TRUE(is_reply_text(std::string(300, 'x')));
    EXPECT_FALSE(is_reply_text(std::string(301, 'x')));
    EXPECT_FALSE(is_reply_text("a\tb"));
    EXPECT_FALSE(is_reply_text("f\xc3\xbcr"));
}

TEST(YamlText, IsQuotedWhereAReaderMightMisunderstand)
{
    EXPECT_EQ(yaml_text("postfix"), "postfix");
    EXPECT_EQ(yaml_text("/var/log/mail.log"), "/var/log/mail.log");
    EXPECT_EQ(yaml_text("unix:/run/x.sock"), "unix:/run/x.sock");
    for (auto const* text :
         {"", "0660", "off", "NULL", "~", "@a.example", "!10.0.0.1", "a: b", "a #b", "- a", "a:", "*", "::1"}) {
        EXPECT_EQ(yaml_text(text), '"' + std::string{text} + '"');
    }
    EXPECT_EQ(yaml_text("\\[#\"x\"\\]"), R"("\\[#\"x\"\\]")");
}

TEST(Address, IsShownWithoutItsPassword)
{
    EXPECT_EQ(without_password("redis://127.0.0.1:6379/0"), "redis://127.0.0.1:6379/0");
    EXPECT_EQ(without_password("redis://:secret@127.0.0.1:6379/0"), "redis://***@127.0.0.1:6379/0");
    EXPECT_EQ(without_password("rediss://user:se@cret@redis.example:6379/0"), "rediss://***@redis.example:6379/0");
    for (auto const* const secret : {"user:ge/heim", "user:12345#ss", "user:ge?heim", "user:ge@he/im", "to/ken"}) {
        EXPECT_EQ(without_password("https://" + std::string{secret} + "@app.example/hook"), "https://***@app.example/hook");
    }
    EXPECT_EQ(without_password("lmdb:/var/lib/a@b"), "lmdb:/var/lib/a@b");
    TextForm const address{.is_address = true};
    EXPECT_EQ(address.print("redis://u:p@h:1/0"), "\"redis://***@h:1/0\"");
}

// Else what its author took for a password would be taken for a path, and be shown: "user:12345: Could not resolve host".
TEST(Url, WhoseLoginCouldBeReadInTwoWaysIsRefusedWithoutShowingIt)
{
    constexpr Check check{"URL", is_url, "a URL"};
    for (auto const* const login : {"user:ge/heim", "user:12345#ss", "user:12/ss", "us:1?ss", "user:ge@he/im", ":/geheim", "us:[/]"}) {
        auto const url = "https://" + std::string{login} + "@app.example/hook";
        EXPECT_FALSE(is_url(url)) << url;
        EXPECT_EQ(complaint(checked_address(check), in_double_quotes(url)),
                  "\"https://***@app.example/hook\" can be read in two ways; percent-encode the login (/ as %2F, ? as %3F, # as %23), "
                  "and an @ behind the host as %40");
    }
    for (auto const* const url : {"https://user:ge%2Fheim@app.example/hook", "https://app.example/hook?who=a@b", "https://app.example/@team",
                                  "https://app.example:8443/hook?who=a%40b#c", "https://u:p@host@app.example/", "http://[::1]:80/hook"}) {
        EXPECT_TRUE(is_url(url)) << url;
        EXPECT_EQ(complaint(checked_address(check), in_double_quotes(url)), "");
    }
}

TEST(Grouped, SetsACommaEveryThreeDigits)
{
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(1'000'000), "1,000,000");
}

}   // namespace
}   // namespace mailcore::config
