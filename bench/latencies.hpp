// How long things took, kept as counts in buckets less than one percent wide: millions of samples in 30 KiB, and
// recording one costs a few nanoseconds.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace mailcore::bench {

class Latencies {
public:
    void record(std::uint64_t nanoseconds)
    {
        ++buckets_[bucket_of(nanoseconds)];
        ++count_;
    }
    std::uint64_t count() const { return count_; }

    // The time that `share` (0.99) of all samples did not exceed, in microseconds.
    double percentile(double share) const
    {
        auto const wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
        auto seen = std::uint64_t{0};
        for (std::size_t at = 0; at < buckets_.size(); ++at) {
            seen += buckets_[at];
            if (seen > wanted) return static_cast<double>(upper_end(at)) / 1000.0;
        }
        return 0;
    }

private:
    // Below 2^kBits one bucket a nanosecond; above, 2^(kBits-1) buckets for each doubling.
    static constexpr unsigned kBits = 8;
    static constexpr std::size_t kHalf = std::size_t{1} << (kBits - 1);
    static constexpr unsigned kMostShift = 32;   // longer than 1000 s counts as that

    static std::size_t bucket_of(std::uint64_t value)
    {
        auto const width = static_cast<unsigned>(std::bit_width(value));
        if (width <= kBits) return static_cast<std::size_t>(value);
        auto const shift = width - kBits;
        if (shift > kMostShift) return kBucketCount - 1;
        return shift * kHalf + static_cast<std::size_t>(value >> shift);
    }
    static std::uint64_t upper_end(std::size_t bucket)
    {
        if (bucket < 2 * kHalf) return bucket;
        auto const shift = bucket / kHalf - 1;
        return ((bucket - shift * kHalf + 1) << shift) - 1;
    }

    static constexpr std::size_t kBucketCount = (kMostShift + 2) * kHalf;

    std::array<std::uint64_t, kBucketCount> buckets_{};
    std::uint64_t count_ = 0;
};

}   // namespace mailcore::bench
