// mailcorectl tenant suspend and resume: what is asked, what is said.

#include <gtest/gtest.h>
#include <unistd.h>

#include "stub_postfix.hpp"

using namespace mailcore;
using namespace mailcore::ctl;
using nlohmann::json;

namespace {

class Tenant : public testing::Test {
protected:
    Folder folder;
    StubPostfix stub;
    Common common = configured(folder, "tenants: {kbz_test: {}, shop: {mode: suspended}}\n");
    TenantOptions options{.name = "kbz_test", .reason = "", .queued = false, .postfix_config_directory = stub.directory()};
    std::vector<json> asked;

    static json answer(bool suspended, bool changed = true, bool told_fleet = true)
    {
        return {{"ok", true}, {"tenant", "kbz_test"}, {"suspended", suspended}, {"changed", changed}, {"told_fleet", told_fleet}};
    }
    Output suspend(json const& told) { return run({{"suspend", told}}, tenant_suspend); }
    Output resume(json const& told) { return run({{"resume", told}}, tenant_resume); }
    void use_redis() { common = configured(folder, "tenants: {kbz_test: {}}\nlimits: {store: 'redis://:secret@10.0.0.5/0'}\n"); }
    void put(std::string const& queue, std::string const& id) const { stub.put(queue, id, "a@x.example", "X-KeyBuzz-Tenant: kbz_test\n"); }

private:
    Output run(std::map<std::string, json> answers, int (*command)(Common const&, TenantOptions const&))
    {
        answers["tenants"] = {{"ok", true}, {"tenants", {{{"name", "kbz_test"}}, {{"name", "shop"}}}}};
        FakeDaemon daemon{folder, "mailcore-milter", answers};   // one that runs is enough
        auto output = output_of([&] { return command(common, options); });
        asked = daemon.asked();
        return output;
    }
};

TEST_F(Tenant, IsSuspendedByAskingOneDaemon)
{
    options.reason = "stolen password";
    auto const output = suspend(answer(true));
    EXPECT_EQ(output.status, 0);
    EXPECT_EQ(output.out, "kbz_test: suspended; its mail is refused within a second (tenant_suspended)\n"
                          "What is in Postfix's queue still goes; --hold stops that, too\n");
    EXPECT_EQ(output.err, "");
    EXPECT_EQ(asked, std::vector{json({{"command", "suspend"}, {"tenant", "kbz_test"}, {"reason", "stolen password"}})});
}

TEST_F(Tenant, IsSuspendedOnAllHostsOfOneRedis)
{
    use_redis();
    auto const output = suspend(answer(true));
    EXPECT_NE(output.out.find("\nAll hosts of redis://10.0.0.5:6379/0 are told\n"), std::string::npos) << output.out;
}

TEST_F(Tenant, IsSuspendedHereAloneWhileRedisIsAwayAndThatIsSaid)
{
    use_redis();
    auto const output = suspend(answer(true, true, false));
    EXPECT_EQ(output.status, 0);
    EXPECT_EQ(output.out.find("All hosts"), std::string::npos);
    EXPECT_EQ(output.err, "mailcorectl: redis://10.0.0.5:6379/0 is away: only this host knows; the others are told when it is back\n");
}

TEST_F(Tenant, IsSuspendedHereAloneAndRedisRefusalIsSaidInItsWords)
{
    use_redis();
    auto refused = answer(true, true, false);
    refused["untold"] = "redis://10.0.0.5:6379/0: NOPERM";
    EXPECT_EQ(suspend(refused).err, "mailcorectl: redis://10.0.0.5:6379/0: NOPERM: only this host knows; the others are told when that is mended\n");
    refused["untold"] = "Redis is away: 10.0.0.5:6379: Connection refused";
    EXPECT_EQ(suspend(refused).err, "mailcorectl: redis://10.0.0.5:6379/0 is away: only this host knows; the others are told when it is back\n");
}

TEST_F(Tenant, IsSuspendedThoughOneOfTwoCopiesDoesNotTakeIt)
{
    auto half = answer(true);
    half["untold"] = "suspensions in /x: data.mdb is damaged";
    EXPECT_EQ(suspend(half).err, "mailcorectl: suspensions in /x: data.mdb is damaged: only one of two copies of the suspensions knows; "
                                 "the other is told when that is mended\n");
    common.json = true;
    EXPECT_EQ(json::parse(suspend(half).out)["untold"], "suspensions in /x: data.mdb is damaged");
}

TEST_F(Tenant, MayBeSuspendedAlready)
{
    EXPECT_TRUE(suspend(answer(true, false)).out.starts_with("kbz_test: was suspended already\n"));
}

TEST_F(Tenant, IsGuessedWhereTheNameIsAlmostRight)
{
    options.name = "kbz_tset";
    auto const output = suspend({{"error", "no tenant \"kbz_tset\" in the rules in force"}});
    EXPECT_EQ(output.status, 1);
    EXPECT_EQ(output.err, "mailcorectl: no tenant \"kbz_tset\" in the rules in force; did you mean \"kbz_test\"?\n");
    EXPECT_EQ(output.out, "");
}

TEST_F(Tenant, IsNotSuspendedForANovel)
{
    options.reason = std::string(301, 'x');
    auto const output = suspend(answer(true));
    EXPECT_EQ(output.status, 64);
    EXPECT_EQ(output.err, "mailcorectl: --reason: at most 300 bytes\n");
    EXPECT_TRUE(asked.empty());
}

TEST_F(Tenant, IsSuspendedAsJson)
{
    common.json = true;
    EXPECT_EQ(json::parse(suspend(answer(true)).out),
              json({{"tenant", "kbz_test"}, {"suspended", true}, {"changed", true}, {"told_fleet", true}}));
}

TEST_F(Tenant, IsResumed)
{
    auto const output = resume(answer(false));
    EXPECT_EQ(output.status, 0);
    EXPECT_EQ(output.out, "kbz_test: resumed; its mail is judged as before within a second\n");
    EXPECT_EQ(asked, std::vector{json({{"command", "resume"}, {"tenant", "kbz_test"}})});
    EXPECT_EQ(resume(answer(false, false)).out, "kbz_test: was not suspended by an operator\n");
}

TEST_F(Tenant, StaysSuspendedByItsMode)
{
    options.name = "shop";
    auto const output = resume({{"ok", true}, {"tenant", "shop"}, {"suspended", false}, {"changed", true}, {"told_fleet", true}});
    EXPECT_EQ(output.out, "shop: resumed; its mail is judged as before within a second\n"
                          "It stays suspended by its mode in the configuration\n");
}

TEST_F(Tenant, NeedsRootForItsQueueAndChangesNothingWithout)
{
    options.queued = true;
    auto const output = output_of([&] {
        auto const was = ::geteuid();
        EXPECT_EQ(::seteuid(was == 0 ? 65'534 : was), 0);
        auto const status = tenant_suspend(common, options);
        EXPECT_EQ(::seteuid(was), 0);
        return status;
    });
    EXPECT_EQ(output.status, 1);
    EXPECT_EQ(output.err, "mailcorectl: --hold is for root, as postsuper is; nothing was changed. Try sudo, or leave --hold out\n");
    EXPECT_FALSE(std::filesystem::exists(folder.path("suspensions")));
}

class TenantWithQueue : public Tenant {
protected:
    void SetUp() override
    {
        if (::geteuid() != 0) GTEST_SKIP() << "postsuper is for root";
        options.queued = true;
    }
};

TEST_F(TenantWithQueue, GoesOnHoldAndIsToldOfByNumber)
{
    put("deferred", "A1");
    auto const output = suspend(answer(true, false));   // suspended before: nothing is on its way, so there is no waiting
    EXPECT_EQ(output.status, 0) << output.err;
    EXPECT_EQ(output.out, "kbz_test: was suspended already\n"
                          "1 message of it in Postfix's queue put on hold\n");
    options.queued = false;
    EXPECT_EQ(resume(answer(false)).out, "kbz_test: resumed; its mail is judged as before within a second\n"
                                         "1 message of it still on hold; tenant resume --release lets them go\n");
    options.queued = true;
    put("hold", "QUARANTINED");
    EXPECT_EQ(resume(answer(false)).out, "kbz_test: resumed; its mail is judged as before within a second\n"
                                         "1 message released from hold\n"
                                         "1 message of it still on hold, put there by a rule or by hand\n");
}

TEST_F(TenantWithQueue, IsHeldAsJson)
{
    common.json = true;
    put("deferred", "A1");
    EXPECT_EQ(json::parse(suspend(answer(true, false)).out),
              json({{"tenant", "kbz_test"}, {"suspended", true}, {"changed", false}, {"told_fleet", true}, {"held", 1}, {"unproved", 0}, {"unread", 0}}));
    EXPECT_EQ(json::parse(resume(answer(false)).out),
              json({{"tenant", "kbz_test"}, {"suspended", false}, {"changed", true}, {"told_fleet", true}, {"released", 1}, {"on_hold", 0}}));
}

TEST_F(TenantWithQueue, SaysThatOtherHostsHaveQueuesOfTheirOwn)
{
    use_redis();
    EXPECT_TRUE(suspend(answer(true, false)).out.ends_with("Other hosts have queues of their own: tenant suspend --hold there, too\n"));
}

TEST_F(TenantWithQueue, IsNotSuspendedWhereTheQueueCannotBeRead)
{
    stub.program("postqueue", "echo 'postqueue: fatal: no queue' >&2\nexit 1\n");
    auto const output = suspend(answer(true));
    EXPECT_EQ(output.status, 1);
    EXPECT_EQ(output.err, "mailcorectl: postqueue failed: postqueue: fatal: no queue; nothing was changed\n");
    EXPECT_TRUE(asked.empty());
}

TEST_F(TenantWithQueue, StaysSuspendedWhereHoldingFails)
{
    put("deferred", "A1");
    stub.program("postsuper", "echo 'postsuper: fatal: disk full' >&2\nexit 1\n");
    auto const output = suspend(answer(true, false));
    EXPECT_EQ(output.status, 1);
    EXPECT_EQ(output.err, "mailcorectl: what is in Postfix's queue is not on hold: postsuper failed after 0 messages: postsuper: fatal: disk full\n");
}

}   // namespace
