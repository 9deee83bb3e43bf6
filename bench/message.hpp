// The mail that the benchmarks send: 14 headers as a shop's mail has them (16 with the claims), a ticket in the
// subject.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/population.hpp"

namespace mailcore::bench {

struct Message {
    std::string queue_id;
    std::string recipient;
    std::vector<std::pair<std::string_view, std::string>> headers;
};

class MessageWriter {
public:
    explicit MessageWriter(bool claim) : claim_{claim} {}
    void write(Sender const& sender, Message& message);   // every message is another

private:
    bool claim_;
    std::uint64_t sequence_ = 0;
};

}   // namespace mailcore::bench
