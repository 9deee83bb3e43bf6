// A const value that can be replaced as a whole while others read it. Readers keep the one they took for as long as
// they need it: one message sees one snapshot.
//
//     auto const rules = snapshot.get();          // once per message
//     snapshot.replace(std::move(new_rules));     // at reload
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

namespace mailcore::run {

template <class T>
class Snapshot {
public:
    explicit Snapshot(std::shared_ptr<T const> first) : current_{std::move(first)} {}

    std::shared_ptr<T const> get() const
    {
        std::lock_guard const lock{mutex_};
        return current_;
    }

    void replace(std::shared_ptr<T const> next)
    {
        {
            std::lock_guard const lock{mutex_};
            current_.swap(next);
        }   // the former one, which may be large, is freed outside the lock
        version_.fetch_add(1, std::memory_order_release);
    }

    // Grows with every replace(): a thread that keeps its own copy asks here, without a lock, whether it is still current.
    std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<T const> current_;
    std::atomic<std::uint64_t> version_{1};
};

// One thread's copy of a snapshot, renewed when it is out of date.
template <class T>
class SnapshotReader {
public:
    explicit SnapshotReader(Snapshot<T> const& source) : source_{source} {}

    std::shared_ptr<T const> const& current()
    {
        auto const version = source_.version();
        if (version != seen_) {
            copy_ = source_.get();
            seen_ = version;
        }
        return copy_;
    }

private:
    Snapshot<T> const& source_;
    std::shared_ptr<T const> copy_;
    std::uint64_t seen_ = 0;
};

}   // namespace mailcore::run
