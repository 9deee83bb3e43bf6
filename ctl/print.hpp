// What people and scripts read: aligned tables, one JSON document (run/print.hpp), messages in one voice.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/run/print.hpp"

namespace mailcore::ctl {

using run::print_json;
using run::print_table;

// "mailcorectl: …" on standard error; returns the exit status that fits the error.
int complain(base::Error const& error);
int complain(std::string const& message, int exit_status = 1);

// Words for people.
std::string counted(std::size_t count, std::string_view what);       // "1 message", "12 messages"
std::string in_words(std::chrono::seconds distance);                 // "12 s", "3 h 5 m", "2 d 4 h": two units, rounded up
std::string when(base::Time time, base::Time now);                   // "now", "in 12 s"
std::string human_size(std::uint64_t bytes);                         // "812 B", "1.2 MiB"
std::string minute_of(std::string const& time);                      // "2026-11-22T05:00:12Z" as "2026-11-22 05:00 UTC"

// An operator's own words, in whatever language: UTF-8 stays, control characters and what is no UTF-8 become "?".
std::string shown(std::string_view words);

// Breaks a text between words so that no line is longer than `width` with its indentation, which the first line has already;
// a word that is longer than a line stays whole. Width 0: not at all.
std::string wrapped(std::string_view text, std::size_t indentation, std::size_t width);
std::size_t terminal_width();   // of standard output; 0 where it is no terminal

// A file's content, or standard input for "-".
base::Result<std::string> read_input(std::string const& path);

}   // namespace mailcore::ctl
