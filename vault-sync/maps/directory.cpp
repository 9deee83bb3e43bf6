#include "vault-sync/maps/directory.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fault.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr std::size_t kMostBytes = 16u << 20u;

bool is_trusted(uid_t owner) { return owner == 0 || owner == ::geteuid(); }

// With it, a symbolic link would be followed.
std::string without_last_slash(std::string path)
{
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
}

base::Result<> check_owner_and_mode(struct stat const& facts, std::string const& path)
{
    if (!is_trusted(facts.st_uid)) {
        return base::fail(path + " belongs to user id " + std::to_string(facts.st_uid) +
                          ", not to root: chown root:root " + path);
    }
    if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (facts.st_mode & S_ISVTX) == 0) {
        return base::fail("others than root can write to " + path + ": chmod go-w " + path);
    }
    return {};
}

// The directories above: whoever can write to one of them can put another in the place of ours.
base::Result<> check_parents(std::string const& path)
{
    if (!path.starts_with('/')) return base::fail("\"" + path + "\" is not an absolute path");
    auto const parent = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
    std::unique_ptr<char, decltype(&std::free)> const real{::realpath(parent.c_str(), nullptr), &std::free};
    if (!real) return base::fail_errno(parent);
    std::string const resolved{real.get()};
    for (std::size_t end = 0; end != std::string::npos;) {
        end = resolved.find('/', end + 1);
        auto const ancestor = resolved.substr(0, end);
        struct stat facts{};
        if (::stat(ancestor.c_str(), &facts) != 0) return base::fail_errno(ancestor);
        if (auto sane = check_owner_and_mode(facts, ancestor); !sane) return sane;
    }
    return {};
}

base::Result<base::Fd> open_checked(int parent, char const* name, std::string const& path)
{
    base::Fd fd{::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd && (errno == ELOOP || errno == ENOTDIR)) {
        return base::fail(
            path + " is not a directory (a symbolic link is none either): move it away, or name the real directory");
    }
    if (!fd) return base::fail_errno(path);
    struct stat facts{};
    if (::fstat(fd.get(), &facts) != 0) return base::fail_errno(path);
    // Our own directory: the sticky bit is no excuse here.
    facts.st_mode &= static_cast<mode_t>(~S_ISVTX);
    if (auto sane = check_owner_and_mode(facts, path); !sane) return base::fail(sane.error());
    return fd;
}

// What the process's umask, a set-gid directory or an earlier owner left is put right.
base::Result<> own(int fd, mode_t mode, std::string const& path)
{
    if (::fchown(fd, ::geteuid(), ::getegid()) != 0) return base::fail_errno("chown " + path);
    if (::fchmod(fd, mode) != 0) return base::fail_errno("chmod " + path);
    return {};
}

base::Result<> write_all(int fd, std::string_view text, std::string const& path)
{
    while (!text.empty()) {
        if (base::fault_point("map.write")) return base::fail_errno("write " + path);
        auto const written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return base::fail_errno("write " + path);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

std::vector<std::string> names_in(int directory)
{
    struct Close {
        void operator()(DIR* entries) const { ::closedir(entries); }
    };
    // Not a dup, which would share its position with the next one.
    std::unique_ptr<DIR, Close> const entries{
        ::fdopendir(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))};
    std::vector<std::string> names;
    while (dirent const* entry = entries ? ::readdir(entries.get()) : nullptr) {
        std::string const name{entry->d_name};
        if (name != "." && name != "..") names.push_back(name);
    }
    return names;
}

void remove_tree(int parent, std::string const& name)
{
    if (::unlinkat(parent, name.c_str(), 0) == 0 || (errno != EISDIR && errno != EPERM)) return;
    base::Fd const fd{::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd) return;
    for (auto const& inner : names_in(fd.get())) remove_tree(fd.get(), inner);
    ::unlinkat(parent, name.c_str(), AT_REMOVEDIR);
}

}   // namespace

base::Result<Directory> Directory::open(std::string const& given)
{
    auto const path = without_last_slash(given);
    if (auto sane = check_parents(path); !sane) return base::fail(sane.error());
    auto fd = open_checked(AT_FDCWD, path.c_str(), path);
    if (!fd) return base::fail(fd.error());
    return Directory{std::move(*fd), path};
}

base::Result<Directory> Directory::make(std::string const& given, mode_t mode)
{
    auto const path = without_last_slash(given);
    if (auto sane = check_parents(path); !sane) return base::fail(sane.error());
    bool const is_new = ::mkdir(path.c_str(), mode) == 0;
    if (!is_new && errno != EEXIST) return base::fail_errno("mkdir " + path);
    auto directory = open(path);
    if (directory && is_new) {
        if (auto owned = own(directory->fd_.get(), mode, path); !owned) return base::fail(owned.error());
    }
    return directory;
}

base::Result<Directory> Directory::child(std::string const& name) const
{
    auto fd = open_checked(fd_.get(), name.c_str(), path(name));
    if (!fd) return base::fail(fd.error());
    return Directory{std::move(*fd), path(name)};
}

