#include "core/rules/decide.hpp"

#include <algorithm>

#include "core/rules/evidence.hpp"
#include "core/rules/ticket.hpp"

namespace mailcore::rules {
namespace {

using mail::Action;
using mail::Address;
using mail::HeaderFrom;
using mail::Reason;
using mail::Request;
using mail::Stage;
using mail::Verdict;

std::string text_of(mail::SmtpReply const& reply) { return mail::to_string(reply); }

std::string shown(Address const& address)
{
    switch (address.kind()) {
        case Address::Kind::Absent: return "(not known yet)";
        case Address::Kind::Null: return "<>";
        case Address::Kind::NoDomain:
        case Address::Kind::Mailbox: return base::printable(address.text());
    }
    return "";
}

// What came of asking one tenant.
struct Outcome {
    Action action = Action::Pass;
    Reason reason = Reason::Ok;
    Action would = Action::Pass;
    Rule const* rule = nullptr;
    std::string_view ticket{};

    bool passes() const { return action == Action::Pass; }
    bool passes_cleanly() const { return passes() && would == Action::Pass; }
};

Outcome refused(Reason reason) { return {Action::Reject, reason}; }

// Where any of several tenants may be meant, the kindest outcome counts, and of refusals the one that got furthest.
int rank(Outcome const& outcome)
{
    if (outcome.passes_cleanly()) return 300;
    if (outcome.passes()) return 200;
    int const gentleness = outcome.action == Action::Hold ? 100 : 0;
    return gentleness + static_cast<int>(outcome.reason);
}

class Decider {
public:
    Decider(Ruleset const& ruleset, Request const& request, Suspensions const& suspensions, Trace* trace)
        : ruleset_{ruleset}, request_{request}, suspensions_{suspensions}, trace_{trace}
    {
    }

    Verdict decide();

private:
    Verdict decide_connection(Evidence const& evidence);
    Verdict decide_message(Evidence const& evidence, SenderMatches const& senders);
    Verdict decide_claimed(Evidence const& evidence, SenderMatches const& senders);
    Verdict decide_final(Evidence const& evidence, SenderMatches const& senders);
    Verdict decide_any(Evidence const& evidence, SenderMatches const& senders);
    Verdict decide_tenant(Tenant const& tenant);

    Outcome check_any_of(Terms const& terms, Outcome best);
    Tenant const* substitute_for_suspended(Terms const& terms) const;
    Outcome check_tenant(Terms const& terms, std::string_view tenant);
    bool is_suspended(std::string_view tenant) const;
    Outcome check_terms(Terms const& terms, std::string_view tenant);
    Reason check_recipients(Terms const& terms);
    Reason check_recipient(RecipientTerms const& terms, Address const& recipient);
    Reason check_size(Terms const& terms);
    Reason check_from(Terms const& terms);
    Outcome check_rules(std::string_view tenant);

    Reason no_evidence(Evidence const& evidence) const;
    bool all_observed(Evidence const& evidence) const;
    bool all_suspended(Evidence const& evidence) const;
    Verdict without_tenant(Reason reason, bool observed);
    Verdict verdict_of(Outcome const& outcome, std::string_view tenant);
    bool is_final() const { return request_.message.has_value(); }

    template <class Text>
    void trace(char const* step, Text make_text) const
    {
        if (trace_ != nullptr) trace_->add(step, make_text());
    }
    void trace_evidence(Evidence const& evidence) const;
    void trace_senders(SenderMatches const& senders) const;

