// What setup would change in a Postfix, and what it leaves alone.

#include <gtest/gtest.h>

#include <algorithm>

#include "core/rules/compile.hpp"
#include "ctl/setup_plan.hpp"

using namespace mailcore;
using namespace mailcore::ctl;

namespace {

constexpr char const* kCall =
    "check_policy_service { unix:mailcore/policy.sock, timeout=5s, { default_action = 451 4.3.5 Mail gate not available, try again later } }";
constexpr char const* kMilter =
    "{ unix:mailcore/milter.sock, connect_timeout=3s, command_timeout=5s, content_timeout=15s, default_action=tempfail }";

Needs needs() { return {"unix:mailcore/policy.sock", "unix:mailcore/milter.sock", {"10.0.0.250/32"}, {}, false, 0}; }

// Debian's, fresh from the package.
PostfixConfiguration fresh()
{
    PostfixConfiguration postfix;
    postfix.effective = {{"queue_directory", "/var/spool/postfix"},
                         {"mynetworks", "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128"},
                         {"smtpd_relay_restrictions", "permit_mynetworks permit_sasl_authenticated defer_unauth_destination"},
                         {"smtpd_data_restrictions", ""},
                         {"smtpd_milters", ""},
                         {"non_smtpd_milters", ""},
                         {"smtpd_forbid_bare_newline", "no"},
                         {"smtpd_forbid_bare_newline_exclusions", "127.0.0.0/8"},
                         {"allow_percent_hack", "yes"},
                         {"swap_bangpath", "yes"},
                         {"local_header_rewrite_clients", "permit_inet_interfaces"},
                         {"message_size_limit", "10240000"},
                         {"mailbox_size_limit", "0"},
                         {"virtual_mailbox_limit", "51200000"},
                         {"enable_long_queue_ids", "no"},
                         {"smtpd_tls_ask_ccert", "no"},
                         {"smtpd_tls_fingerprint_digest", "sha256"},
                         {"relay_clientcerts", ""},
                         {"smtpd_tls_cert_file", "/etc/ssl/certs/ssl-cert-snakeoil.pem"},
                         {"smtpd_tls_chain_files", ""},
                         {"smtpd_sasl_auth_enable", "no"},
                         {"smtpd_sasl_type", "cyrus"},
                         {"smtpd_sasl_path", "smtpd"}};
    postfix.services = parse_services("smtp inet n - y - - smtpd\ncleanup unix n - y - 0 cleanup\n", "");
    return postfix;
}

// As setup leaves it.
PostfixConfiguration wired()
{
    auto postfix = fresh();
    for (auto const& change : plan_setup(needs(), postfix).changes) postfix.effective[change.target] = change.value;
    return postfix;
}

void add_service(PostfixConfiguration& postfix, std::string const& line, std::string const& overrides)
{
    auto const added = parse_services(line, overrides);
    postfix.services.insert(postfix.services.end(), added.begin(), added.end());
}

Change const* find(Plan const& plan, std::string const& target)
{
    auto const found = std::find_if(plan.changes.begin(), plan.changes.end(), [&](auto const& change) { return change.target == target; });
    return found == plan.changes.end() ? nullptr : &*found;
}

// "-e mynetworks = 10.0.0.250/32", or "" when there is no such change.
std::string command(Plan const& plan, std::string const& target)
{
    auto const* const change = find(plan, target);
    return change == nullptr ? "" : std::string{postconf_option(change->kind)} + " " + postconf_argument(*change);
}

std::string commands(Plan const& plan)
{
    std::string text;
    for (auto const& change : plan.changes) text += std::string{postconf_option(change.kind)} + " " + postconf_argument(change) + "\n";
    return text;
}

TEST(SetupPlan, WiresAFreshPostfix)
{
    EXPECT_EQ(commands(plan_setup(needs(), fresh())),
              "-e mynetworks = 10.0.0.250/32\n"
              "-e smtpd_relay_restrictions = " + std::string{kCall} + ", permit_mynetworks, permit_sasl_authenticated, reject\n"
              "-e smtpd_data_restrictions = " + kCall + "\n"
              "-e smtpd_milters = " + kMilter + "\n"
              "-e non_smtpd_milters = " + kMilter + "\n"
              "-e smtpd_forbid_bare_newline = normalize\n"
              "-e smtpd_forbid_bare_newline_exclusions =\n"
              "-e allow_percent_hack = no\n"
              "-e swap_bangpath = no\n"
              "-e local_header_rewrite_clients =\n"
              "-e enable_long_queue_ids = yes\n");
}

TEST(SetupPlan, ChangesNothingTwice) { EXPECT_EQ(commands(plan_setup(needs(), wired())), ""); }

TEST(SetupPlan, LeavesTimeoutsAndFurtherRefusalsToTheOperator)
{
    auto postfix = wired();
    postfix.effective["smtpd_relay_restrictions"] =
        "check_policy_service { unix:mailcore/policy.sock, timeout=8s, default_action=450 }, reject_unknown_sender_domain, "
        "permit_mynetworks, permit_sasl_authenticated, reject";
    postfix.effective["smtpd_milters"] =
        "{ unix:mailcore/milter.sock, connect_timeout=9s, command_timeout=9s, content_timeout=90s, default_action=tempfail } inet:127.0.0.1:12301";
    EXPECT_EQ(commands(plan_setup(needs(), postfix)), "");
}

TEST(SetupPlan, MendsEveryListThatLetsMailPastTheGate)
{
    auto const call = std::string{kCall};
    for (auto const& list : {call + ", permit_mynetworks, permit_sasl_authenticated",
                             call + ", permit_mynetworks, permit_sasl_authenticated, permit",
                             call + ", permit_mynetworks, permit_sasl_authenticated, permit_inet_interfaces, reject",
                             call + ", permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
                             "permit_mynetworks, " + call + ", permit_sasl_authenticated, reject",
                             std::string{"check_policy_service unix:mailcore/policy.sock, permit_mynetworks, permit_sasl_authenticated, reject"},
                             std::string{"check_policy_service { unix:mailcore/policy.sock, timeout=5s, default_action=DUNNO }, "
                                         "permit_mynetworks, permit_sasl_authenticated, reject"}}) {
        auto postfix = wired();
        postfix.effective["smtpd_relay_restrictions"] = list;
        EXPECT_EQ(command(plan_setup(needs(), postfix), "smtpd_relay_restrictions"),
                  "-e smtpd_relay_restrictions = " + call + ", permit_mynetworks, permit_sasl_authenticated, reject") << list;
    }
}

TEST(SetupPlan, KeepsOtherRestrictionsAndMiltersBehindTheGate)
{
    auto postfix = fresh();
    postfix.effective["smtpd_data_restrictions"] = "reject_unauth_pipelining check_policy_service inet:127.0.0.1:10023 reject_multi_recipient_bounce";
    postfix.effective["smtpd_milters"] = "inet:127.0.0.1:12301, unix:mailcore/milter.sock";
    auto const plan = plan_setup(needs(), postfix);
    EXPECT_EQ(find(plan, "smtpd_data_restrictions")->value, std::string{kCall} + ", reject_unauth_pipelining, check_policy_service "
                                                            "inet:127.0.0.1:10023, reject_multi_recipient_bounce");
    EXPECT_EQ(find(plan, "smtpd_milters")->value, std::string{kMilter} + ", inet:127.0.0.1:12301");
}

TEST(SetupPlan, RaisesTheMessageSizeAndWhatMustNotBeSmaller)
{
    auto wanting = needs();
    wanting.largest_size = 60'000'000;
    auto postfix = wired();
    auto const plan = plan_setup(wanting, postfix);
    EXPECT_EQ(command(plan, "message_size_limit"), "-e message_size_limit = 61048576");
    EXPECT_EQ(command(plan, "virtual_mailbox_limit"), "-e virtual_mailbox_limit = 61048576");
    EXPECT_EQ(command(plan, "mailbox_size_limit"), "");   // 0: any size
}

TEST(SetupPlan, NeverLowersTheMessageSize)
{
    auto wanting = needs();
    wanting.largest_size = 1'000'000;
    EXPECT_EQ(command(plan_setup(wanting, wired()), "message_size_limit"), "");
    auto postfix = wired();
    postfix.effective["message_size_limit"] = "0";
    wanting.largest_size = 60'000'000;
    EXPECT_EQ(command(plan_setup(wanting, postfix), "message_size_limit"), "");
}

TEST(SetupPlan, SaysWhatAnOldPostfixLacks)
{
    auto postfix = fresh();
    postfix.effective.erase("smtpd_forbid_bare_newline");
    auto const plan = plan_setup(needs(), postfix);
    EXPECT_EQ(find(plan, "smtpd_forbid_bare_newline"), nullptr);
    ASSERT_EQ(plan.notes.size(), 1U);
    EXPECT_EQ(plan.notes[0], "This Postfix does not know smtpd_forbid_bare_newline; update it. Wanted: A bare newline must not end a "
                             "message and smuggle in a second one,");
}

// ---- master.cf

// Debian's commented 587 block, uncommented: with it the gate was not asked, and a login sent as anybody.
void add_debian_submission(PostfixConfiguration& postfix)
{
    add_service(postfix, "submission inet n - y - - smtpd",
                "submission/inet/smtpd_sasl_auth_enable = yes\n"
                "submission/inet/smtpd_relay_restrictions = permit_sasl_authenticated,reject\n"
                "submission/inet/smtpd_recipient_restrictions =\n");
}

TEST(SetupPlan, PutsTheGateBeforeTheLoginsOfASubmissionService)
{
    auto postfix = wired();
    add_debian_submission(postfix);
    EXPECT_EQ(commands(plan_setup(needs(), postfix)),
              "-e mailcore_policy = " + std::string{kCall} + "\n"
              "-P submission/inet/smtpd_relay_restrictions=$mailcore_policy,permit_sasl_authenticated,reject\n");
}

TEST(SetupPlan, TakesPermitMynetworksFromASubmissionServiceThatInheritsIt)
{
    auto postfix = wired();
    add_service(postfix, "10.0.0.160:465 inet n - y - - smtpd", "10.0.0.160:465/inet/smtpd_tls_wrappermode = yes\n");
    EXPECT_EQ(command(plan_setup(needs(), postfix), "10.0.0.160:465/inet/smtpd_relay_restrictions"),
              "-P 10.0.0.160:465/inet/smtpd_relay_restrictions=$mailcore_policy,permit_sasl_authenticated,reject");
}

TEST(SetupPlan, LeavesTheFragmentsSubmissionServiceAlone)
{
    auto postfix = wired();
    add_service(postfix, "submission inet n - y - - smtpd",
                "submission/inet/smtpd_sasl_auth_enable = yes\n"
                "submission/inet/smtpd_relay_restrictions = " + std::string{kCall} + ", permit_sasl_authenticated, permit_tls_clientcerts, reject\n"
                "submission/inet/smtpd_data_restrictions = " + kCall + "\n");
    EXPECT_EQ(commands(plan_setup(needs(), postfix)), "");
}

TEST(SetupPlan, DropsOverridesThatHideTheGate)
{
    auto postfix = wired();
    add_service(postfix, "2525 inet n - y - - smtpd",
                "2525/inet/smtpd_relay_restrictions = permit_mynetworks,reject\n2525/inet/smtpd_milters =\n"
                "2525/inet/smtpd_data_restrictions =\n2525/inet/smtpd_forbid_bare_newline = no\n"
                "2525/inet/smtpd_forbid_bare_newline_exclusions = 10.0.0.0/8\n");
    EXPECT_EQ(commands(plan_setup(needs(), postfix)),
              "-PX 2525/inet/smtpd_relay_restrictions\n-PX 2525/inet/smtpd_data_restrictions\n-PX 2525/inet/smtpd_milters\n"
              "-PX 2525/inet/smtpd_forbid_bare_newline\n-PX 2525/inet/smtpd_forbid_bare_newline_exclusions\n");
}

TEST(SetupPlan, KeepsAServicesOwnRestrictionsAndMiltersBehindTheGate)
{
    auto postfix = wired();
    add_service(postfix, "2525 inet n - y - - smtpd",
                "2525/inet/smtpd_milters = inet:127.0.0.1:12301\n2525/inet/smtpd_data_restrictions = reject_unauth_pipelining\n");
    EXPECT_EQ(commands(plan_setup(needs(), postfix)),
              "-e mailcore_policy = " + std::string{kCall} + "\n-e mailcore_milter = " + kMilter + "\n"
              "-P 2525/inet/smtpd_data_restrictions=$mailcore_policy,reject_unauth_pipelining\n"
              "-P 2525/inet/smtpd_milters=$mailcore_milter,inet:127.0.0.1:12301\n");
}

TEST(SetupPlan, LeavesToTheOperatorWhatPostconfDoesNotTake)
{
    auto postfix = wired();
    add_service(postfix, "2525 inet n - y - - smtpd", "2525/inet/smtpd_milters = { inet:127.0.0.1:12301, connect_timeout=1s }\n");
    auto const plan = plan_setup(needs(), postfix);
    EXPECT_EQ(find(plan, "2525/inet/smtpd_milters"), nullptr);
    ASSERT_EQ(plan.notes.size(), 1U);
    EXPECT_EQ(plan.notes[0], "2525/inet: put $mailcore_milter first into its smtpd_milters by hand; its other items hold blanks, which "
                             "postconf does not take.");
    EXPECT_EQ(command(plan, "mailcore_milter"), "-e mailcore_milter = " + std::string{kMilter});
}

TEST(SetupPlan, LeavesTheWayBackFromAContentFilterAlone)
{
    auto postfix = wired();
    add_service(postfix, "127.0.0.1:10025 inet n - y - - smtpd",
                "127.0.0.1:10025/inet/content_filter =\n127.0.0.1:10025/inet/smtpd_relay_restrictions = permit_mynetworks,reject\n"
                "127.0.0.1:10025/inet/smtpd_milters =\n");
    auto const plan = plan_setup(needs(), postfix);
    EXPECT_EQ(commands(plan), "");
    ASSERT_EQ(plan.notes.size(), 1U);
    EXPECT_TRUE(plan.notes[0].starts_with("127.0.0.1:10025/inet takes mail back from a content filter")) << plan.notes[0];
}

TEST(SetupPlan, AddsASubmissionServiceForTenantsThatLogIn)
{
    auto wanting = needs();
    wanting.has_logins = true;
    auto const plan = plan_setup(wanting, wired());
    EXPECT_EQ(commands(plan), "-e mailcore_policy = " + std::string{kCall} + "\n"
                              "-M submission/inet=submission inet n - y - - smtpd\n"
                              "-P submission/inet/syslog_name=postfix/submission\n"
                              "-P submission/inet/smtpd_tls_security_level=encrypt\n"
                              "-P submission/inet/smtpd_relay_restrictions=$mailcore_policy,permit_sasl_authenticated,reject\n"
                              "-P submission/inet/smtpd_sasl_auth_enable=yes\n");
    ASSERT_EQ(plan.notes.size(), 1U);
    EXPECT_EQ(plan.notes[0], "submission/inet needs somebody who checks passwords: smtpd_sasl_type = cyrus, smtpd_sasl_path = smtpd. With "
                             "Dovecot: dovecot and private/auth.");
}

TEST(SetupPlan, AddsNoSubmissionServiceWithoutACertificateForIt)
{
    auto wanting = needs();
    wanting.has_logins = true;
    auto postfix = wired();
    postfix.effective["smtpd_tls_cert_file"] = "";
    auto const plan = plan_setup(wanting, postfix);
    EXPECT_EQ(commands(plan), "");
    EXPECT_EQ(plan.notes.size(), 1U);
}

TEST(SetupPlan, AsksForCertificatesWhereTenantsHaveThem)
{
    auto wanting = needs();
    wanting.certificates = {"AB:CD", "EF:01"};
    auto postfix = wired();
    add_debian_submission(postfix);
    auto const plan = plan_setup(wanting, postfix);
    EXPECT_EQ(command(plan, "smtpd_tls_ask_ccert"), "-e smtpd_tls_ask_ccert = yes");
    EXPECT_EQ(command(plan, "relay_clientcerts"), "-e relay_clientcerts = inline:{AB:CD=tenant, EF:01=tenant}");
    EXPECT_EQ(command(plan, "submission/inet/smtpd_relay_restrictions"),
              "-P submission/inet/smtpd_relay_restrictions=$mailcore_policy,permit_sasl_authenticated,permit_tls_clientcerts,reject");
}

TEST(SetupPlan, LeavesAnOperatorsTableOfCertificatesAlone)
{
    auto wanting = needs();
    wanting.certificates = {"AB:CD"};
    auto postfix = wired();
    postfix.effective["relay_clientcerts"] = "texthash:/etc/postfix/certs";
    auto const plan = plan_setup(wanting, postfix);
    EXPECT_EQ(command(plan, "relay_clientcerts"), "");
    EXPECT_EQ(plan.notes.at(0), "relay_clientcerts = texthash:/etc/postfix/certs must hold the fingerprints of all tenants' certificates.");
}

// ---- what mailcore.yaml asks for

base::Result<Needs> needs_from(config::Settings const& settings, PostfixConfiguration const& postfix)
{
    config::Diagnostics problems;
    return needs_of(settings, rules::compile(settings, nullptr, problems), postfix);
}

TEST(SetupNeeds, NameSocketsRelativeToTheQueueDirectory)
{
    auto const found = needs_from({}, fresh());
    ASSERT_TRUE(found);
    EXPECT_EQ(found->policy, "unix:mailcore/policy.sock");
    EXPECT_EQ(found->milter, "unix:mailcore/milter.sock");
}

TEST(SetupNeeds, NameInetAddressesAsTheyAre)
{
    config::Settings settings;
    settings.policy.listen = {"inet:[::1]:10040"};
    settings.milter.listen = {"inet:0.0.0.0:10041"};
    auto const found = needs_from(settings, fresh());
    ASSERT_TRUE(found);
    EXPECT_EQ(found->policy, "inet:[::1]:10040");
    EXPECT_EQ(found->milter, "inet:127.0.0.1:10041");
}

TEST(SetupNeeds, RefuseASocketThatAChrootedPostfixCannotReach)
{
    config::Settings settings;
    settings.policy.listen = {"unix:/run/mailcore/policy.sock"};
    auto const found = needs_from(settings, fresh());
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().message, "policy.listen: unix:/run/mailcore/policy.sock is out of reach: Postfix is chrooted into "
                                     "/var/spool/postfix; put the socket below it, as in unix:/var/spool/postfix/mailcore/policy.sock");
}

TEST(SetupNeeds, TakeASocketAnywhereWithoutChroot)
{
    config::Settings settings;
    settings.policy.listen = {"unix:/run/mailcore/policy.sock"};
    auto postfix = fresh();
    for (auto& service : postfix.services) service.chrooted = false;
    auto const found = needs_from(settings, postfix);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->policy, "unix:/run/mailcore/policy.sock");
}

TEST(SetupNeeds, WriteCertificatesAsPostfixDoes)
{
    config::Settings settings;
    config::TenantSettings tenant;
    tenant.name = {"certified"};
    tenant.certificates.emplace_back("sha256:ab12" + std::string(60, '0'));
    tenant.size = 5;
    settings.tenants.push_back(tenant);
    auto const found = needs_from(settings, fresh());
    ASSERT_TRUE(found);
    ASSERT_EQ(found->certificates.size(), 1U);
    EXPECT_EQ(found->certificates[0].substr(0, 11), "AB:12:00:00");
    EXPECT_EQ(found->certificates[0].size(), 95U);
    EXPECT_EQ(found->largest_size, 5U);
    EXPECT_FALSE(found->has_logins);
}

}   // namespace
