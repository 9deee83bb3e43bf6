// Counts messages against their tenants' limits, once, and tells the daemon that does not count what a count would say.
//
//     verdict = meter.at_policy(ruleset, request, verdict, is_new_message, now);   // the policy daemon, behind decide()
//     verdict = meter.at_end(ruleset, request, verdict, now, receipt);             // the milter, as the last step of deciding
//     meter.give_back(receipt, now);                                               // its own edits failed
//
// Where the store fails, limits.on_error decides; store::Limits tells the operator of it. Safe from many threads.
#pragma once

#include <string_view>

#include "core/base/clock.hpp"
#include "core/mail/request.hpp"
#include "core/mail/verdict.hpp"
#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"
#include "core/rules/limit.hpp"
#include "core/rules/ruleset.hpp"
#include "core/store/notes.hpp"
#include "core/store/trouble.hpp"

namespace mailcore::gate {

class Meter {
public:
    struct Options {
        bool policy_counts = false;    // limits.count_at: policy
        bool defer_on_error = false;   // limits.on_error: defer
    };
    // All must outlive the meter. `receipts`: what the policy daemon counted, for the milter to take back.
    Meter(Options options, rules::LimitStore& store, store::Notes& receipts, observe::Log& log, observe::Metrics& metrics)
        : options_{options}, store_{store}, receipts_{receipts}, log_{log}, metrics_{metrics}
    {
    }

    bool policy_counts() const { return options_.policy_counts; }

    // Peeks once, at the first recipient of a message or else at DATA, so that a hopeless message is refused early; or counts at
    // DATA. `is_new_message`: nobody has peeked for it yet.
    mail::Verdict at_policy(rules::Ruleset const& ruleset, mail::Request const& request, mail::Verdict const& verdict,
                            bool is_new_message, base::Time now);

    // The milter at MAIL: peeks where the policy daemon counts, which is asked later.
    mail::Verdict at_mail(rules::Ruleset const& ruleset, mail::Request const& request, mail::Verdict const& verdict, base::Time now);

    // The milter at the end, whatever the verdict: counts what passes or is held, and leaves the receipt; or takes over
    // what the policy daemon counted, and gives it back where the verdict is a refusal.
    mail::Verdict at_end(rules::Ruleset const& ruleset, mail::Request const& request, mail::Verdict const& verdict,
                         base::Time now, rules::Receipt& receipt);

    // The message did not come to its end after DATA: what the policy daemon counted is given back. Harmless where nothing was
    // counted, and where the milter has taken it over.
    void given_up(std::string_view queue_id, base::Time now);

    // Every few seconds: gives back what the policy daemon counted ten minutes ago and no milter has asked for since (a daemon
    // was killed), and shows the fills as they are in the store by now.
    void keep(rules::Ruleset const& ruleset, base::Time now);

    void give_back(rules::Receipt& receipt, base::Time now);   // empties it

private:
    mail::Verdict peek(rules::Ruleset const& ruleset, rules::Tenant const& tenant, mail::Request const& request,
                       mail::Verdict const& verdict, base::Time now);
    // At DATA only the declared size is known: limits of bytes are the milter's also where the policy daemon counts.
    enum class What { All, ButBytes, BytesOnly };
    mail::Verdict count(What what, rules::Ruleset const& ruleset, rules::Tenant const& tenant, mail::Request const& request,
                        mail::Verdict const& verdict, base::Time now, rules::Receipt& receipt);
    mail::Verdict after_failure(mail::Verdict const& verdict) const;
    bool note(std::string_view queue_id, rules::Receipt const& receipt, base::Time now);
    rules::Receipt take_note(std::string_view queue_id, base::Time now);
    void give_back_unclaimed(base::Time now);
    void renew_fills(rules::Ruleset const& ruleset, base::Time now);
    void show_fills(rules::Tenant const& tenant, std::span<rules::Charge const> charges, std::span<rules::Bucket const> buckets,
                    base::Time now);

    Options options_;
    rules::LimitStore& store_;
    store::Notes& receipts_;
    observe::Log& log_;
    observe::Metrics& metrics_;
    store::Trouble receipts_fail_;   // said once a minute, not for each message
};

}   // namespace mailcore::gate
