// Whatever is done to a log and to its reader, every line is read once and in order, but for late ones: random histories,
// and a writer that goes on while the log is rotated and packed.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <poll.h>
#include <random>
#include <thread>
#include <zlib.h>

#include "core/base/fd.hpp"
#include "tests/unit/outcomes/log/log_directory.hpp"

namespace mailcore::testing {
namespace {

enum class Naming { Numbers, Dates };
enum class LateLines { No, Yes };   // are written to files that were rotated away

// A writer, logrotate and a reader that is stopped and killed, as the seed says.
class History {
public:
    History(unsigned seed, LateLines late)
        : random_{seed}, naming_{seed % 2 == 0 ? Naming::Numbers : Naming::Dates}, late_{late}
    {
    }

    void run(int steps)
    {
        read_to_end();   // the log is not there yet, and that is the first position; before it there is nothing to lose
        commits_.erase(commits_.begin());
        for (int step = 0; step < steps; ++step) one_step();
        finish_line();
        read_to_end();
    }

    std::vector<unsigned> read;   // numbers of the lines, as given
    unsigned written = 0;
    std::uint64_t gaps = 0;
    std::string story;            // what happened

private:
    struct Commit {
        std::string position;
        std::size_t read;
    };

    unsigned below(unsigned most) { return static_cast<unsigned>(random_() % most); }

    void one_step()
    {
        if (late_ == LateLines::Yes && below(5) == 0) return append_late();
        switch (below(12)) {
            case 0:
            case 1:
            case 2: return append();
            case 3: return begin_line();
            case 4: return rename();
            case 5: return copy_and_truncate();
            case 6: return pack();
            case 7:
            case 8: return read_some();
            case 9: return read_to_end();
            case 10: return restart(0);
            default: return restart(below(6));   // killed, and what it did since an earlier commit is lost
        }
    }

