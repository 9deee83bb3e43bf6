// The callbacks as libmilter calls them, on a context of our own.

#include "milter/callbacks.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <filesystem>
#include <fstream>
#include <libmilter/mfdef.h>
#include <nlohmann/json.hpp>
#include <random>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "tests/unit/milter/fake_libmilter.hpp"

namespace mailcore::milter {
namespace {

constexpr unsigned long kPostfixActions = 0x1ff;
constexpr unsigned long kPostfixSteps = 0x1fffff;

constexpr run::ProgramInfo kProgram{"mailcore-milter", "", ""};

class Callbacks : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-milter-test-XXXXXX";
        directory_ = ::mkdtemp(name);
        write_config("tenants: {acme: {clients: [10.0.0.1], senders: ['@acme.test'], from: off, recipients: {deny: ['@bad.test']}}}");
        process_ = std::make_unique<run::Process>(kProgram, run::Arguments{directory_ + "/mailcore.yaml", false, false});
        auto configuration = rules::read_configuration(process_->config_path());
        ASSERT_TRUE(configuration) << configuration.error().message;
        auto gate = gate::Gate::open(*process_, std::move(*configuration));
        ASSERT_TRUE(gate) << gate.error().message;
        gate_ = std::move(*gate);
        callbacks::serve(*gate_);
    }

    void TearDown() override
    {
        callbacks::finish();
        gate_.reset();
        std::filesystem::remove_all(directory_);
    }

    void write_config(std::string const& rest)
    {
        std::ofstream{directory_ + "/mailcore.yaml"} << "decision_log: " << directory_ << "/decisions.jsonl\nstate_directory: "
                                                     << directory_ << "/state\nlog: {target: " << directory_
                                                     << "/log}\nstamp: {keys_file: \"\"}\n" << rest << "\n";
    }

    // The decision lines so far; the gate is closed, so that its writer has written all.
    std::vector<nlohmann::json> decisions()
    {
        callbacks::finish();
        gate_.reset();
        std::vector<nlohmann::json> lines;
        std::ifstream file{directory_ + "/decisions.jsonl"};
        for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
        return lines;
    }

    std::string directory_;
    std::unique_ptr<run::Process> process_;
    std::unique_ptr<gate::Gate> gate_;
};

// A mail server on one connection.
class Connection {
public:
    ~Connection() { close(); }

    sfsistat negotiate(unsigned long offered_actions = kPostfixActions, unsigned long offered_steps = kPostfixSteps)
    {
        unsigned long unused = 1;
        unsigned long unused_too = 1;
        auto const status = filter.xxfi_negotiate(&context, offered_actions, offered_steps, 0, 0, &actions, &steps, &unused, &unused_too);
        EXPECT_EQ(unused + unused_too, 0u);
        return status;
    }

    sfsistat connect(std::string const& address = "10.0.0.1", std::string const& port = "25")
    {
        context.macros["{client_addr}"] = address;
        context.macros["{daemon_port}"] = port;
        sockaddr_in peer{};
        peer.sin_family = AF_INET;
        ::inet_pton(AF_INET, address.c_str(), &peer.sin_addr);
        return filter.xxfi_connect(&context, text("client.test"), reinterpret_cast<sockaddr*>(&peer));
    }

    sfsistat mail(std::string const& path, std::string const& parameter = "SIZE=10")
    {
        context.macros["{mail_addr}"] = path.substr(1, path.size() - 2);
        return with_arguments(filter.xxfi_envfrom, path, parameter);
    }

    sfsistat rcpt(std::string const& path = "<user@example.com>")
    {
        context.macros["{rcpt_addr}"] = path.substr(1, path.size() - 2);
        return with_arguments(filter.xxfi_envrcpt, path, "NOTIFY=NEVER");
    }

    sfsistat header(std::string const& name, std::string const& value) { return filter.xxfi_header(&context, text(name), text(value)); }

    sfsistat end(std::string const& queue_id = "4jWYs717qcz8lWc")
    {
        context.macros["i"] = queue_id;
        return filter.xxfi_eom(&context);
    }

    sfsistat abort() { return filter.xxfi_abort(&context); }
    sfsistat close() { return filter.xxfi_close(&context); }

    void open()
    {
        negotiate();
        connect();
        filter.xxfi_helo(&context, text("client.test"));
    }

    SMFICTX context;
    unsigned long actions = 0;
    unsigned long steps = 0;
    smfiDesc const filter = callbacks::description();

private:
    static char* text(std::string const& value) { return const_cast<char*>(value.c_str()); }

    sfsistat with_arguments(sfsistat (*step)(SMFICTX*, char**), std::string const& first, std::string const& second)
    {
        char* arguments[] = {text(first), text(second), nullptr};
        return step(&context, arguments);
    }
};

