// What vault-sync remembers between runs, in output.directory/state/ (root, 0700): one JSON file that holds no secret, the
// fingerprints' key, and the lock that one pass holds.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/fd.hpp"
#include "core/base/result.hpp"

namespace mailcore::vault_sync {

// What is known of a relay's value in use.
struct KnownSecret {
    std::string credential;                   // its fingerprint
    base::Time first_seen{};                  // when vault-sync first saw it, or its KV version's time where that is earlier
    std::optional<base::Time> rotated_at;     // custom_metadata
    std::optional<int> rotation_days;         // custom_metadata
    std::string source;                       // "vault", "file", "environment", "cache"
    std::string path;
    std::uint64_t version = 0;
    bool has_login = false;
    std::string verified;                     // "works", "refused", "inconclusive", "" = not tried
    bool operator==(KnownSecret const&) const = default;
};

// A value that a provider answered with 5xx: not tried again for an hour, since providers lock accounts.
struct RefusedValue {
    std::string value;   // fingerprint
    base::Time at{};
    std::string words;
    bool operator==(RefusedValue const&) const = default;
};

// What a rollback left: not taken again until there is another, or `once --force`.
struct Hold {
    std::map<std::string, std::set<std::string>> values;   // relay to the fingerprints of the values that were left
    std::set<std::string> routings;                        // fingerprints of the routings that were left
    std::uint64_t left = 0;                      // the generation
    base::Time since{};
    bool automatic = false;
    bool operator==(Hold const&) const = default;
};

// The last switch, for the automatic rollback.
struct Switch {
    std::uint64_t from = 0;                  // 0 = there was none
    std::uint64_t to = 0;
    base::Time at{};
    std::set<std::string> relays;            // whose delivery changed
    std::set<std::string> deferred_before;   // queue ids that waited for authentication already
    bool operator==(Switch const&) const = default;
};

struct State {
    std::string active;                               // set by `use`; "" = as configured
    std::map<std::string, KnownSecret> secrets;       // by relay
    std::map<std::string, RefusedValue> refused;      // by relay
    std::optional<Hold> hold;
    std::optional<Switch> last_switch;
    std::optional<std::uint64_t> reload_owed;         // by the switch to this generation
    bool flush_owed = false;
    std::set<std::uint64_t> rolled_back;              // generations left by an automatic rollback: once each
    std::optional<base::Time> last_success;
    std::string source;                               // of the last pass, the weakest in use
    std::map<std::string, std::string> complaints;    // by relay: why its newest value was not taken
    std::map<std::string, base::Time> overdue_told;   // by relay: when on_overdue was last told of it
    bool operator==(State const&) const = default;
};

inline constexpr std::chrono::hours kRefusalHolds{1};

class Lock {
public:
    Lock() = default;
    explicit Lock(base::Fd file) : file_{std::move(file)} {}
    Lock(Lock&&) noexcept = default;
    Lock& operator=(Lock&&) noexcept = default;
    ~Lock();   // releases it

private:
    base::Fd file_;
};

class StateStore {
public:
    explicit StateStore(std::string directory) : directory_{std::move(directory)} {}

    base::Result<> prepare() const;             // makes the directory
    base::Result<State> load() const;           // a State of defaults where there is none; names a damaged file and the cure
    base::Result<> save(State const& state) const;
    // Loads, changes and saves under the lock: for what is remembered outside of a pass, whose own state would be stale.
    base::Result<> update(std::function<void(State&)> const& change) const;
    // Waits for another pass to end; fails naming the process that holds it.
    base::Result<Lock> lock(std::chrono::milliseconds patience = std::chrono::seconds{30}) const;

    std::string const& directory() const { return directory_; }
    std::string key_file() const { return directory_ + "/fingerprint.key"; }

private:
    std::string directory_;
};

std::string to_json(State const& state);
base::Result<State> state_from_json(std::string_view text);

}   // namespace mailcore::vault_sync
