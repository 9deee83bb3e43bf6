// What the doctor sees of a real Postfix configuration.

#include <gtest/gtest.h>

#include <algorithm>

#include "maps/scratch.hpp"
#include "vault-sync/doctor/checks.hpp"

namespace mailcore::vault_sync {
namespace {

class GatherTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        settings_.postfix.config_directory = scratch_.postfix();
        settings_.output.directory = scratch_.path("mailcore");
        scratch_.write_main_cf("compatibility_level = 3.6\nqueue_directory = " + scratch_.path("queue") +
                               "\nsmtp_sasl_password_maps = $default_database_type:" + scratch_.path("sasl_passwd") +
                               "\nsender_dependent_relayhost_maps = inline:{ other@x.test=[other.test]:25 } "
                               "regexp:{{/^/ [smtp.test]:587, [b.test]:25}}\n");
        scratch_.write("postfix/master.cf",
                       "smtp unix - - y - - smtp -v\n  -o { smtp_tls_wrappermode = yes }\nrelay unix - - n - - smtp -o "
                       "smtp_fallback_relay=\n");
        scratch_.write("postfix/sasl_passwd", "");
        scratch_.write("sasl_passwd", "smtp.test user:hunter2\n");
        ::chmod(scratch_.path("sasl_passwd").c_str(), 0600);
        ASSERT_TRUE(base::run_child({"postmap", "-c", scratch_.postfix(), "hash:" + scratch_.path("sasl_passwd")}));
        Relay relay;
        relay.host = "smtp.test";
        relay.port = 587;
        generation_.relays.push_back(std::move(relay));
        facts_.generation = &generation_;
    }
    Scratch scratch_;
    Settings settings_;
    Generation generation_;
    DoctorFacts facts_;
};

TEST_F(GatherTest, SeesParametersServicesAndTypes)
{
    auto const host = gather(settings_, facts_);
    EXPECT_EQ(host.postfix_problem, "");
    EXPECT_EQ(host.parameter("smtp_sasl_password_maps"), "hash:" + scratch_.path("sasl_passwd"));
    EXPECT_TRUE(host.map_types.contains("hash"));
    EXPECT_TRUE(host.sasl_clients.contains("cyrus"));
    EXPECT_FALSE(host.postfix_runs);
    ASSERT_EQ(host.services.size(), 2U);
    EXPECT_TRUE(host.services[0].chroot && host.services[0].verbose);
    EXPECT_EQ(host.services[0].overrides.at("smtp_tls_wrappermode"), "yes");
    EXPECT_FALSE(host.services[1].chroot || host.services[1].verbose);
    EXPECT_EQ(host.old_password_files, std::vector<std::string>{scratch_.path("postfix/sasl_passwd")});
    EXPECT_EQ(seen_by(host, "smtp", "/ca.pem"), scratch_.path("queue/ca.pem"));
    EXPECT_EQ(seen_by(host, "relay", "/ca.pem"), "/ca.pem");
}

TEST_F(GatherTest, AsksTheTablesAsPostfixDoes)
{
    auto const host = gather(settings_, facts_);
    EXPECT_EQ(host.everyones_nexthops, (std::vector<std::string>{"[smtp.test]:587", "[b.test]:25"}));
    EXPECT_EQ(host.bare_hosts, std::vector<std::string>{"smtp.test"});
}

// What operators are given is what the doctor wants, /etc/postfix/mailcore and all.
TEST_F(GatherTest, FindsTheInstalledFragmentsInOrder)
{
    auto const fragment = [](std::string const& name) {
        std::ifstream file{std::string{MAILCORE_SOURCE} + "/etc/postfix/" + name};
        return std::string{std::istreambuf_iterator<char>{file}, {}};
    };
    scratch_.write_main_cf("compatibility_level = 3.6\nqueue_directory = " + scratch_.path("queue") + "\n" +
                           fragment("main.cf"));
    scratch_.write("postfix/master.cf", "smtp unix - - n - - smtp\n" + fragment("master.cf"));
    settings_.output = {};
    generation_.relays.front().tls = Tls::Wrapper;
    auto const host = gather(settings_, facts_);
    Examination examination{settings_, facts_, host};
    check_postfix(examination);
    std::string found;
    for (auto const& check : examination.checks) {
        bool const is_fine = check.result == Check::Result::Passed || check.name == "postfix_running";
        found += is_fine ? "" : check.name + ": " + check.words + "\n";
    }
    EXPECT_EQ(found, "");
}

TEST_F(GatherTest, SaysWhatPostfixCannotTell)
{
    settings_.postfix.config_directory = scratch_.path("none");
    auto const host = gather(settings_, facts_);
    EXPECT_EQ(host.postfix_problem, "postconf failed: postconf: fatal: open " + scratch_.path("none/main.cf") +
                                        ": No such file or directory");
    EXPECT_TRUE(any_failed(run_doctor(settings_, facts_)));
}

}   // namespace
}   // namespace mailcore::vault_sync
