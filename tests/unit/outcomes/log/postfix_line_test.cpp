#include "outcomes/log/postfix_line.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <set>

#include "core/mail/smtp_reply.hpp"
#include "tests/unit/outcomes/log/allocations.hpp"
#include "tests/unit/outcomes/log/host_zone.hpp"
#include "tests/unit/outcomes/log/postfix_corpus.hpp"

namespace mailcore::outcomes {
namespace {

using Kind = PostfixLine::Kind;

base::Time at(std::string_view text) { return base::parse_time(text).value(); }

std::string read(std::string_view line, LogClock& clock, bool with_time)
{
    PostfixLine parsed;
    return parse_postfix_line(line, clock, parsed) ? test::describe(parsed, with_time) : "no line of Postfix";
}

// Lines and what is to be read from them stand in one file a case: tests/testdata/postfix-logs/README.md.
TEST(PostfixLine, Corpus)
{
    bool const rewrite = std::getenv("MAILCORE_REWRITE_EXPECTED") != nullptr;
    auto cases = test::read_cases();
    EXPECT_GE(cases.size(), 60u);
    for (auto& one : cases) {
        ASSERT_FALSE(one.notes.empty()) << one.path << " has no note";
        test::HostZone const zone{one.setting("zone").value_or("UTC")};
        LogClock clock{at(one.setting("reference").value_or("2026-12-31T00:00:00Z"))};
        for (auto& line : one.lines) {
            auto const got = read(line.text, clock, one.setting("show") == "time");
            if (rewrite) line.expected = got;
            else EXPECT_EQ(got, line.expected) << one.path << ": " << one.notes.front() << "\n" << line.text;
        }
        if (rewrite) std::ofstream{one.path, std::ios::binary} << one.as_file();
    }
}

// Each kind of line, each status and each service that this project acts on was written by a real Postfix at least once.
TEST(PostfixLine, EveryKindIsInWhatARealPostfixWrote)
{
    std::set<Kind> kinds;
    std::set<PostfixLine::Status> statuses;
    LogClock clock{at("2027-06-01T00:00:00Z")};
    for (auto const& one : test::read_cases()) {
        if (one.notes.front().find("Recorded from Postfix") == std::string::npos) continue;
        for (auto const& line : one.lines) {
            PostfixLine parsed;
            if (!parse_postfix_line(line.text, clock, parsed)) continue;
            kinds.insert(parsed.kind);
            statuses.insert(parsed.status);
        }
    }
    EXPECT_EQ(kinds.size(), 15u) << "all but Canceled, which Postfix 3.10 brought";
    EXPECT_FALSE(kinds.contains(Kind::Canceled));
    EXPECT_EQ(statuses.size(), 6u);
}

TEST(PostfixLine, OfTheJournalIsReadAsOfAFile)
{
    test::HostZone const zone{"UTC"};
    LogClock clock{at("2026-12-31T00:00:00Z")};
    int compared = 0;
    for (auto const& one : test::read_cases()) {
        for (auto const& line : one.lines) {
            std::string_view rest = line.text;
            base::Time time{};
            PostfixLine of_file;
            if (!parse_postfix_line(line.text, clock, of_file) || !clock.read(rest, time)) continue;
            auto const tag = rest.find("]: ");
            if (tag == std::string_view::npos) continue;
            auto const identifier = rest.substr(0, tag).find(' ') + 1;   // behind the host
            PostfixLine of_journal;
            ASSERT_TRUE(parse_postfix_message(rest.substr(identifier, tag + 1 - identifier), rest.substr(tag + 3), time, of_journal)) << line.text;
            EXPECT_EQ(test::describe(of_journal, true), test::describe(of_file, true)) << line.text;
            ++compared;
        }
    }
    EXPECT_GT(compared, 900);
}

TEST(PostfixLine, OfTheJournalNeedsNoPid)
{
    PostfixLine parsed;
    for (auto const* identifier : {"postfix/qmgr", "postfix/qmgr[12]", "postfix/qmgr[12]:"}) {
        ASSERT_TRUE(parse_postfix_message(identifier, "4jWYs717qcz8lWc: removed", at("2026-08-24T00:00:00Z"), parsed)) << identifier;
        EXPECT_EQ(test::describe(parsed, true), "Removed | 2026-08-24T00:00:00.000000Z | postfix qmgr | 4jWYs717qcz8lWc") << identifier;
    }
    EXPECT_FALSE(parse_postfix_message("mailcore-milter", "4jWYs717qcz8lWc: removed", {}, parsed));
    EXPECT_FALSE(parse_postfix_message("", "4jWYs717qcz8lWc: removed", {}, parsed));
}

// A log is followed for years: nothing is allocated for a line, and nothing is read behind its end. Each line stands in
// memory of exactly its size, so that the sanitizer sees a byte too many; cut at every place, as a full disk leaves it.
TEST(PostfixLine, CutAtEveryPlaceItAllocatesNothingAndStaysInItsBounds)
{
    LogClock clock{at("2026-12-31T00:00:00Z")};
    for (auto const& one : test::read_cases()) {
        for (auto const& line : one.lines) {
            for (std::size_t size = 0; size <= line.text.size(); ++size) {
                std::unique_ptr<char[]> const exact{new char[size]};
                std::copy_n(line.text.begin(), size, exact.get());
                PostfixLine parsed;
                auto const before = test::allocations();
                parse_postfix_line({exact.get(), size}, clock, parsed);
                ASSERT_EQ(test::allocations(), before) << line.text.substr(0, size);
            }
        }
    }
}

TEST(PostfixLine, AFormerLineLeavesNothingBehind)
{
    LogClock clock{at("2026-12-31T00:00:00Z")};
    PostfixLine parsed;
    ASSERT_TRUE(parse_postfix_line("2026-08-24T19:15:44+02:00 mx1 postfix/smtp[3]: 4jWYs717qcz8lWc: to=<a@remote.test>, relay=x, delay=1, delays=0/0/0/1, "
                                   "dsn=2.0.0, status=sent (250 Ok: queued as 7D2A41F09B)", clock, parsed));
    ASSERT_TRUE(parse_postfix_line("2026-08-24T19:15:44+02:00 mx1 postfix/qmgr[3]: 4jWYs717qcz8lWc: removed", clock, parsed));
    EXPECT_EQ(test::describe(parsed, false), "Removed | postfix qmgr | 4jWYs717qcz8lWc");
}

TEST(ReasonWord, EndsWhatTheGateRefuses)
{
    for (int number = 0; number < mail::kReasons; ++number) {
        auto const reason = static_cast<mail::Reason>(number);
        if (reason == mail::Reason::Ok) continue;
        auto reply = mail::reply_for(mail::Action::Reject, reason);
        reply.retry_after = 36;
        auto const text = mail::to_string(reply);
        EXPECT_TRUE(ends_in_reason_word(text)) << text;
        EXPECT_TRUE(ends_in_reason_word("554 5.7.1 <a@remote.test>: Recipient address rejected: " + text)) << text;
    }
}

TEST(ReasonWord, IsNotFoundElsewhere)
{
    struct Row {
        char const* text;
        char const* note;
    };
    constexpr Row kRows[] = {
        {"", "nothing"},
        {")", "a bracket alone"},
        {"(rule", "an open one"},
        {"(ok)", "the gate refuses nothing with this"},
        {"()", "no word"},
        {"550 5.7.1 no (policy)", "another's word"},
        {"550 5.7.1 no (rule) ", "something behind it"},
        {"550 5.7.1 no rule)", "not in brackets"},
        {"550 5.7.1 no ((rule))", "brackets too many"},
        {"host mx said: 550 no (in reply to RCPT TO command)", "Postfix's own words"},
        {"550 5.7.1 (Rule)", "another case"},
    };
    for (auto const& row : kRows) EXPECT_FALSE(ends_in_reason_word(row.text)) << row.note;
}

}   // namespace
}   // namespace mailcore::outcomes
