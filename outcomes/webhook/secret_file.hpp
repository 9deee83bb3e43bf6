// A secret in a file, read anew when the file changes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"

namespace mailcore::outcomes {

// One thread at a time.
class SecretFile {
public:
    explicit SecretFile(std::string path) : path_{std::move(path)} {}

    // A newline at its end is no part of it. Fails in words where it is missing, empty, or no key at all.
    base::Result<std::shared_ptr<base::Secret const>> get();

private:
    struct Version {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        std::int64_t changed = 0;   // nanoseconds
        bool operator==(Version const&) const = default;
    };
    base::Result<std::shared_ptr<base::Secret const>> read(int file) const;

    std::string const path_;
    std::optional<Version> version_;
    std::shared_ptr<base::Secret const> secret_;
};

}   // namespace mailcore::outcomes
