// Who read which secret, when and what for: one JSON line each, without any value.
//
//     {"time":"2026-11-21T01:00:00.123Z","uid":0,"user":"root","sudo_user":"anna","unit":"vault-sync.service","pid":4711,
//      "action":"read","path":"secret/keybuzz/smtp","version":7,"purpose":"relay primary","result":"ok"}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"

namespace mailcore::vault_sync {

struct AuditEntry {
    base::Time time;
    std::string action;         // read, use, rollback
    std::string path;           // of the secret; for use and rollback the relay or generation
    std::uint64_t version = 0;
    std::string purpose;
    std::string result;         // "ok", or the error's words
};

// Whose doing it is: the person behind sudo, the unit behind the service manager.
struct AuditIdentity {
    unsigned uid = 0;
    std::string user;
    std::string sudo_user;
    std::string unit;
    int pid = 0;
};
AuditIdentity own_identity();

std::string audit_line(AuditEntry const& entry, AuditIdentity const& identity);   // with its newline
std::string unit_of(std::string_view cgroup);   // of /proc/self/cgroup: the innermost NAME.service, "" outside of one

// Appends with one write(), opening the file anew, so that logrotate may move it. Made 0640; no symbolic link is
// followed. A path "" means no audit log. Whether a failure matters is the caller's to decide.
base::Result<> write_audit(std::string const& file, AuditEntry const& entry);

}   // namespace mailcore::vault_sync
