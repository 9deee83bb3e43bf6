// The counters of one host: a table in LMDB that the policy daemon and the milter share. Survives restarts and kill -9 of
// either (not needed to survive a power cut: counting is not worth a disk sync for each message).
#pragma once

#include <memory>
#include <string>

#include "core/rules/limit.hpp"

namespace mailcore::store {

class LmdbLimits final : public rules::LimitStore {
public:
    static constexpr std::size_t kDefaultBytes = 256u << 20u;   // some two million keys at once

    // Makes the directory where there is none. What root makes in a directory of another user's is given to that user. A
    // table that is damaged is put aside as data.mdb.damaged and begun anew; healed_at_open() says so.
    // A table that has grown to `bytes` takes no new keys until sweep() has made room; those it has it goes on counting,
    // and says of how many others it has not (Answer::uncounted). The last room is for tenants as a whole: keys of senders
    // can be many.
    static base::Result<std::unique_ptr<LmdbLimits>> open(std::string const& directory, std::size_t bytes = kDefaultBytes);
    ~LmdbLimits() override;
    std::string const& healed_at_open() const;   // in words; "" = the table was fine

    base::Result<rules::Answer> take(std::span<rules::Charge const> charges, base::Time now) override;
    base::Result<> give_back(rules::Receipt const& receipt, base::Time now) override;
    base::Result<rules::BucketsAt> read(std::span<std::string const> keys, base::Time now) override;
    base::Result<rules::BucketsAt> list(std::string_view prefix, std::size_t most, base::Time now) override;
    base::Result<std::size_t> reset(std::string_view prefix) override;

    // The next piece of a walk that forgets empty buckets, and dead processes' readers: a bounded piece of work. How many
    // were forgotten.
    base::Result<std::size_t> sweep(base::Time now, std::size_t at_most = 2'000);

    // After a failure: opens the table again, or begins a new one if it is damaged or gone. Says what it did, in words
    // ("" = it was fine). Any thread.
    base::Result<std::string> heal();

    bool is_full() const;   // until sweep() has seen that there is room
    // Whether a change can be written to the disk now; leaves nothing behind.
    base::Result<> try_to_write();

    std::size_t size() const;   // buckets, empty ones included

private:
    class State;
    explicit LmdbLimits(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace mailcore::store
