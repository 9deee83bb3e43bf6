#include "core/base/secret.hpp"

#include <gtest/gtest.h>
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

}   // namespace
}   // namespace mailcore::base
