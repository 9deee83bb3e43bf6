// A morning of mail, made up by a random generator: what Postfix logs and what the gate decides, with everything that may
// happen to a message, several messages at a time, lines that come twice, and the two logs read out of step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.hpp"

namespace mailcore::outcomes::test {

struct Recorded {
    enum class Log { Postfix, Gate, LookForLosses };
    Log log;
    base::Time time;
    std::string line;
};

struct RecordingOptions {
    unsigned seed = 1;
    int messages = 60;
    bool doubled = true;    // some lines come twice
    bool displaced = true;  // decisions are read earlier or later than they were made
    bool losses = true;     // some messages are never seen by Postfix, and are looked for
};
std::vector<Recorded> record(RecordingOptions const& options);

}   // namespace mailcore::outcomes::test
