// How setup shows changes: shell commands ready to paste, their reasons as comments, no line beyond 80 columns.
#pragma once

#include <string>
#include <string_view>

#include "ctl/setup_plan.hpp"

namespace mailcore::ctl {

struct PrintStyle {
    std::string postfix_config_directory;   // named in the commands unless it is /etc/postfix
    bool colours = false;
};

// The whole plan: each change with its reason and what stands there now, then the notes.
std::string print_plan(Plan const& plan, PrintStyle const& style);

// One command, broken within its quotes where it is long: sh joins the pieces again.
std::string print_command(Change const& change, PrintStyle const& style);

// Words broken at blanks, each line behind `prefix`.
std::string wrapped(std::string_view text, std::string_view prefix);

}   // namespace mailcore::ctl
