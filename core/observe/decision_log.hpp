// Where decision lines go: a file, written by a thread of its own, so that no verdict waits for the disk.
//
// Lines pass through a bounded ring of bytes without a lock. When the ring is full, because the disk is slow or full,
// write() waits: lines are never dropped. A write that fails is said (decision_log_failed) and tried again each second.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/observe/log.hpp"

namespace mailcore::observe {

// Many writers, one reader; the reader sees each record whole and in the order of claiming.
class ByteRing {
public:
    explicit ByteRing(std::size_t capacity);   // a power of two

    bool try_write(std::string_view record);   // false = full now; a record may use a quarter of the capacity at most
    bool empty() const;
    // Appends the records that are ready to `out`, at most about `limit` bytes. One thread only.
    void drain(std::string& out, std::size_t limit);

private:
    char* place_of(std::uint64_t position) const;
    static std::atomic_ref<std::uint64_t> header_at(char* place);

    std::size_t capacity_;
    std::unique_ptr<std::uint64_t[]> words_;   // headers and bytes of records; zero where nothing is
    alignas(64) std::atomic<std::uint64_t> tail_{0};        // claimed up to here
    alignas(64) std::atomic<std::uint64_t> head_{0};        // drained up to here
};

class DecisionLog {
public:
    // path "" = off: write() does nothing. The file is opened to append, mode 0640.
    static base::Result<std::unique_ptr<DecisionLog>> open(std::string const& path, Log& log);
    ~DecisionLog();   // writes what is left, for up to five seconds

    void write(std::string_view line);   // one JSON object without newline, at most kMaxLine bytes
    void reopen();                       // after rotation; takes effect before the next line is written

    std::uint64_t lines() const { return lines_.load(std::memory_order_relaxed); }
    std::uint64_t waits() const { return waits_.load(std::memory_order_relaxed); }

    static constexpr std::size_t kMaxLine = 65'536;

private:
    DecisionLog(std::string path, base::Fd file, Log& log);
    void run();
    void write_out(std::string& batch);
    void open_again();
    void wake();

    std::string path_;
    base::Fd file_;
    Log* log_;
    ByteRing ring_;
    std::atomic<std::uint64_t> lines_{0};
    std::atomic<std::uint64_t> waits_{0};
    std::atomic<std::uint32_t> asleep_{0};
    std::atomic<bool> reopen_{false};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}   // namespace mailcore::observe
