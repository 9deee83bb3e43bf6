// An LMDB table that outlives its files: after `rm -rf`, a truncation or garbage while daemons run it can be begun anew.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "core/store/lmdb.hpp"

namespace mailcore::store::lmdb {

// What becomes of a table that is damaged. PutAside: it is kept as data.mdb.damaged and a new one is begun. Refuse: it is
// left as it is, for the operator, and errors name the cure; only one that is gone is begun anew.
enum class OnDamage : std::uint8_t { PutAside, Refuse };

class Table {
public:
    static base::Result<std::unique_ptr<Table>> open(Options options, OnDamage on_damage);

    base::Result<Transaction> begin(Access access);
    std::optional<std::uint64_t> last_change() const;   // a number that each commit makes larger; nothing: there is trouble
    base::Result<> forget_dead_readers();               // of processes that were killed while they read

    // After a failure. Says what it did, in words; "" = the table was fine. Waits until other threads' transactions have
    // ended; the calling thread must have none. Several processes may heal at once: one begins anew, the others follow.
    base::Result<std::string> heal() { return heal(on_damage_); }
    base::Result<std::string> heal(OnDamage on_damage);   // for this once

    std::string const& healed_at_open() const { return healed_at_open_; }   // what open() did, in the same words

private:
    Table(Options options, OnDamage on_damage) : options_{std::move(options)}, on_damage_{on_damage} {}

    struct Remains {   // of the table as this process had it open
        Trouble trouble = Trouble::None;
        bool has_data = false;   // what stands in the directory is still that file
        bool has_lock = false;
    };
    std::shared_ptr<Environment> environment() const;   // null: healing has failed. Who holds it makes close() wait
    Remains remains_of(Environment const& environment) const;
    base::Result<std::string> remove(Remains const& remains, HeldDirectory const& directory) const;
    base::Result<std::string> reopen(Remains const& remains, HeldDirectory const& directory, OnDamage on_damage);
    void close();

    Options options_;
    OnDamage on_damage_;
    std::string healed_at_open_;
    std::mutex healing_;

    mutable std::mutex current_mutex_;
    std::shared_ptr<Environment> current_;
    std::string closed_why_;
};

}   // namespace mailcore::store::lmdb
