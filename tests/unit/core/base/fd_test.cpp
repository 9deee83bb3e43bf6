#include "core/base/fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace mailcore::base {
namespace {

bool is_open(int number) { return ::fcntl(number, F_GETFD) != -1; }
int open_something() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

TEST(Fd, ClosesWhenItGoes)
{
    int number = -1;
    {
        Fd const fd{open_something()};
        number = fd.get();
        EXPECT_TRUE(fd);
        EXPECT_TRUE(is_open(number));
    }
    EXPECT_FALSE(is_open(number));
}

TEST(Fd, HoldsNothingAtFirst)
{
    Fd const fd;
    EXPECT_FALSE(fd);
    EXPECT_EQ(fd.get(), -1);
}

TEST(Fd, MovesItsDescriptor)
{
    Fd first{open_something()};
    int const number = first.get();
    Fd second{std::move(first)};
    EXPECT_FALSE(first);   // NOLINT(bugprone-use-after-move): that is the claim
    EXPECT_EQ(second.get(), number);

    Fd third{open_something()};
    int const closed = third.get();
    third = std::move(second);
    EXPECT_FALSE(is_open(closed));
    EXPECT_EQ(third.get(), number);
    EXPECT_TRUE(is_open(number));
}

TEST(Fd, ResetClosesTheFormer)
{
    Fd fd{open_something()};
    int const number = fd.get();
    fd.reset();
    EXPECT_FALSE(fd);
    EXPECT_FALSE(is_open(number));
}

}   // namespace
}   // namespace mailcore::base
