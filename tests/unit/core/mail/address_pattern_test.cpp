#include "core/mail/address_pattern.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace mailcore::mail {
namespace {

AddressPattern pattern(std::string_view text) { return AddressPattern::parse(text).value(); }

bool matches(std::string_view pattern_text, std::string_view address)
{
    AddressPatternSet set;
    set.insert(pattern(pattern_text));
    return set.matches(Address{address});
}

std::string complaint(std::string_view text)
{
    auto const parsed = AddressPattern::parse(text);
    return parsed ? "accepted as " + parsed->to_string() : parsed.error().message;
}

TEST(AddressPattern, OfAMailboxMatchesItAndItsExtensions)
{
    EXPECT_TRUE(matches("amazon@inbound.keybuzz.io", "amazon@inbound.keybuzz.io"));
    EXPECT_TRUE(matches("amazon@inbound.keybuzz.io", "Amazon@INBOUND.keybuzz.io"));
    EXPECT_TRUE(matches("amazon@inbound.keybuzz.io", "amazon+4711@inbound.keybuzz.io"));
    EXPECT_TRUE(matches("amazon@inbound.keybuzz.io", "amazon+47+11@inbound.keybuzz.io"));
    EXPECT_TRUE(matches("amazon@inbound.keybuzz.io", "amazon+@inbound.keybuzz.io"));
    EXPECT_FALSE(matches("amazon@inbound.keybuzz.io", "amazon@keybuzz.io"));
    EXPECT_FALSE(matches("amazon@inbound.keybuzz.io", "amazonas@inbound.keybuzz.io"));
    EXPECT_FALSE(matches("amazon@inbound.keybuzz.io", "+amazon@inbound.keybuzz.io"));
    EXPECT_FALSE(matches("amazon@inbound.keybuzz.io", "x+amazon@inbound.keybuzz.io"));
}

TEST(AddressPattern, WithAnExtensionMatchesOnlyThat)
{
    EXPECT_TRUE(matches("a+b@example.org", "a+b@example.org"));
    EXPECT_TRUE(matches("a+b@example.org", "a+b+c@example.org"));
    EXPECT_FALSE(matches("a+b@example.org", "a@example.org"));
    EXPECT_FALSE(matches("a+b@example.org", "a+c@example.org"));
}

TEST(AddressPattern, OfADomainMatchesThatDomainOnly)
{
    EXPECT_TRUE(matches("@keybuzz.io", "anyone@KeyBuzz.io"));
    EXPECT_TRUE(matches("@keybuzz.io", "anyone@keybuzz.io."));
    EXPECT_FALSE(matches("@keybuzz.io", "anyone@sub.keybuzz.io"));
    EXPECT_FALSE(matches("@keybuzz.io", "anyone@notkeybuzz.io"));
    EXPECT_FALSE(matches("@keybuzz.io", "anyone@keybuzz.io.evil.example"));
}

TEST(AddressPattern, OfSubdomainsMatchesAllBelowButNotItself)
{
    EXPECT_TRUE(matches("@.keybuzz.io", "a@inbound.keybuzz.io"));
    EXPECT_TRUE(matches("@.keybuzz.io", "a@very.deep.inbound.keybuzz.io"));
    EXPECT_FALSE(matches("@.keybuzz.io", "a@keybuzz.io"));
    EXPECT_FALSE(matches("@.keybuzz.io", "a@notkeybuzz.io"));
}

TEST(AddressPattern, ComparesBothFormsOfAnInternationalDomain)
{
    EXPECT_TRUE(matches("@bücher.example", "a@xn--bcher-kva.example"));
    EXPECT_TRUE(matches("@xn--bcher-kva.example", "a@BÜCHER.example"));
    EXPECT_TRUE(matches("@.bücher.example", "a@x.xn--bcher-kva.example"));
}

TEST(AddressPattern, TakesQuotedLocalParts)
{
    EXPECT_TRUE(matches("\"a b\"@example.org", "a b@example.org"));
    EXPECT_TRUE(matches("\"anna\"@example.org", "anna@example.org"));
}

TEST(AddressPattern, MatchesNothingButMailboxes)
{
    EXPECT_FALSE(matches("@example.org", ""));
    EXPECT_FALSE(matches("@example.org", "postmaster"));
    EXPECT_FALSE(matches("a@example.org", "a"));
    AddressPatternSet set;
    set.insert(pattern("@example.org"));
    EXPECT_FALSE(set.matches(Address{})) << "an absent address";
}

TEST(AddressPattern, TakesTheLastAtSign)
{
    EXPECT_FALSE(matches("@evil.example", "a@evil.example@example.org"));
    EXPECT_TRUE(matches("@example.org", "a@evil.example@example.org"));
}

TEST(AddressPattern, TakesADomainLiteral)
{
    EXPECT_TRUE(matches("@[192.0.2.1]", "a@[192.0.2.1]"));
    EXPECT_TRUE(matches("a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"));
}

TEST(AddressPattern, SaysWhatIsWrong)
{
    constexpr std::string_view cure = "; write user@example.org, @example.org or @.example.org";
    auto const expect = [&](std::string_view text, std::string_view why) {
        EXPECT_EQ(complaint(text), "\"" + std::string{text} + "\" is not an address pattern: " + std::string{why} + std::string{cure});
    };
    expect("example.org", "it has no @");
    expect("", "it has no @");
    expect("*.example.org", "it has no @");
    expect("@", "its domain is not a domain name");
    expect("@.", "its domain is not a domain name");
    expect("a@", "its domain is not a domain name");
    expect("@..example.org", "its domain is not a domain name");
    expect("@*.example.org", "its domain is not a domain name");
    expect("a@.example.org", "its domain is not a domain name");
    expect("@exa mple.org", "its domain is not a domain name");
    expect("@-example.org", "its domain is not a domain name");
    expect("<a@example.org>", "its domain is not a domain name");
    expect("\"\"@example.org", "its local part is empty or holds control characters");
    expect("*@example.org", "* is no wildcard here");
}

TEST(AddressPattern, ShowsNoControlCharactersInComplaints)
{
    EXPECT_EQ(complaint("a\x1b[2J"), "\"a?[2J\" is not an address pattern: it has no @; write user@example.org, @example.org or @.example.org");
    EXPECT_EQ(complaint("a\nb@example.org"), "\"a?b@example.org\" is not an address pattern: its local part is empty or holds control "
                                           "characters; write user@example.org, @example.org or @.example.org");
}

TEST(AddressPattern, PrintsWhatParsesToTheSame)
{
    for (std::string_view const text : {"Amazon@Inbound.KeyBuzz.io", "@KeyBuzz.IO", "@.keybuzz.io", "a+b@example.org",
                                        "@bücher.example", "\"a b\"@example.org", "\"a\\\"b\"@example.org", "\"a\\\\b\"@example.org",
                                        "\"a@b\"@example.org", "\"@x:y\"@example.org", "\"<a\"@example.org", "jörg@example.org",
                                        "\"*\"@example.org", "a@[192.0.2.1]", "\" a\"@example.org"}) {
        auto const parsed = pattern(text);
        auto const printed = parsed.to_string();
        ASSERT_TRUE(AddressPattern::parse(printed)) << printed;
        EXPECT_EQ(pattern(printed), parsed) << printed;
        EXPECT_EQ(pattern(printed).to_string(), printed);
    }
    EXPECT_EQ(pattern("Amazon@Inbound.KeyBuzz.io").to_string(), "amazon@inbound.keybuzz.io");
    EXPECT_EQ(pattern("\"A b\"@example.org").to_string(), "\"a b\"@example.org");
}

TEST(AddressPatternMap, VisitsTheMostSpecificPatternFirst)
{
    AddressPatternMap<int> map;
    for (std::string_view const text : {"@.org", "@.example.org", "@sub.example.org", "a@sub.example.org", "a+b@sub.example.org",
                                        "a+b+c@sub.example.org", "@.sub.example.org", "b@sub.example.org"}) {
        map[pattern(text)] = 1;
    }
    std::vector<std::string> visited;
    map.for_each_match(Address{"a+b+c@sub.example.org"}, [&](AddressPattern const& found, int) {
        visited.push_back(found.to_string());
        return true;
    });
    EXPECT_EQ(visited, (std::vector<std::string>{"a+b+c@sub.example.org", "a+b@sub.example.org", "a@sub.example.org",
                                                 "@sub.example.org", "@.example.org", "@.org"}));
}

TEST(AddressPatternMap, StopsWhenToldTo)
{
    AddressPatternMap<int> map;
    for (std::string_view const text : {"a@sub.example.org", "@sub.example.org", "@.example.org", "@.org"}) map[pattern(text)] = 1;
    for (int wanted = 1; wanted <= 4; ++wanted) {
        int visits = 0;
        map.for_each_match(Address{"a@sub.example.org"}, [&](AddressPattern const&, int) { return ++visits < wanted; });
        EXPECT_EQ(visits, wanted);
    }
}

TEST(AddressPatternMap, KeepsKindsApart)
{
    AddressPatternMap<int> map;
    map[pattern("@example.org")] = 1;
    map[pattern("@.example.org")] = 2;
    EXPECT_EQ(map.size(), 2u);
    int found = 0;
    map.for_each_match(Address{"a@x.example.org"}, [&](AddressPattern const&, int value) { found = value; return true; });
    EXPECT_EQ(found, 2);
}

}   // namespace
}   // namespace mailcore::mail
