// What people and scripts read: aligned tables, one JSON document (run/print.hpp), messages in one voice.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/run/print.hpp"

namespace mailcore::ctl {

using run::print_json;
using run::print_table;

// "mailcorectl: …" on standard error; returns the exit status that fits the error.
int complain(base::Error const& error);
int complain(std::string const& message, int exit_status = 1);

// A file's content, or standard input for "-".
base::Result<std::string> read_input(std::string const& path);

}   // namespace mailcore::ctl
