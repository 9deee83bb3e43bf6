// Result<T>: a value, or the Error that explains why there is none. The only file that names tl::expected,
// so that the step to std::expected is one line.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "core/base/error.hpp"

namespace mailcore::base {

template <class T = void, class E = Error>
using Result = tl::expected<T, E>;

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>{std::move(error)}; }
inline tl::unexpected<Error> fail(std::string message, ErrorKind kind = ErrorKind::Failed)
{
    return fail(Error{std::move(message), kind});
}

// For failures that the caller has to tell apart: Result<HttpAnswer, HttpError>.
template <class E>
tl::unexpected<E> fail_with(E error)
{
    return tl::unexpected<E>{std::move(error)};
}

// fail_errno("open /etc/mailcore") reads errno: "open /etc/mailcore: Permission denied".
tl::unexpected<Error> fail_errno(std::string const& doing);

}   // namespace mailcore::base
