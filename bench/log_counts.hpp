// What pflogsumm counts, counted from parsed lines: messages by their fate, senders and recipients with their domains, bytes,
// reasons of deferrals, bounces and refusals.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/text.hpp"
#include "outcomes/log/postfix_line.hpp"

namespace mailcore::bench {

class LogCounts {
public:
    void take(outcomes::PostfixLine const& line);
    // pflogsumm's "Grand Totals", line by line as it writes them.
    std::string grand_totals() const;
    std::string reasons(std::size_t most) const;   // the most frequent ones

private:
    struct Traffic {
        std::uint64_t messages = 0, bytes = 0, deferrals = 0;
        double delay = 0, longest = 0;
    };
    struct Message {
        std::uint64_t size = 0;
        bool received = false;
        bool deferred = false;
    };
    template <class Value>
    using ByName = std::unordered_map<std::string, Value, base::TextHash, std::equal_to<>>;

    void queued(outcomes::PostfixLine const& line);
    void delivery(outcomes::PostfixLine const& line);
    void sent(outcomes::PostfixLine const& line);
    void deferred(outcomes::PostfixLine const& line);
    Traffic& recipient_domain(outcomes::PostfixLine const& line);
    void reason(std::string_view what, std::string_view where, std::string_view text);

    ByName<Message> messages_;                        // from the first line to qmgr's removed
    ByName<Traffic> senders_, sender_domains_, recipients_, recipient_domains_;
    ByName<std::uint64_t> reasons_;
    std::string key_;                                 // keeps its memory
    std::uint64_t received_ = 0, delivered_ = 0, forwarded_ = 0, deferred_ = 0, deferrals_ = 0, bounced_ = 0, refused_ = 0, held_ = 0, warned_ = 0, discarded_ = 0;
    std::uint64_t bytes_received_ = 0, bytes_delivered_ = 0, recipient_domains_served_ = 0;
};

}   // namespace mailcore::bench
