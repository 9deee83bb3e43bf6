// What went wrong, in words for the person who has to mend it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace mailcore::base {

// How a program ends when this error reaches main(): see run/daemon.hpp.
enum class ErrorKind { Failed, Usage, Configuration };

struct Error {
    std::string message;   // no trailing full stop or newline; names file, line and cure where there is one
    ErrorKind kind = ErrorKind::Failed;

    // "cannot open socket" becomes "policy.listen: cannot open socket" as it travels up.
    Error within(std::string_view context) &&
    {
        message.insert(0, std::string{context} + ": ");
        return std::move(*this);
    }
    bool operator==(Error const&) const = default;
};

}   // namespace mailcore::base
