#include "core/mail/address.hpp"

#include <gtest/gtest.h>

#include "tests/unit/core/mail/corpus.hpp"

namespace mailcore::mail {
namespace {

std::string kind_word(Address::Kind kind)
{
    switch (kind) {
        case Address::Kind::Absent: return "absent";
        case Address::Kind::Null: return "null";
        case Address::Kind::NoDomain: return "no domain";
        case Address::Kind::Mailbox: return "mailbox";
    }
    return "";
}

std::string describe(std::string const& path)
{
    auto const internal = internal_form_of_path(path);
    Address const address{internal};
    std::string text;
    auto const line = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) text += std::string{name} + " " + std::string{value} + "\n";
    };
    line("internal", internal);
    line("kind", kind_word(address.kind()));
    line("local", address.local());
    line("domain", address.domain());
    line("extension", address.extension());
    line("may be rewritten", address.may_be_rewritten() ? "yes" : "no");
    return text;
}

TEST(Address, CorpusOfPaths) { test::check_corpus("addresses", "path", 35, describe); }

TEST(Address, IsAbsentUntilSet)
{
    Address address;
    EXPECT_EQ(address.kind(), Address::Kind::Absent);
    EXPECT_FALSE(address == Address{""}) << "an absent address is not the null address";
    address.set("a@example.org");
    address.clear();
    EXPECT_EQ(address, Address{});
    EXPECT_EQ(address.text(), "");
}

TEST(Address, KeepsTheTextAsGiven) { EXPECT_EQ(Address{"Anna+X@EXAMPLE.org"}.text(), "Anna+X@EXAMPLE.org"); }

TEST(Address, ComparesAsMailDoes)
{
    EXPECT_EQ(Address{"Anna@EXAMPLE.org"}, Address{"anna@example.ORG."});
    EXPECT_EQ(Address{"a@bücher.example"}, Address{"a@xn--bcher-kva.example"});
    EXPECT_FALSE(Address{"anna+x@example.org"} == Address{"anna@example.org"});
    EXPECT_FALSE(Address{"anna"} == Address{"anna@example.org"});
}

TEST(Address, ForgetsTheFormerValue)
{
    Address address{"somebody-with-a-long-name+extension@long.example.org"};
    address.set("a@b");
    EXPECT_EQ(address, Address{"a@b"});
    EXPECT_EQ(address.extension(), "");
    address.set("");
    EXPECT_EQ(address.kind(), Address::Kind::Null);
    EXPECT_EQ(address.local(), "");
}

TEST(Address, SetReusesItsMemory)
{
    Address address{"somebody-with-a-long-name@long.example.org"};
    auto const* const before = address.text().data();
    address.set("someone-else-with-a-name@long.example.org");
    EXPECT_EQ(address.text().data(), before);
}

TEST(AddressList, KeepsAddressesInOrder)
{
    AddressList list;
    EXPECT_TRUE(list.empty());
    list.add().set("a@example.org");
    list.add().set("b@example.org");
    EXPECT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].text(), "a@example.org");
    EXPECT_EQ(list.back().text(), "b@example.org");
    std::string all;
    for (auto const& address : list) all += address.local();
    EXPECT_EQ(all, "ab");
}

TEST(AddressList, DropsTheLastAndForgetsAll)
{
    AddressList list;
    list.add().set("a@example.org");
    list.add().set("b@example.org");
    list.drop_last();
    EXPECT_EQ(list.back().text(), "a@example.org");
    list.clear();
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(list.begin(), list.end());
    list.add().set("c@example.org");
    EXPECT_EQ(list.back().text(), "c@example.org");
}

}   // namespace
}   // namespace mailcore::mail
