// A program run to its end: no shell, absolute path or found in a fixed PATH, a clean environment (PATH, LANG=C and
// what is given), default signals, its own process group, standard input from /dev/null or a text, no other
// descriptors, its output captured.
//
//     auto const ran = base::run_child({"postmap", "-q", "key", map}, {.environment = {"MAIL_CONFIG=/etc/postfix"}});
//
// Safe from many threads. What the program leaves running in the background is not waited for.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace mailcore::base {

inline constexpr std::string_view kChildPath = "/usr/sbin:/usr/bin:/sbin:/bin";

struct ChildOptions {
    std::vector<std::string> environment{};   // "MAIL_CONFIG=/etc/postfix"; replaces PATH and LANG; never a secret
    std::string_view input{};                         // given on standard input; may be a secret
    std::chrono::milliseconds timeout{60'000};        // then SIGKILL to its process group
    std::size_t most_output = 16u << 20u;             // bytes of each stream that are kept
};

struct ChildResult {
    int status = 0;     // exit status; 128 + signal when a signal ended it
    std::string out;
    std::string err;
};

// Fails when the program cannot be started or did not end in time. A status other than 0 is the caller's to judge.
// A program that does not read its input to the end is no failure.
Result<ChildResult> run_child(std::vector<std::string> const& arguments, ChildOptions const& options = {});

}   // namespace mailcore::base