TEST_F(Callbacks, AsksForTheStepsItNeedsAndNoMore)
{
    Connection connection;
    EXPECT_EQ(connection.negotiate(), SMFIS_CONTINUE);
    EXPECT_EQ(connection.actions, unsigned{SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE | SMFIF_SETSYMLIST});
    EXPECT_EQ(connection.steps, unsigned{SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NR_CONN |
                                         SMFIP_NR_HELO | SMFIP_NR_HDR | SMFIP_NR_BODY});
    EXPECT_EQ(connection.context.symbol_lists[SMFIM_EOM], "i");
    EXPECT_EQ(connection.context.symbol_lists[SMFIM_EOH], "i");
}

TEST_F(Callbacks, AsksForTheBodyWhereSizesAreLimited)
{
    EXPECT_EQ(callbacks::negotiate(kPostfixActions, kPostfixSteps, {.bodies = true}).steps & SMFIP_NOBODY, 0u);
    EXPECT_NE(callbacks::negotiate(kPostfixActions, kPostfixSteps, {}).steps & SMFIP_NOBODY, 0u);
    EXPECT_EQ(callbacks::negotiate(kPostfixActions, kPostfixSteps, {.data = true}).steps & SMFIP_NODATA, 0u);
    EXPECT_NE(callbacks::negotiate(kPostfixActions, kPostfixSteps, {}).steps & SMFIP_NODATA, 0u);
}

TEST_F(Callbacks, AsksForNothingThatIsNotOffered)
{
    auto const agreed = callbacks::negotiate(SMFIF_ADDHDRS | SMFIF_CHGHDRS, SMFIP_NOBODY | SMFIP_NR_HDR, {});
    EXPECT_EQ(agreed.actions, unsigned{SMFIF_ADDHDRS | SMFIF_CHGHDRS});
    EXPECT_EQ(agreed.steps, unsigned{SMFIP_NOBODY | SMFIP_NR_HDR});
    EXPECT_EQ(agreed.missing_actions, 0u);
}

TEST_F(Callbacks, AServerThatCannotChangeHeadersHasItsMailDeferred)
{
    Connection connection;
    EXPECT_EQ(connection.negotiate(SMFIF_ADDHDRS | SMFIF_SETSYMLIST), SMFIS_CONTINUE);
    connection.connect();
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_TEMPFAIL);
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_TEMPFAIL);
}

TEST_F(Callbacks, StepsWithoutReplyNeverReply)
{
    Connection connection;
    connection.negotiate();
    EXPECT_EQ(connection.connect(), SMFIS_NOREPLY);
    char name[] = "client.test";
    EXPECT_EQ(connection.filter.xxfi_helo(&connection.context, name), SMFIS_NOREPLY);
    EXPECT_EQ(connection.header("X-Too-Early", "x"), SMFIS_NOREPLY);
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_CONTINUE);
    EXPECT_EQ(connection.rcpt(), SMFIS_CONTINUE);
    EXPECT_EQ(connection.header("Subject", "x"), SMFIS_NOREPLY);
    unsigned char body[] = "x";
    EXPECT_EQ(connection.filter.xxfi_body(&connection.context, body, 1), SMFIS_NOREPLY);
    EXPECT_EQ(connection.end(), SMFIS_CONTINUE);
}

TEST_F(Callbacks, AMessageIsStrippedStampedAndToldOf)
{
    Connection connection;
    connection.open();
    connection.mail("<a@acme.test>");
    connection.rcpt();
    connection.header("X-KeyBuzz-Stamp", "1");
    connection.header("x-keybuzz-stamp", "2");
    connection.header("Message-ID", "<1@acme.test>");
    EXPECT_EQ(connection.end(), SMFIS_CONTINUE);
    EXPECT_EQ(connection.context.done, (std::vector<std::string>{"chgheader X-KeyBuzz-Stamp 2", "chgheader X-KeyBuzz-Stamp 1",
                                                                 "addheader X-KeyBuzz-Tenant: acme"}));
    auto const lines = decisions();
    ASSERT_EQ(lines.size(), 1u);   // none for MAIL and RCPT, which passed
    EXPECT_EQ(lines[0]["tenant"], "acme");
    EXPECT_EQ(lines[0]["queue_id"], "4jWYs717qcz8lWc");
    EXPECT_EQ(lines[0]["message_id"], "<1@acme.test>");
    EXPECT_EQ(lines[0]["forged_headers_removed"], 2);
    EXPECT_EQ(lines[0]["state"], "END-OF-MESSAGE");
}

