// What befalls the files within a transaction: an error, where it could be the end of the process.

#include "core/store/lmdb_table.hpp"

#include <gmock/gmock.h>

#include <sys/mman.h>

#include "core/store/lmdb_guard.hpp"
#include "tests/unit/core/store/lmdb_story.hpp"

namespace mailcore::store::lmdb {
namespace {

using ::testing::HasSubstr;

class LmdbTableTest : public ::testing::Test {
protected:
    std::unique_ptr<Table> open() const
    {
        auto table = Table::open({"test", directory(), 4u << 20u}, OnDamage::PutAside);
        EXPECT_TRUE(table) << table.error().message;
        return table ? std::move(*table) : nullptr;
    }
    std::string directory() const { return scratch_ / "table"; }
    std::string data() const { return directory() + "/data.mdb"; }
    void fill(Table& table, int entries) const
    {
        auto transaction = table.begin(Access::Write);
        for (int i = 0; i < entries; ++i) ASSERT_TRUE(transaction->put("key" + std::to_string(i), std::string(100, 'x')));
        ASSERT_TRUE(transaction->commit());
    }
    ScratchDirectory scratch_;
};

TEST_F(LmdbTableTest, WhatIsNotCommittedIsGivenUp)
{
    auto const table = open();
    fill(*table, 10);
    {
        auto transaction = table->begin(Access::Write);
        ASSERT_TRUE(transaction->put("key1", "other"));
        ASSERT_TRUE(transaction->erase("key2").value());
        EXPECT_EQ(transaction->get("key1").value(), "other");
    }
    auto const transaction = table->begin(Access::Read);
    EXPECT_EQ(transaction->get("key1").value(), std::string(100, 'x'));
    EXPECT_EQ(transaction->entries(), 10u);
}

TEST_F(LmdbTableTest, AWalkGoesInOrderFromAKeyOn)
{
    auto const table = open();
    fill(*table, 5);
    std::vector<std::string> keys;
    auto const walked = table->begin(Access::Read)->walk("key2x", [&](std::string_view key, std::string_view) {
        keys.emplace_back(key);
        return keys.size() < 2;
    });
    EXPECT_TRUE(walked);
    EXPECT_THAT(keys, ::testing::ElementsAre("key3", "key4"));
}

TEST_F(LmdbTableTest, AFileCutShortWithinATransactionIsAnErrorAndBlocksNobody)
{
    for (auto const access : {Access::Read, Access::Write}) {
        auto const table = open();
        fill(*table, 1'000);
        {
            auto transaction = table->begin(access);
            ASSERT_TRUE(transaction->get("key1").value());
            overwrite(data(), "garbage\n");
            EXPECT_EQ(transaction->get("key999").error().message, "test: read: data.mdb is damaged");
            EXPECT_EQ(transaction->walk("", [](auto, auto) { return true; }).error().message, "test: read: data.mdb is damaged");
            if (access == Access::Write) {
                EXPECT_EQ(transaction->put("key1", "x").error().message, "test: read: data.mdb is damaged");
                EXPECT_EQ(transaction->commit().error().message, "test: write: data.mdb is damaged");
            }
        }
        Child other{[this](Child&) -> std::string {
            auto const own = open();   // heals
            return own->begin(Access::Write)->put("key", "value") ? "wrote" : "could not write";
        }};
        EXPECT_EQ(other.hear(), "wrote");
        wait_for_next_tick();
        EXPECT_THAT(table->heal().value(), HasSubstr("opened again"));
        fill(*table, 10);
    }
}

TEST_F(LmdbTableTest, AFaultEndsTheGuardedCallAsOftenAsItHappens)
{
    overwrite(scratch_ / "file", std::string(8'192, 'x'));
    base::Fd const file{::open((scratch_ / "file").c_str(), O_RDONLY)};
    auto const* const map = static_cast<char const*>(::mmap(nullptr, 8'192, PROT_READ, MAP_SHARED, file.get(), 0));
    ASSERT_NE(map, MAP_FAILED);
    install_guard();
    auto const read = [&] { return int{*static_cast<char const volatile*>(map + 4'096)}; };
    EXPECT_EQ(guarded(read), 'x');
    std::filesystem::resize_file(scratch_ / "file", 1);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(guarded(read), kFault);
    EXPECT_EQ(guarded([] { return 7; }), 7);

    Child unguarded{[&](Child&) -> std::string {
        base::Fd const nowhere{::open("/dev/null", O_WRONLY)};
        ::dup2(nowhere.get(), STDERR_FILENO);   // a sanitizer would tell of it
        return std::to_string(read());
    }};
    EXPECT_EQ(unguarded.hear(), "") << "elsewhere a fault is the end";
}

}   // namespace
}   // namespace mailcore::store::lmdb
