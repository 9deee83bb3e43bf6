// Making of metric families, for the classes here that serve them.
#pragma once

#include <cstdint>
#include <prometheus/metric_family.h>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace mailcore::observe {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// One row a family: what the reference page and /metrics say of it.
struct FamilyRow {
    char const* name;
    MetricType type;
    char const* labels;
    char const* help;
};

inline MetricFamily family(FamilyRow const& row) { return {row.name, row.help, row.type, {}}; }

inline ClientMetric counter(std::uint64_t value, std::vector<ClientMetric::Label> labels = {})
{
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = static_cast<double>(value);
    return metric;
}

inline ClientMetric gauge(double value, std::vector<ClientMetric::Label> labels = {})
{
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    return metric;
}

inline MetricFamily one_counter(FamilyRow const& row, std::uint64_t value)
{
    auto result = family(row);
    result.metric.push_back(counter(value));
    return result;
}

inline MetricFamily one_gauge(FamilyRow const& row, double value)
{
    auto result = family(row);
    result.metric.push_back(gauge(value));
    return result;
}

inline char const* type_name(MetricType type)
{
    return type == MetricType::Counter ? "counter" : type == MetricType::Gauge ? "gauge" : "histogram";
}

std::span<FamilyRow const> sync_families();      // vault-sync's, for the reference page
std::span<FamilyRow const> outcome_families();   // mailcore-outcomes'

// A table of docs/metrics.md.
inline std::string family_table(std::span<FamilyRow const> rows)
{
    std::string table = "| family | type | labels | meaning |\n| --- | --- | --- | --- |\n";
    for (auto const& row : rows) {
        table += std::string{"| `"} + row.name + "` | " + type_name(row.type) + " | " + row.labels + " | " + row.help + " |\n";
    }
    return table;
}

}   // namespace mailcore::observe
