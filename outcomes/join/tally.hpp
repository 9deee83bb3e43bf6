// The counters of a batch. Names: "sent|SES|kbz_test", "failed|…" (bounced, expired, rejected), "deferred|…" (attempts that
// were put off), "delay|SES|3" (Postfix's delay= of sent mail; the bucket's number, not cumulated), "delay_sum_ms|SES",
// "lost", "postfix_rejects" (Postfix's own 5xx refusals, with and without a tenant), "gate_defers".
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace mailcore::outcomes {

class Tally {
public:
    using Counters = std::map<std::string, std::uint64_t>;

    explicit Tally(Counters& batch) : batch_{batch} {}
    void know_tenants_of(Counters const& stored);   // so that the same tenants have their own counters after a restart

    void add(std::string_view kind, std::string_view provider, std::string_view tenant, std::uint64_t count = 1);
    void add(std::string_view name) { ++counter(name); }
    void add_delay(std::string_view provider, double seconds);

private:
    std::uint64_t& counter(std::string_view name);
    std::string_view label(std::string_view tenant);   // "other" for those beyond the most

    Counters& batch_;
    std::set<std::string, std::less<>> tenants_;
    std::string name_;   // keeps its memory
};

}   // namespace mailcore::outcomes
