// The half of a plan that is main.cf: who may relay, the milters, what must not slip past the gate, certificates.

#include <charconv>

#include "ctl/setup_lists.hpp"
#include "ctl/setup_plan.hpp"

namespace mailcore::ctl {
namespace {

class MainPlanner {
public:
    MainPlanner(Plan& plan, Needs const& needs, PostfixConfiguration const& postfix)
        : plan_{plan}, needs_{needs}, postfix_{postfix}
    {
    }

    void run()
    {
        plan_permission();
        plan_milters("smtpd_milters", "The gate sees each message before other milters, so that they sign its headers.");
        plan_milters("non_smtpd_milters", "Forged stamps are taken out of mail that is made on this host, too.");
        plan_messages();
        plan_size();
        if (!needs_.certificates.empty()) plan_certificates();
    }

private:
    void set(std::string const& name, std::string const& value, std::string const& why)
    {
        plan_.changes.push_back({Change::Kind::Set, name, value, why, postfix_.value(name)});
    }

    // For parameters that younger Postfix versions brought.
    void set_if_other(std::string const& name, std::string const& value, std::string const& why)
    {
        if (!postfix_.knows(name)) {
            plan_.notes.push_back("This Postfix does not know " + name + "; update it. Wanted: " + why);
        } else if (one_line(postfix_.value(name)) != value) {
            set(name, value, why);
        }
    }

    Permitted permitted() const
    {
        Permitted words{{"permit_mynetworks", "permit_sasl_authenticated"}, {}};
        if (!needs_.certificates.empty()) words.must.emplace_back("permit_tls_clientcerts");
        words.may = {"permit_mynetworks", "permit_sasl_authenticated", "permit_tls_clientcerts"};
        return words;
    }

    void plan_permission()
    {
        auto const& policy = needs_.policy;
        if (split_list(postfix_.value("mynetworks")) != needs_.networks) {
            set("mynetworks", joined("", needs_.networks, ", "),
                "Who may relay by its address: the clients of all tenants, and nobody else.");
        }
        if (!is_good_relay_list(postfix_.value("smtpd_relay_restrictions"), policy, permitted())) {
            set("smtpd_relay_restrictions", joined(policy_call(policy), permitted().must, ", ") + ", reject",
                "The gate is asked first and refuses or stays silent; permission stays Postfix's.");
        }
        auto const data = split_list(postfix_.value("smtpd_data_restrictions"));
        if (!begins_with_policy_call(data, policy)) {
            set("smtpd_data_restrictions", joined_restrictions(policy_call(policy), without_policy_call(data, policy)),
                "Asked once more when all recipients are known.");
        }
    }

    void plan_milters(std::string const& name, std::string const& why)
    {
        auto const milters = split_list(postfix_.value(name));
        if (begins_with_milter(milters, needs_.milter)) return;
        set(name, joined(milter_call(needs_.milter), without_milter(milters, needs_.milter), ", "), why);
    }

    void plan_messages()
    {
        set_if_other("smtpd_forbid_bare_newline", "normalize",
                     "A bare newline must not end a message and smuggle in a second one,");
        set_if_other("smtpd_forbid_bare_newline_exclusions", "",
                     "not from mynetworks either: these are exactly the tenants.");
        set_if_other("allow_percent_hack", "no", "user%elsewhere is no way past the rules on recipients,");
        set_if_other("swap_bangpath", "no", "nor is elsewhere!user.");
        set_if_other("local_header_rewrite_clients", "",
                     "Else Postfix adds a missing From before the milter looks for one.");
        set_if_other("enable_long_queue_ids", "yes",
                     "Queue ids that are never used twice join decisions and Postfix's log.");
    }

    std::uint64_t number(std::string const& name) const
    {
        std::uint64_t value = 0;
        auto const& text = postfix_.value(name);
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value;
    }

    void raise(std::string const& name, std::uint64_t wanted, std::string const& why)
    {
        auto const present = number(name);
        if (present != 0 && present < wanted) set(name, std::to_string(wanted), why);   // 0: no limit
    }

    // Only ever raised. A message is larger in Postfix's eyes than in the gate's: its envelope counts.
    void plan_size()
    {
        constexpr std::uint64_t kEnvelope = 1u << 20u;
        auto const present = number("message_size_limit");
        if (present == 0 || present >= needs_.largest_size) return;
        auto const wanted = needs_.largest_size + kEnvelope;
        raise("message_size_limit", wanted, "Room for the largest tenant's size, and for the envelope.");
        raise("mailbox_size_limit", wanted, "Postfix wants it no smaller than message_size_limit.");
        raise("virtual_mailbox_limit", wanted, "Postfix wants it no smaller than message_size_limit.");
    }

    void plan_certificates()
    {
        set_if_other("smtpd_tls_ask_ccert", "yes", "Clients are asked for a certificate; tenants are known by it.");
        set_if_other("smtpd_tls_fingerprint_digest", "sha256",
                     "Tenants name certificates by the SHA-256 of their public key.");
        auto const& present = postfix_.value("relay_clientcerts");
        if (!present.empty() && !present.starts_with("inline:")) {
            plan_.notes.push_back("relay_clientcerts = " + present +
                                  " must hold the fingerprints of all tenants' certificates.");
            return;
        }
        std::string table;
        for (auto const& digest : needs_.certificates) table += (table.empty() ? "" : ", ") + digest + "=tenant";
        set_if_other("relay_clientcerts", "inline:{" + table + "}",
                     "Which certificates may relay at all; the gate says as whom.");
    }

    Plan& plan_;
    Needs const& needs_;
    PostfixConfiguration const& postfix_;
};

}   // namespace

void plan_main_cf(Plan& plan, Needs const& needs, PostfixConfiguration const& postfix)
{
    MainPlanner{plan, needs, postfix}.run();
}

}   // namespace mailcore::ctl