TEST_F(Callbacks, EveryRefusalIsToldOf)
{
    Connection connection;
    connection.open();
    EXPECT_EQ(connection.mail("<a@other.test>"), SMFIS_REJECT);
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_CONTINUE);
    EXPECT_EQ(connection.rcpt("<x@bad.test>"), SMFIS_REJECT);
    EXPECT_EQ(connection.rcpt("<x@good.test>"), SMFIS_CONTINUE);
    connection.header("X-KeyBuzz-Tenant", "other");
    EXPECT_EQ(connection.end(), SMFIS_REJECT);
    auto const lines = decisions();
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[0]["state"], "MAIL");
    EXPECT_EQ(lines[0]["reason"], "sender_not_allowed");
    EXPECT_EQ(lines[1]["state"], "RCPT");
    EXPECT_EQ(lines[1]["recipient"], "x@bad.test");
    EXPECT_EQ(lines[2]["state"], "END-OF-MESSAGE");
    EXPECT_EQ(lines[2]["reason"], "tenant_claim_refused");
    EXPECT_EQ(lines[2]["recipients"], 1);
}

TEST_F(Callbacks, LocalMailIsToldOfAsPassedAndNotRefused)
{
    Connection connection;
    connection.negotiate();
    connection.connect("127.0.0.1", "0");
    EXPECT_EQ(connection.mail("<a@anywhere.test>"), SMFIS_CONTINUE);
    EXPECT_EQ(connection.rcpt("<x@bad.test>"), SMFIS_CONTINUE);
    connection.header("X-KeyBuzz-Tenant", "acme");
    EXPECT_EQ(connection.end(), SMFIS_CONTINUE);
    EXPECT_EQ(connection.context.done, std::vector<std::string>{"chgheader X-KeyBuzz-Tenant 1"});
    auto const lines = decisions();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0]["action"], "pass");
    EXPECT_EQ(lines[0]["reason"], "ok");
    EXPECT_EQ(lines[0]["tenant"], "");
}

TEST_F(Callbacks, AConnectionThatNeverSaidAnythingIsClosedQuietly)
{
    Connection connection;
    EXPECT_EQ(connection.close(), SMFIS_CONTINUE);
    EXPECT_EQ(connection.context.private_data, nullptr);
}

TEST_F(Callbacks, CommandsBeforeAnyNegotiationAreDeferred)
{
    Connection connection;
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_TEMPFAIL);
    EXPECT_EQ(connection.rcpt(), SMFIS_TEMPFAIL);
    EXPECT_EQ(connection.header("X", "y"), SMFIS_TEMPFAIL);
    EXPECT_EQ(connection.end(), SMFIS_TEMPFAIL);
    connection.abort();
    EXPECT_EQ(connection.context.private_data, nullptr);
}

TEST_F(Callbacks, ClosingLeavesNoPrivateData)
{
    Connection connection;
    connection.open();
    EXPECT_NE(connection.context.private_data, nullptr);
    EXPECT_EQ(gate_->metrics().connections(), 1);
    connection.mail("<a@acme.test>");
    connection.close();
    EXPECT_EQ(connection.context.private_data, nullptr);
    EXPECT_EQ(gate_->metrics().connections(), 0);
    connection.close();
    EXPECT_EQ(gate_->metrics().connections(), 0);
}

TEST_F(Callbacks, ASecondConnectionOnTheSameSocketKnowsNothingOfTheFirst)   // SMFIC_QUIT_NC
{
    Connection connection;
    connection.open();
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_CONTINUE);
    connection.close();
    connection.connect("10.9.9.9");
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_REJECT);
}

TEST_F(Callbacks, UnknownFamiliesAndUnixSocketsHaveNoAddress)
{
    Connection connection;
    connection.negotiate();
    connection.context.macros["{client_addr}"] = "unknown";
    char host[] = "unknown";
    EXPECT_EQ(connection.filter.xxfi_connect(&connection.context, host, nullptr), SMFIS_NOREPLY);
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_REJECT);
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    EXPECT_EQ(connection.filter.xxfi_connect(&connection.context, host, reinterpret_cast<sockaddr*>(&local)), SMFIS_NOREPLY);
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_REJECT);
}

TEST_F(Callbacks, NothingThrownCrossesAndTheMessageIsDeferred)
{
    Connection connection;
    connection.open();
    connection.context.throws = true;
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_TEMPFAIL);
    connection.context.throws = false;
    EXPECT_EQ(connection.context.done.back().substr(0, 15), "reply 451 4.3.0");

    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_TEMPFAIL);   // what threw was outside a message: the connection is distrusted
    connection.close();
    connection.open();
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_CONTINUE);
    connection.rcpt();
    connection.context.throws = true;
    EXPECT_EQ(connection.end(), SMFIS_TEMPFAIL);
    connection.context.throws = false;
    connection.abort();
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_CONTINUE);
}

