// A directory that holds secrets, and the files in it: all by descriptor, so that no symbolic link and no rename above
// can lead a write elsewhere; mode and owner are right before the first byte is written; what is done is on the disk.
//
//     auto directory = Directory::open("/etc/postfix/mailcore");
//     directory->write("sasl_passwd", text.reveal());      // refuses a name that exists
//
// Errors name the full path and the cure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "core/base/fd.hpp"
#include "core/base/result.hpp"

namespace mailcore::vault_sync {

class Directory {
public:
    // An absolute path. Refuses a symbolic link in the last place, an owner other than root or ourselves, and any
    // directory on the way that others could write to (a sticky one, as /tmp, is none).
    static base::Result<Directory> open(std::string const& path);
    static base::Result<Directory> make(std::string const& path, mode_t mode);   // one that exists keeps its mode

    base::Result<Directory> child(std::string const& name) const;   // checked as open() checks the last place
    base::Result<Directory> make_child(std::string const& name, mode_t mode) const;   // given this mode where it exists

    base::Result<> write(std::string const& name, std::string_view text) const;   // 0600, new, fsync
    base::Result<std::string> read(std::string const& name) const;                // a regular file; 16 MiB at most
    base::Result<> protect(std::string const& name) const;   // what another program made: ours, 0600, fsync
    base::Result<> sync() const;

    base::Result<> link(std::string const& target, std::string const& name) const;   // symbolic; replaced by one rename
    base::Result<std::optional<std::string>> link_target(std::string const& name) const;   // nothing: no such name
    base::Result<> rename(std::string const& from, std::string const& to) const;           // refuses to replace
    base::Result<> exchange(std::string const& one, std::string const& other) const;       // both names, at once
    bool has(std::string const& name) const;
    std::vector<std::string> names() const;                  // sorted
    void remove(std::string const& name) const noexcept;     // a file, a link, or a directory with all in it

    std::string path(std::string_view name) const { return path_ + "/" + std::string{name}; }
    std::string const& path() const { return path_; }

private:
    Directory(base::Fd fd, std::string path) : fd_{std::move(fd)}, path_{std::move(path)} {}
    base::Fd fd_;
    std::string path_;
};

}   // namespace mailcore::vault_sync
