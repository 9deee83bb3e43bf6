// How one daemon tells the other something about a message.

#include "core/store/notes.hpp"

#include <gmock/gmock.h>

#include <random>

#include "tests/unit/core/store/lmdb_story.hpp"

namespace mailcore::store {
namespace {

class NotesTest : public ::testing::Test {
protected:
    Notes open() const
    {
        auto notes = Notes::open(scratch_.path(), "limit-receipts");
        EXPECT_TRUE(notes) << notes.error().message;
        return std::move(*notes);
    }
    std::string folder() const { return scratch_ / "limit-receipts"; }
    ScratchDirectory scratch_;
};

TEST_F(NotesTest, AreTakenOnce)
{
    auto notes = open();
    ASSERT_TRUE(notes.put("4jWYs717qcz8lWc", "abc", kNow));
    EXPECT_EQ(notes.take("4jWYs717qcz8lWc").value(), "abc");
    EXPECT_EQ(notes.take("4jWYs717qcz8lWc").value(), std::nullopt);
    EXPECT_EQ(notes.take("other").value(), std::nullopt);
}

TEST_F(NotesTest, OfAnEarlierMessageWithTheSameQueueIdGoWhenTheNextHasNone)
{
    auto notes = open();
    ASSERT_TRUE(notes.put("A1B2C3", "abc", kNow));
    ASSERT_TRUE(notes.put("A1B2C3", "", kNow));
    EXPECT_EQ(notes.take("A1B2C3").value(), std::nullopt);
    EXPECT_TRUE(notes.put("A1B2C3", "", kNow));
}

TEST_F(NotesTest, MayHoldAnything)
{
    auto notes = open();
    auto const text = std::string("a\0b\n\xFF", 5) + std::string(20'000, 'x');
    ASSERT_TRUE(notes.put("Q1", text, kNow));
    EXPECT_EQ(notes.take("Q1").value(), text);
}

TEST_F(NotesTest, OfTwoNamesAreApart)
{
    auto receipts = open();
    auto certificates = Notes::open(scratch_.path(), "certificate-notes").value();
    ASSERT_TRUE(receipts.put("Q1", "receipt", kNow));
    ASSERT_TRUE(certificates.put("Q1", "certificate", kNow));
    EXPECT_EQ(receipts.take("Q1").value(), "receipt");
    EXPECT_EQ(certificates.take("Q1").value(), "certificate");
}

TEST_F(NotesTest, ReachAnotherProcess)
{
    Child child{[this](Child&) -> std::string { return open().put("Q1", "from the child", kNow) ? "noted" : "failed"; }};
    ASSERT_EQ(child.hear(), "noted");
    EXPECT_EQ(open().take("Q1").value(), "from the child");
}

TEST_F(NotesTest, OfMessagesThatNeverEndedAreForgottenTheOlderHalfFirst)
{
    auto notes = open();
    for (std::size_t i = 0; i < Notes::kMost; ++i) {
        ASSERT_TRUE(notes.put("message" + std::to_string(i), "abc", kNow + std::chrono::seconds{i}));
    }
    EXPECT_EQ(notes.size(), Notes::kMost);
    ASSERT_TRUE(notes.put("newest", "abc", kNow + std::chrono::hours{24}));
    EXPECT_EQ(notes.size(), Notes::kMost / 2 + 1);
    EXPECT_EQ(*notes.take("message9999"), std::nullopt);
    EXPECT_EQ(*notes.take("message10000"), "abc");
}

// Of two daemons one may write what nobody takes: long notes fill the table before there are many.
TEST_F(NotesTest, ThatFillTheTableMakeRoomTheOlderHalfFirst)
{
    for (auto const size : {std::size_t{2'500}, std::size_t{1'900}, std::size_t{12'000}}) {
        SCOPED_TRACE(size);
        std::filesystem::remove_all(folder());
        auto notes = open();
        auto const text = std::string(size, 'x');
        std::size_t const many = (96u << 20u) / size;   // half as much again as the table takes
        std::size_t most = 0;
        for (std::size_t i = 0; i < many; ++i) {
            auto const noted = notes.put("Q" + std::to_string(i * 7'919 % many), text, kNow + std::chrono::milliseconds{i});
            ASSERT_TRUE(noted) << noted.error().message << " after " << i;
            if (i % 100 == 0) most = std::max(most, notes.size());
        }
        EXPECT_LT(notes.size(), many);
        EXPECT_EQ(notes.take("Q" + std::to_string((many - 1) * 7'919 % many)).value(), text) << "the newest is there";
        EXPECT_LE(std::filesystem::file_size(folder() + "/data.mdb"), 64u << 20u);
    }
}

TEST_F(NotesTest, OlderThanADayAreForgotten)
{
    auto notes = open();
    ASSERT_TRUE(notes.put("old", "abc", kNow));
    ASSERT_TRUE(notes.put("newer", "abc", kNow + std::chrono::hours{2}));
    ASSERT_TRUE(notes.put("noted anew", "abc", kNow));
    ASSERT_TRUE(notes.put("noted anew", "abc", kNow + std::chrono::hours{3}));
    ASSERT_TRUE(notes.put("Q1", "abc", kNow + std::chrono::hours{25}));
    EXPECT_EQ(notes.size(), 3u);
    EXPECT_EQ(notes.take("old").value(), std::nullopt);
    EXPECT_EQ(notes.take("noted anew").value(), "abc");
}

TEST_F(NotesTest, GoOnInANewTableWhenTheirsIsGoneOrDamaged)
{
    auto notes = open();
    ASSERT_TRUE(notes.put("Q1", "abc", kNow));
    std::filesystem::remove_all(folder());
    wait_for_next_tick();
    EXPECT_EQ(notes.take("Q1").value(), std::nullopt);
    ASSERT_TRUE(notes.put("Q2", "abc", kNow));
    EXPECT_EQ(open().take("Q2").value(), "abc") << "where the other daemon looks";

    ASSERT_TRUE(notes.put("Q3", "abc", kNow));
    overwrite(folder() + "/data.mdb", "garbage\n");
    EXPECT_TRUE(notes.put("Q4", "abc", kNow));
    EXPECT_EQ(notes.size(), 1u);
    EXPECT_TRUE(std::filesystem::exists(folder() + "/data.mdb.damaged"));
}

TEST_F(NotesTest, SayWhatTheyCannotDo)
{
    EXPECT_EQ(Notes::open("/proc/no/such/place", "certificate-notes").error().message,
              "certificate notes: cannot make /proc/no/such/place/certificate-notes: No such file or directory");
    auto notes = open();
    EXPECT_EQ(notes.put(std::string(600, 'Q'), "abc", kNow).error().message,
              "limit receipts: write: MDB_BAD_VALSIZE: Unsupported size of key/DB name/data, or wrong DUPFIXED size");
}

// ---- receipts

rules::Receipt some_receipt()
{
    rules::Receipt receipt;
    receipt.store = "redis://10.0.0.5:6379/0";
    receipt.parts.push_back({"kbz_test messages/1m", {100, std::chrono::minutes{1}, 50}, {1, 100, 1'795'000'000'000'000, 3}});
    receipt.parts.push_back({"kbz_test bytes/1d/sender \"1 2:x\"@b.example\n", {rules::kMaxNumber, std::chrono::hours{24}, rules::kMaxNumber},
                             {25u << 20u, rules::kMaxNumber, -1, ~std::uint64_t{0}}});
    return receipt;
}

TEST(ReceiptNote, IsShortText)
{
    auto receipt = some_receipt();
    receipt.store = "redis";
    receipt.parts.pop_back();
    EXPECT_EQ(receipt_as_note(receipt), "1 5:redis 20:kbz_test messages/1m 100 60000000 50 1 100 1795000000000000 3");
}

TEST(ReceiptNote, BecomesTheSameReceipt)
{
    EXPECT_EQ(receipt_of_note(receipt_as_note(some_receipt())), some_receipt());
    EXPECT_EQ(receipt_of_note(receipt_as_note({})), rules::Receipt{});
}

TEST(ReceiptNote, ThatIsDamagedIsNone)
{
    struct Case {
        char const* note;
        char const* text;
    };
    auto const cases = std::vector<Case>{
        {"nothing", ""},
        {"of a later format", "2 5:redis"},
        {"no store", "1"},
        {"a text longer than the note", "1 6:redis"},
        {"a length beyond all numbers", "1 99999999999999999999:redis"},
        {"a length below nothing", "1 -1:redis"},
        {"no colon", "1 5redis"},
        {"a part without rate", "1 0: 3:key"},
        {"one number too few", "1 0: 3:key 100 60 50 1 100 5"},
        {"one number too many", "1 0: 3:key 100 60 50 1 100 5 3 9"},
        {"a number that is none", "1 0: 3:key 100 60 50 1 100 x 3"},
        {"two blanks", "1 0: 3:key 100  60 50 1 100 5 3"},
        {"a rate of nothing", "1 0: 3:key 0 60 50 1 100 5 3"},
        {"a rate beyond what can be counted", "1 0: 3:key 1000000000000001 60 50 1 100 5 3"},
        {"no time", "1 0: 3:key 100 0 50 1 100 5 3"},
        {"time backwards", "1 0: 3:key 100 -60 50 1 100 5 3"},
        {"no burst", "1 0: 3:key 100 60 0 1 100 5 3"},
        {"a burst that refills after the next century", "1 0: 3:key 1 3153600000000000 2 1 1 5 3"},
        {"more taken than could pass", "1 0: 3:key 100 60 50 51 100 5 3"},
    };
    ASSERT_TRUE(receipt_of_note("1 0: 3:key 100 60 50 1 100 5 3"));
    for (auto const& [note, text] : cases) EXPECT_EQ(receipt_of_note(text), std::nullopt) << note;
}

TEST(ReceiptNote, ThatWasCutOrChangedAnywhereIsReadWithinItsBounds)
{
    auto const note = receipt_as_note(some_receipt());
    for (std::size_t size = 0; size < note.size(); ++size) {
        auto const cut = std::string(note, 0, size);   // a copy: what is read beyond its end is found by the sanitizer
        if (auto const read = receipt_of_note(cut)) {
            EXPECT_NE(*read, some_receipt()) << size;
        }
    }
    std::mt19937 random{20'261'121};
    for (int round = 0; round < 20'000; ++round) {
        auto changed = note;
        changed[random() % note.size()] = static_cast<char>(random());
        auto const read = receipt_of_note(changed);
        if (!read) continue;
        for (auto const& part : read->parts) {
            rules::Bucket bucket;
            rules::give_back(bucket, part.rate, part.taken, kNow);   // whatever it says, the arithmetic holds
            rules::take(bucket, part.rate, part.taken.cost, kNow);
            rules::give_back(bucket, part.rate, part.taken, kNow);
        }
    }
}

}   // namespace
}   // namespace mailcore::store
