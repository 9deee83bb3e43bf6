// One decision as one line of JSON: contract's "A decision line". Never message content, foreign header values or keys.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/mail/request.hpp"
#include "core/mail/verdict.hpp"

namespace mailcore::observe {

struct Decision {
    mail::Request const& request;
    mail::Verdict const& verdict;
    base::Time time;
    std::uint64_t micros = 0;            // how long deciding took
    std::uint64_t forged_headers_removed = 0;
};

// Appends the line with its newline. Long values are cut at 512 bytes, so that a line stays below 4 KiB or so.
void append_decision_line(std::string& out, Decision const& decision);

// "2026-11-21T01:00:00.123Z"
void append_time(std::string& out, base::Time time);

}   // namespace mailcore::observe
