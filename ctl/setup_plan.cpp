#include "ctl/setup_plan.hpp"

namespace mailcore::ctl {

using Kind = Change::Kind;

std::vector<std::string> const& parameters_of_interest()
{
    static std::vector<std::string> const names{"queue_directory",
                                                "mynetworks",
                                                "smtpd_relay_restrictions",
                                                "smtpd_data_restrictions",
                                                "smtpd_milters",
                                                "non_smtpd_milters",
                                                "smtpd_forbid_bare_newline",
                                                "smtpd_forbid_bare_newline_exclusions",
                                                "allow_percent_hack",
                                                "swap_bangpath",
                                                "local_header_rewrite_clients",
                                                "message_size_limit",
                                                "mailbox_size_limit",
                                                "virtual_mailbox_limit",
                                                "enable_long_queue_ids",
                                                "smtpd_tls_ask_ccert",
                                                "smtpd_tls_fingerprint_digest",
                                                "relay_clientcerts",
                                                "smtpd_tls_cert_file",
                                                "smtpd_tls_chain_files",
                                                "smtpd_sasl_auth_enable",
                                                "smtpd_sasl_type",
                                                "smtpd_sasl_path"};
    return names;
}

std::string_view postconf_option(Kind kind)
{
    switch (kind) {
        case Kind::Set: return "-e";
        case Kind::Unset: return "-X";
        case Kind::AddService:
        case Kind::SetService: return "-M";
        case Kind::DropService: return "-MX";
        case Kind::Override: return "-P";
        case Kind::DropOverride: return "-PX";
    }
    return "";
}

std::string postconf_argument(Change const& change)
{
    switch (change.kind) {
        case Kind::Set: return change.target + (change.value.empty() ? " =" : " = " + change.value);
        case Kind::AddService:
        case Kind::SetService:
        case Kind::Override: return change.target + "=" + change.value;
        case Kind::Unset:
        case Kind::DropService:
        case Kind::DropOverride: return change.target;
    }
    return "";
}

Plan plan_setup(Needs const& needs, PostfixConfiguration const& postfix)
{
    Plan plan;
    plan_main_cf(plan, needs, postfix);
    plan_master_cf(plan, needs, postfix);
    return plan;
}

}   // namespace mailcore::ctl
