#include "core/base/fd.hpp"

#include <cerrno>
#include <system_error>
#include <unistd.h>

#include "core/base/result.hpp"

namespace mailcore::base {

void Fd::reset(int number)
{
    if (number_ >= 0) ::close(number_);
    number_ = number;
}

tl::unexpected<Error> fail_errno(std::string const& doing)
{
    return fail(doing + ": " + std::generic_category().message(errno));
}

}   // namespace mailcore::base
