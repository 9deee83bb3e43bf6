// The half of a plan that is master.cf: each smtpd service that has restrictions or milters of its own, and submission.

#include <algorithm>

#include "ctl/setup_lists.hpp"
#include "ctl/setup_plan.hpp"

namespace mailcore::ctl {
namespace {

using Kind = Change::Kind;

constexpr char const* kRelay = "smtpd_relay_restrictions";
constexpr char const* kData = "smtpd_data_restrictions";
constexpr char const* kMilters = "smtpd_milters";

class MasterPlanner {
public:
    MasterPlanner(Plan& plan, Needs const& needs, PostfixConfiguration const& postfix)
        : plan_{plan}, needs_{needs}, postfix_{postfix}
    {
    }

    void run()
    {
        add_submission();
        for (auto const& service : postfix_.services) plan_service(service);
        define_what_is_referred_to();
    }

private:
    bool has_certificates() const { return !needs_.certificates.empty(); }

    // ---- changes

    void override_with(PostfixService const& service, std::string const& name, std::string const& value,
                       std::string const& why)
    {
        plan_.changes.push_back({Kind::Override, service.id() + "/" + name, value, why, override_of(service, name)});
    }

    void drop_override(PostfixService const& service, std::string const& name, std::string const& why)
    {
        plan_.changes.push_back({Kind::DropOverride, service.id() + "/" + name, "", why, override_of(service, name)});
    }

    void drop_override_unless(PostfixService const& service, std::string const& name, bool good)
    {
        bool const is_there = service.overrides.contains(name);
        if (is_there && !good) drop_override(service, name, "What main.cf says holds here, too.");
    }

    static std::string override_of(PostfixService const& service, std::string const& name)
    {
        auto const found = service.overrides.find(name);
        return found == service.overrides.end() ? std::string{} : found->second;
    }

    std::string in_force(PostfixService const& service, std::string const& name) const
    {
        return service.overrides.contains(name) ? override_of(service, name) : postfix_.value(name);
    }

    // ---- a new service

    bool has_submission() const
    {
        return std::any_of(postfix_.services.begin(), postfix_.services.end(),
                           [](PostfixService const& service) { return service.is_submission(); });
    }

    void add_submission()
    {
        if ((!needs_.has_logins && !has_certificates()) || has_submission()) return;
        if (postfix_.value("smtpd_tls_cert_file").empty() && postfix_.value("smtpd_tls_chain_files").empty()) {
            plan_.notes.emplace_back(
                "Tenants have logins or certificates, but no service listens for submission (587), and none is added: "
                "Postfix has no certificate. Set smtpd_tls_cert_file and smtpd_tls_key_file, then run setup again.");
            return;
        }
        auto const added = new_submission();
        plan_.changes.push_back({Kind::AddService, added.id(), added.line,
                                 "Port 587, for tenants that log in or show a certificate.", ""});
        override_with(added, "syslog_name", "postfix/submission", "So that the log tells it apart.");
        override_with(added, "smtpd_tls_security_level", "encrypt", "No password without encryption.");
        plan_service(added);
    }

    PostfixService new_submission() const
    {
        auto const* const smtp = postfix_.find_service("smtp/inet");
        bool const chrooted = smtp != nullptr && smtp->chrooted;   // as its neighbour
        PostfixService service;
        service.name = "submission";
        service.type = "inet";
        service.command = "smtpd";
        service.line = std::string{"submission inet n - "} + (chrooted ? "y" : "n") + " - - smtpd";
        return service;
    }

    // ---- a service that is there

    void plan_service(PostfixService const& service)
    {
        if (service.command != "smtpd") return;
        if (service.takes_filtered_mail()) {
            plan_.notes.push_back(service.id() + " takes mail back from a content filter and is left alone; make sure that "
                                                 "only the filter can reach it, and that its smtpd_milters are empty.");
            return;
        }
        if (service.is_submission()) plan_submission(service);
        else plan_relay(service);
        plan_data(service);
        plan_milters(service);
        drop_override_unless(service, "smtpd_forbid_bare_newline",
                             override_of(service, "smtpd_forbid_bare_newline") == "normalize");
        drop_override_unless(service, "smtpd_forbid_bare_newline_exclusions",
                             override_of(service, "smtpd_forbid_bare_newline_exclusions").empty());
    }

