// Small files of root's that are replaced whole: written beside, synced, renamed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"

namespace mailcore::vault_sync {

// Mode 0600 before the data is there; fsyncs file and directory. The directory must exist.
base::Result<> replace_file(std::string const& path, std::string_view content, mode_t mode = 0600);

// Nothing when there is no such file. Refuses what is no regular file, and more than 1 MiB.
base::Result<std::optional<base::Secret>> read_small_file(std::string const& path);

// As above, for what must not be readable by others: names the file and the cure (chmod 0600).
base::Result<std::optional<base::Secret>> read_private_file(std::string const& path);

// root's, 0700, made where it is missing (parents too, 0755). Refuses a symbolic link and what others could write to.
base::Result<> make_private_directory(std::string const& path);

}   // namespace mailcore::vault_sync
