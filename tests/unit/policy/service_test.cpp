// The daemon's loop over real sockets: framing, pipelining, reload, draining.

#include "policy/service.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace mailcore::policy {
namespace {

constexpr run::ProgramInfo kProgram{"mailcore-policy", "", ""};

// A private daemon in this process, with its own directory.
class PolicyServiceTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-policy-test-XXXXXX";
        directory_ = ::mkdtemp(name);
        write_config("shop.test");
        process_ = std::make_unique<run::Process>(kProgram, run::Arguments{directory_ + "/mailcore.yaml", false, false});
        auto configuration = rules::read_configuration(process_->config_path());
        ASSERT_TRUE(configuration) << configuration.error().message;
        auto gate = gate::Gate::open(*process_, std::move(*configuration));
        ASSERT_TRUE(gate) << gate.error().message;
        gate_ = std::move(*gate);
        auto service = PolicyService::open(*gate_);
        ASSERT_TRUE(service) << service.error().message;
        service_ = std::move(*service);
        thread_ = std::thread{[this] { service_->serve(); }};
    }

    void TearDown() override
    {
        stop();
        service_.reset();
        gate_.reset();
        std::filesystem::remove_all(directory_);
    }

    void stop()
    {
        if (service_) service_->stop();
        if (thread_.joinable()) thread_.join();
    }

    void write_config(std::string const& domain)
    {
        std::ofstream{directory_ + "/mailcore.yaml"}
            << "decision_log: " << directory_ << "/decisions.jsonl\nstate_directory: " << directory_ << "/state\n"
            << "log: {level: error}\nsocket_group: " << group() << "\nstamp: {keys_file: \"\"}\n"
            << "policy: {listen: \"unix:" << directory_ << "/policy.sock\", metrics: \"\"}\nmilter: {metrics: \"\"}\n"
            << (counts() ? "limits: {count_at: policy}\n" : "")
            << "tenants: {t: {clients: [10.0.0.1], senders: [\"@" << domain << "\"]" << (counts() ? ", limits: [{messages: 3, per: 1d}]" : "") << "}}\n";
    }
    virtual bool counts() const { return false; }

    // One that the test's user may give a file to.
    static std::string group()
    {
        return ::geteuid() == 0 ? "root" : std::filesystem::exists("/etc/group") ? "users" : "root";
    }

    std::string directory_;
    std::unique_ptr<run::Process> process_;
    std::unique_ptr<gate::Gate> gate_;
    std::unique_ptr<PolicyService> service_;
    std::thread thread_;
};

class Client {
public:
    explicit Client(std::string const& path) : socket_{::socket(AF_UNIX, SOCK_STREAM, 0)}
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << std::strerror(errno);
        timeval const patience{20, 0};   // a hang fails the test instead of stopping it
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    void send(std::string_view text) { EXPECT_EQ(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size())); }
    // One reply without its empty line; "" when the connection is closed.
    std::string reply()
    {
        for (;;) {
            if (auto const end = buffer_.find("\n\n"); end != std::string::npos) {
                auto const text = buffer_.substr(0, end);
                buffer_.erase(0, end + 2);
                return text;
            }
            char bytes[4096];
            auto const got = ::recv(socket_.get(), bytes, sizeof bytes, 0);
            if (got <= 0) return "";
            buffer_.append(bytes, static_cast<std::size_t>(got));
        }
    }
    void close_writing() { ::shutdown(socket_.get(), SHUT_WR); }

private:
    base::Fd socket_;
    std::string buffer_;
};

std::string request(std::string const& sender, std::string const& instance = "1")
{
    return "request=smtpd_access_policy\nprotocol_state=MAIL\nclient_address=10.0.0.1\nsender=" + sender + "\ninstance=" + instance + "\n\n";
}

constexpr auto kRefused = "action=554 5.7.1 Sender not allowed for this client (sender_not_allowed)";

TEST_F(PolicyServiceTest, AnswersPipelinedRequestsInOrder)
{
    Client client{directory_ + "/policy.sock"};
    std::string text;
    for (int i = 0; i < 500; ++i) text += request(i % 3 == 0 ? "a@else.test" : "a@shop.test");
    client.send(text);
    for (int i = 0; i < 500; ++i) ASSERT_EQ(client.reply(), i % 3 == 0 ? kRefused : "action=DUNNO") << i;
}

TEST_F(PolicyServiceTest, AnswersARequestThatComesByteByByte)
{
    Client client{directory_ + "/policy.sock"};
    for (char const c : request("a@else.test")) client.send({&c, 1});
    EXPECT_EQ(client.reply(), kRefused);
}

TEST_F(PolicyServiceTest, ClosesWithoutReplyOnWhatIsNoRequestButAnswersWhatCameBefore)
{
    Client client{directory_ + "/policy.sock"};
    client.send(request("a@shop.test") + "nonsense\n\n" + request("a@shop.test"));
    EXPECT_EQ(client.reply(), "action=DUNNO");
    EXPECT_EQ(client.reply(), "");
}

