#include "vault-sync/apply/pass.hpp"

#include <algorithm>
#include <set>

#include "vault-sync/apply/switch.hpp"

namespace mailcore::vault_sync {

namespace events = observe::events;

namespace {

// "hash" for "hash:/etc/postfix/mailcore/current/sasl_passwd" among the tables of a value; "" where it is not named.
std::string type_named_for(std::string_view tables, std::string const& path)
{
    auto const at = tables.find(':' + path);
    if (at == std::string_view::npos) return "";
    auto const before = tables.substr(0, at);
    auto const start = before.find_last_of(", \t{:");
    return std::string{start == std::string_view::npos ? before : before.substr(start + 1)};
}

std::optional<int> days(std::map<std::string, std::string> const& metadata)
{
    auto const found = metadata.find("rotation_days");
    if (found == metadata.end()) return std::nullopt;
    auto const value = std::strtol(found->second.c_str(), nullptr, 10);
    return value > 0 && value < 36'500 ? std::optional{static_cast<int>(value)} : std::nullopt;
}

std::set<std::string> waiting_for_authentication(Postfix const& postfix)
{
    std::set<std::string> queue_ids;
    if (auto const waiting = postfix.waiting_for_authentication()) {
        for (auto const& recipient : *waiting) queue_ids.insert(recipient.queue_id);
    }
    return queue_ids;
}

// One pass, step by step; run() reads like the list of them.
class Pass {
public:
    Pass(Workshop& workshop, PassOptions const& options) : workshop_{workshop}, options_{options} {}

    base::Result<PassReport> run()
    {
        auto lock = workshop_.states.lock();
        if (!lock) return base::fail(lock.error());
        if (auto ready = prepare(); !ready) return base::fail(ready.error());

        gather_all();
        make_the_plan();
        for (auto& relay : plan_.relays) carry_out_proof(relay);
        prove_relay_to_use();
        if (can_render()) switch_if_changed();
        else is_stopped_ = true;
        remember();
        return std::move(report_);
    }

private:
    void say(observe::Event const& event, std::string relay, std::string words)
    {
        workshop_.notify({&event, std::move(relay), std::move(words)});
    }

    base::Result<> prepare()
    {
        workshop_.generations->remove_leftovers();
        auto state = workshop_.states.load();
        if (!state) return base::fail(state.error());
        state_ = std::move(*state);
        if (!options_.use.empty()) state_.active = options_.use == workshop_.settings.active.value ? "" : options_.use;
        if (auto const current = workshop_.generations->current(); !current) return base::fail(current.error());
        auto former = workshop_.generations->load_current();
        if (former) former_ = std::move(*former);
        else say(events::kGenerationDamaged, "", "the current generation is damaged: " + former.error().message);
        report_.former = report_.generation = former_ ? former_->number : 0;
        settled_ = Switcher{workshop_, state_}.settle();
        if (!settled_) report_.failed = true;
        return {};
    }

    void gather_all()
    {
        static std::vector<Relay> const kNone;
        gathered_ = gather(workshop_.settings, active_relay(workshop_.settings, state_),
                           former_ ? former_->relays : kNone, workshop_.sources);
        state_.complaints.clear();
        for (auto const& [name, gathered] : gathered_) {
            tell_trouble(name, gathered);
            for (auto const& warning : gathered.warnings) say(events::kSecretWarning, name, warning);
        }
    }

    void tell_trouble(std::string const& name, Gathered const& gathered)
    {
        if (gathered.trouble == Trouble::None) return;
        state_.complaints[name] = gathered.complaint;
        count_trouble(report_, gathered, workshop_.sources);
        switch (gathered.trouble) {
            case Trouble::None: return;
            case Trouble::NoCredentials: return say(events::kNoCredentials, name, gathered.complaint + served_by(gathered));
            case Trouble::LoginRefused: return say(events::kLoginRefused, name, gathered.complaint + served_by(gathered));
            case Trouble::NotTaken: return say(events::kSecretNotTaken, name, gathered.complaint + kept_by(name));
            case Trouble::Away:
                if (gathered.is_served) return say(events::kSourceServes, name, gathered.complaint + served_by(gathered));
                return say(events::kVaultAway, name, gathered.complaint + "; neither the cache nor the environment can serve" + kept_by(name));
        }
    }

