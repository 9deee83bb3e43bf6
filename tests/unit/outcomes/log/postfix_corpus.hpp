// The cases of tests/testdata/postfix-logs: lines of Postfix, and below each, indented, what is to be read from it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "outcomes/log/postfix_line.hpp"

namespace mailcore::outcomes::test {

// "Delivery | postfix/smtp | 4jWYs717qcz8lWc | to anna@remote.test | …": what was read, without what is empty.
std::string describe(PostfixLine const& line, bool with_time);

struct Case {
    std::string path;
    std::vector<std::string> notes;   // the lines that begin with "# "
    struct Line {
        std::string text;
        std::string expected;
    };
    std::vector<Line> lines;

    // "zone Europe/Berlin" among the notes gives "Europe/Berlin" for "zone".
    std::optional<std::string> setting(std::string_view name) const;
    std::string as_file() const;
};

std::vector<Case> read_cases();

}   // namespace mailcore::outcomes::test
