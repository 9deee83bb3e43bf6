// What people and scripts read: aligned tables, one JSON document, messages in one voice.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace mailcore::ctl {

void print_json(nlohmann::json const& document);   // one line

// Columns padded to their widest cell; the head is bold on a terminal unless NO_COLOR is set.
void print_table(std::vector<std::string> const& head, std::vector<std::vector<std::string>> const& rows);

// "mailcorectl: …" on standard error; returns the exit status that fits the error.
int complain(base::Error const& error);
int complain(std::string const& message, int exit_status = 1);

// A file's content, or standard input for "-".
base::Result<std::string> read_input(std::string const& path);

}   // namespace mailcore::ctl
