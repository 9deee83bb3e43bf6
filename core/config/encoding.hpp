// Which bytes may stand in a configuration file: UTF-8 text without control characters. Checked before yaml-cpp
// sees the text, since it takes some of them for the end of the file and guesses other encodings.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mailcore::config {

struct BadEncoding {
    int line;
    int column;
    std::string message;
};

// The first thing in a file that is not text. Tabs and line ends (LF or CR LF) are text.
std::optional<BadEncoding> find_bad_encoding(std::string_view text);

// A byte order mark at the start is allowed and means nothing.
std::string_view without_byte_order_mark(std::string_view text);

// Where the first control character of a value is (C0, DEL, C1), or npos.
std::size_t find_control(std::string_view text);

}   // namespace mailcore::config
