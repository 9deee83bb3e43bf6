#include "core/base/flat_map.hpp"

#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/text.hpp"

namespace mailcore::base {
namespace {

using Words = FlatMap<std::string, int, TextHash, std::equal_to<>>;

// Every key in the same slot: what a bad hash does.
struct ConstantHash {
    std::size_t operator()(int) const { return 1; }
};

TEST(FlatMap, FindsNothingInNothing)
{
    Words const words;
    EXPECT_TRUE(words.empty());
    EXPECT_EQ(words.find(std::string_view{"a"}), nullptr);
    EXPECT_EQ(words.begin(), words.end());
}

TEST(FlatMap, FindsByAViewWhatWasPutIn)
{
    Words words;
    words["a"] = 1;
    words[""] = 2;
    words["a"] += 10;
    EXPECT_EQ(words.size(), 2u);
    EXPECT_EQ(words.find(std::string_view{"a"})->second, 11);
    EXPECT_EQ(words.find(std::string_view{})->second, 2);
    EXPECT_EQ(words.find(std::string_view{"b"}), nullptr);
}

TEST(FlatMap, AgreesWithTheStandardMap)
{
    FlatMap<int, int, std::hash<int>, std::equal_to<>> ours;
    std::unordered_map<int, int> theirs;
    for (int i = 0; i < 20'000; ++i) {
        int const key = i * 7919 % 10'007;
        ours[key] += i;
        theirs[key] += i;
    }
    ASSERT_EQ(ours.size(), theirs.size());
    for (auto const& [key, value] : theirs) {
        ASSERT_NE(ours.find(key), nullptr);
        EXPECT_EQ(ours.find(key)->second, value);
    }
    for (int key = 10'007; key < 20'000; ++key) EXPECT_EQ(ours.find(key), nullptr);
}

TEST(FlatMap, SurvivesABadHash)
{
    FlatMap<int, int, ConstantHash, std::equal_to<>> map;
    for (int i = 0; i < 100; ++i) map[i] = i;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(map.find(i)->second, i);
    EXPECT_EQ(map.find(100), nullptr);
}

TEST(FlatMap, KeepsEntriesInTheOrderOfInsertion)
{
    Words words;
    std::string all;
    for (auto const* word : {"c", "a", "b"}) words[word] = 1;
    for (auto const& [word, value] : words) all += word;
    EXPECT_EQ(all, "cab");
}

}   // namespace
}   // namespace mailcore::base
