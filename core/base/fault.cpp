#include "core/base/fault.hpp"

#ifdef MAILCORE_FAULTS

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace mailcore::base {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 10> kFailures{{{"ENOSPC", ENOSPC},
                                                                     {"EACCES", EACCES},
                                                                     {"EPERM", EPERM},
                                                                     {"EIO", EIO},
                                                                     {"EROFS", EROFS},
                                                                     {"EMFILE", EMFILE},
                                                                     {"ENOENT", ENOENT},
                                                                     {"EDQUOT", EDQUOT},
                                                                     {"EINTR", EINTR},
                                                                     {"ENOMEM", ENOMEM}}};

int error_number(std::string_view name)
{
    for (auto const& [known, number] : kFailures) {
        if (known == name) return number;
    }
    // A test that names no real failure proves nothing: it must not pass.
    std::fprintf(stderr, "MAILCORE_FAULT: unknown failure %.*s\n", static_cast<int>(name.size()), name.data());
    std::abort();
}

}   // namespace

bool fault_point(std::string_view name)
{
    // Read each time: tests within one process set it and take it back.
    char const* const wanted =
        std::getenv("MAILCORE_FAULT");  // NOLINT(concurrency-mt-unsafe): nobody sets it meanwhile
    if (wanted == nullptr) return false;
    std::string_view const text{wanted};
    auto const colon = text.find(':');
    if (text.substr(0, colon) != name) return false;
    if (colon == std::string_view::npos) ::raise(SIGKILL);
    errno = error_number(text.substr(colon + 1));
    return true;
}

}   // namespace mailcore::base

#endif
