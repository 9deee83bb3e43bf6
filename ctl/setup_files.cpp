#include "ctl/setup_files.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.hpp"

namespace mailcore::ctl {

using base::fail;
using base::Result;

namespace {

Result<> write_through(int file, std::string_view text, std::string const& path)
{
    while (!text.empty()) {
        auto const written = ::write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return base::fail_errno("cannot write " + path);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(file) != 0) return base::fail_errno("cannot write " + path);
    return {};
}

}   // namespace

Result<std::string> read_file(std::string const& path)
{
    std::ifstream file{path, std::ios::binary};
    if (!file) return base::fail_errno("cannot read " + path);
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (file.bad()) return base::fail_errno("cannot read " + path);
    return text;
}

Result<> write_file(std::string const& path, std::string_view text, std::string const& like)
{
    struct stat facts{};
    if (::stat(like.c_str(), &facts) != 0) return base::fail_errno("cannot read " + like);
    auto const temporary = path + ".mailcore";
    base::Fd const file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!file) return base::fail_errno("cannot write " + temporary);
    if (auto written = write_through(file.get(), text, temporary); !written) return written;
    bool const same_owner = ::fchown(file.get(), facts.st_uid, facts.st_gid) == 0;
    bool const same_mode = ::fchmod(file.get(), facts.st_mode & 07777) == 0;
    if (!same_owner || !same_mode || ::rename(temporary.c_str(), path.c_str()) != 0) return base::fail_errno("cannot write " + path);
    return {};
}

Result<> copy_file(std::string const& from, std::string const& to)
{
    auto const text = read_file(from);
    if (!text) return fail(text.error());
    return write_file(to, *text, from);
}

bool same_content(std::string const& left, std::string const& right)
{
    auto const a = read_file(left);
    auto const b = read_file(right);
    return a && b && *a == *b;
}

}   // namespace mailcore::ctl