    Ruleset const& ruleset_;
    Request const& request_;
    Suspensions const& suspensions_;
    Trace* trace_;
};

Verdict Decider::decide()
{
    if (request_.local) {
        trace("local", [] { return std::string{"came by sendmail(1) on this host: stripped, never refused, no tenant"}; });
        return {};
    }
    Evidence const evidence{ruleset_, request_};
    trace_evidence(evidence);
    switch (request_.stage) {
        case Stage::Connect:
        case Stage::Helo:
        case Stage::Vrfy:
        case Stage::Etrn: return decide_connection(evidence);
        case Stage::Mail:
        case Stage::Rcpt:
        case Stage::Data:
        case Stage::EndOfMessage: break;
    }
    if (evidence.kind() == Evidence::Kind::Unknown) return {};   // the end of the message will tell
    if (evidence.empty()) return without_tenant(no_evidence(evidence), ruleset_.unknown_tenant_observed);

    SenderMatches const senders{ruleset_, request_.sender};
    trace_senders(senders);
    return decide_message(evidence, senders);
}

// Before MAIL only the address is known. A login or certificate may still come, where tenants have such.
Verdict Decider::decide_connection(Evidence const& evidence)
{
    if (ruleset_.has_logins_or_certificates || evidence.kind() != Evidence::Kind::Network || !evidence.empty()) return {};
    return without_tenant(Reason::ClientNotAllowed, ruleset_.unknown_tenant_observed);
}

Verdict Decider::decide_message(Evidence const& evidence, SenderMatches const& senders)
{
    bool any = false;
    for_each_candidate(evidence, senders, [&](TermsId) {
        any = true;
        return false;
    });
    if (!any) return without_tenant(Reason::SenderNotAllowed, all_observed(evidence));
    if (is_final() && !request_.message->tenant_claims.empty()) return decide_claimed(evidence, senders);
    return is_final() ? decide_final(evidence, senders) : decide_any(evidence, senders);
}

// Step 3: the claim selects among the tenants that evidence and sender allow; it cannot add one.
Verdict Decider::decide_claimed(Evidence const& evidence, SenderMatches const& senders)
{
    auto const& claims = request_.message->tenant_claims;
    bool const same = std::all_of(claims.begin(), claims.end(), [&](auto const& claim) { return claim == claims.front(); });
    auto const* tenant = same ? ruleset_.find_tenant(claims.front()) : nullptr;
    bool const allowed = tenant != nullptr && evidence.holds(tenant->terms) && senders.holds(tenant->terms);
    trace("claim", [&] {
        auto const claimed = same ? "tenant " + base::printable(claims.front()) : std::string{"claims that differ"};
        return claimed + (allowed ? ": one of those possible" : ": not one of those possible");
    });
    if (!allowed) return without_tenant(Reason::TenantClaimRefused, all_observed(evidence));
    return decide_tenant(*tenant);
}

// Without a claim there must be exactly one. The tenants of a null sender are told apart by the header From first.
Verdict Decider::decide_final(Evidence const& evidence, SenderMatches const& senders)
{
    std::size_t count = 0;
    TermsId found = 0;
    auto const take = [&](TermsId id) {
        found = id;
        count += ruleset_.terms[id].tenants.size();
        return count < 2;
    };
    auto const& from = request_.message->from;
    if (request_.sender.kind() == Address::Kind::Null && from.state == HeaderFrom::State::One) {
        for_each_candidate(evidence, SenderMatches{ruleset_, from.address},
                           [&](TermsId id) { return !ruleset_.terms[id].null_sender || take(id); });
        trace("claim", [&] { return "null sender: header From leads to " + std::to_string(count) + (count > 1 ? " or more" : "") + " of them"; });
    }
    if (count == 0) for_each_candidate(evidence, senders, take);
    if (count > 1) return without_tenant(Reason::TenantAmbiguous, all_observed(evidence));
    return decide_tenant(ruleset_.tenants[ruleset_.terms[found].tenants.front()]);
}

// Until the message is seen any of the tenants may be meant: what one of them would let pass, passes.
Verdict Decider::decide_any(Evidence const& evidence, SenderMatches const& senders)
{
    std::size_t tenants = 0;
    Outcome best{Action::Reject, Reason::LoginUnknown};
    TenantId only = 0;
    for_each_candidate(evidence, senders, [&](TermsId id) {
        auto const& terms = ruleset_.terms[id];
        tenants += terms.tenants.size();
        only = terms.tenants.front();
        best = check_any_of(terms, best);
        return tenants < 2 || !best.passes_cleanly();
    });
    trace("tenant", [&] {
        return tenants == 1 ? ruleset_.tenants[only].name : std::string{"several possible; what one of them may, passes"};
    });
    return verdict_of(best, tenants == 1 ? std::string_view{ruleset_.tenants[only].name} : std::string_view{});
}

// The better of `best` and what the terms' representatives, and who stands in for a suspended one, may.
Outcome Decider::check_any_of(Terms const& terms, Outcome best)
{
    auto const try_tenant = [&](std::string_view tenant) {
        auto const outcome = check_tenant(terms, tenant);
        if (rank(outcome) > rank(best)) best = outcome;
    };
    for (auto const id : terms.representatives) {
        if (best.passes_cleanly()) return best;
        try_tenant(ruleset_.tenants[id].name);
    }
    if (suspensions_.empty() || best.passes_cleanly()) return best;
    if (auto const* other = substitute_for_suspended(terms)) try_tenant(other->name);
    return best;
}

// A representative speaks for its likes; one that is suspended cannot. The walk ends at the first tenant that is neither
// suspended nor asked already, so it is as long as those are many. nullptr: nobody has to be asked in addition.
Tenant const* Decider::substitute_for_suspended(Terms const& terms) const
{
    auto const suspended = [this](TenantId id) { return suspensions_.holds(ruleset_.tenants[id].name); };
    auto const& asked = terms.representatives;   // sorted, as terms.tenants is
    if (std::none_of(asked.begin(), asked.end(), suspended)) return nullptr;
    auto const found = std::find_if(terms.tenants.begin(), terms.tenants.end(), [&](TenantId id) {
        return !std::binary_search(asked.begin(), asked.end(), id) && !suspended(id);
    });
    return found == terms.tenants.end() ? nullptr : &ruleset_.tenants[*found];
}

Verdict Decider::decide_tenant(Tenant const& tenant)
{
    trace("tenant", [&] { return tenant.name; });
    return verdict_of(check_tenant(ruleset_.terms[tenant.terms], tenant.name), tenant.name);
}

// An operator's suspension holds in `mode: observe`, too: a switch that does nothing would be a trap.
Outcome Decider::check_tenant(Terms const& terms, std::string_view tenant)
{
    if (is_suspended(tenant)) return refused(Reason::TenantSuspended);
    auto outcome = check_terms(terms, tenant);
    if (terms.mode == Mode::Observe && !outcome.passes()) {
        outcome.would = outcome.action;
        outcome.action = Action::Pass;
    }
    return outcome;
}

bool Decider::is_suspended(std::string_view tenant) const
{
    if (!suspensions_.holds(tenant)) return false;
    trace("suspension", [&] {
        auto const& reason = suspensions_.find(tenant)->reason;
        return std::string{"suspended by an operator"} + (reason.empty() ? "" : ": " + base::printable(reason));
    });
    return true;
}

// Step 5, in the contract's order. Every check of what is not known yet passes: a later stage asks again.
Outcome Decider::check_terms(Terms const& terms, std::string_view tenant)
{
    if (terms.mode == Mode::Suspended) return refused(Reason::TenantSuspended);
    if (auto const reason = check_recipients(terms); reason != Reason::Ok) return refused(reason);
    if (auto const reason = check_size(terms); reason != Reason::Ok) return refused(reason);

    auto const from = check_from(terms);
    if (from != Reason::Ok && terms.from == FromCheck::Enforce) return refused(from);

    Outcome outcome;
    if (is_final()) {
        auto const ticket = find_ticket(*terms.ticket, request_);
        if (ticket.state == Ticket::State::Malformed) return refused(Reason::TicketMalformed);
        if (ticket.state == Ticket::State::Missing && terms.ticket->required) return refused(Reason::TicketMissing);
        outcome.ticket = ticket.value;
        trace("ticket", [&] { return ticket.value.empty() ? std::string{"none"} : std::string{ticket.value}; });
    }

    auto const ticket = outcome.ticket;
    outcome = check_rules(tenant);
    outcome.ticket = ticket;
    if (outcome.passes() && from != Reason::Ok) {   // from: observe
        outcome.would = Action::Reject;
        outcome.reason = from;
    }
    return outcome;
}

Reason Decider::check_recipients(Terms const& terms)
{
    if (terms.recipients.empty()) return Reason::Ok;
    if (request_.stage == Stage::Rcpt) {
        return request_.recipients.empty() ? Reason::Ok : check_recipient(terms.recipients, request_.recipients.back());
    }
    for (auto const& recipient : request_.recipients) {
        if (check_recipient(terms.recipients, recipient) != Reason::Ok) return Reason::RecipientNotAllowed;
    }
    return Reason::Ok;
}

Reason Decider::check_recipient(RecipientTerms const& terms, Address const& recipient)
{
    // The policy daemon sees the recipient as sent; what Postfix would rewrite could slip past the patterns.
    bool const slips = request_.daemon == mail::Daemon::Policy && recipient.may_be_rewritten();
    bool const denied = slips || terms.deny.matches(recipient) || (!terms.allow.empty() && !terms.allow.matches(recipient));
    trace("recipient", [&] {
        return shown(recipient) + (slips ? ": Postfix would rewrite it" : denied ? ": denied" : ": allowed");
    });
    return denied ? Reason::RecipientNotAllowed : Reason::Ok;
}

Reason Decider::check_size(Terms const& terms)
{
    bool const exceeded = terms.size > 0 && request_.size > terms.size;
    trace("size", [&] {
        return std::to_string(request_.size) + " bytes" + (terms.size == 0 ? ", any allowed" : " of " + std::to_string(terms.size));
    });
    return exceeded ? Reason::SizeExceeded : Reason::Ok;
}

Reason Decider::check_from(Terms const& terms)
{
    if (!is_final() || terms.from == FromCheck::Off) return Reason::Ok;
    auto const& from = request_.message->from;
    if (from.state != HeaderFrom::State::One) {
        trace("from", [] { return std::string{"not exactly one From field with exactly one address"}; });
        return Reason::FromMalformed;
    }
    bool const allowed = terms.senders.matches(from.address);
    trace("from", [&] { return shown(from.address) + (allowed ? ": within senders" : ": not within senders"); });
    return allowed ? Reason::Ok : Reason::FromNotAllowed;
}

// The first that matches decides. One that cannot be told yet ends the asking: what stands behind it may not be reached.
Outcome Decider::check_rules(std::string_view tenant)
{
    if (request_.stage == Stage::Mail) return {};
    for (auto const& rule : ruleset_.rules) {
        auto const match = matches(rule.when, request_, tenant);
        if (match == Match::No) continue;
        trace("rule", [&] { return rule.name + (match == Match::Yes ? ": holds" : ": cannot be told yet"); });
        if (match == Match::Unknown) return {};
        if (trace_ == nullptr) rule.hits->fetch_add(1, std::memory_order_relaxed);
        if (rule.action == Action::Pass) return {Action::Pass, Reason::Ok, Action::Pass, &rule};
        return {rule.action, Reason::Rule, Action::Pass, &rule};
    }
    return {};
}

Reason Decider::no_evidence(Evidence const& evidence) const
{
    switch (evidence.kind()) {
        case Evidence::Kind::Login: return Reason::LoginUnknown;
        case Evidence::Kind::Certificate: return Reason::CertificateUnknown;
        case Evidence::Kind::Network:
        case Evidence::Kind::Unknown: return Reason::ClientNotAllowed;
    }
    return Reason::ClientNotAllowed;
}

// unknown_tenant: observe, or every tenant that the evidence leads to is itself observed.
bool Decider::all_observed(Evidence const& evidence) const
{
    if (all_suspended(evidence)) return false;   // another sender, or none to be told, is no way round a suspension
    if (ruleset_.unknown_tenant_observed) return true;
    return evidence.for_each([this](TermsId id) { return ruleset_.terms[id].mode == Mode::Observe; });
}

bool Decider::all_suspended(Evidence const& evidence) const
{
    if (suspensions_.empty() || evidence.empty()) return false;
    return evidence.for_each([this](TermsId id) {
        auto const& tenants = ruleset_.terms[id].tenants;
        return std::all_of(tenants.begin(), tenants.end(), [this](TenantId tenant) {
            return suspensions_.holds(ruleset_.tenants[tenant].name);
        });
    });
}

Verdict Decider::without_tenant(Reason reason, bool observed)
{
    Outcome outcome = refused(reason);
    if (observed) {
        outcome.would = outcome.action;
        outcome.action = Action::Pass;
    }
    return verdict_of(outcome, {});
}

Verdict Decider::verdict_of(Outcome const& outcome, std::string_view tenant)
{
    Verdict verdict;
    verdict.action = outcome.action;
    verdict.reason = outcome.reason;
    verdict.would = outcome.would;
    verdict.tenant = tenant;
    verdict.ticket = outcome.ticket;
    if (outcome.rule != nullptr) verdict.rule = outcome.rule->name;
    if (outcome.action != Action::Pass) {
        verdict.reply = outcome.rule != nullptr ? outcome.rule->reply : mail::reply_for(outcome.action, outcome.reason);
    }
    trace("verdict", [&] {
        auto text = std::string{word(verdict.action)} + ", " + std::string{word(verdict.reason)};
        if (verdict.would != Action::Pass) text += " (observed; would " + std::string{word(verdict.would)} + ")";
        return verdict.reply.code.empty() ? text : text + ": " + text_of(verdict.reply);
    });
    return verdict;
}

void Decider::trace_evidence(Evidence const& evidence) const
{
    auto const found = [&] { return evidence.empty() ? "belongs to no tenant" : "known"; };
    switch (evidence.kind()) {
        case Evidence::Kind::Login: trace("login", [&] { return base::printable(request_.login) + ": " + found(); }); return;
        case Evidence::Kind::Certificate:
            trace("certificate", [&] { return base::printable(request_.certificate.digest) + ": " + found(); });
            return;
        case Evidence::Kind::Unknown:
            trace("certificate", [] { return std::string{"may have been given; known at the end of the message"}; });
            return;
        case Evidence::Kind::Network:
            trace("client", [&] {
                return base::printable(request_.client) + ": " + (evidence.empty() ? "in no tenant's clients" : "in a tenant's clients");
            });
            return;
    }
}

void Decider::trace_senders(SenderMatches const& senders) const
{
    trace("sender", [&] {
        return shown(request_.sender) + (senders.size() == 0 ? ": within no tenant's senders" : ": within a tenant's senders");
    });
}

}   // namespace

Verdict decide(Ruleset const& ruleset, Request const& request, Suspensions const& suspensions, Trace* trace)
{
    return Decider{ruleset, request, suspensions, trace}.decide();
}

Verdict own_failure(OnError on_error)
{
    Verdict verdict;
    verdict.reason = Reason::InternalError;
    verdict.action = on_error == OnError::Pass ? Action::Pass : Action::Defer;
    if (verdict.action == Action::Defer) verdict.reply = mail::reply_for(Action::Defer, Reason::InternalError);
    return verdict;
}

}   // namespace mailcore::rules