TEST_F(PolicyServiceTest, AnswersSlowReadersInFull)
{
    Client client{directory_ + "/policy.sock"};
    std::thread writer{[&] {
        for (int i = 0; i < 20'000; ++i) client.send(request("a@else.test"));
    }};
    std::this_thread::sleep_for(std::chrono::milliseconds{100});   // replies pile up unread
    for (int i = 0; i < 20'000; ++i) ASSERT_EQ(client.reply(), kRefused) << i;
    writer.join();
}

TEST_F(PolicyServiceTest, OneMessageSeesOneSetOfRulesAcrossAReload)
{
    Client client{directory_ + "/policy.sock"};
    client.send(request("a@shop.test", "message-1"));
    ASSERT_EQ(client.reply(), "action=DUNNO");
    write_config("new.test");
    ASSERT_TRUE(gate_->reload());
    client.send(request("a@shop.test", "message-1"));
    EXPECT_EQ(client.reply(), "action=DUNNO") << "the message that began before the reload";
    client.send(request("a@shop.test", "message-2"));
    EXPECT_EQ(client.reply(), kRefused) << "the next one";
}

TEST_F(PolicyServiceTest, AReloadWithMistakesKeepsTheOldRulesAndSaysWhy)
{
    std::ofstream{directory_ + "/mailcore.yaml", std::ios::app} << "tenants: {}\n";
    auto const reloaded = gate_->reload();
    ASSERT_FALSE(reloaded);
    EXPECT_NE(reloaded.error().message.find("duplicate key \"tenants\""), std::string::npos) << reloaded.error().message;
    Client client{directory_ + "/policy.sock"};
    client.send(request("a@shop.test"));
    EXPECT_EQ(client.reply(), "action=DUNNO");
}

TEST_F(PolicyServiceTest, StoppingAnswersWhatHasComeAndWaitsForWhatHasComeInPart)
{
    Client whole{directory_ + "/policy.sock"};
    Client part{directory_ + "/policy.sock"};
    auto const text = request("a@else.test");
    part.send(text.substr(0, 20));
    whole.send(text);
    ASSERT_EQ(whole.reply(), kRefused);
    whole.send(text);
    service_->stop();
    part.send(text.substr(20));
    EXPECT_EQ(part.reply(), kRefused);
    EXPECT_EQ(whole.reply(), kRefused);
    EXPECT_EQ(whole.reply(), "") << "then it closes";
    stop();
}

TEST_F(PolicyServiceTest, ServesHundredsOfIdleConnections)
{
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 400; ++i) clients.push_back(std::make_unique<Client>(directory_ + "/policy.sock"));
    for (auto& client : clients) client->send(request("a@shop.test"));
    for (auto& client : clients) ASSERT_EQ(client->reply(), "action=DUNNO");
    EXPECT_EQ(gate_->metrics().connections(), 400);
}

TEST_F(PolicyServiceTest, EveryRequestHasItsDecisionLine)
{
    {
        Client client{directory_ + "/policy.sock"};
        for (int i = 0; i < 100; ++i) client.send(request("a@else.test"));
        for (int i = 0; i < 100; ++i) client.reply();
    }
    stop();
    service_.reset();
    gate_.reset();   // writes out what is left
    std::ifstream log{directory_ + "/decisions.jsonl"};
    int lines = 0;
    for (std::string line; std::getline(log, line);) {
        ++lines;
        EXPECT_NE(line.find("\"action\":\"reject\",\"reason\":\"sender_not_allowed\""), std::string::npos) << line;
    }
    EXPECT_EQ(lines, 100);
}

// --- limits.count_at: policy

class CountingPolicyServiceTest : public PolicyServiceTest {
protected:
    bool counts() const override { return true; }

    static std::string data(std::string const& instance)
    {
        return "request=smtpd_access_policy\nprotocol_state=DATA\nclient_address=10.0.0.1\nsender=a@shop.test\nrecipient_count=1\n"
               "instance=" + instance + "\nqueue_id=Q" + instance + "\n\n";
    }
    static std::string answer(Client& client, std::string const& text)
    {
        client.send(text);
        return client.reply();
    }
    std::uint64_t given_back() { return gate_->metrics().limits().given_back(); }
};

TEST_F(CountingPolicyServiceTest, WhatAnotherRestrictionRefusesAtDataIsGivenBackWhenTheNextMessageComes)
{
    Client client{directory_ + "/policy.sock"};
    for (int i = 1; i <= 10; ++i) EXPECT_EQ(answer(client, data(std::to_string(i))), "action=DUNNO") << i;
    EXPECT_EQ(given_back(), 9u);
}

TEST_F(CountingPolicyServiceTest, ADataThatIsSaidAgainCountsOnce)
{
    Client client{directory_ + "/policy.sock"};
    for (int i = 1; i <= 10; ++i) EXPECT_EQ(answer(client, data("1")), "action=DUNNO") << i;
}

TEST_F(CountingPolicyServiceTest, WhatTheMilterHasTakenOverStaysCounted)
{
    Client client{directory_ + "/policy.sock"};
    for (auto const* instance : {"1", "2", "3"}) {
        EXPECT_EQ(answer(client, data(instance)), "action=DUNNO");
        auto notes = store::Notes::open(directory_ + "/state", "limit-receipts");   // as the milter does
        ASSERT_TRUE(notes) << notes.error().message;
        EXPECT_TRUE(notes->take("Q" + std::string{instance}).value());
    }
    EXPECT_NE(answer(client, data("4")).find("(limit_exceeded)"), std::string::npos);
    EXPECT_EQ(given_back(), 0u);
}

TEST_F(CountingPolicyServiceTest, WhatWasUnderWayIsGivenBackWhenItsConnectionEnds)
{
    {
        std::vector<std::unique_ptr<Client>> clients;
        for (auto const* instance : {"1", "2", "3"}) {
            clients.push_back(std::make_unique<Client>(directory_ + "/policy.sock"));
            EXPECT_EQ(answer(*clients.back(), data(instance)), "action=DUNNO");
        }
        Client other{directory_ + "/policy.sock"};
        EXPECT_NE(answer(other, data("4")).find("(limit_exceeded)"), std::string::npos);
    }
    for (int i = 0; i < 2'000 && given_back() < 3; ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
    EXPECT_EQ(given_back(), 3u);
    Client client{directory_ + "/policy.sock"};
    EXPECT_EQ(answer(client, data("5")), "action=DUNNO");
}

}   // namespace
}   // namespace mailcore::policy
