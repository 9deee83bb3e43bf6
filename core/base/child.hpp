// A program run to its end: no shell, absolute path or found in a fixed PATH, a clean environment (PATH, LANG=C and what
// is given), standard input from /dev/null or a text, no other descriptors, its output captured.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace mailcore::base {

struct ChildOptions {
    std::vector<std::string> environment;             // "MAIL_CONFIG=/etc/postfix"; never a secret
    std::string_view input;                           // given on standard input; may be a secret
    std::chrono::milliseconds timeout{60'000};        // then SIGKILL to its process group
    std::size_t most_output = 16u << 20u;             // bytes of each stream that are kept
};

struct ChildResult {
    int status = 0;     // exit status; 128 + signal when a signal ended it
    std::string out;
    std::string err;
};

// Fails when the program cannot be started or did not end in time. A status other than 0 is the caller's to judge.
Result<ChildResult> run_child(std::vector<std::string> const& arguments, ChildOptions const& options = {});

}   // namespace mailcore::base
