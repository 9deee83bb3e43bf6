#include "outcomes/join/tally.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace mailcore::outcomes {
namespace {

constexpr std::size_t kMostTenants = 200;   // label values; a metric for each of many thousands would drown Prometheus
constexpr std::array kDelaySeconds{0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3'600.0, 21'600.0, 86'400.0};   // then +Inf

std::string_view tenant_in(std::string_view counter)
{
    constexpr auto npos = std::string_view::npos;
    auto const first = counter.find('|');
    bool const is_by_tenant = counter.starts_with("sent|") || counter.starts_with("failed|") || counter.starts_with("deferred|");
    auto const second = is_by_tenant ? counter.find('|', first + 1) : npos;
    return second == npos ? std::string_view{} : counter.substr(second + 1);
}

}   // namespace

void Tally::know_tenants_of(Counters const& stored)
{
    for (auto const& [name, count] : stored) label(tenant_in(name));
}

void Tally::add(std::string_view kind, std::string_view provider, std::string_view tenant, std::uint64_t count)
{
    name_.assign(kind).append("|").append(provider).append("|").append(label(tenant));
    batch_[name_] += count;
}

void Tally::add_delay(std::string_view provider, double seconds)
{
    auto const bucket = std::lower_bound(kDelaySeconds.begin(), kDelaySeconds.end(), seconds) - kDelaySeconds.begin();
    name_.assign("delay|").append(provider).append("|").append(std::to_string(bucket));
    ++batch_[name_];
    name_.assign("delay_sum_ms|").append(provider);
    batch_[name_] += static_cast<std::uint64_t>(std::llround(std::max(seconds, 0.0) * 1'000));
}

std::uint64_t& Tally::counter(std::string_view name)
{
    name_ = name;
    return batch_[name_];
}

std::string_view Tally::label(std::string_view tenant)
{
    if (tenant.empty() || tenant == "other" || tenants_.contains(tenant)) return tenant;
    if (tenants_.size() >= kMostTenants) return "other";
    return *tenants_.emplace(tenant).first;
}

}   // namespace mailcore::outcomes
