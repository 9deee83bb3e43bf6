// Reading files, and finding those that `include` names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/config/diagnostics.hpp"
#include "core/config/settings.hpp"
#include "core/config/yaml.hpp"

namespace mailcore::config {

enum class OnlyRegular { No, Yes };

// The whole file without a byte order mark. At most 256 MiB.
base::Result<std::string> read_file(std::string const& path, OnlyRegular only_regular);

// A configuration file as a document, its text remembered for the messages. Nothing when it cannot be read: that is
// reported at its name.
std::optional<Document> open_document(std::string const& path, Diagnostics& problems);

// The same from text in memory.
Document open_text(std::string const& name, std::string_view text, Diagnostics& problems);

struct IncludedFile {
    std::string path;
    Position named_at;   // the pattern
};

// The files that the patterns name, each once, in order of the patterns and then of their names. A pattern is
// relative to the directory of `including`. One without wildcard is a file that must be there: read_file() tells.
std::vector<IncludedFile> included_files(std::string const& including, TextList const& patterns, Diagnostics& problems);

}   // namespace mailcore::config