    std::string line() { return std::to_string(++written) + " " + std::string(below(below(8) == 0 ? 3'000 : 60), 'x'); }

    void append()
    {
        story += "append ";
        finish_line();
        for (auto count = below(20); count > 0; --count) log_.append(line() + "\n");
    }
    void begin_line()
    {
        finish_line();
        auto const whole = line() + "\n";
        auto const half = below(static_cast<unsigned>(whole.size()));
        log_.append(whole.substr(0, half));
        rest_ = whole.substr(half);
        story += "half ";
    }
    void finish_line()
    {
        if (!rest_.empty()) log_.append(rest_);
        rest_.clear();
    }

    // As a daemon that missed its reload. A file without a line could not be told from another after a restart.
    void append_late()
    {
        auto const back = 1 + below(2);
        auto name = "." + std::to_string(back);
        if (naming_ == Naming::Dates) name = to_pack_.size() < back ? "-" : to_pack_[to_pack_.size() - back];
        if (!log_.exists(name) || std::filesystem::file_size(log_.path(name)) == 0) return;
        story += "late ";
        log_.append(line() + "\n", name);
        log_.age(name, 1);
    }

    std::string next_name()
    {
        if (naming_ == Naming::Dates) return "-" + std::to_string(20'260'101 + rotations_++);
        log_.shift();
        return ".1";
    }
    void rename()
    {
        story += "rename ";
        if (!log_.exists("")) return;
        auto const name = next_name();
        log_.rename("", name);
        if (below(2) == 0) read_some();
        if (!rest_.empty() || below(2) == 0) {   // Postfix was not told yet
            log_.append(rest_ + (rest_.empty() ? line() + "\n" : ""), name);
            rest_.clear();
        }
        if (below(2) == 0) read_some();
        log_.age(name, 1);
        if (below(3) != 0) log_.write("");
        to_pack_.push_back(name);
    }
    void copy_and_truncate()
    {
        story += "copytruncate ";
        if (!log_.exists("")) return;
        finish_line();
        auto const name = next_name();
        std::filesystem::copy_file(log_.path(), log_.path(name));
        log_.age(name, 1);
        if (below(2) == 0) restart(below(2));
        std::filesystem::resize_file(log_.path(), 0);
        to_pack_.push_back(name);
    }
    void pack()
    {
        story += "gzip ";
        auto const name = naming_ == Naming::Numbers ? "." + std::to_string(1 + below(3))
                          : to_pack_.empty()         ? "-"
                                                     : to_pack_[below(static_cast<unsigned>(to_pack_.size()))];
        if (!log_.exists(name)) return;
        std::ifstream file{log_.path(name), std::ios::binary};
        std::string const text{std::istreambuf_iterator<char>{file}, {}};
        auto* const packed = ::gzopen(log_.path(name + ".gz").c_str(), "wb");
        ::gzwrite(packed, text.data(), static_cast<unsigned>(text.size()));
        ::gzclose(packed);
        log_.age(name + ".gz", 1);
        if (below(2) == 0) read_some();   // both are there
        log_.remove(name);
    }

    LogReader& reader()
    {
        if (!reader_) {
            while (commits_.back().read > read.size()) commits_.pop_back();
            reader_ = std::make_unique<LogReader>(log_, commits_.back().position);
        }
        return *reader_;
    }
    void note(Texts const& lines)
    {
        for (auto const& text : lines) read.push_back(static_cast<unsigned>(std::stoul(text)));
        commits_.push_back({reader().position(), read.size()});
    }
    void read_some()
    {
        story += "read ";
        for (auto count = below(5); count > 0; --count) note(reader().read_once(1 + below(below(2) == 0 ? 200 : 5'000)));
    }
    void read_to_end()
    {
        story += "readall ";
        note(reader().read(1 + below(10'000)));
        count_gaps();
    }
    void count_gaps() { gaps += reader_ ? reader_->health().gaps : 0; }
    void restart(std::size_t commits_back)
    {
        story += "restart" + std::to_string(commits_back) + " ";
        count_gaps();
        reader_.reset();
        for (; commits_back > 0 && commits_.size() > 1; --commits_back) commits_.pop_back();
        read.resize(commits_.back().read);
    }

    std::mt19937 random_;
    Naming const naming_;
    LateLines const late_;
    LogDirectory log_;
    std::unique_ptr<LogReader> reader_;
    std::vector<Commit> commits_{{"", 0}};
    std::vector<std::string> to_pack_;
    std::string rest_;
    int rotations_ = 0;
};

unsigned first_seed()
{
    char const* const given = std::getenv("MAILCORE_TEST_SEED");   // to see one history again
    return given == nullptr ? 1 : static_cast<unsigned>(std::stoul(given));
}

TEST(Rotation, LosesAndDoublesNothingInAnyHistory)
{
    auto const first = first_seed();
    auto const count = first == 1 ? 120u : 1u;
    for (auto seed = first; seed < first + count; ++seed) {
        History history{seed, LateLines::No};
        history.run(60);
        std::vector<unsigned> expected(history.written);
        for (unsigned i = 0; i < history.written; ++i) expected[i] = i + 1;
        auto const differs = std::mismatch(history.read.begin(), history.read.end(), expected.begin(), expected.end());
        ASSERT_EQ(history.read, expected) << "from line " << differs.second - expected.begin() + 1 << " on, MAILCORE_TEST_SEED=" << seed << ": " << history.story;
        ASSERT_EQ(history.gaps, 0u) << "MAILCORE_TEST_SEED=" << seed << ": " << history.story;
    }
}

TEST(Rotation, LosesAndDoublesNoLateLineInAnyHistory)
{
    auto const first = first_seed();
    auto const count = first == 1 ? 120u : 1u;
    for (auto seed = first; seed < first + count; ++seed) {
        History history{seed, LateLines::Yes};
        history.run(60);
        std::vector<unsigned> expected(history.written);
        for (unsigned i = 0; i < history.written; ++i) expected[i] = i + 1;
        std::sort(history.read.begin(), history.read.end());
        ASSERT_EQ(history.read, expected) << "MAILCORE_TEST_SEED=" << seed << ": " << history.story;
        ASSERT_EQ(history.gaps, 0u) << "MAILCORE_TEST_SEED=" << seed << ": " << history.story;
    }
}

// As rsyslog and logrotate do it: the writer holds its file open and is told of the new one a moment after the rename.
class RunningWriter {
public:
    explicit RunningWriter(LogDirectory const& log) : log_{log} { reopen(); }

    void write_line(unsigned number)
    {
        if (asked_to_reopen_.exchange(false)) reopen();
        auto const line = std::to_string(number) + " postfix/smtp[123]: a line of a log\n";
        if (::write(file_.get(), line.data(), line.size()) < 0) throw std::runtime_error{"write"};
    }
    void ask_to_reopen() { asked_to_reopen_ = true; }

private:
    void reopen() { file_.reset(::open(log_.path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)); }

    LogDirectory const& log_;
    base::Fd file_;
    std::atomic<bool> asked_to_reopen_ = false;
};

TEST(Rotation, LosesAndDoublesNothingWhileTheWriterGoesOn)
{
    constexpr unsigned lines = 200'000;
    constexpr int rotations = 4;
    LogDirectory const log;
    RunningWriter writer{log};
    std::atomic<unsigned> written = 0;
    std::thread writing{[&] {
        for (unsigned number = 1; number <= lines; ++number) {
            writer.write_line(number);
            written = number;
        }
    }};
    std::thread rotating{[&] {
        for (unsigned rotation = 1; rotation <= rotations; ++rotation) {
            while (written < lines / (rotations + 1) * rotation) std::this_thread::yield();
            log.shift();
            log.rename("", ".1");
            writer.ask_to_reopen();
            if (rotation > 1) log.gzip(".2");   // delaycompress
        }
    }};
    unsigned expected = 1;
    LogReader reader{log};
    while (expected <= lines) {
        pollfd ready{reader.source().wake_descriptor(), POLLIN, 0};
        if (::poll(&ready, 1, 60'000) != 1) break;
        for (auto const& text : reader.read(10'000)) {
            if (std::stoul(text) != expected) ADD_FAILURE() << "line " << text << " came where " << expected << " should";
            ++expected;
        }
        if (::testing::Test::HasFailure()) break;
    }
    writing.join();
    rotating.join();
    EXPECT_EQ(expected, lines + 1);
    EXPECT_EQ(reader.health().gaps, 0u) << reader.health().gap;
}

}   // namespace
}   // namespace mailcore::testing