TEST_F(Callbacks, AThrowAtConnectHasEveryMessageDeferred)
{
    Connection connection;
    connection.negotiate();
    connection.context.throws = true;
    EXPECT_EQ(connection.connect(), SMFIS_NOREPLY);
    connection.context.throws = false;
    EXPECT_EQ(connection.mail("<a@acme.test>"), SMFIS_TEMPFAIL);
}

TEST_F(Callbacks, DrainingDefersNewMessagesAndWaitsForThoseUnderWay)
{
    Connection busy;
    Connection idle;
    busy.open();
    idle.open();
    EXPECT_EQ(busy.mail("<a@acme.test>"), SMFIS_CONTINUE);
    EXPECT_FALSE(callbacks::drain(std::chrono::milliseconds{5}));
    EXPECT_EQ(idle.mail("<a@acme.test>"), SMFIS_TEMPFAIL);
    EXPECT_EQ(busy.rcpt(), SMFIS_CONTINUE);
    std::thread client{[&] { busy.end(); }};
    EXPECT_TRUE(callbacks::drain(std::chrono::seconds{10}));
    client.join();
}

TEST_F(Callbacks, AfterTheEndNobodyTouchesTheGate)
{
    Connection connection;
    connection.open();
    connection.mail("<a@acme.test>");
    callbacks::finish();
    gate_.reset();
    EXPECT_EQ(connection.rcpt(), SMFIS_TEMPFAIL);
    EXPECT_EQ(connection.end(), SMFIS_TEMPFAIL);
    EXPECT_EQ(connection.close(), SMFIS_CONTINUE);
}

// Commands in any order: whatever came before, a message that passes has lost exactly its own forged headers.
TEST_F(Callbacks, ARandomWalkNeverPassesAForgedHeader)
{
    std::mt19937 random{4711};   // NOLINT: the same walk each time
    int passed = 0;
    for (int walk = 0; walk < 300; ++walk) {
        Connection connection;
        if (walk % 7 != 0) connection.open();
        int forged = 0;
        for (int step = 0; step < 60; ++step) {
            connection.context.done.clear();
            switch (random() % 8) {
                case 0: connection.mail(random() % 3 == 0 ? "<a@other.test>" : "<a@acme.test>"); forged = 0; break;
                case 1: connection.rcpt(random() % 3 == 0 ? "<x@bad.test>" : "<x@good.test>"); break;
                case 2: connection.header(random() % 2 == 0 ? "X-KeyBuzz-Stamp" : "x-keybuzz-STAMP ", "forged"); ++forged; break;
                case 3: connection.header("Subject", "[#T-1]"); break;
                case 4: connection.abort(); forged = 0; break;
                case 5: if (random() % 9 == 0) connection.open(); break;
                case 6: if (random() % 9 == 0) connection.close(); break;
                default:
                    auto const status = connection.end();
                    EXPECT_TRUE(status == SMFIS_CONTINUE || status == SMFIS_TEMPFAIL || status == SMFIS_REJECT) << status;
                    if (status == SMFIS_CONTINUE) {
                        ++passed;
                        auto const& done = connection.context.done;
                        auto const removed = std::count_if(done.begin(), done.end(), [](auto const& call) { return call.starts_with("chgheader"); });
                        EXPECT_EQ(removed, forged);
                    }
                    forged = 0;
            }
        }
    }
    EXPECT_GT(passed, 100);
}

TEST_F(Callbacks, ManyConnectionsAtOnceWhileTheRulesAreReplaced)
{
    std::vector<std::thread> clients;
    clients.reserve(8);
    std::atomic<int> odd{0};
    for (int client = 0; client < 8; ++client) {
        clients.emplace_back([&] {
            for (int round = 0; round < 50; ++round) {
                Connection connection;
                connection.open();
                bool const passed = connection.mail("<a@acme.test>") == SMFIS_CONTINUE && connection.rcpt() == SMFIS_CONTINUE &&
                                    connection.header("X-KeyBuzz-Stamp", "x") == SMFIS_NOREPLY && connection.end() == SMFIS_CONTINUE;
                if (!passed || connection.context.done.size() != 2) ++odd;
            }
        });
    }
    for (int reload = 0; reload < 20; ++reload) EXPECT_TRUE(gate_->reload());
    for (auto& client : clients) client.join();
    EXPECT_EQ(odd.load(), 0);
    EXPECT_EQ(decisions().size(), 400u);
}

}   // namespace
}   // namespace mailcore::milter
