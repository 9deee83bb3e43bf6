// A generated day of a busy relay host's mail log: messages that arrive all day long and overlap, most of them sent at once,
// some to several recipients, some deferred and tried again, some bounced with a notification, some refused; several lines
// each, in the forms of Postfix 3.7 and rsyslog's times. The same seed gives the same log.
#pragma once

#include <cstdint>
#include <string>

namespace mailcore::bench {

// At least `lines` lines (the last messages end). Gives up where the file cannot be written.
std::uint64_t write_mail_log(std::string const& path, std::uint64_t lines, std::uint64_t seed);

}   // namespace mailcore::bench
