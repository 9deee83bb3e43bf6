// The suspensions' table on a host: small, precious, and never begun anew behind the operator's back.

#include <gmock/gmock.h>

#include "core/store/lmdb_table.hpp"
#include "core/store/suspensions.hpp"
#include "tests/unit/core/store/lmdb_story.hpp"

namespace mailcore::store {
namespace {

rules::Suspensions one(std::string const& tenant, bool suspended, base::Time time, std::string const& reason = "")
{
    rules::Suspensions entries;
    entries.merge(tenant, {suspended, time, reason});
    return entries;
}

class LmdbSuspensionsTest : public ::testing::Test {
protected:
    std::unique_ptr<SuspensionTable> open() const { return lmdb_suspensions(directory()); }
    std::string directory() const { return scratch_ / "suspensions"; }
    std::string file(char const* name) const { return directory() + "/" + name; }
    std::string damaged(std::string const& how) const
    {
        return "suspensions in " + directory() + ": data.mdb is damaged: " + how + "; remove " + directory() + " and it is begun anew";
    }
    ScratchDirectory scratch_;
};

TEST_F(LmdbSuspensionsTest, SurviveRestarts)
{
    ASSERT_TRUE(open()->merge(one("kbz_test", true, kNow, "sends spam, says \"abuse\"\n")));
    auto const entries = open()->load().value();
    EXPECT_EQ(entries, one("kbz_test", true, kNow, "sends spam, says \"abuse\"\n"));
}

TEST_F(LmdbSuspensionsTest, OfTwoTheLaterWins)
{
    struct Case {
        char const* note;
        std::chrono::seconds after;
        bool taken;
    };
    auto const cases = std::vector<Case>{
        {"later", std::chrono::seconds{1}, true},
        {"at the same time", std::chrono::seconds{0}, false},
        {"earlier", std::chrono::seconds{-1}, false},
    };
    for (auto const& [note, after, taken] : cases) {
        SCOPED_TRACE(note);
        std::filesystem::remove_all(directory());
        auto const table = open();
        ASSERT_TRUE(table->merge(one("a", true, kNow, "first")));
        auto both = one("a", false, kNow + after, "second");
        both.merge("b", {true, kNow, "another"});
        ASSERT_TRUE(table->merge(both));
        auto const entries = table->load().value();
        EXPECT_EQ(entries.holds("a"), !taken);
        EXPECT_EQ(entries.find("a")->reason, taken ? "second" : "first");
        EXPECT_TRUE(entries.holds("b")) << "each tenant by itself";
    }
}

TEST_F(LmdbSuspensionsTest, TellCheaplyWhetherTheyHaveChanged)
{
    auto const table = open();
    EXPECT_TRUE(table->may_have_changed()) << "not loaded yet";
    ASSERT_TRUE(table->load());
    EXPECT_FALSE(table->may_have_changed());

    ASSERT_TRUE(table->merge(one("a", true, kNow)));
    EXPECT_TRUE(table->may_have_changed());
    ASSERT_TRUE(table->load());
    ASSERT_TRUE(table->merge(one("a", true, kNow)));
    EXPECT_FALSE(table->may_have_changed()) << "nothing new was merged, nothing written";

    Child other{[this](Child&) -> std::string { return open()->merge(one("b", true, kNow)) ? "merged" : "failed"; }};
    ASSERT_EQ(other.hear(), "merged");
    EXPECT_TRUE(table->may_have_changed());
    EXPECT_TRUE(table->load()->holds("b"));
    EXPECT_FALSE(table->may_have_changed());
}

TEST_F(LmdbSuspensionsTest, RemovedByTheOperatorAreBegunAnew)
{
    auto const table = open();
    ASSERT_TRUE(table->merge(one("a", true, kNow)));
    ASSERT_TRUE(table->load());
    std::filesystem::remove_all(directory());
    EXPECT_TRUE(table->may_have_changed());
    EXPECT_EQ(table->load().value(), rules::Suspensions{});
    ASSERT_TRUE(table->merge(one("a", true, kNow))) << "as the keeper does, which remembers";
    EXPECT_TRUE(open()->load()->holds("a"));
}

TEST_F(LmdbSuspensionsTest, OfADamagedTableFailWithThePathAndTheCure)
{
    struct Case {
        char const* note;
        std::function<void(std::string const& file)> happen;
        char const* how;
    };
    auto const cases = std::vector<Case>{
        {"garbage", [](auto const& path) { overwrite(path, "garbage\n"); }, "it is no LMDB table"},
        {"garbage of the same size", [](auto const& path) { fill_with_garbage(path); }, "it is no LMDB table"},
        {"cut", [](auto const& path) { std::filesystem::resize_file(path, 9'000); }, "page 2 is beyond the end of the file"},
    };
    for (auto const& [note, happen, how] : cases) {
        SCOPED_TRACE(note);
        std::filesystem::remove_all(directory());
        auto const table = open();
        ASSERT_TRUE(table->merge(one("a", true, kNow)));
        ASSERT_TRUE(table->load());
        happen(file("data.mdb"));
        EXPECT_TRUE(table->may_have_changed());
        EXPECT_EQ(table->load().error().message, damaged(how));
        EXPECT_EQ(table->merge(one("b", true, kNow)).error().message, damaged(how));
        EXPECT_EQ(open()->load().error().message, damaged(how));

        std::filesystem::remove_all(directory());
        ASSERT_TRUE(table->merge(one("b", true, kNow))) << "the cure works without a restart";
        EXPECT_TRUE(table->load()->holds("b"));
    }
}

TEST_F(LmdbSuspensionsTest, ThatAreDamagedArePutAsideWhereTheyAreToldTo)
{
    auto const told = "suspensions in " + directory() + ": data.mdb is damaged: it is no LMDB table; put aside as data.mdb.damaged; begun anew";
    auto const table = open();
    ASSERT_TRUE(table->merge(one("a", true, kNow)));
    EXPECT_EQ(table->begin_anew().value(), "") << "nothing to put aside";
    EXPECT_TRUE(table->load()->holds("a"));
    fill_with_garbage(file("data.mdb"));
    EXPECT_FALSE(table->load());
    EXPECT_EQ(table->begin_anew().value(), told);
    EXPECT_EQ(table->load().value(), rules::Suspensions{});
    ASSERT_TRUE(table->merge(one("a", true, kNow)));

    overwrite(file("data.mdb"), "garbage\n");
    auto const started_now = open();
    EXPECT_FALSE(started_now->load());
    EXPECT_THAT(started_now->begin_anew().value(), ::testing::EndsWith("; put aside as data.mdb.damaged; begun anew"));
    ASSERT_TRUE(started_now->merge(one("b", true, kNow)));
    fill_with_garbage(file("data.mdb"));
    EXPECT_FALSE(started_now->load()) << "what is damaged later is refused as before";
    EXPECT_TRUE(std::filesystem::exists(file("data.mdb.damaged")));
}

TEST_F(LmdbSuspensionsTest, OutliveTheirLock)
{
    auto const table = open();
    ASSERT_TRUE(table->merge(one("a", true, kNow)));
    for (auto const* how : {"removed", "garbage", "same size"}) {
        SCOPED_TRACE(how);
        if (how == std::string_view{"removed"}) std::filesystem::remove(file("lock.mdb"));
        if (how == std::string_view{"garbage"}) overwrite(file("lock.mdb"), "garbage\n");
        if (how == std::string_view{"same size"}) fill_with_garbage(file("lock.mdb"));
        auto const entries = table->load();
        ASSERT_TRUE(entries) << entries.error().message;
        EXPECT_TRUE(entries->holds("a"));
    }
}

TEST_F(LmdbSuspensionsTest, EntriesThatCannotBeReadAreNone)
{
    auto const set = [this](std::string const& value) {
        auto table = lmdb::Table::open({"test", directory(), 1u << 20u}, lmdb::OnDamage::Refuse).value();
        auto transaction = table->begin(lmdb::Access::Write).value();
        EXPECT_TRUE(transaction.put("a", value) && transaction.commit());
    };
    auto const values = std::vector<std::string>{"\x02 something else", "\x01\x01 short", "\x01\x05 neither yes nor no"};
    for (auto const& value : values) {
        set(value);
        EXPECT_EQ(open()->load().value(), rules::Suspensions{});
        ASSERT_TRUE(open()->merge(one("a", true, kNow)));
        EXPECT_TRUE(open()->load()->holds("a"));
    }
}

}   // namespace
}   // namespace mailcore::store
