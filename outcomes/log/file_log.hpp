// A log file with its rotation, as logrotate, rsyslog and postlogd do it: renamed, copied and truncated, packed, numbered
// or dated, several times while nobody looked. What was read is found again by its first bytes; what is written late to a
// file that was rotated away comes late, and is read, too.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "outcomes/log/follower.hpp"
#include "outcomes/log/left_files.hpp"
#include "outcomes/log/line_buffer.hpp"
#include "outcomes/log/log_file.hpp"
#include "outcomes/log/log_place.hpp"
#include "outcomes/log/log_watch.hpp"

namespace mailcore::outcomes {

class FileLog final : public LogSource {
public:
    FileLog(std::string path, std::string const& position);

    Lines read(std::size_t most_bytes) override;
    std::string position() const override;
    LogHealth health() const override { return health_; }
    int wake_descriptor() const override { return watch_.descriptor(); }

private:
    using Members = std::vector<LogMember>;
    enum class Step { Read, Moved, Nothing };
    enum class Opened { Yes, NotYet, Refused };

    struct Current {               // the file that is read
        LogFile file;
        FileFacts facts;
        std::string first_bytes;   // as far as they are known
        std::uint64_t began = 0;   // offset of what the buffer got first
        std::uint64_t read = 0;    // offset behind what it got last
        std::uint64_t whole = 0;   // offset behind the last line that was given with its end
        bool begins_within_line = false;
    };
    struct Match {                 // a file that may be the one that was read
        LogFile file;
        LogMember member;
        std::string first_bytes;
        int likeness = 0;
    };

    struct Between {               // what bytes_between() found last
        FileId current, live;
        std::uint64_t bytes = 0;
    };

    FileLog(std::string path, std::optional<LogPosition> const& saved, bool is_first);
    bool read_left(std::size_t most_bytes, Lines& lines);

    // Where to go on.
    bool find_place();
    std::optional<Match> find_read_file(Members const& members) const;
    std::optional<Match> examine(LogMember const& member) const;
    void continue_at(Match match);
    std::size_t first_changed_later(Members const& members, base::Time time) const;
    bool begin_first_of(Members const& members, std::size_t from);
    Opened begin(LogMember const& member, std::string& words);

    // Reading on.
    Step step(std::size_t most_bytes, Lines& lines);
    Step unreadable(std::string const& words, Lines& lines);
    bool is_still_the_same(std::string_view bytes);
    void take(std::string const& bytes, Lines& lines);
    void note_given(Lines& lines);

    // From one file to the next.
    Step at_end(Lines& lines);
    Step leave(Lines& lines);
    bool is_quiet() const;
    std::optional<std::size_t> own_number(Members const& members) const;
    std::size_t number_after_current(Members const& members, std::optional<std::size_t> own) const;
    void stop_reading();

    void count_gap(std::string words);
    std::uint64_t bytes_behind();
    std::uint64_t bytes_between(FileId live);

    std::string const path_;
    LogWatch watch_;
    std::optional<LogPlace> place_;
    std::optional<Current> current_;
    LeftFiles left_;
    std::optional<Between> between_;
    LineBuffer buffer_;
    LogHealth health_;
    std::vector<FileId> skipped_;   // counted as gaps on the way to the next file
    std::chrono::steady_clock::time_point last_growth_{};
};

}   // namespace mailcore::outcomes
