#include "outcomes/webhook/secret_file.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.hpp"

namespace mailcore::outcomes {
namespace {

constexpr off_t kMostBytes = 64 << 10;

}   // namespace

base::Result<std::shared_ptr<base::Secret const>> SecretFile::get()
{
    base::Fd const file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) return base::fail_errno(path_);
    if (!S_ISREG(status.st_mode) || status.st_size > kMostBytes) return base::fail(path_ + ": is no file with a key");
    auto const changed = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    Version const version{status.st_dev, status.st_ino, status.st_size, changed};
    if (secret_ && version_ == version) return secret_;
    auto read_anew = read(file.get());
    version_ = version;
    secret_ = read_anew ? *read_anew : nullptr;
    return read_anew;
}

base::Result<std::shared_ptr<base::Secret const>> SecretFile::read(int file) const
{
    base::Secret text;
    std::array<char, 4096> buffer;
    for (;;) {
        auto const got = ::read(file, buffer.data(), buffer.size());
        if (got < 0) return base::fail_errno(path_);
        if (got == 0) break;
        text.append({buffer.data(), static_cast<std::size_t>(got)});
    }
    ::explicit_bzero(buffer.data(), buffer.size());
    auto content = text.reveal();
    if (content.ends_with('\n')) content.remove_suffix(1);
    if (content.empty()) return base::fail(path_ + ": is empty");
    return std::make_shared<base::Secret const>(content);
}

}   // namespace mailcore::outcomes
