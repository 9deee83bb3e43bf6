// Postfix's policy delegation protocol (SMTPD_POLICY_README): bytes to Requests, Verdicts to bytes. Knows no rule and no
// socket.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/mail/request.hpp"
#include "core/mail/verdict.hpp"

namespace mailcore::policy {

// The wire has no limits of its own; Postfix's longest line is far below these (line_length_limit is 2048).
inline constexpr std::size_t kMaxLine = 8u << 10u;
inline constexpr std::size_t kMaxRequest = 64u << 10u;
inline constexpr int kMaxAttributes = 200;

// The length of the first complete request in `buffer`, its closing empty line included; 0 = not complete yet. `from` is
// where to go on looking: what an earlier call has seen without finding the end.
std::size_t request_length(std::string_view buffer, std::size_t from = 0);

// Fills `request` (cleared first) from one complete request. Fails on what Postfix never sends: a line without "=", a NUL, a
// value that is no value, anything beyond the limits. Only LF ends a line; a CR belongs to the value.
base::Result<> parse_policy_request(std::string_view text, mail::Request& request);

// Appends "action=…" and the empty line. Passing is DUNNO, never OK; refusals have code, enhanced code and text.
void append_policy_reply(std::string& out, mail::Verdict const& verdict);

}   // namespace mailcore::policy
