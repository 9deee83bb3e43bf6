#include "core/observe/sync_metrics.hpp"

#include <array>
#include <mutex>
#include <prometheus/text_serializer.h>

#include "core/observe/metric_family.hpp"
#include "core/observe/page_server.hpp"

namespace mailcore::observe {
namespace {

constexpr FamilyRow kBuildInfo{"mailcore_build_info", MetricType::Gauge, "daemon, version", "Always 1; says what runs."};
constexpr FamilyRow kLastPass{"mailcore_vault_sync_last_pass_timestamp_seconds", MetricType::Gauge, "",
                              "When the last pass ended, as Unix time."};
constexpr FamilyRow kLastSuccess{"mailcore_vault_sync_last_success_timestamp_seconds", MetricType::Gauge, "",
                                 "When a pass last read every secret from its own source without a complaint."};
constexpr FamilyRow kPasses{"mailcore_vault_sync_passes_total", MetricType::Counter, "result",
                            "Passes since the start: ok, degraded (cache or environment serve), failed, provider_refused, login_refused."};
constexpr FamilyRow kSwitches{"mailcore_vault_sync_switches_total", MetricType::Counter, "", "Switches to a new generation since the start."};
constexpr FamilyRow kRollbacks{"mailcore_vault_sync_rollbacks_total", MetricType::Counter, "", "Automatic rollbacks since the start."};
constexpr FamilyRow kGeneration{"mailcore_vault_sync_generation", MetricType::Gauge, "", "The generation that Postfix uses; 0 = none."};
constexpr FamilyRow kHeld{"mailcore_vault_sync_held", MetricType::Gauge, "", "1 while a rollback holds a value back."};
constexpr FamilyRow kReloadOwed{"mailcore_vault_sync_reload_owed", MetricType::Gauge, "", "1 while Postfix has not been reloaded after a switch."};
constexpr FamilyRow kAge{"mailcore_vault_sync_secret_age_days", MetricType::Gauge, "relay", "Age of the login in use, in days."};
constexpr FamilyRow kOverdue{"mailcore_vault_sync_secret_overdue", MetricType::Gauge, "relay", "1 if the login is older than rotation allows."};
constexpr FamilyRow kSource{"mailcore_vault_sync_source", MetricType::Gauge, "relay, source",
                            "1 for the source of the value in use: vault, file, cache or environment."};
constexpr FamilyRow kVerified{"mailcore_vault_sync_verified", MetricType::Gauge, "relay, result",
                              "1 for what the last proof said: works, refused, inconclusive or not_tried."};
constexpr FamilyRow kTokenLeft{"mailcore_vault_sync_token_seconds_left", MetricType::Gauge, "",
                               "Life left of Vault's token; absent while there is none or it never expires."};

constexpr std::array kFamilies{kBuildInfo, kLastPass, kLastSuccess, kPasses, kSwitches, kRollbacks, kGeneration,
                               kHeld, kReloadOwed, kAge, kOverdue, kSource, kVerified, kTokenLeft};

double seconds(base::Time time)
{
    return static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

MetricFamily one_time(FamilyRow const& row, std::optional<base::Time> const& time)
{
    return one_gauge(row, time ? seconds(*time) : 0);
}

MetricFamily collect_passes(SyncFacts const& facts)
{
    auto result = family(kPasses);
    for (auto const* word : {"ok", "degraded", "failed", "provider_refused", "login_refused"}) {
        auto const found = facts.passes.find(word);
        result.metric.push_back(counter(found == facts.passes.end() ? 0 : found->second, {{"result", word}}));
    }
    return result;
}

// One metric for each relay, `each` telling its value and labels.
template <class Each>
MetricFamily of_secrets(FamilyRow const& row, SyncFacts const& facts, Each each)
{
    auto result = family(row);
    for (auto const& secret : facts.secrets) result.metric.push_back(each(secret));
    return result;
}

}   // namespace

struct SyncMetrics::State {
    std::string version;
    mutable std::mutex mutex;
    SyncFacts facts;
    PageServer server;

    std::vector<MetricFamily> collect() const
    {
        std::lock_guard const guard{mutex};
        auto build = family(kBuildInfo);
        build.metric.push_back(gauge(1, {{"daemon", "vault-sync"}, {"version", version}}));
        std::vector<MetricFamily> all{
            build, one_time(kLastPass, facts.last_pass), one_time(kLastSuccess, facts.last_success), collect_passes(facts),
            one_counter(kSwitches, facts.switches), one_counter(kRollbacks, facts.rollbacks),
            one_gauge(kGeneration, static_cast<double>(facts.generation)), one_gauge(kHeld, facts.held ? 1 : 0),
            one_gauge(kReloadOwed, facts.reload_owed ? 1 : 0),
            of_secrets(kAge, facts, [](SecretGauges const& s) { return gauge(s.age_days, {{"relay", s.relay}}); }),
            of_secrets(kOverdue, facts, [](SecretGauges const& s) { return gauge(s.overdue ? 1 : 0, {{"relay", s.relay}}); }),
            of_secrets(kSource, facts, [](SecretGauges const& s) { return gauge(1, {{"relay", s.relay}, {"source", s.source}}); }),
            of_secrets(kVerified, facts, [](SecretGauges const& s) {
                return gauge(1, {{"relay", s.relay}, {"result", s.verified.empty() ? "not_tried" : s.verified}});
            })};
        if (facts.token_seconds_left) all.push_back(one_gauge(kTokenLeft, *facts.token_seconds_left));
        return all;
    }
};

SyncMetrics::SyncMetrics(std::string const& version) : state_{std::make_unique<State>()} { state_->version = version; }
SyncMetrics::~SyncMetrics() { stop_serving(); }

void SyncMetrics::set(SyncFacts facts)
{
    std::lock_guard const guard{state_->mutex};
    state_->facts = std::move(facts);
}

std::string SyncMetrics::text() const { return prometheus::TextSerializer{}.Serialize(state_->collect()); }

base::Result<> SyncMetrics::serve(net::SocketAddress const& address)
{
    return state_->server.start(address, {{"/metrics", [this] { return prometheus_page(text()); }}});
}

void SyncMetrics::stop_serving() { state_->server.stop(); }

std::span<FamilyRow const> sync_families() { return kFamilies; }

}   // namespace mailcore::observe
