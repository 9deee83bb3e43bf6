// Reading files, and finding those that `include` names.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/config/diagnostics.hpp"
#include "core/config/settings.hpp"

namespace mailcore::config {

enum class OnlyRegular { No, Yes };

// The whole file without a byte order mark. At most 256 MiB.
base::Result<std::string> read_file(std::string const& path, OnlyRegular only_regular);

struct IncludedFile {
    std::string path;
    Position named_at;   // the pattern
};

// The files that the patterns name, each once, in order of the patterns and then of their names. A pattern is
// relative to the directory of `including`. One without wildcard is a file that must be there: read_file() tells.
std::vector<IncludedFile> included_files(std::string const& including, TextList const& patterns, Diagnostics& problems);

}   // namespace mailcore::config
