// Readers keep what they took; nobody sees half of a new value.

#include "core/run/snapshot.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace mailcore::run {
namespace {

TEST(Snapshot, AReaderKeepsTheValueItTook)
{
    Snapshot<int> snapshot{std::make_shared<int const>(1)};
    auto const taken = snapshot.get();
    snapshot.replace(std::make_shared<int const>(2));
    EXPECT_EQ(*taken, 1);
    EXPECT_EQ(*snapshot.get(), 2);
}

TEST(Snapshot, ReadersSeeWholeValuesAndNeverGoBack)
{
    struct Pair {
        int left;
        int right;
    };
    Snapshot<Pair> snapshot{std::make_shared<Pair const>(Pair{0, 0})};
    std::atomic<bool> stop{false};
    std::vector<std::thread> readers;
    for (int r = 0; r < 3; ++r) {
        readers.emplace_back([&] {
            SnapshotReader<Pair> reader{snapshot};
            int last = 0;
            while (!stop.load()) {
                auto const& pair = *reader.current();
                ASSERT_EQ(pair.left, pair.right);
                ASSERT_GE(pair.left, last);
                last = pair.left;
            }
        });
    }
    for (int i = 1; i <= 20'000; ++i) snapshot.replace(std::make_shared<Pair const>(Pair{i, i}));
    stop.store(true);
    for (auto& reader : readers) reader.join();
    SnapshotReader<Pair> reader{snapshot};
    EXPECT_EQ(reader.current()->left, 20'000);
}

}   // namespace
}   // namespace mailcore::run
