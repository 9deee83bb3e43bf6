#include "core/observe/redactor.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/crypto/hmac.hpp"
#include "core/observe/log.hpp"

namespace mailcore::observe {
namespace {

class Redactor : public ::testing::Test {
protected:
    void TearDown() override { forget_hidden_secrets(); }
    static void hide(char const* secret, char const* user = "") { hide_secret(base::Secret{secret}, user); }
};

TEST_F(Redactor, ChangesNothingWhenNothingIsHidden)
{
    EXPECT_EQ(redacted("a password"), "a password");
    EXPECT_EQ(redacted(""), "");
}

TEST_F(Redactor, HidesTheValueWhereverItStands)
{
    hide("hunter22");
    EXPECT_EQ(redacted("hunter22"), "***");
    EXPECT_EQ(redacted("hunter22hunter22, not hunter2 2hunter22!"), "******, not hunter2 2***!");
}

TEST_F(Redactor, HidesWhatSmtpCarries)
{
    hide("hunter22", "user@dom.test");
    EXPECT_EQ(redacted("AUTH PLAIN " + crypto::base64(std::string{"\0user@dom.test\0hunter22", 23})), "AUTH PLAIN ***");
    EXPECT_EQ(redacted("334 " + crypto::base64("hunter22")), "334 ***");
    auto const user = crypto::base64("user@dom.test");   // no secret
    EXPECT_EQ(redacted(user), user);
    EXPECT_EQ(redacted("Basic " + crypto::base64("user@dom.test:hunter22")), "Basic ***");
}

TEST_F(Redactor, HidesEscapedForms)
{
    hide("p\"a\\s<s& /\xC3\xA9");
    EXPECT_EQ(redacted("{\"password\":\"p\\\"a\\\\s<s& /\xC3\xA9\"}"), "{\"password\":\"***\"}");
    EXPECT_EQ(redacted("{\"password\":\"p\\\"a\\\\s\\u003cs\\u0026 /\xC3\xA9\"}"),
              "{\"password\":\"***\"}");   // as Go writes it
    EXPECT_EQ(redacted("/?p=p%22a%5Cs%3Cs%26%20%2F%C3%A9"), "/?p=***");
    EXPECT_EQ(redacted("/?p=p%22a%5cs%3cs%26%20%2f%c3%a9"), "/?p=***");
    EXPECT_EQ(redacted("p\"a\\s<s& /\?\?"), "***");   // as base::printable leaves it
}

TEST_F(Redactor, TakesTheLongestFirst)
{
    hide("pass");
    hide("password-long");
    EXPECT_EQ(redacted("password-long password"), "*** ***word");
    forget_hidden_secrets();
    hide("password-long");
    hide("pass");
    EXPECT_EQ(redacted("password-long password"), "*** ***word");
}

TEST_F(Redactor, LeavesShortValuesAlone)
{
    hide("abc");
    hide("");
    EXPECT_EQ(redacted("abc abc"), "abc abc");
    hide("abcd");
    EXPECT_EQ(redacted("abcd"), "***");
}

TEST_F(Redactor, DoesNotFindItsOwnStars)
{
    hide("****");
    EXPECT_EQ(redacted("********"), "******");
}

TEST_F(Redactor, Forgets)
{
    hide("hunter22");
    forget_hidden_secrets();
    EXPECT_EQ(redacted("hunter22"), "hunter22");
}

TEST_F(Redactor, WorksFromManyThreads)
{
    hide("hunter22");
    std::atomic<int> seen = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            for (int n = 0; n < 200; ++n) {
                hide(("secret-" + std::to_string(i * 1000 + n)).c_str());
                if (redacted("hunter22") != "***") ++seen;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(seen, 0);
}

TEST_F(Redactor, IsAskedForEveryLineOfTheLog)
{
    char directory[] = "/tmp/mailcore-redactor-test-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    hide("hunt\"er22", "user@dom.test");
    for (auto const* const format : {"json", "text"}) {
        auto const path = std::string{directory} + "/" + format;
        auto log = Log::open("vault-sync", "info", format, path);
        ASSERT_TRUE(log) << log.error().message;
        log->write(events::kReloadFailed, {{"error", "535 hunt\"er22 is wrong"}});
        std::ostringstream written;
        written << std::ifstream{path}.rdbuf();
        EXPECT_NE(written.str().find("\"535 *** is wrong\""), std::string::npos) << written.str();
    }
    std::filesystem::remove_all(directory);
}

}   // namespace
}   // namespace mailcore::observe
