#include "core/mail/domain.hpp"

#include <gtest/gtest.h>

namespace mailcore::mail {
namespace {

std::string comparable(std::string_view name)
{
    std::string out;
    append_comparable_domain(out, name);
    return out;
}

TEST(ComparableDomain, IsLowerCaseWithoutTrailingDot)
{
    EXPECT_EQ(comparable("Example.ORG"), "example.org");
    EXPECT_EQ(comparable("example.org."), "example.org");
    EXPECT_EQ(comparable("."), ".");
    EXPECT_EQ(comparable(""), "");
}

TEST(ComparableDomain, IsInALabels)
{
    EXPECT_EQ(comparable("bücher.example"), "xn--bcher-kva.example");
    EXPECT_EQ(comparable("BÜCHER.example."), "xn--bcher-kva.example");
    EXPECT_EQ(comparable("例え.テスト"), "xn--r8jz45g.xn--zckzah");
    EXPECT_EQ(comparable("faß.example"), "xn--fa-hia.example");
}

TEST(ComparableDomain, DropsATrailingDotOfEveryForm)
{
    EXPECT_EQ(comparable("bücher.example。"), "xn--bcher-kva.example");
    EXPECT_EQ(comparable("blocked.example。"), "blocked.example");
    EXPECT_EQ(comparable("blocked.example．"), "blocked.example");
}

TEST(ComparableDomain, KeepsWhatIdnaRefuses)
{
    EXPECT_EQ(comparable("\xFF.Example"), "\xFF.example");
    EXPECT_EQ(comparable("good.example＠evil.example"), "good.example＠evil.example") << "UTS 46 would make it an @";
    EXPECT_EQ(comparable(std::string_view{"\xC3\xBC\0.example", 11}), (std::string_view{"\xC3\xBC\0.example", 11}));
}

TEST(ComparableDomain, IsAppended)
{
    std::string out = "anna@";
    append_comparable_domain(out, "Bücher.Example");
    EXPECT_EQ(out, "anna@xn--bcher-kva.example");
}

TEST(ValidDomain, HasLabelsOfLettersDigitsHyphensUnderscores)
{
    for (std::string_view const name : {"example.org", "a", "1.2", "_dmarc.example.org", "a--b.example", "xn--bcher-kva.example"}) {
        EXPECT_TRUE(is_valid_domain(name)) << name;
    }
    for (std::string_view const name : {"", ".", "a.", ".a", "a..b", "-a", "a-", "a b", "a/b", "a@b", "*.a", "[192.0.2.1]", "ü"}) {
        EXPECT_FALSE(is_valid_domain(name)) << name;
    }
}

TEST(ValidDomain, MindsLengths)
{
    EXPECT_TRUE(is_valid_domain(std::string(63, 'a')));
    EXPECT_FALSE(is_valid_domain(std::string(64, 'a')));
    std::string const longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." + std::string(61, 'd');
    ASSERT_EQ(longest.size(), 253u);
    EXPECT_TRUE(is_valid_domain(longest));
    EXPECT_FALSE(is_valid_domain(longest + "d"));
}

}   // namespace
}   // namespace mailcore::mail
