// What an operator is told of limits, and that nobody waits for it.

#include "core/gate/limit_desk.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "core/config/load.hpp"
#include "core/gate/limit_keeper.hpp"
#include "core/rules/compile.hpp"
#include "core/store/lmdb_table.hpp"

namespace mailcore::gate {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

class LimitDeskTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        directory_ = ::testing::TempDir() + "desk_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
        std::filesystem::remove_all(directory_);
        std::filesystem::create_directories(directory_);
        auto log = observe::Log::open("test", "info", "json", directory_ + "/log");
        ASSERT_TRUE(log);
        log_.emplace(std::move(*log));
    }
    void TearDown() override
    {
        keeper_.reset();
        std::filesystem::remove_all(directory_);
    }

    void open(std::string const& tenants)
    {
        config::Diagnostics problems;
        auto const settings = config::load_text("test.yaml", "state_directory: " + directory_ + "\nstamp: {keys_file: ''}\ntenants:\n" + tenants, problems);
        ruleset_ = rules::compile(settings, nullptr, problems);
        ASSERT_FALSE(problems.has_errors()) << problems.text();
        auto keeper = LimitKeeper::open(settings, *log_);
        ASSERT_TRUE(keeper) << keeper.error().message;
        keeper_ = std::move(*keeper);
    }
    void count(std::string const& tenant, std::string const& sender, int messages = 1)
    {
        mail::Request request;
        request.sender.set(sender);
        auto const charges = rules::charges_for(ruleset_, *ruleset_.find_tenant(tenant), request, base::now());
        for (int i = 0; i < messages; ++i) ASSERT_TRUE(keeper_->store().take(charges, base::now())->taken);
    }
    json ask(json const& request)
    {
        auto const answer = keeper_->answer(request.dump(), ruleset_);
        EXPECT_TRUE(answer) << answer.error().message;
        return answer ? json::parse(*answer) : json{};
    }
    static std::vector<json> of_limit(json const& answer, std::string const& id)
    {
        std::vector<json> entries;
        for (auto const& entry : answer["limits"]) {
            if (entry["id"] == id) entries.push_back(entry);
        }
        return entries;
    }

    std::string directory_;
    std::optional<observe::Log> log_;
    rules::Ruleset ruleset_;
    std::unique_ptr<LimitKeeper> keeper_;
};

constexpr auto kBySender = "  shop: {clients: [10.0.0.1], senders: ['@shop.example'], limits: [{recipients: 20000, per: 30d}, "
                           "{messages: 5, per: 30d, key: sender}, {messages: 20000, per: 30d}]}\n";

// The recipients' counter sorts behind those of 10,000 senders.
TEST_F(LimitDeskTest, TellsWhatIsUsedOfEachLimitHoweverManySendersThereAre)
{
    open(kBySender);
    for (int i = 0; i < 10'050; ++i) count("shop", "s" + std::to_string(100'000 + i) + "@shop.example");
    count("shop", "zzz@shop.example", 5);
    auto const answer = ask({{"command", "limits"}, {"tenant", "shop"}});
    EXPECT_EQ(of_limit(answer, "recipients/30d").at(0)["used"], 10'055);
    EXPECT_EQ(of_limit(answer, "messages/30d").at(0)["used"], 10'055);
    auto const senders = of_limit(answer, "messages/30d/sender");
    ASSERT_EQ(senders.size(), 10'000u);
    EXPECT_EQ(senders.back()["key"], "zzz@shop.example") << "the fullest is there";
    EXPECT_EQ(senders.back()["used"], 5);
    EXPECT_EQ(senders.back()["keys"], 10'051);
    EXPECT_EQ(answer["left_out"], 51);
}

TEST_F(LimitDeskTest, HasOneEmptyLineForALimitThatNobodyUses)
{
    open(kBySender);
    auto const answer = ask({{"command", "limits"}, {"tenant", "shop"}});
    ASSERT_EQ(answer["limits"].size(), 3u);
    for (auto const& entry : answer["limits"]) EXPECT_EQ(entry["used"], 0) << entry;
    EXPECT_EQ(answer["left_out"], 0);
}

TEST_F(LimitDeskTest, TellsTheFullestOfVeryManyTenants)
{
    std::string tenants;
    for (int i = 0; i < 10'003; ++i) {
        auto const name = "t" + std::to_string(i);
        tenants += "  " + name + ": {clients: [10.0.0.1], senders: ['@" + name + ".example'], limits: [{messages: 2, per: 30d}]}\n";
    }
    open(tenants);
    count("t10002", "a@t10002.example");
    auto const answer = ask({{"command", "limits"}});
    EXPECT_EQ(answer["limits"].size(), 10'000u);
    EXPECT_EQ(answer["left_out"], 3);
    EXPECT_EQ(answer["limits"].front()["tenant"], "t0");
    EXPECT_EQ(answer["limits"].back()["tenant"], "t10002");
    EXPECT_EQ(answer["limits"].back()["used"], 1);
}

// A process that holds the counters' table for writing, as a very long reset would, until it is let go.
class Holder {
public:
    explicit Holder(std::string directory) : directory_{std::move(directory)}
    {
        EXPECT_EQ(::pipe(commands_), 0);
        EXPECT_EQ(::pipe(words_), 0);
        process_ = ::fork();
        if (process_ == 0) run();
    }
    ~Holder()
    {
        ::close(commands_[1]);   // which lets go, too
        ::waitpid(process_, nullptr, 0);
    }
    void hold()
    {
        char byte = 'h';
        EXPECT_EQ(::write(commands_[1], &byte, 1), 1);
        EXPECT_EQ(::read(words_[0], &byte, 1), 1);
    }
    void let_go()
    {
        char const byte = 'g';
        EXPECT_EQ(::write(commands_[1], &byte, 1), 1);
    }

private:
    [[noreturn]] void run()
    {
        ::close(commands_[1]);
        char byte = 0;
        [[maybe_unused]] auto got = ::read(commands_[0], &byte, 1);
        {
            auto table = store::lmdb::Table::open({"held", directory_, 256u << 20u, store::lmdb::Sync::Never}, store::lmdb::OnDamage::PutAside);
            if (!table) ::_exit(1);
            auto const transaction = (*table)->begin(store::lmdb::Access::Write);
            got = ::write(words_[1], &byte, 1);
            got = ::read(commands_[0], &byte, 1);
        }
        ::_exit(0);
    }

    std::string directory_;
    int commands_[2]{};
    int words_[2]{};
    pid_t process_ = 0;
};

TEST_F(LimitDeskTest, SuspendsWhileCountersAreStillBeingForgotten)
{
    Holder holder{directory_ + "/limits"};
    open(kBySender);
    count("shop", "a@shop.example");
    holder.hold();
    auto reset = std::async(std::launch::async, [&] { return ask({{"command", "limits-reset"}, {"tenant", "shop"}}); });
    static_cast<void>(reset.wait_for(200ms));   // by now it waits for the table
    auto suspended = std::async(std::launch::async, [&] { return ask({{"command", "suspend"}, {"tenant", "shop"}}); });
    bool const is_done = suspended.wait_for(20s) == std::future_status::ready;
    EXPECT_TRUE(is_done) << "the reset holds up the suspension";
    EXPECT_TRUE(!is_done || keeper_->suspensions().get()->holds("shop"));
    holder.let_go();
    EXPECT_EQ(reset.get()["forgotten"], 3);
    EXPECT_EQ(suspended.get()["suspended"], true);
}

}   // namespace
}   // namespace mailcore::gate
