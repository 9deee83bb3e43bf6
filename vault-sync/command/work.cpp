#include "vault-sync/command/work.hpp"

#include <algorithm>
#include <iterator>

#include "vault-sync/apply/files.hpp"
#include "vault-sync/apply/hooks.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr std::chrono::hours kTellOverdueAgain{24};

// Once a day for each secret, whether watch or a timer runs the passes.
void tell_overdue(Session& session, State const& state)
{
    auto& workshop = session.workshop();
    auto const now = workshop.now();
    auto const all = ages(session.settings(), state, now);
    auto const is_due = [](SecretAge const& age) { return age.is_overdue || age.is_soon; };
    std::vector<SecretAge> news;
    std::copy_if(all.begin(), all.end(), std::back_inserter(news), [&](SecretAge const& age) {
        auto const told = state.overdue_told.find(age.relay);
        return is_due(age) && (told == state.overdue_told.end() || now - told->second >= kTellOverdueAgain);
    });
    if (news.empty()) return;
    for (auto const& age : news) workshop.notify({&observe::events::kSecretOverdue, age.relay, words(age)});
    auto const saved = workshop.states.update([&](State& latest) {
        for (auto const& age : all) {
            if (!is_due(age)) latest.overdue_told.erase(age.relay);
        }
        for (auto const& age : news) latest.overdue_told[age.relay] = now;
    });
    if (!saved) workshop.notify({&observe::events::kStateFailed, "", saved.error().message});
    tell_hook(session, session.settings().hooks.on_overdue, overdue_facts(all, now));
}

}   // namespace

void tell_hook(Session& session, std::vector<std::string> const& hook, std::string const& facts)
{
    auto const ran = run_hook(hook, facts, session.settings().hooks.timeout);
    if (!ran) session.workshop().notify({&observe::events::kHookFailed, "", "hook: " + ran.error().message});
}

void finish_pass(Session& session, PassReport const& report, TellFailure tell_failure)
{
    auto& workshop = session.workshop();
    auto const& hooks = session.settings().hooks;
    if (report.changed) tell_hook(session, hooks.on_change, change_facts(report, workshop.now()));
    auto const failure = exit_code(report, false, false);
    if (failure != 0 && tell_failure == TellFailure::Yes) {
        tell_hook(session, hooks.on_failure, failure_facts(report, failure, workshop.now()));
    }
    tell_overdue(session, report.state);
}

observe::SyncFacts facts_of(Session& session, State const& state, std::uint64_t generation)
{
    observe::SyncFacts facts;
    facts.generation = generation;
    facts.held = state.hold.has_value();
    facts.reload_owed = state.reload_owed.has_value();
    facts.last_pass = session.workshop().now();
    facts.last_success = state.last_success;
    auto const all = ages(session.settings(), state, session.workshop().now());
    for (auto const& relay : session.settings().relays) {
        auto const known = state.secrets.find(relay.name.value);
        if (known == state.secrets.end()) continue;
        observe::SecretGauges gauges{relay.name.value, known->second.source, known->second.verified, 0, false};
        for (auto const& age : all) {
            if (age.relay != relay.name.value) continue;
            gauges.age_days = age.days;
            gauges.overdue = age.is_overdue;
        }
        facts.secrets.push_back(std::move(gauges));
    }
    if (auto* const vault = session.vault()) {
        if (auto const left = vault->token_left(session.workshop().now())) facts.token_seconds_left = static_cast<double>(left->count());
    }
    return facts;
}

void write_textfile(Session& session, std::string const& text)
{
    auto const& path = session.settings().metrics.textfile;
    if (path.empty()) return;
    if (auto written = replace_file(path, text, 0644); !written) {
        session.workshop().notify({&observe::events::kMetricsFailed, "", written.error().message});
    }
}

}   // namespace mailcore::vault_sync
