// Which tenants an operator has switched off: beside the counters (a table in the LMDB directory, or a hash in Redis), and
// on each host once more, so that a host enforces what it last knew while the store is away. Whatever either copy lacks is
// written back from the other; the later change wins; only a resume lifts a suspension.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/rules/suspensions.hpp"
#include "core/store/limits.hpp"
#include "core/store/trouble.hpp"

namespace mailcore::store {

// One copy, for one thread at a time and many processes.
class SuspensionTable {
public:
    virtual ~SuspensionTable() = default;
    virtual bool may_have_changed() = 0;                                          // cheap; true where it is not known
    virtual base::Result<rules::Suspensions> load() = 0;
    virtual base::Result<> merge(rules::Suspensions const& entries) = 0;          // the later of two wins, per tenant
    // Puts what is damaged aside; says so in words, "" = nothing was. Fails where that is no cure.
    virtual base::Result<std::string> begin_anew() = 0;
};

// An LMDB table of its own, synced to the disk at each change. Opened at its first use, and tried again after a failure.
std::unique_ptr<SuspensionTable> lmdb_suspensions(std::string const& directory);
// The hash mailcore:suspensions: tenant to "MICROS suspended|resumed REASON"; the merge is one script. The field ":version"
// is another number after each change, also after the hash was lost and begun anew. What is of another form is overwritten.
std::unique_ptr<SuspensionTable> redis_suspensions(RedisPool& pool);

class SuspensionKeeper {
public:
    // The host's copy lies in <state_directory>/suspensions, the shared one in Redis or in the folder `suspensions` of the
    // LMDB store. `limits` is for its Redis; it must outlive this. What is known already is known when this returns. A copy
    // that is damaged is put aside and written anew from the other; fails where the host's cannot be read and neither can the
    // other. Notices as those of Limits.
    using Tell = std::function<void(Notice const&)>;
    static base::Result<std::unique_ptr<SuspensionKeeper>> open(LimitsOptions const& options, Limits& limits,
                                                                Tell tell = [](Notice const&) {}, base::Time now = base::now());

    // One thread at a time. Reads what has changed and writes back what is missing; true if current() is another than before.
    bool refresh(base::Time now = base::now());
    rules::Suspensions const& current() const { return current_; }

    // Suspends or resumes, everywhere it can be said; fails only where neither copy could be written. Its time is later than
    // any change known of this tenant.
    struct Told {
        bool shared = true;     // false: the store could not be told, and will be when it can
        std::string trouble{};  // what the copy that could not be written said
    };
    base::Result<Told> set(std::string const& tenant, bool suspended, std::string const& reason, base::Time now);

    struct Health {
        bool host_up = true;     // this copy can be read and written
        bool shared_up = true;   // also where there is none
        std::vector<std::string> troubles;   // but for a Redis that is away
    };
    Health health() const;   // any thread

private:
    struct Copy {
        std::string_view name;
        std::unique_ptr<SuspensionTable> table{};   // null: there is none
        rules::Suspensions entries{};               // as last read or written
        bool is_known = false;                      // reading has not failed
        std::string trouble{};                      // in words; "" = none
        Trouble said{};
    };
    SuspensionKeeper(std::unique_ptr<SuspensionTable> host, std::unique_ptr<SuspensionTable> shared, RedisPool* redis, Tell tell);
    static void read(Copy& copy);
    static base::Result<> write(Copy& copy, rules::Suspensions const& entries);
    void rebuild(Copy& copy, Copy const& other);
    void write_back(Copy& copy);
    void tell_of(Copy& copy, base::Time now);
    void show();
    bool is_away(Copy const& copy) const;

    Tell const tell_;
    RedisPool* const redis_;   // null: LMDB is the store
    Copy host_{"this host's"};
    Copy shared_{"the shared"};
    rules::Suspensions current_;
    bool knows_all_ = false;   // what either copy held when it was read last
    mutable std::mutex shown_mutex_;
    Health shown_;   // for other threads
};

}   // namespace mailcore::store
