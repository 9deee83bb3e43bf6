#include "core/observe/decision_log.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace mailcore::observe {
namespace {

constexpr std::size_t kRingBytes = 1u << 20u;
constexpr std::size_t kBatchBytes = 256u << 10u;
constexpr auto kNap = std::chrono::milliseconds{1};          // lets lines gather, so that one write takes many
constexpr auto kRetry = std::chrono::seconds{1};             // after a failed write
constexpr int kRetriesAtStop = 5;

constexpr std::uint64_t kReady = 1ull << 63u;     // the record's bytes are complete
constexpr std::uint64_t kPadding = 1ull << 62u;   // nothing here: the ring wraps
constexpr std::uint64_t kLength = kPadding - 1;

constexpr std::size_t kHeaderBytes = 8;
constexpr std::uint64_t record_bytes(std::size_t length) { return (kHeaderBytes + length + 7) & ~std::uint64_t{7}; }

base::Result<base::Fd> open_to_append(std::string const& path)
{
    base::Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)};
    if (!file) return base::fail_errno("decision_log: cannot open " + path);
    return file;
}

}   // namespace

ByteRing::ByteRing(std::size_t capacity) : capacity_{capacity}, words_{std::make_unique<std::uint64_t[]>(capacity / 8)} {}

char* ByteRing::place_of(std::uint64_t position) const
{
    return reinterpret_cast<char*>(words_.get()) + (position & (capacity_ - 1));
}

std::atomic_ref<std::uint64_t> ByteRing::header_at(char* place)
{
    return std::atomic_ref{*reinterpret_cast<std::uint64_t*>(place)};
}

// A record is a header word, then its bytes, rounded up to whole words. Claiming moves the tail; storing the header last,
// with release, hands the record over. A record never wraps: the rest of the ring is claimed as padding instead.
// Drained words are set to zero, so that a header reads as "not ready" until its writer says so.
bool ByteRing::try_write(std::string_view record)
{
    auto const needed = record_bytes(record.size());
    auto tail = tail_.load(std::memory_order_relaxed);
    std::uint64_t padding = 0;
    do {
        auto const to_end = capacity_ - (tail & (capacity_ - 1));
        padding = to_end < needed ? to_end : 0;
        if (tail + padding + needed - head_.load(std::memory_order_acquire) > capacity_) return false;
    } while (!tail_.compare_exchange_weak(tail, tail + padding + needed, std::memory_order_seq_cst));

    if (padding > 0) header_at(place_of(tail)).store(kReady | kPadding | padding, std::memory_order_release);
    auto* const place = place_of(tail + padding);
    std::memcpy(place + kHeaderBytes, record.data(), record.size());
    header_at(place).store(kReady | record.size(), std::memory_order_release);
    return true;
}

bool ByteRing::empty() const { return head_.load(std::memory_order_seq_cst) == tail_.load(std::memory_order_seq_cst); }

void ByteRing::drain(std::string& out, std::size_t limit)
{
    auto head = head_.load(std::memory_order_relaxed);
    while (out.size() < limit) {
        auto* const place = place_of(head);
        auto const header = header_at(place).load(std::memory_order_acquire);
        if ((header & kReady) == 0) break;
        auto const length = header & kLength;
        bool const padding = (header & kPadding) != 0;
        if (!padding) out.append(place + kHeaderBytes, length);
        auto const used = padding ? length : record_bytes(length);
        std::memset(place, 0, used);
        head += used;
        head_.store(head, std::memory_order_release);   // only now may writers claim these words again
    }
}

base::Result<std::unique_ptr<DecisionLog>> DecisionLog::open(std::string const& path, Log& log)
{
    base::Fd file;
    if (!path.empty()) {
        auto opened = open_to_append(path);
        if (!opened) return base::fail(opened.error());
        file = std::move(*opened);
    }
    return std::unique_ptr<DecisionLog>{new DecisionLog{path, std::move(file), log}};
}

DecisionLog::DecisionLog(std::string path, base::Fd file, Log& log)
    : path_{std::move(path)}, file_{std::move(file)}, log_{&log}, ring_{path_.empty() ? 8 : kRingBytes}
{
    if (!path_.empty()) thread_ = std::thread{[this] { run(); }};
}

DecisionLog::~DecisionLog()
{
    stop_.store(true);
    wake();
    if (thread_.joinable()) thread_.join();
}

void DecisionLog::write(std::string_view line)
{
    if (path_.empty()) return;
    line = line.substr(0, kMaxLine);
    lines_.fetch_add(1, std::memory_order_relaxed);
    if (!ring_.try_write(line)) {
        waits_.fetch_add(1, std::memory_order_relaxed);
        do {
            wake();
            std::this_thread::sleep_for(kNap);
        } while (!ring_.try_write(line));
    }
    // Both sides are sequentially consistent: run() sees what we claimed, or we see it asleep.
    if (asleep_.load(std::memory_order_seq_cst) != 0) wake();
}

void DecisionLog::reopen()
{
    reopen_.store(true);
    wake();
}

void DecisionLog::wake()
{
    if (asleep_.exchange(0) != 0) asleep_.notify_one();
}

void DecisionLog::run()
{
    std::string batch;
    batch.reserve(kBatchBytes + kMaxLine);
    for (;;) {
        bool const stopping = stop_.load();
        if (reopen_.exchange(false)) open_again();
        ring_.drain(batch, kBatchBytes);
        if (!batch.empty()) {
            write_out(batch);
            if (!stopping) std::this_thread::sleep_for(kNap);
            continue;
        }
        if (stopping && ring_.empty()) return;
        asleep_.store(1);
        if (ring_.empty() && !stop_.load() && !reopen_.load()) asleep_.wait(1);
        asleep_.store(0);
    }
}

void DecisionLog::write_out(std::string& batch)
{
    std::string_view rest{batch};
    int failures_at_stop = 0;
    while (!rest.empty()) {
        auto const written = ::write(file_.get(), rest.data(), rest.size());
        if (written >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            log_->write(events::kDecisionLogFailed, {{"path", path_}, {"error", std::strerror(errno)}});
            if (stop_.load() && ++failures_at_stop > kRetriesAtStop) {
                log_->write(events::kDecisionLinesLost, {{"path", path_}, {"bytes", std::uint64_t{rest.size()}}});
                break;
            }
            std::this_thread::sleep_for(kRetry);
            if (reopen_.exchange(false)) open_again();   // the cure may have been another file
        }
    }
    batch.clear();
}

void DecisionLog::open_again()
{
    auto opened = open_to_append(path_);
    if (opened) file_ = std::move(*opened);
    else log_->write(events::kDecisionLogFailed, {{"path", path_}, {"error", opened.error().message}});
}

}   // namespace mailcore::observe