base::Result<Directory> Directory::make_child(std::string const& name, mode_t mode) const
{
    if (::mkdirat(fd_.get(), name.c_str(), mode) != 0 && errno != EEXIST)
        return base::fail_errno("mkdir " + path(name));
    auto made = child(name);
    if (!made) return made;
    if (auto owned = own(made->fd_.get(), mode, path(name)); !owned) return base::fail(owned.error());
    return made;
}

base::Result<> Directory::write(std::string const& name, std::string_view text) const
{
    base::Fd const fd{::openat(fd_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!fd) return base::fail_errno("create " + path(name));
    if (auto owned = own(fd.get(), 0600, path(name)); !owned) return owned;   // before the data
    if (auto written = write_all(fd.get(), text, path(name)); !written) return written;
    if (::fsync(fd.get()) != 0) return base::fail_errno("fsync " + path(name));
    return {};
}

base::Result<std::string> Directory::read(std::string const& name) const
{
    base::Fd const fd{::openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (!fd) return base::fail_errno(path(name));
    struct stat facts{};
    if (::fstat(fd.get(), &facts) != 0) return base::fail_errno(path(name));
    if (!S_ISREG(facts.st_mode) || !is_trusted(facts.st_uid))
        return base::fail(path(name) + " is not a regular file of root's");
    if (static_cast<std::size_t>(facts.st_size) > kMostBytes) return base::fail(path(name) + " is larger than 16 MiB");
    std::string text(static_cast<std::size_t>(facts.st_size), '\0');   // at once: no copies of a secret on the heap
    std::size_t used = 0;
    while (used < text.size()) {
        auto const got = ::read(fd.get(), text.data() + used, text.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return base::fail_errno("read " + path(name));
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    text.resize(used);
    return text;
}

base::Result<> Directory::protect(std::string const& name) const
{
    base::Fd const fd{::openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (!fd) return base::fail_errno(path(name));
    struct stat facts{};
    if (::fstat(fd.get(), &facts) != 0) return base::fail_errno(path(name));
    if (!S_ISREG(facts.st_mode) || facts.st_nlink != 1) return base::fail(path(name) + " is not a regular file");
    if (auto owned = own(fd.get(), 0600, path(name)); !owned) return owned;
    if (::fsync(fd.get()) != 0) return base::fail_errno("fsync " + path(name));
    return {};
}

base::Result<> Directory::sync() const
{
    if (::fsync(fd_.get()) != 0) return base::fail_errno("fsync " + path_);
    return {};
}

base::Result<> Directory::link(std::string const& target, std::string const& name) const
{
    struct stat facts{};
    if (::fstatat(fd_.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(facts.st_mode)) {
        return base::fail(path(name) + " is not a symbolic link: move it away");
    }
    auto const made = "." + name + ".building";
    ::unlinkat(fd_.get(), made.c_str(), 0);   // a killed run's
    if (base::fault_point("current.link") || ::symlinkat(target.c_str(), fd_.get(), made.c_str()) != 0) {
        return base::fail_errno("link " + path(made));
    }
    if (base::fault_point("current.rename") || ::renameat(fd_.get(), made.c_str(), fd_.get(), name.c_str()) != 0) {
        auto const failed = base::fail_errno("rename " + path(made) + " to " + path(name));
        ::unlinkat(fd_.get(), made.c_str(), 0);
        return failed;
    }
    if (base::fault_point("current.renamed")) return base::fail_errno("fsync " + path_);
    return sync();
}

base::Result<std::optional<std::string>> Directory::link_target(std::string const& name) const
{
    std::array<char, PATH_MAX> target;
    auto const length = ::readlinkat(fd_.get(), name.c_str(), target.data(), target.size());
    if (length < 0 && errno == ENOENT) return std::nullopt;
    if (length < 0 && errno == EINVAL) return base::fail(path(name) + " is not a symbolic link: move it away");
    if (length < 0) return base::fail_errno(path(name));
    return std::string{target.data(), static_cast<std::size_t>(length)};
}

base::Result<> Directory::rename(std::string const& from, std::string const& to) const
{
    if (::renameat2(fd_.get(), from.c_str(), fd_.get(), to.c_str(), RENAME_NOREPLACE) == 0) return {};
    return base::fail_errno("rename " + path(from) + " to " + path(to));
}

base::Result<> Directory::exchange(std::string const& one, std::string const& other) const
{
    if (::renameat2(fd_.get(), one.c_str(), fd_.get(), other.c_str(), RENAME_EXCHANGE) == 0) return {};
    if (errno == EINVAL || errno == ENOSYS) {
        return base::fail("the file system of " + path_ +
                          " cannot exchange two names at once: put output.directory on ext4, xfs or btrfs");
    }
    return base::fail_errno("exchange " + path(one) + " with " + path(other));
}

bool Directory::has(std::string const& name) const
{
    struct stat facts{};
    return ::fstatat(fd_.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

std::vector<std::string> Directory::names() const
{
    auto names = names_in(fd_.get());
    std::sort(names.begin(), names.end());
    return names;
}

void Directory::remove(std::string const& name) const noexcept { remove_tree(fd_.get(), name); }

}   // namespace mailcore::vault_sync
