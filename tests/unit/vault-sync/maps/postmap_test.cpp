// What postmap does not tell by its status, caught on the real postmap.

#include "vault-sync/maps/postmap.hpp"

#include "scratch.hpp"

namespace mailcore::vault_sync {
namespace {

class PostmapTest : public ::testing::TestWithParam<std::string> {
protected:
    void SetUp() override
    {
        if (!postfix_knows(GetParam())) GTEST_SKIP() << "this Postfix has no " << GetParam() << " maps";
    }
    Directory directory() const { return std::move(*Directory::open(scratch_.path())); }
    std::string made(std::string const& text) const   // "" = fine
    {
        directory().remove("sasl_passwd");
        EXPECT_TRUE(directory().write("sasl_passwd", text));
        auto const done = postmap_.make(directory(), "sasl_passwd");
        return done ? "" : done.error().message;
    }
    std::string asked(std::string const& key, std::string const& value) const
    {
        MapLines lines;
        lines.emplace(key, base::Secret{value});
        auto const done = postmap_.ask_back(directory(), "sasl_passwd", lines);
        return done ? "" : done.error().message;
    }
    Scratch scratch_;
    Postmap postmap_{scratch_.postfix(), GetParam()};
    std::string index_ = index_name("sasl_passwd", GetParam());
};

TEST_P(PostmapTest, KeepsEveryValueThatPostfixCanCarry)
{
    for (std::string const value :
         {"user:pw", "user:a b  c", "u:#\"\\:x", "ü:ß€", "u:p\\", "u:$x ${y}", "u::", "u:\"", "u:'"}) {
        EXPECT_EQ(made("[a.test]:587 " + value + "\n"), "") << value;
        EXPECT_EQ(asked("[a.test]:587", value), "") << value;
    }
    EXPECT_EQ(scratch_.mode(index_), 0600U);
}

TEST_P(PostmapTest, MakesEmptyMaps)
{
    EXPECT_EQ(made(""), "");
    EXPECT_TRUE(scratch_.has(index_));
    EXPECT_EQ(scratch_.mode(index_), 0600U);
    EXPECT_TRUE(postmap_.ask_back(directory(), "sasl_passwd", {}));
}

// postmap ends with 0 for each of these, and prints the whole line.
TEST_P(PostmapTest, FailsOnALineThatItDrops)
{
    EXPECT_EQ(made("[a.test]:587 \xff\xfeu:hunter2\n"), "postmap complained about sasl_passwd: 1 line; " +
                                                            scratch_.path("sasl_passwd") +
                                                            ", line 1: non-UTF-8 input (the rest quotes the line)");
    EXPECT_EQ(made("\"x u:hunter2\n"), "postmap complained about sasl_passwd: 1 line; " + scratch_.path("sasl_passwd") +
                                           ", line 1: unbalanced (the rest quotes the line)");
    EXPECT_EQ(made("[a.test]:587\n"), "postmap complained about sasl_passwd: 1 line; " + scratch_.path("sasl_passwd") +
                                          ", line 1: expected format: key whitespace value");
}

TEST_P(PostmapTest, FailsOnASecondLineForOneKey)
{
    auto const complaint = made("[a.test]:587 u:one\n[a.test]:587 u:hunter2\n");
    EXPECT_NE(complaint.find("duplicate entry: (the rest quotes the line)"), std::string::npos) << complaint;
}

// What postmap takes without a word, and differently from how it was meant.
TEST_P(PostmapTest, NoticesByAskingWhatTurnedOutOtherwise)
{
    std::string const lost = "postmap did not keep every line of sasl_passwd as it was given: [a.test]:587";
    struct Case {
        char const* note;
        std::string key, value;
    };
    for (auto const& [note, key, value] :
         {Case{"a line break in the password brings a line of its own", "[a.test]:587", "u:p\n[b.test]:25 x:y"},
          Case{"a continued line is joined", "[a.test]:587", "u:p\n more"},
          Case{"a comment cuts", "[a.test]:587", "u:p\n#more"},
          Case{"blanks at the end are cut", "[a.test]:587", "u:p "}}) {
        EXPECT_EQ(made(key + " " + value + "\n"), "") << note;
        EXPECT_EQ(asked(key, value).substr(0, lost.size()), lost) << note;
    }
    EXPECT_EQ(made("[other.test]:587 u:p\n"), "");
    EXPECT_EQ(asked("[a.test]:587", "u:p"), lost);
}

TEST_P(PostmapTest, ShowsNoSecretOfAValueThatDiffers)
{
    EXPECT_EQ(made("[a.test]:587 u:hunter2\n"), "");
    EXPECT_EQ(asked("[a.test]:587", "u:hunter3").find("hunter"), std::string::npos);
}

TEST_P(PostmapTest, ReadsRegexpTablesWithoutAWord)
{
    ASSERT_TRUE(directory().write("relayhost", "/@dom\\.test$/ [a.test]:587\n/^/ [b.test]:25\n"));
    EXPECT_TRUE(postmap_.check_regexp(directory(), "relayhost"));
    ASSERT_TRUE(directory().write("empty", ""));
    EXPECT_TRUE(postmap_.check_regexp(directory(), "empty"));
    ASSERT_TRUE(directory().write("broken", "/^a(/ x\n/^/ ok\n"));
    auto const broken = postmap_.check_regexp(directory(), "broken");
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().message.find("line 1: Unmatched ( or "), std::string::npos) << broken.error().message;
}

INSTANTIATE_TEST_SUITE_P(EachType, PostmapTest, ::testing::Values("hash", "lmdb", "cdb"),
                         [](auto const& type) { return type.param; });

TEST(MapType, IsPostfixsOwnWhereNothingIsSaid)
{
    Scratch const scratch;
    EXPECT_EQ(find_map_type("auto", scratch.postfix()).value(), "hash");   // Debian's
    scratch.write_main_cf("default_database_type = btree\n");
    EXPECT_EQ(find_map_type("auto", scratch.postfix()).value(), "btree");
    EXPECT_EQ(find_map_type("hash", scratch.postfix()).value(), "hash");
}

TEST(MapType, MustBeOneThatPostfixHas)
{
    Scratch const scratch;
    scratch.write_main_cf("meta_directory = " + scratch.postfix() + "\n");   // where packages would list what they add
    EXPECT_EQ(find_map_type("lmdb", scratch.postfix()).error().message,
              "this Postfix knows no lmdb maps: apt-get install postfix-lmdb");
    EXPECT_EQ(find_map_type("cdb", scratch.postfix()).error().message,
              "this Postfix knows no cdb maps: apt-get install postfix-cdb");
    scratch.write_main_cf("default_database_type = texthash\n");
    EXPECT_EQ(find_map_type("auto", scratch.postfix()).error().message,
              "Postfix's default_database_type is texthash, which holds no maps that can be built aside: set "
              "output.map_type to "
              "cdb, lmdb or hash");
    auto const nowhere = find_map_type("auto", "/nonexistent");
    EXPECT_NE(nowhere.error().message.find("open /nonexistent/main.cf: No such file or directory"), std::string::npos)
        << nowhere.error().message;
}

}   // namespace
}   // namespace mailcore::vault_sync
