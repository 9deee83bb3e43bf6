// Reading and replacing Postfix's files.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace mailcore::ctl {

base::Result<std::string> read_file(std::string const& path);

// At once or not at all, with the owner and mode of `like`.
base::Result<> write_file(std::string const& path, std::string_view text, std::string const& like);

base::Result<> copy_file(std::string const& from, std::string const& to);   // with owner and mode
bool same_content(std::string const& left, std::string const& right);       // false where one cannot be read

}   // namespace mailcore::ctl
