// How far a log was read, as a value and as the text that is saved.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "outcomes/log/log_file.hpp"

namespace mailcore::outcomes {

// How far a log was read: behind a line of the file that begins with `head`, whatever its name and inode are now. An empty
// head: nothing of what changed after `changed` was read.
struct LogPlace {
    FileId id;
    std::uint64_t offset = 0;    // of the text, also where the file is packed by now
    Head head;
    base::Time changed{};        // the file's last change when it was read
    bool operator==(LogPlace const&) const = default;
};

// Where the log is read, and how far those files were that rotation took away and that may still grow.
struct LogPosition {
    LogPlace place;
    std::vector<LogPlace> left;
    bool operator==(LogPosition const&) const = default;
};
std::string to_text(LogPosition const& position);
std::optional<LogPosition> parse_position(std::string_view text);

}   // namespace mailcore::outcomes
