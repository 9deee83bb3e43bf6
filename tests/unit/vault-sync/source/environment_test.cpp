#include "vault-sync/source/environment.hpp"

#include <array>
#include <cstdlib>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mailcore::vault_sync {
namespace {

constexpr std::array kVariables{"SMTP_HOST", "SMTP_PORT", "SMTP_USER", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_USE_TLS",
                                "SMTP_DEFAULT_FROM", "SMTP_USE_VAULT", "SMTP_VAULT_PATH"};

class Environment : public testing::Test {
protected:
    Environment() { clear(); }
    ~Environment() override { clear(); }
    static void clear()
    {
        for (auto const* name : kVariables) ::unsetenv(name);
    }
    static std::string taken()
    {
        auto const record = take_environment_record();
        if (!record) return "nothing";
        std::string all;
        for (auto const& [name, value] : record->fields) all += name + "=" + std::string{value.reveal()} + ";";
        return all;
    }
};

TEST_F(Environment, GivesARecord)
{
    ::setenv("SMTP_HOST", "smtp.example.net", 1);
    ::setenv("SMTP_PORT", "587", 1);
    ::setenv("SMTP_USER", "u", 1);
    ::setenv("SMTP_USERNAME", "other", 1);
    ::setenv("SMTP_PASSWORD", "p", 1);
    ::setenv("SMTP_USE_TLS", "true", 1);
    ::setenv("SMTP_DEFAULT_FROM", "a@example.net", 1);
    EXPECT_EQ(taken(), "from=a@example.net;host=smtp.example.net;password=p;port=587;use_tls=true;user=u;");
    EXPECT_EQ(std::getenv("SMTP_PASSWORD"), nullptr);
    EXPECT_EQ(std::getenv("SMTP_USER"), nullptr);
    EXPECT_EQ(std::getenv("SMTP_USERNAME"), nullptr);
    EXPECT_STREQ(std::getenv("SMTP_HOST"), "smtp.example.net");
    EXPECT_EQ(forbidden_in_production(), "");
}

TEST_F(Environment, TakesTheOtherNameOfTheUser)
{
    ::setenv("SMTP_HOST", "h", 1);
    ::setenv("SMTP_USER", "", 1);
    ::setenv("SMTP_USERNAME", "u", 1);
    EXPECT_EQ(taken(), "host=h;user=u;");
}

TEST_F(Environment, GivesNothingWithoutAHost)
{
    ::setenv("SMTP_PASSWORD", "p", 1);
    EXPECT_EQ(taken(), "nothing");
    EXPECT_EQ(std::getenv("SMTP_PASSWORD"), nullptr) << "taken out even so";
}

TEST_F(Environment, NamesWhatProductionForbids)
{
    EXPECT_EQ(forbidden_in_production(), "");
    ::setenv("SMTP_PASSWORD", "", 1);
    ::setenv("SMTP_HOST", "h", 1);
    EXPECT_EQ(forbidden_in_production(), "") << "empty is as good as unset, and a host is no secret";
    ::setenv("SMTP_USERNAME", "u", 1);
    EXPECT_EQ(forbidden_in_production(), "SMTP_USERNAME");
    ::setenv("SMTP_USER", "u", 1);
    EXPECT_EQ(forbidden_in_production(), "SMTP_USER");
    ::setenv("SMTP_PASSWORD", "p", 1);
    EXPECT_EQ(forbidden_in_production(), "SMTP_PASSWORD");
}

TEST_F(Environment, SkipsVaultOnlyWhenTold)
{
    EXPECT_TRUE(smtp_use_vault());
    for (auto const* no : {"false", "FALSE", "no", "0", "off", " false "}) {
        ::setenv("SMTP_USE_VAULT", no, 1);
        EXPECT_FALSE(smtp_use_vault()) << no;
    }
    for (auto const* yes : {"true", "1", "yes", "", "perhaps"}) {
        ::setenv("SMTP_USE_VAULT", yes, 1);
        EXPECT_TRUE(smtp_use_vault()) << yes;
    }
    EXPECT_EQ(smtp_vault_path(), std::nullopt);
    ::setenv("SMTP_VAULT_PATH", "secret/keybuzz/smtp", 1);
    EXPECT_EQ(smtp_vault_path(), "secret/keybuzz/smtp");
}

// The block of a process's start stays readable in /proc for as long as it lives, and a block may name a variable
// twice.
TEST_F(Environment, OverwritesTheBytesWhereTheyStand)
{
    std::array<char, 32> first{"SMTP_PASSWORD=topsecret"}, other{"OTHER=kept"}, second{"SMTP_PASSWORD=again"};
    std::array<char*, 4> block{first.data(), other.data(), second.data(), nullptr};
    char** const former = environ;
    environ = block.data();
    auto const value = take_variable("SMTP_PASSWORD");
    auto const absent = take_variable("SMTP_PASSWORD");
    bool const other_there = std::getenv("OTHER") != nullptr;
    environ = former;
    ASSERT_TRUE(value);
    EXPECT_EQ(value->reveal(), "topsecret");
    EXPECT_FALSE(absent);
    EXPECT_TRUE(other_there);
    EXPECT_EQ((std::string_view{first.data(), first.size()}), "SMTP_PASSWORD=" + std::string(18, '\0'));
    EXPECT_EQ((std::string_view{second.data(), second.size()}), "SMTP_PASSWORD=" + std::string(18, '\0'));
}

}   // namespace
}   // namespace mailcore::vault_sync
