// Which tenants an operator has switched off: beside the counters (a table in the LMDB directory, or a hash in Redis), and
// on each host once more, so that a host enforces what it last knew while the store is away. Whatever either copy lacks is
// written back from the other; the later change wins; only a resume lifts a suspension.
#pragma once

#include <memory>
#include <string>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/rules/suspensions.hpp"
#include "core/store/limits.hpp"

namespace mailcore::store {

// One copy. Safe from many threads and processes.
class SuspensionTable {
public:
    virtual ~SuspensionTable() = default;
    virtual bool may_have_changed() = 0;                                          // cheap; true where it is not known
    virtual base::Result<rules::Suspensions> load() = 0;
    virtual base::Result<> merge(rules::Suspensions const& entries) = 0;          // the later of two wins, per tenant
};

// An LMDB table of its own, synced to the disk at each change.
base::Result<std::unique_ptr<SuspensionTable>> open_lmdb_suspensions(std::string const& directory);
// The hash mailcore:suspensions: tenant to "MICROS suspended|resumed REASON"; the merge is one script. The field ":version"
// is another number after each change, also after the hash was lost and begun anew.
std::unique_ptr<SuspensionTable> redis_suspensions(RedisPool& pool);

class SuspensionKeeper {
public:
    // The host's copy lies in <state_directory>/suspensions, the shared one in Redis or in the folder `suspensions` of the
    // LMDB store. `limits` is for its Redis; it must outlive this. What is known already is known when this returns.
    static base::Result<std::unique_ptr<SuspensionKeeper>> open(LimitsOptions const& options, Limits& limits);

    // One thread at a time. Reads what has changed and writes back what is missing; true if current() is another than before.
    bool refresh();
    rules::Suspensions const& current() const { return current_; }

    // Suspends or resumes, everywhere it can be said; fails only where neither copy could be written. Its time is later than
    // any change known of this tenant. False: the store is away, and will be told when it is back.
    base::Result<bool> set(std::string const& tenant, bool suspended, std::string const& reason, base::Time now);

private:
    struct Copy {
        std::unique_ptr<SuspensionTable> table;   // null: there is none
        rules::Suspensions entries;               // as last read or written
        bool is_known = false;                    // reading has not failed
    };
    SuspensionKeeper(std::unique_ptr<SuspensionTable> host, std::unique_ptr<SuspensionTable> shared);
    static void read(Copy& copy);
    base::Result<> write_back(Copy& copy) const;

    Copy host_;
    Copy shared_;
    rules::Suspensions current_;
};

}   // namespace mailcore::store