    std::string served_by(Gathered const& gathered) const
    {
        if (!gathered.is_served) return "";
        auto const source = gathered.record ? gathered.record->source : Source::Cache;
        return "; served from the " + std::string{word(source)};
    }

    std::string kept_by(std::string const& name) const
    {
        bool const is_in_use = former_ && find_relay(former_->relays, name) != nullptr;
        return is_in_use ? "; Postfix keeps what it has" : "";
    }

    void make_the_plan()
    {
        plan_ = make_plan({workshop_.settings, state_, gathered_, former_ ? &*former_ : nullptr, *workshop_.fingerprints,
                           workshop_.generations->map_type(), workshop_.now(), options_.force, !options_.use.empty()});
        end_hold_where_another_value_came();
        for (auto const& relay : plan_.relays) {
            if (relay.why == PlannedRelay::Why::Held) say(events::kValueHeld, relay.name, relay.words);
            if (relay.why == PlannedRelay::Why::RefusedBefore) {
                report_.provider_refused = true;
                state_.complaints[relay.name] = relay.words;
                say(events::kProviderRefused, relay.name, relay.words);
            }
        }
    }

    void end_hold_where_another_value_came()
    {
        if (!state_.hold) return;
        if (options_.force) return state_.hold.reset();
        for (auto const& relay : plan_.relays) {
            auto const& gathered = gathered_.at(relay.name);
            bool const came_from_its_own_source = gathered.record && gathered.trouble == Trouble::None;
            if (relay.why != PlannedRelay::Why::Held && came_from_its_own_source) state_.hold->values.erase(relay.name);
        }
        if (!plan_.routing_is_held) state_.hold->routings.clear();
        if (state_.hold->values.empty() && state_.hold->routings.empty()) state_.hold.reset();
    }

    void keep(PlannedRelay& relay, std::string words)
    {
        relay.step = relay.former ? PlannedRelay::Step::Keep : PlannedRelay::Step::Missing;
        relay.why = PlannedRelay::Why::Trouble;
        relay.words = std::move(words);
        state_.complaints[relay.name] = relay.words;
    }

    void carry_out_proof(PlannedRelay& relay)
    {
        if (relay.step != PlannedRelay::Step::Prove) return;
        auto const proof = workshop_.prove(*relay.candidate, relay.is_new_value);
        auto const words = relay.name + ": " + proof.words;
        auto const value = workshop_.fingerprints->value(*relay.candidate);
        switch (proof.kind) {
            case Proof::Kind::Works:
                verified_[relay.name] = "works";
                state_.refused.erase(relay.name);
                relay.step = PlannedRelay::Step::Take;
                return;
            case Proof::Kind::Refused:
                verified_[relay.name] = "refused";
                state_.refused[relay.name] = {value, workshop_.now(), proof.words};
                report_.provider_refused = true;
                say(events::kProviderRefused, relay.name, words + kept_by(relay.name));
                return keep(relay, words);
            case Proof::Kind::Inconclusive:
                verified_[relay.name] = "inconclusive";
                say(events::kProofInconclusive, relay.name, words + (options_.force ? "; taken unproved (--force)" : kept_by(relay.name)));
                if (options_.force) {
                    relay.step = PlannedRelay::Step::Take;
                    return;
                }
                report_.failed = true;
                return keep(relay, words);
        }
    }

    // `use` makes no relay the active one whose login does not work now.
    void prove_relay_to_use()
    {
        if (options_.use.empty() || options_.force || !workshop_.settings.verify.before_switch) return;
        auto const found = std::find_if(plan_.relays.begin(), plan_.relays.end(), [&](auto const& relay) { return relay.name == options_.use; });
        auto const* const relay = found == plan_.relays.end() ? nullptr : found->wanted();
        if (relay == nullptr || verified_[options_.use] == "works") return;
        auto const proof = workshop_.prove(*relay, false);
        if (proof.kind == Proof::Kind::Works) return;
        bool const refused = proof.kind == Proof::Kind::Refused;
        (refused ? report_.provider_refused : report_.failed) = true;
        say(refused ? events::kProviderRefused : events::kProofInconclusive, options_.use,
            options_.use + ": " + proof.words + "; the active relay stays " + (former_ ? former_->routing.active : "as it was") +
                " (vault-sync use --force does not ask)");
        is_stopped_ = true;
    }

