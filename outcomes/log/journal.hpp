// The mail lines of systemd's journal, as a syslog file would have them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "outcomes/log/follower.hpp"

struct sd_journal;

namespace mailcore::outcomes {

// What is asked for: everything of facility mail, and what Postfix's units say. Position: the cursor of the last entry
// given, or the time from which on nothing was there.
class JournalLog final : public LogSource {
public:
    // "" = this host's own journal.
    JournalLog(std::string directory, std::string const& position);
    ~JournalLog() override;

    Lines read(std::size_t most_bytes) override;
    std::string position() const override { return position_; }
    LogHealth health() const override { return health_; }
    int wake_descriptor() const override;

private:
    struct Close {
        void operator()(sd_journal* journal) const;
    };
    enum class Found { Entry, Nothing, Trouble };

    bool open();
    bool add_matches();
    bool seek();
    Found next();
    Found next_after_position();
    void append_entry();
    void note_suppressed();
    std::string_view field(char const* name) const;
    void give(Lines& lines);
    void note_position();
    Found fail(std::string const& doing, int negative_errno);
    void count_gap(std::string words);

    std::string const directory_;
    std::string position_;
    std::unique_ptr<sd_journal, Close> journal_;
    bool is_in_place_ = false;   // at the last entry that was given, or at one behind it
    std::string text_;           // of this read(): lines with their ends
    LogHealth health_;
};

}   // namespace mailcore::outcomes
