#include "vault-sync/apply/files.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fault.hpp"
#include "core/base/fd.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr std::size_t kMostBytes = 1u << 20u;

base::Result<> write_all(int file, std::string_view content, std::string const& path)
{
    while (!content.empty()) {
        auto const written = ::write(file, content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return base::fail_errno("cannot write " + path);
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

base::Result<> sync_directory(std::string const& path)
{
    base::Fd const directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!directory || ::fsync(directory.get()) != 0) return base::fail_errno("cannot sync " + path);
    return {};
}

base::Result<> write_beside(std::string const& path, std::string_view content, mode_t mode)
{
    ::unlink(path.c_str());   // of a run that was killed here
    base::Fd const file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file) return base::fail_errno("cannot make " + path);
    if (::fchmod(file.get(), mode) != 0) return base::fail_errno("cannot set the mode of " + path);
    if (base::fault_point("file.write")) return base::fail_errno("cannot write " + path);
    if (auto written = write_all(file.get(), content, path); !written) return written;
    if (::fsync(file.get()) != 0) return base::fail_errno("cannot sync " + path);
    return {};
}

base::Result<std::optional<base::Secret>> read_checked(std::string const& path, bool secret)
{
    base::Fd const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!file && errno == ENOENT) return std::optional<base::Secret>{};
    if (!file) return base::fail_errno("cannot read " + path);
    struct stat about {};
    if (::fstat(file.get(), &about) != 0) return base::fail_errno("cannot look at " + path);
    if (!S_ISREG(about.st_mode)) return base::fail(path + " is no regular file");
    if (static_cast<std::size_t>(about.st_size) > kMostBytes) return base::fail(path + " is larger than 1 MiB");
    if (secret && (about.st_mode & 077) != 0) {
        return base::fail(path + " can be read by others than its owner: chmod 0600 " + path);
    }
    if (secret && about.st_uid != 0 && about.st_uid != ::geteuid()) {
        return base::fail(path + " belongs to another user: chown root " + path);
    }
    base::Secret content;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::read(file.get(), buffer, sizeof buffer)) > 0) {
        content.append({buffer, static_cast<std::size_t>(got)});
    }
    ::explicit_bzero(buffer, sizeof buffer);
    if (got < 0) return base::fail_errno("cannot read " + path);
    return std::optional{std::move(content)};
}

}   // namespace

base::Result<> replace_file(std::string const& path, std::string_view content, mode_t mode)
{
    auto const beside = path + ".new";
    if (auto written = write_beside(beside, content, mode); !written) {
        ::unlink(beside.c_str());
        return written;
    }
    if (::rename(beside.c_str(), path.c_str()) != 0) return base::fail_errno("cannot rename " + beside);
    return sync_directory(std::filesystem::path{path}.parent_path());
}

base::Result<std::optional<base::Secret>> read_small_file(std::string const& path) { return read_checked(path, false); }
base::Result<std::optional<base::Secret>> read_private_file(std::string const& path) { return read_checked(path, true); }

base::Result<> make_private_directory(std::string const& path)
{
    std::error_code trouble;
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), trouble);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return base::fail_errno("cannot make " + path);
    struct stat about {};
    if (::lstat(path.c_str(), &about) != 0) return base::fail_errno("cannot look at " + path);
    if (!S_ISDIR(about.st_mode)) return base::fail(path + " is no directory");
    if (about.st_uid != ::geteuid() || (about.st_mode & 022) != 0) {
        return base::fail(path + " could be written by others: chown root " + path + " and chmod 0700 " + path);
    }
    if ((about.st_mode & 0777) != 0700 && ::chmod(path.c_str(), 0700) != 0) return base::fail_errno("cannot set the mode of " + path);
    return {};
}

}   // namespace mailcore::vault_sync