    // main.cf names the maps with their type: with another one Postfix would find none of them, and defer all mail.
    bool fits_main_cf()
    {
        auto const values = workshop_.postfix.parameters({"smtp_sasl_password_maps"});
        if (!values) return true;   // told by those who need Postfix
        auto const named = type_named_for(values->contains("smtp_sasl_password_maps") ? values->at("smtp_sasl_password_maps") : "",
                                          workshop_.generations->directory() + "/current/sasl_passwd");
        auto const& type = workshop_.generations->map_type();
        if (named.empty() || named == type) return true;
        report_.failed = true;
        say(events::kSwitchFailed, "",
            "nothing is switched: main.cf names " + named + ":" + workshop_.generations->directory() +
                "/current/sasl_passwd, and the maps would be " + type + "; write " + type +
                " for each of our maps in main.cf, or output.map_type: " + named);
        return false;
    }

    // Whether a whole generation can be made: never one that lacks a relay which mail is sent to.
    bool can_render()
    {
        if (is_stopped_ || !settled_) return false;
        if (plan_.changes_anything() && !fits_main_cf()) return false;
        bool whole = true;
        for (auto const& relay : plan_.relays) {
            if (relay.wanted() != nullptr || !is_named(plan_.routing, relay.name)) continue;
            whole = false;
            report_.failed = true;
            say(events::kSwitchFailed, relay.name,
                "nothing is switched: mail is sent to relay " + relay.name + ", and there is no value for it");
        }
        return whole;
    }

    Generation next_generation() const
    {
        Generation next;
        next.number = workshop_.generations->next_number();
        next.created = workshop_.now();
        next.routing = plan_.routing;
        for (auto const& relay : plan_.relays) {
            if (auto const* wanted = relay.wanted()) next.relays.push_back(wanted->copy());
        }
        return next;
    }

    void switch_if_changed()
    {
        if (!plan_.changes_anything()) {
            if (former_) say(events::kSecretsUnchanged, "", "nothing changed; generation " + std::to_string(former_->number) + " stays");
            return;
        }
        auto const next = next_generation();
        auto changing = state_;
        fill_switch(changing, next);
        auto const switched = Switcher{workshop_, changing}.switch_to(next, former_);
        auto const current = workshop_.generations->current();
        report_.changed = current && *current && **current == next.number;
        if (report_.changed) {
            state_ = std::move(changing);
            report_.generation = next.number;
        } else {
            if (!options_.use.empty()) is_stopped_ = true;
        }
        if (switched) return workshop_.generations->prune(workshop_.settings.output.keep);
        report_.failed = true;
        say(events::kSwitchFailed, "", switched.error().message + (report_.changed ? "" : "; Postfix keeps what it has"));
    }

    void fill_switch(State& state, Generation const& next) const
    {
        Switch last;
        last.from = former_ ? former_->number : 0;
        last.to = next.number;
        last.at = workshop_.now();
        for (auto const& relay : plan_.relays) {
            if (relay.step == PlannedRelay::Step::Take) last.relays.insert(relay.name);
        }
        if (former_ && former_->routing.active != next.routing.active) last.relays.insert(next.routing.active);
        if (former_) last.deferred_before = waiting_for_authentication(workshop_.postfix);
        state.flush_owed = !last.relays.empty();
        state.last_switch = std::move(last);
    }

    void remember()
    {
        if (is_stopped_ && !options_.use.empty()) {   // it was refused: what was set before stays
            if (auto const former = workshop_.states.load()) {
                state_.active = former->active;
                state_.hold = former->hold;
            }
        }
        std::map<std::string, SecretRecord const*> good;
        for (auto const& relay : plan_.relays) tell_outcome(relay, good);
        report_.routing = report_.changed || !former_ ? plan_.routing : former_->routing;
        state_.source = weakest_source();
        bool const went_well = !report_.failed && !report_.served && !report_.login_refused && !report_.provider_refused;
        if (went_well) state_.last_success = workshop_.now();
        if (auto saved = workshop_.states.save(state_); !saved) {
            report_.failed = true;
            say(events::kStateFailed, "", saved.error().message);
        }
        report_.state = state_;
        if (auto saved = workshop_.cache->save(good, workshop_.now()); !saved) say(events::kCacheFailed, "", saved.error().message);
    }

    bool is_in_use(PlannedRelay const& relay) const
    {
        return relay.step == PlannedRelay::Step::Same || (relay.step == PlannedRelay::Step::Take && report_.changed);
    }