    void plan_relay(PostfixService const& service)
    {
        Permitted words{{"permit_mynetworks", "permit_sasl_authenticated"}, {}};
        if (has_certificates()) words.must.emplace_back("permit_tls_clientcerts");
        words.may = {"permit_mynetworks", "permit_sasl_authenticated", "permit_tls_clientcerts"};
        drop_override_unless(service, kRelay, is_good_relay_list(override_of(service, kRelay), needs_.policy, words));
    }

    // Here only who proves who he is may send: by a login, or a certificate.
    void plan_submission(PostfixService const& service)
    {
        Permitted words{{"permit_sasl_authenticated"}, {"permit_sasl_authenticated", "permit_tls_clientcerts"}};
        if (has_certificates()) words.must.emplace_back("permit_tls_clientcerts");
        if (!is_good_relay_list(override_of(service, kRelay), needs_.policy, words)) {
            refers_to_policy_ = true;
            override_with(service, kRelay, joined("$mailcore_policy", words.must, ",") + ",reject",
                          "The gate first; then only who proves who he is.");
        }
        if (needs_.has_logins && in_force(service, "smtpd_sasl_auth_enable") != "yes") enable_logins(service);
    }

    void enable_logins(PostfixService const& service)
    {
        override_with(service, "smtpd_sasl_auth_enable", "yes", "Tenants log in here.");
        plan_.notes.push_back(service.id() + " needs somebody who checks passwords: smtpd_sasl_type = " +
                              postfix_.value("smtpd_sasl_type") + ", smtpd_sasl_path = " + postfix_.value("smtpd_sasl_path") +
                              ". With Dovecot: dovecot and private/auth.");
    }

    void plan_data(PostfixService const& service)
    {
        auto const items = split_list(override_of(service, kData));
        if (!service.overrides.contains(kData) || begins_with_policy_call(items, needs_.policy)) return;
        auto const rest = without_policy_call(items, needs_.policy);
        put_first(service, kData, "$mailcore_policy", rest, "The gate is asked here, too.");
        refers_to_policy_ = refers_to_policy_ || !rest.empty();
    }

    void plan_milters(PostfixService const& service)
    {
        auto const items = split_list(override_of(service, kMilters));
        if (!service.overrides.contains(kMilters) || begins_with_milter(items, needs_.milter)) return;
        auto const rest = without_milter(items, needs_.milter);
        put_first(service, kMilters, "$mailcore_milter", rest, "The gate sees this service's messages, too.");
        refers_to_milter_ = refers_to_milter_ || !rest.empty();
    }

    // Alone the gate needs no override: main.cf has it.
    void put_first(PostfixService const& service, std::string const& name, std::string const& ours, Items const& rest,
                   std::string const& why)
    {
        auto const value = joined(ours, rest, ",");
        if (rest.empty()) {
            drop_override(service, name, why + " As main.cf says.");
        } else if (value.find(' ') != std::string::npos) {
            plan_.notes.push_back(service.id() + ": put " + ours + " first into its " + name +
                                  " by hand; its other items hold blanks, which postconf does not take.");
        } else {
            override_with(service, name, value, why);
        }
    }

    // ---- definitions in main.cf: postconf -P takes no blanks, and a call has some

    void define_what_is_referred_to()
    {
        if (refers_to_milter_ || is_referred_to("$mailcore_milter")) define("mailcore_milter", milter_call(needs_.milter));
        if (refers_to_policy_ || is_referred_to("$mailcore_policy")) define("mailcore_policy", policy_call(needs_.policy));
    }

    bool is_referred_to(std::string_view name) const
    {
        return std::any_of(postfix_.services.begin(), postfix_.services.end(), [&](PostfixService const& service) {
            return service.line.find(name) != std::string::npos;
        });
    }

    void define(std::string const& name, std::string const& value)
    {
        auto const written = postfix_.written.find(name);
        auto const present = written == postfix_.written.end() ? std::string{} : one_line(written->second);
        if (present == value) return;
        plan_.changes.insert(plan_.changes.begin(), {Kind::Set, name, value,
                                                     "For master.cf to refer to: postconf writes no blanks there.", present});
    }

    Plan& plan_;
    Needs const& needs_;
    PostfixConfiguration const& postfix_;
    bool refers_to_policy_ = false;
    bool refers_to_milter_ = false;
};

}   // namespace

void plan_master_cf(Plan& plan, Needs const& needs, PostfixConfiguration const& postfix)
{
    MasterPlanner{plan, needs, postfix}.run();
}

}   // namespace mailcore::ctl
