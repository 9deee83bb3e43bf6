#include "core/base/result.hpp"

#include <cerrno>
#include <gtest/gtest.h>

namespace mailcore::base {
namespace {

TEST(Result, HoldsAValueOrAnError)
{
    Result<int> const good = 1;
    Result<int> const bad = fail("no such thing");
    EXPECT_EQ(good.value(), 1);
    EXPECT_EQ(bad.error(), (Error{"no such thing", ErrorKind::Failed}));
    EXPECT_TRUE(Result<>{});
}

TEST(Error, GainsContextAsItTravelsUp)
{
    auto const error = Error{"cannot open socket", ErrorKind::Configuration}.within("policy.listen").within("mailcore.yaml:3:5");
    EXPECT_EQ(error.message, "mailcore.yaml:3:5: policy.listen: cannot open socket");
    EXPECT_EQ(error.kind, ErrorKind::Configuration);
}

TEST(Error, ReadsErrno)
{
    errno = EACCES;
    Result<> const failed = fail_errno("open /etc/mailcore");
    EXPECT_EQ(failed.error().message, "open /etc/mailcore: Permission denied");
}

}   // namespace
}   // namespace mailcore::base