    void tell_outcome(PlannedRelay const& relay, std::map<std::string, SecretRecord const*>& good)
    {
        RelayOutcome outcome{relay.name, result_word(relay), relay.words, std::nullopt, std::nullopt};
        auto const& gathered = gathered_.at(relay.name);
        if (is_in_use(relay) && gathered.record) {
            outcome.source = gathered.record->source;
            remember_value(relay.name, *relay.candidate, *gathered.record);
            bool const is_own = gathered.record->source == Source::Vault || gathered.record->source == Source::File;
            if (is_own) good.emplace(gathered.record->path, &*gathered.record);
        } else if (relay.former) {
            outcome.source = relay.former->source;
        }
        auto const* const used = is_in_use(relay) ? &*relay.candidate : relay.former ? &*relay.former : nullptr;
        if (used != nullptr) {
            outcome.relay = used->copy();
            outcome.relay->user = used->shown_user();
            outcome.relay->password.clear();
        }
        report_.relays.push_back(std::move(outcome));
    }

    static std::string result_word(PlannedRelay const& relay)
    {
        switch (relay.step) {
            case PlannedRelay::Step::Same: return "unchanged";
            case PlannedRelay::Step::Prove:
            case PlannedRelay::Step::Take: return relay.former ? "changed" : "new";
            case PlannedRelay::Step::Missing: return "missing";
            case PlannedRelay::Step::Keep: return relay.why == PlannedRelay::Why::Held ? "held" : "kept";
        }
        return "";
    }

    void remember_value(std::string const& name, Relay const& relay, SecretRecord const& record)
    {
        auto& known = state_.secrets[name];
        auto const credential = workshop_.fingerprints->credential(relay);
        if (known.credential != credential) {
            known = KnownSecret{};
            known.credential = credential;
            known.first_seen = record.created && *record.created < workshop_.now() ? *record.created : workshop_.now();
        }
        auto const rotated = record.custom_metadata.find("rotated_at");
        known.rotated_at = rotated == record.custom_metadata.end() ? std::nullopt : base::parse_time(rotated->second);
        known.rotation_days = days(record.custom_metadata);
        known.source = std::string{word(record.source)};
        known.path = record.path;
        known.version = record.version;
        known.has_login = relay.has_login();
        if (auto const verified = verified_.find(name); verified != verified_.end() && !verified->second.empty()) known.verified = verified->second;
    }

    // Of all relays in use the source that is worth the least: Vault, file, cache, environment.
    std::string weakest_source() const
    {
        auto const rank = [](Source source) {
            switch (source) {
                case Source::Vault: return 0;
                case Source::File: return 1;
                case Source::Cache: return 2;
                case Source::Environment: return 3;
            }
            return 0;
        };
        std::optional<Source> weakest;
        for (auto const& [name, gathered] : gathered_) {
            auto const source = gathered.record ? gathered.record->source : Source::Cache;
            if (!gathered.record && !gathered.is_served) continue;
            if (!weakest || rank(source) > rank(*weakest)) weakest = source;
        }
        return weakest ? std::string{word(*weakest)} : "";
    }

    Workshop& workshop_;
    PassOptions const& options_;
    PassReport report_;
    State state_;
    std::optional<Generation> former_;
    GatheredRelays gathered_;
    Plan plan_;
    std::map<std::string, std::string> verified_;
    bool settled_ = true;
    bool is_stopped_ = false;
};

}   // namespace

base::Result<PassReport> run_pass(Workshop& workshop, PassOptions const& options) { return Pass{workshop, options}.run(); }

void count_trouble(PassReport& report, Gathered const& gathered, SecretSources const& sources)
{
    if (gathered.trouble == Trouble::None) return;
    bool const is_own_fault = gathered.trouble == Trouble::NotTaken || gathered.trouble == Trouble::NoCredentials;
    report.login_refused |= gathered.trouble == Trouble::LoginRefused;
    report.failed |= is_own_fault || !gathered.is_served;
    report.served |= gathered.trouble == Trouble::Away && gathered.is_served && sources.use_vault;
}

int exit_code(PassReport const& report, bool detailed, bool overdue)
{
    if (report.login_refused) return 12;
    if (report.provider_refused) return 11;
    if (report.failed) return 1;
    if (report.served) return 10;
    if (detailed && overdue) return 13;
    return detailed && report.changed ? 2 : 0;
}

}   // namespace mailcore::vault_sync
