#include "core/base/secret.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <sstream>
#include <type_traits>

namespace mailcore::base {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, T const& value) { out << value; };

// What does not compile cannot leak.
static_assert(!Printable<Secret>);
static_assert(!std::is_copy_constructible_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Secret>);

TEST(Secret, IsRevealedOnRequest)
{
    EXPECT_EQ(Secret{"password"}.reveal(), "password");
    EXPECT_TRUE(Secret{}.empty());
    EXPECT_EQ(Secret{std::string(3, '\0')}.reveal().size(), 3u);
}

TEST(Secret, LeavesNothingBehindWhenMoved)
{
    for (std::string const& text : {std::string{"short"}, std::string(100, 'x')}) {
        Secret from{text};
        Secret to{std::move(from)};
        EXPECT_TRUE(from.empty());   // NOLINT(bugprone-use-after-move): that is the claim
        EXPECT_EQ(to.reveal(), text);

        Secret other{"former"};
        other = std::move(to);
        EXPECT_TRUE(to.empty());   // NOLINT(bugprone-use-after-move)
        EXPECT_EQ(other.reveal(), text);
    }
}

TEST(Secret, SurvivesMovingOntoItself)
{
    Secret secret{"password"};
    auto& same = secret;
    secret = std::move(same);
    EXPECT_EQ(secret.reveal(), "password");
}

TEST(Secret, IsParsedInPlaceThoughEmpty)
{
    Secret empty;
    ASSERT_NE(empty.bytes().data(), nullptr);
    empty.bytes().data()[0] = '\0';
    Secret text{"abc"};
    text.bytes()[1] = 'x';
    EXPECT_EQ(text.reveal(), "axc");
    EXPECT_EQ(text.bytes().data()[3], '\0');
}

// Memory that remembers what it was given back as.
std::string released;
constexpr SecretMemory kWatched{
    [](std::size_t bytes) { return std::malloc(bytes); },
    [](void* memory, std::size_t bytes) {
        ::explicit_bzero(memory, bytes);
        released.append(static_cast<char const*>(memory), bytes);
        std::free(memory);
    }};

TEST(Secret, GivesBackAllOfItsMemoryWheneverItGrows)
{
    use_secret_memory(kWatched);
    std::size_t taken = 0;
    {
        Secret growing;
        for (int i = 0; i < 1000; ++i) growing.append("0123456789");
        EXPECT_EQ(growing.size(), 10'000u);
        taken = released.size();
        EXPECT_GT(taken, 0u);   // what it outgrew
    }
    EXPECT_GE(released.size() - taken, 10'001u);
    EXPECT_EQ(released.find_first_not_of('\0'), std::string::npos);
    use_secret_memory({[](std::size_t) -> void* { return nullptr; }, nullptr});   // none left: the ordinary heap serves
    EXPECT_EQ(Secret{"still"}.reveal(), "still");
}

}   // namespace
}   // namespace mailcore::base
