// A directory with a log in it that is written and rotated as a test says, and one who reads it.
#pragma once

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "core/base/child.hpp"
#include "outcomes/log/follower.hpp"

namespace mailcore::testing {

class LogDirectory {
public:
    LogDirectory()
    {
        char name[] = "/tmp/mailcore-log-test-XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    ~LogDirectory() { std::filesystem::remove_all(directory_); }
    LogDirectory(LogDirectory const&) = delete;
    LogDirectory& operator=(LogDirectory const&) = delete;

    std::string const& directory() const { return directory_; }
    std::string path(std::string const& ending = "") const { return directory_ + "/mail.log" + ending; }

    void append(std::string_view text, std::string const& ending = "") const
    {
        std::ofstream{path(ending), std::ios::app | std::ios::binary} << text;
    }
    void write(std::string_view text, std::string const& ending = "") const
    {
        std::ofstream{path(ending), std::ios::trunc | std::ios::binary} << text;
    }
    bool exists(std::string const& ending) const { return std::filesystem::exists(path(ending)); }
    void rename(std::string const& from, std::string const& to) const
    {
        std::filesystem::rename(path(from), path(to));
    }
    void remove(std::string const& ending) const { std::filesystem::remove(path(ending)); }

    // The last change of a file is so long ago. One that was rotated away counts as quiet when it is old.
    void age(std::string const& ending, int seconds) const
    {
        timespec times[2];
        ::clock_gettime(CLOCK_REALTIME, &times[0]);
        times[0].tv_sec -= seconds;
        times[1] = times[0];
        if (::utimensat(AT_FDCWD, path(ending).c_str(), times, 0) != 0) throw std::runtime_error{"utimensat"};
    }

    // As logrotate does it: mail.log.1 becomes mail.log.2, packed or not, and so on.
    void shift() const
    {
        for (int number = 60; number > 0; --number) {
            for (std::string const packed : {"", ".gz", ".xz"}) {
                auto const from = "." + std::to_string(number) + packed;
                if (exists(from)) rename(from, "." + std::to_string(number + 1) + packed);
            }
        }
    }
    void rotate() const   // by renaming
    {
        shift();
        rename("", ".1");
        age(".1", 60);
        write("");
    }
    void copy_and_truncate() const
    {
        shift();
        std::filesystem::copy_file(path(), path(".1"));
        age(".1", 60);
        std::filesystem::resize_file(path(), 0);
    }
    void gzip(std::string const& ending) const { run({"gzip", path(ending)}); }

    static void run(std::vector<std::string> const& command)
    {
        auto const ran = base::run_child(command);
        if (!ran || ran->status != 0) throw std::runtime_error{command[0] + ": " + (ran ? ran->err : ran.error().message)};
    }

private:
    std::string directory_;
};

using Texts = std::vector<std::string>;

class LogReader {
public:
    explicit LogReader(std::string const& what, std::string const& position = "")
    {
        auto opened = outcomes::open_log(what, position);
        if (!opened) throw std::runtime_error{opened.error().message};
        source_ = std::move(*opened);
    }
    explicit LogReader(LogDirectory const& log, std::string const& position = "") : LogReader{log.path(), position} {}
    explicit LogReader(std::unique_ptr<outcomes::LogSource> source) : source_{std::move(source)} {}

    Texts read(std::size_t most_bytes = 1u << 20u)   // to the end
    {
        Texts texts;
        for (;;) {
            auto const lines = source_->read(most_bytes);
            texts.insert(texts.end(), lines.lines.begin(), lines.lines.end());
            if (lines.at_end) return texts;
        }
    }
    Texts read_once(std::size_t most_bytes)
    {
        auto const lines = source_->read(most_bytes);
        return {lines.lines.begin(), lines.lines.end()};
    }
    std::string position() const { return source_->position(); }
    outcomes::LogHealth health() const { return source_->health(); }
    std::string trouble() const { return source_->health().trouble; }
    outcomes::LogSource& source() { return *source_; }

private:
    std::unique_ptr<outcomes::LogSource> source_;
};

}   // namespace mailcore::testing
