// Files that rotation took away and that were read to their end. Who was not told of the new file goes on in them: one of
// two daemons that write one log, or a syslog daemon that is slow. So they are looked at for as long as they are there; only
// those that grew last, where they are many. One that was removed or packed is looked at for some minutes more, since its
// writer may hold it open, as we do.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "outcomes/log/follower.hpp"
#include "outcomes/log/line_buffer.hpp"
#include "outcomes/log/log_file.hpp"
#include "outcomes/log/log_place.hpp"

namespace mailcore::outcomes {

class LeftFiles {
public:
    static constexpr std::size_t kMost = 4;

    explicit LeftFiles(std::vector<LogPlace> const& saved);

    // Those of the saved position. What is not found was removed, after it was read to its end.
    bool are_to_be_found() const;
    void find(std::vector<LogMember> const& members);

    // `offset`: behind the last whole line that was given. What is behind it is given when its end has come.
    void add(LogFile file, FileFacts const& facts, std::string const& first_bytes, std::uint64_t offset);
    // The file is read as the log's own from here on, and from where.
    std::optional<std::uint64_t> take_back(LogMember const& member, std::string_view first_bytes);
    void forget(FileId id);

    // What was written to one of them, whose place is returned: lines, which live until the next read(), or half of one.
    std::optional<LogPlace> read(std::size_t most_bytes, Lines& lines);

    // As they are saved: without those that hold no line yet, which could not be told from others after a restart.
    std::vector<LogPlace> places() const;
    std::uint64_t bytes_behind() const;
    std::uint64_t cut() const { return cut_; }
    std::string take_gap();                  // "" = none: what could not be read of one that is packed

private:
    struct Left {
        explicit Left(LogPlace const& where) : place{where}, began{where.offset}, read{where.offset} {}

        LogPlace place;
        std::optional<LogFile> file{};       // none: not found yet
        std::string first_bytes{};           // as far as they are known
        LineBuffer buffer{};
        std::uint64_t began;                 // offset of what the buffer got first
        std::uint64_t read;                  // offset behind what it got last
        std::uint64_t size = 0;
        bool begins_within_line = false;
        bool is_done = false;                // it is packed and read: nothing more will come
        std::chrono::steady_clock::time_point last_growth = std::chrono::steady_clock::now();
    };

    bool is_of(Left const& left, LogMember const& member, std::string_view first_bytes) const;
    bool look_for(Left& left, std::vector<LogMember> const& members);
    void follow(Left& left, Lines& lines, std::size_t most_bytes);
    void unpack(Left& left, Lines& lines, std::size_t most_bytes);
    bool stay_within(Left& left, std::uint64_t known_bytes);
    void begin_at(Left& left, std::uint64_t offset);
    void give(Left& left, std::string const& bytes, base::Time changed, Lines& lines);
    void drop_what_is_done();
    void keep_those_that_grew_last();

    std::vector<Left> files_;
    std::uint64_t cut_ = 0;
    std::string gap_;
};

}   // namespace mailcore::outcomes
