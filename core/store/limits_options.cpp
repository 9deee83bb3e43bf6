#include "core/store/limits_options.hpp"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.hpp"

namespace mailcore::store {

base::Result<base::Secret> read_password(std::string const& path)
{
    base::Fd const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    struct stat facts{};
    if (!file || ::fstat(file.get(), &facts) != 0) return base::fail_errno("cannot read " + path);
    if ((facts.st_mode & S_IRWXO) != 0) return base::fail(path + " can be read by every user of this host; chmod 0640 it");
    base::Secret password;
    std::array<char, 4096> buffer;
    for (;;) {
        auto const got = ::read(file.get(), buffer.data(), buffer.size());
        if (got < 0) return base::fail_errno("cannot read " + path);
        if (got == 0) break;
        password.append({buffer.data(), static_cast<std::size_t>(got)});
        ::explicit_bzero(buffer.data(), buffer.size());
        if (password.size() > buffer.size()) return base::fail(path + " is too large for a password");
    }
    if (password.reveal().ends_with('\n')) password = base::Secret{password.reveal().substr(0, password.size() - 1)};
    if (password.empty()) return base::fail(path + " is empty");
    return password;
}

base::Result<std::string> directory_of(std::string const& text)
{
    if (text.starts_with(kLmdb) && text.substr(kLmdb.size()).starts_with('/')) return text.substr(kLmdb.size());
    return base::fail("lmdb: must be followed by an absolute path, as in lmdb:/var/lib/mailcore/limits");
}

base::Result<RedisAddress> redis_address(LimitsOptions const& options)
{
    if (options.store.find("://") == std::string::npos) return base::fail("store: neither lmdb:/DIRECTORY nor redis://… nor rediss://…");
    auto address = RedisAddress::parse(options.store);
    if (!address) return base::fail(std::move(address.error()).within("store"));
    if (!options.password_file.empty()) {
        address->read_password = [file = options.password_file]() -> base::Result<base::Secret> {
            auto read = read_password(file);
            return read ? std::move(read) : base::fail(std::move(read.error()).within("password_file"));
        };
        auto password = address->read_password();
        if (!password) return base::fail(std::move(password.error()));
        address->password = std::move(*password);
    }
    if (!address->user.empty() && address->password.empty()) return base::fail("store: " + std::string{kNoPassword});
    address->ca_file = options.ca_file;
    address->timeout = options.timeout;
    return address;
}

}   // namespace mailcore::store
