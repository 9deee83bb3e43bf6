#include "core/base/fault.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace mailcore::base {
namespace {

#ifdef MAILCORE_FAULTS

class Fault : public ::testing::Test {
protected:
    void TearDown() override { ::unsetenv("MAILCORE_FAULT"); }
    static void set(char const* fault) { ::setenv("MAILCORE_FAULT", fault, 1); }
};

TEST_F(Fault, IsNoneWhenNoneIsWanted)
{
    errno = 0;
    EXPECT_FALSE(fault_point("map.write"));
    EXPECT_EQ(errno, 0);
}

TEST_F(Fault, FailsTheStepThatIsNamed)
{
    set("map.write:ENOSPC");
    EXPECT_FALSE(fault_point("map"));
    EXPECT_FALSE(fault_point("map.writes"));
    EXPECT_FALSE(fault_point("map.write:ENOSPC"));
    errno = 0;
    EXPECT_TRUE(fault_point("map.write"));
    EXPECT_EQ(errno, ENOSPC);
    set("map.write:EROFS");
    EXPECT_TRUE(fault_point("map.write"));
    EXPECT_EQ(errno, EROFS);
}

TEST_F(Fault, KillsAtTheStepThatIsNamed)
{
    set("generation.renamed");
    EXPECT_FALSE(fault_point("generation.made"));
    EXPECT_EXIT(fault_point("generation.renamed"), ::testing::KilledBySignal(SIGKILL), "");
}

TEST_F(Fault, StopsATestThatNamesNoRealFailure)
{
    set("map.write:ENOSPACE");
    EXPECT_DEATH(fault_point("map.write"), "MAILCORE_FAULT: unknown failure ENOSPACE");
}

#else

static_assert(!fault_point("any"), "nothing of it is in a release");

#endif

}   // namespace
}   // namespace mailcore::base
