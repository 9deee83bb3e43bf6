// What vault-sync reads out of Postfix.

#include "vault-sync/apply/postfix.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/file.h>

#include "core/base/fd.hpp"

namespace mailcore::vault_sync {
namespace {

bool counts(std::string const& reason)
{
    return DeferredRecipient{"Q", "a@x.test", "b@y.test", reason}.for_authentication();
}

// As Postfix 3.7.11 wrote them against servers that did this.
TEST(DeferredRecipient, WaitsForALoginThatWasRefused)
{
    EXPECT_TRUE(counts(
        "SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 535 5.7.8 Authentication credentials invalid"));
    EXPECT_TRUE(
        counts("SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 550 5.7.30 Basic authentication is not "
               "supported for Client Submission"));
    EXPECT_TRUE(counts(
        "SASL [CACHED] authentication failed; server 127.0.0.1 said: 535 5.7.8 Authentication credentials invalid"));
}

TEST(DeferredRecipient, WaitsForALoginThatWasNotPossibleOrNotSent)
{
    EXPECT_TRUE(counts(
        "SASL authentication failed: server 127.0.0.1[127.0.0.1] offered no compatible authentication mechanisms "
        "for this type of connection security"));
    EXPECT_TRUE(
        counts("SASL authentication failed; cannot authenticate to server a.test[192.0.2.1]: no mechanism available"));
    EXPECT_TRUE(
        counts("host 127.0.0.1[127.0.0.1] said: 530 5.7.0 Authentication required (in reply to MAIL FROM command)"));
}

TEST(DeferredRecipient, WaitsForSomethingElse)
{
    // SES answers so when it is busy: nothing is known of the login.
    EXPECT_FALSE(counts(
        "SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 454 4.7.0 Temporary authentication failure"));
    EXPECT_FALSE(counts("connect to a.test[192.0.2.1]:587: Connection timed out"));
    EXPECT_FALSE(counts("host a.test[192.0.2.1] said: 454 4.7.1 Throttling failure (in reply to RCPT TO command)"));
    // What a server writes into its reply must not look like Postfix's own words.
    EXPECT_FALSE(counts(
        "host a.test[192.0.2.1] said: 451 4.3.0 SASL authentication failed: try later (in reply to DATA command)"));
    EXPECT_FALSE(counts(""));
}

TEST(Queue, IsReadLineByLine)
{
    auto const deferred = parse_queue(
        R"({"queue_name": "deferred", "queue_id": "Q1", "arrival_time": 1, "message_size": 2, "forced_expire": false, )"
        R"("sender": "a@x.test", "recipients": [{"address": "b@y.test", "delay_reason": "why"}, {"address": "c@y.test", )"
        R"("delay_reason": "because"}]})"
        "\n"
        R"({"queue_name": "active", "queue_id": "Q2", "sender": "", "recipients": [{"address": "d@y.test"}]})"
        "\n");
    EXPECT_EQ(deferred, (std::vector<DeferredRecipient>{{"Q1", "a@x.test", "b@y.test", "why"},
                                                        {"Q1", "a@x.test", "c@y.test", "because"}}));
}

TEST(Queue, SurvivesWhatItDoesNotKnow)
{
    auto const deferred = parse_queue(
        "not json\n[]\n{\"recipients\": 7}\n{\"recipients\": [{\"delay_reason\": 7}]}\n"
        "{\"queue_id\": \"Q\", \"recipients\": [{\"address\": \"a\", \"delay_reason\": \"r\", \"new\": {}}]}\n"
        "{\"queue_id\": \"cut");
    EXPECT_EQ(deferred, (std::vector<DeferredRecipient>{{"Q", "", "a", "r"}}));
}

class PostfixTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-postfix-test-XXXXXX";
        directory_ = ::mkdtemp(name);
        std::filesystem::create_directory(directory_ + "/queue");
        std::ofstream{directory_ + "/main.cf"}
            << "compatibility_level = 3.6\nqueue_directory = " << directory_ << "/queue\n"
            << "maillog_file = " << directory_ << "/log\nmaillog_file_prefixes = /tmp\n"
            << "relayhost = [$myhostname]:587\nmyhostname = mail.test\nsmtp_tls_CApath =\n";
        std::ofstream{directory_ + "/master.cf"};
        auto const past = std::filesystem::file_time_type::clock::now() -
                          std::chrono::hours{1};   // else Postfix waits for the writer
        std::filesystem::last_write_time(directory_ + "/main.cf", past);
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    std::string directory_;
};

TEST_F(PostfixTest, TellsItsParametersExpanded)
{
    auto const values =
        Postfix{directory_}.parameters({"relayhost", "smtp_tls_CApath", "smtp_sasl_auth_enable", "no_such_parameter"});
    ASSERT_TRUE(values) << values.error().message;
    EXPECT_EQ(*values,
              (std::map<std::string, std::string>{
                  {"relayhost", "[mail.test]:587"}, {"smtp_tls_CApath", ""}, {"smtp_sasl_auth_enable", "no"}}));
}

TEST_F(PostfixTest, IsNotRunning)
{
    EXPECT_FALSE(Postfix{directory_}.is_running());
    EXPECT_FALSE(Postfix{directory_ + "/none"}.is_running());
}

TEST_F(PostfixTest, RunsWhileItsMasterHoldsTheLock)
{
    std::filesystem::create_directory(directory_ + "/queue/pid");
    auto const file = directory_ + "/queue/pid/master.pid";
    std::ofstream{file} << "1\n";
    EXPECT_FALSE(Postfix{directory_}.is_running()) << "left behind by one that ended";
    base::Fd const master{::open(file.c_str(), O_RDWR)};
    ASSERT_EQ(::flock(master.get(), LOCK_EX), 0);
    EXPECT_TRUE(Postfix{directory_}.is_running());
}

TEST_F(PostfixTest, SaysInItsOwnWordsWhatItCannotDo)
{
    auto const reloaded = Postfix{directory_}.reload();
    ASSERT_FALSE(reloaded);
    EXPECT_TRUE(reloaded.error().message.starts_with("postfix failed: ")) << reloaded.error().message;
    auto const unknown = Postfix{directory_ + "/none"}.parameters({"relayhost"});
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().message,
              "postconf failed: postconf: fatal: open " + directory_ + "/none/main.cf: No such file or directory");
    EXPECT_FALSE(Postfix{directory_ + "/none"}.deferred());
    EXPECT_FALSE(Postfix{directory_ + "/none"}.flush());
}

}   // namespace
}   // namespace mailcore::vault_sync
