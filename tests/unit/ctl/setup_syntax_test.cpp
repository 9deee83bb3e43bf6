// Reading what postconf prints.

#include <gtest/gtest.h>

#include "ctl/postfix_syntax.hpp"

using namespace mailcore::ctl;

namespace {

using Items = std::vector<std::string>;

TEST(SplitList, TakesCommasAndBlanksForTheSame)
{
    EXPECT_EQ(split_list("permit_mynetworks permit_sasl_authenticated,\treject ,"),
              (Items{"permit_mynetworks", "permit_sasl_authenticated", "reject"}));
    EXPECT_EQ(split_list(""), Items{});
}

TEST(SplitList, KeepsBracesTogetherWithBlanksRunIntoOne)
{
    EXPECT_EQ(split_list("check_policy_service { unix:a,   timeout=5s, { b = c } }, reject"),
              (Items{"check_policy_service", "{ unix:a, timeout=5s, { b = c } }", "reject"}));
}

TEST(SplitList, SurvivesBracesThatDoNotMatch)
{
    EXPECT_EQ(split_list("a } b"), (Items{"a", "}", "b"}));
    EXPECT_EQ(split_list("{ a, b"), (Items{"{ a, b"}));
}

TEST(Parameters, AreReadWithTheirEqualsSigns)
{
    auto const parameters = parse_parameters("a = b=c\nempty =\nspaced   =  x y \nnot a parameter\n");
    EXPECT_EQ(parameters, (std::map<std::string, std::string>{{"a", "b=c"}, {"empty", ""}, {"spaced", "x y"}}));
}

TEST(Services, AreReadFromTheTwoOutputs)
{
    auto const services = parse_services("smtp       inet  n       -       y       -       -       smtpd\n"
                                         "127.0.0.1:10025 inet n  -       n       -       -       smtpd -o content_filter=\n",
                                         "127.0.0.1:10025/inet/content_filter =\n"
                                         "127.0.0.1:10025/inet/smtpd_milters = { unix:a/b }\n"
                                         "elsewhere/inet/x = y\n");
    ASSERT_EQ(services.size(), 2U);
    EXPECT_EQ(services[0].id(), "smtp/inet");
    EXPECT_TRUE(services[0].chrooted);
    EXPECT_EQ(services[0].command, "smtpd");
    EXPECT_EQ(services[0].line, "smtp inet n - y - - smtpd");
    EXPECT_FALSE(services[1].chrooted);
    EXPECT_EQ(services[1].overrides, (std::map<std::string, std::string>{{"content_filter", ""}, {"smtpd_milters", "{ unix:a/b }"}}));
}

PostfixService service(std::string const& name, std::map<std::string, std::string> overrides = {})
{
    return {name, "inet", true, "smtpd", "", std::move(overrides)};
}

TEST(Services, AreForSubmissionByTheirPort)
{
    for (auto const* name : {"submission", "smtps", "submissions", "587", "465", "10.0.0.160:587", "[::1]:submission"}) {
        EXPECT_TRUE(service(name).is_submission()) << name;
    }
    for (auto const* name : {"smtp", "25", "2525", "127.0.0.1:10025"}) EXPECT_FALSE(service(name).is_submission()) << name;
}

TEST(Services, TakeFilteredMailOnlyOnLoopbackAndWithoutAFilterOfTheirOwn)
{
    EXPECT_TRUE(service("127.0.0.1:10025", {{"content_filter", ""}}).takes_filtered_mail());
    EXPECT_FALSE(service("127.0.0.1:10025").takes_filtered_mail());
    EXPECT_FALSE(service("10025", {{"content_filter", ""}}).takes_filtered_mail());
    EXPECT_FALSE(service("127.0.0.1:10025", {{"content_filter", "smtp:[127.0.0.1]:10024"}}).takes_filtered_mail());
}

}   // namespace
