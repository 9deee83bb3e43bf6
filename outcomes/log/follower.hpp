// Lines of a log as they come, with positions that can be saved: after a restart, or a kill at any moment, reading goes
// on where the saved position says, without loss and without doubling.
//
//     auto source = open_log("/var/log/mail.log", saved_position);    // file with rotation; "journal"; "-" standard input
//     while (auto lines = source->read(most_bytes)) …                  // then save source->position() with their effects
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"

namespace mailcore::outcomes {

// Views live until the next read().
struct Lines {
    std::vector<std::string_view> lines;   // whole lines without their ends
    base::Time reference{};                // for times without a year: when the file was changed last, or now
    bool at_end = true;                    // nothing more is there at the moment
    bool has_ended = false;                // nothing will ever come: standard input was closed
};

struct LogHealth {
    std::uint64_t lines = 0;
    std::uint64_t bytes_behind = 0;        // not read yet, where that can be told
    std::uint64_t gaps = 0;                // times that lines were lost to us, or may be: removed before they were read
    std::string gap;                       // the last of them, in words
    std::uint64_t cut = 0;                 // lines longer than kLongestLine, which lost what they had beyond it
    std::string trouble;                   // "" = none: "/var/log/mail.log: Permission denied; add mailcore to group adm"
};

// One thread at a time.
class LogSource {
public:
    virtual ~LogSource() = default;
    // What is there, from at most so many bytes more; empty Lines where nothing is. Never waits. A log that cannot be
    // read is trouble in health(), not a failure: it may come back.
    virtual Lines read(std::size_t most_bytes) = 0;
    virtual std::string position() const = 0;       // behind the last line that read() gave
    virtual LogHealth health() const = 0;
    // To poll for reading: something may be there, or something is to be looked at again. Only read() quiets it.
    // -1: there is nothing to poll; ask again every now and then. A read() may change it.
    virtual int wake_descriptor() const = 0;
};

// `what`: "/path", "journal", "journal:/directory" (of journal files) or "-" (standard input, which has no positions).
// `position`: as saved; "" = where there is none, a file is read from its beginning, the journal from the last hour.
// A position of another kind of log counts as none, and as a gap.
base::Result<std::unique_ptr<LogSource>> open_log(std::string const& what, std::string const& position);

}   // namespace mailcore::outcomes
