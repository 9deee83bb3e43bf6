#include "vault-sync/source/audit.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "core/base/fd.hpp"
#include "core/base/text.hpp"
#include "core/observe/decision_line.hpp"

namespace mailcore::vault_sync {
namespace {

void append_text(std::string& line, std::string_view key, std::string_view value)
{
    line += ",\"" + std::string{key} + "\":";
    base::append_json_string(line, value);
}

void append_number(std::string& line, std::string_view key, std::uint64_t value)
{
    line += ",\"" + std::string{key} + "\":" + std::to_string(value);
}

std::string name_of_user(uid_t uid)
{
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> buffer(16'384);
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return "";
    return found->pw_name;
}

std::string own_cgroup()
{
    std::ifstream file{"/proc/self/cgroup"};
    return {std::istreambuf_iterator<char>{file}, {}};
}

}   // namespace

std::string unit_of(std::string_view cgroup)
{
    std::string_view unit;
    for (auto const line : base::split(cgroup, '\n')) {
        for (auto const part : base::split(line, '/')) {
            if (part.ends_with(".service")) unit = part;
        }
        if (!unit.empty()) break;
    }
    return std::string{unit};
}

AuditIdentity own_identity()
{
    char const* const sudo_user = std::getenv("SUDO_USER");
    return {::getuid(), name_of_user(::getuid()), sudo_user == nullptr ? "" : sudo_user, unit_of(own_cgroup()),
            ::getpid()};
}

std::string audit_line(AuditEntry const& entry, AuditIdentity const& identity)
{
    std::string line = "{\"time\":\"";
    observe::append_time(line, entry.time);
    line += '"';
    append_number(line, "uid", identity.uid);
    append_text(line, "user", identity.user);
    append_text(line, "sudo_user", identity.sudo_user);
    append_text(line, "unit", identity.unit);
    append_number(line, "pid", static_cast<std::uint64_t>(identity.pid));
    append_text(line, "action", entry.action);
    append_text(line, "path", entry.path);
    append_number(line, "version", entry.version);
    append_text(line, "purpose", entry.purpose);
    append_text(line, "result", entry.result);
    return line += "}\n";
}

base::Result<> write_audit(std::string const& file, AuditEntry const& entry)
{
    if (file.empty()) return {};
    // Not blocking: a pipe without reader in this place must not stop the service.
    constexpr int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    base::Fd const log{::open(file.c_str(), flags, 0640)};
    if (!log) return base::fail_errno("audit_log: cannot open " + file);
    struct stat status {};
    if (::fstat(log.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return base::fail("audit_log: " + file + " is not a regular file");
    auto const line = audit_line(entry, own_identity());
    auto const written = ::write(log.get(), line.data(), line.size());
    if (written < 0) return base::fail_errno("audit_log: cannot write " + file);
    if (static_cast<std::size_t>(written) != line.size())
        return base::fail("audit_log: a line of " + file + " was cut: the disk is full");
    return {};
}

}   // namespace mailcore::vault_sync
