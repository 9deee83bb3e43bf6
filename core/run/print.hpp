// What the programs of the command line print for people and scripts: aligned tables, one JSON document.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mailcore::run {

void print_json(nlohmann::json const& document);   // one line

// Columns padded to their widest cell; the head is bold on a terminal unless NO_COLOR is set.
void print_table(std::vector<std::string> const& head, std::vector<std::vector<std::string>> const& rows);

}   // namespace mailcore::run
