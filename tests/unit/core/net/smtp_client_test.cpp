// Our side against a server that plays a script: what each reply, and each lack of one, comes to.

#include "core/net/smtp_client.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

#include "core/crypto/certificate_pin.hpp"
#include "core/crypto/hmac.hpp"
#include "tests/unit/core/net/test_server.hpp"

namespace mailcore::net {
namespace {

using namespace std::chrono_literals;
using Stage = SmtpOutcome::Stage;
using testing::Connection;
using testing::Identity;
using testing::TestServer;

constexpr auto kUser = "user@dom.test";
constexpr auto kPassword = "hunter22";

// What the server says to each command. "" = nothing, until the client goes; "close" = it goes; two replies to EHLO:
// the second is for after TLS.
struct Script {
    std::string greeting = "220 relay.test ESMTP";
    std::string ehlo = "250-relay.test\r\n250-STARTTLS\r\n250-SIZE 1000000\r\n250 HELP";
    std::string ehlo_by_tls = "250-relay.test\r\n250-AUTH CRAM-MD5 LOGIN PLAIN\r\n250 HELP";
    std::string starttls = "220 go on";
    std::string auth = "334 ";
    std::string login = "235 2.7.0 welcome";   // to the last line of AUTH
    std::string mail = "250 ok", rcpt = "250 ok", data = "354 go on", text = "250 2.0.0 queued as ABC";
    std::string noop = "250 ok", quit = "221 bye";
    bool handshake = true;   // false: silent after its 220
    bool from_the_start = false;
};

// All that clients said to it, a line each; TLS as "(tls)".
class SmtpServer {
public:
    SmtpServer(Script script, Identity identity)
        : script_{std::move(script)}, identity_{std::move(identity)}, server_{[this](Connection& connection) {
              serve(connection);
          }} {}
    std::uint16_t port() const { return server_.port(); }
    std::vector<std::string> heard() const
    {
        std::lock_guard const lock{mutex_};
        return heard_;
    }
    std::string commands() const   // "EHLO STARTTLS (tls) EHLO AUTH"
    {
        std::string words;
        for (auto const& line : heard()) words += (words.empty() ? "" : " ") + line.substr(0, line.find(' '));
        return words;
    }

private:
    void note(std::string line)
    {
        std::lock_guard const lock{mutex_};
        heard_.push_back(std::move(line));
    }
    bool say(Connection& connection, std::string const& reply)
    {
        if (reply == "close") return false;
        if (reply.empty()) {
            connection.wait_for_end();
            return false;
        }
        connection.write(reply + "\r\n");
        return true;
    }
    bool start_tls(Connection& connection)
    {
        if (!script_.handshake) {
            connection.wait_for_end();
            return false;
        }
        if (!connection.start_tls(identity_)) return false;
        note("(tls)");
        return true;
    }
    bool upgrade(Connection& connection, bool& tls)
    {
        if (script_.starttls.starts_with("220")) tls = start_tls(connection);
        return tls || !script_.starttls.starts_with("220");
    }
    bool take_login(Connection& connection, std::string const& line)
    {
        if (!say(connection, script_.auth) || !script_.auth.starts_with("334")) {
            return script_.auth != "close" && !script_.auth.empty();
        }
        note(connection.read_line());
        if (line == "AUTH LOGIN") {
            connection.write("334 UGFzc3dvcmQ6\r\n");
            note(connection.read_line());
        }
        return say(connection, script_.login);
    }
    bool take_text(Connection& connection)
    {
        if (!say(connection, script_.data) || !script_.data.starts_with("354")) return true;
        note(connection.read_until("\r\n.\r\n"));
        return say(connection, script_.text);
    }
    void serve(Connection& connection)
    {
        bool tls = script_.from_the_start;
        if (tls && !start_tls(connection)) return;
        if (!say(connection, script_.greeting)) return;
        for (;;) {
            auto const line = connection.read_line();
            if (line.empty()) return;
            note(line);
            auto const word = line.substr(0, line.find(' '));
            bool go_on = true;
            if (word == "EHLO") go_on = say(connection, tls ? script_.ehlo_by_tls : script_.ehlo);
            else if (word == "STARTTLS") go_on = say(connection, script_.starttls) && upgrade(connection, tls);
            else if (word == "AUTH") go_on = take_login(connection, line);
            else if (word == "MAIL") go_on = say(connection, script_.mail);
            else if (word == "RCPT") go_on = say(connection, script_.rcpt);
            else if (word == "DATA") go_on = take_text(connection);
            else if (word == "NOOP") go_on = say(connection, script_.noop);
            else if (word == "QUIT") return static_cast<void>(say(connection, script_.quit));
            else go_on = say(connection, "500 what");
            if (!go_on) return;
        }
    }

    Script script_;
    Identity identity_;
    mutable std::mutex mutex_;
    std::vector<std::string> heard_;
    TestServer server_;
};

std::string shown(SmtpOutcome const& outcome)
{
    constexpr std::string_view stages[] = {"connect", "tls", "auth", "mail", "done"};
    return std::string{stages[static_cast<std::size_t>(outcome.stage)]} + " " + std::to_string(outcome.code) + " " +
           outcome.text + (outcome.auth_sent ? " [AUTH " + outcome.mechanism + "]" : "");
}

class SmtpClient : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-smtp-test-XXXXXX";
        directory_ = ::mkdtemp(name);
        ca_file_ = directory_ + "/ca.pem";
        std::ofstream{ca_file_} << authority_.certificate;
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    SmtpSession session(SmtpServer const& server) const
    {
        SmtpSession session;
        session.host = "127.0.0.1";
        session.port = server.port();
        session.helo = "client.test";
        session.ca_file = ca_file_;
        session.user = kUser;
        session.password = &password_;
        session.timeout = 5s;
        return session;
    }
    SmtpOutcome talk(Script script, std::chrono::milliseconds timeout = 5s)
    {
        server_ = std::make_unique<SmtpServer>(std::move(script), identity_);
        auto asked = session(*server_);
        asked.timeout = timeout;
        return talk_smtp(asked);
    }
    SmtpOutcome send(Script script)
    {
        server_ = std::make_unique<SmtpServer>(std::move(script), identity_);
        auto asked = session(*server_);
        asked.message = SmtpMessage{"from@dom.test", "to@dom.test", "Subject: test\r\n\r\n.dot\r\nlast\r\n"};
        return talk_smtp(asked);
    }

    static inline Identity const authority_ = testing::make_authority();
    static inline Identity const identity_ = testing::make_identity("DNS:localhost,IP:127.0.0.1,IP:::1", &authority_);
    base::Secret const password_{kPassword};
    std::string directory_, ca_file_;
    std::unique_ptr<SmtpServer> server_;
};

// ---- A login that works ----

TEST_F(SmtpClient, LogsInByPlainOverStarttls)
{
    EXPECT_EQ(shown(talk({})), "done 250 ok [AUTH PLAIN]");
    std::vector<std::string> const expected{"EHLO client.test",
                                            "STARTTLS",
                                            "(tls)",
                                            "EHLO client.test",
                                            "AUTH PLAIN",
                                            crypto::base64(std::string{"\0user@dom.test\0hunter22", 23}),
                                            "NOOP",
                                            "QUIT"};
    EXPECT_EQ(server_->heard(), expected);
}

TEST_F(SmtpClient, LogsInOverTlsFromTheStart)
{
    SmtpServer const server{{.from_the_start = true}, identity_};
    auto asked = session(server);
    asked.security = SmtpSecurity::Wrapper;
    EXPECT_EQ(shown(talk_smtp(asked)), "done 250 ok [AUTH PLAIN]");
    EXPECT_EQ(server.commands().substr(0, 15), "(tls) EHLO AUTH");
}

TEST_F(SmtpClient, LogsInInTheClearWhereItIsTold)
{
    SmtpServer const server{{.ehlo = "250-relay.test\r\n250-STARTTLS\r\n250 AUTH PLAIN"}, identity_};
    auto asked = session(server);
    asked.security = SmtpSecurity::None;
    EXPECT_EQ(shown(talk_smtp(asked)), "done 250 ok [AUTH PLAIN]");
    EXPECT_EQ(server.commands().find("STARTTLS"), std::string::npos);
}

TEST_F(SmtpClient, TakesLoginOnlyWherePlainIsNotOffered)
{
    EXPECT_EQ(shown(talk({.ehlo_by_tls = "250-relay.test\r\n250 AUTH CRAM-MD5 LOGIN"})), "done 250 ok [AUTH LOGIN]");
    std::vector<std::string> const expected{"EHLO client.test", "STARTTLS", "(tls)", "EHLO client.test", "AUTH LOGIN",
                                            crypto::base64(kUser), crypto::base64(kPassword), "NOOP", "QUIT"};
    EXPECT_EQ(server_->heard(), expected);
    EXPECT_EQ(talk({.ehlo_by_tls = "250-relay.test\r\n250 AUTH LOGIN PLAIN"}).mechanism, "PLAIN");
    EXPECT_EQ(talk({.ehlo_by_tls = "250-relay.test\r\n250 AUTH PLAIN"}).mechanism, "PLAIN");
}

TEST_F(SmtpClient, NeedsNoLogin)
{
    SmtpServer const server{{}, identity_};
    auto asked = session(server);
    asked.password = nullptr;
    asked.user.clear();
    EXPECT_EQ(shown(talk_smtp(asked)), "done 250 ok");
    EXPECT_EQ(server.commands(), "EHLO STARTTLS (tls) EHLO NOOP QUIT");
}

TEST_F(SmtpClient, SaysItsHostsNameUnlessTold)
{
    SmtpServer const server{{}, identity_};
    auto asked = session(server);
    asked.helo.clear();
    EXPECT_TRUE(talk_smtp(asked).ok());
    EXPECT_GT(server.heard().front().size(), std::string{"EHLO "}.size());
    SmtpServer const literal{{}, identity_};
    asked = session(literal);
    asked.helo = "[192.0.2.1]";
    EXPECT_TRUE(talk_smtp(asked).ok());
    EXPECT_EQ(literal.heard().front(), "EHLO [192.0.2.1]");
}

TEST_F(SmtpClient, TakesNoopsRefusalForNoFailure)
{
    EXPECT_EQ(talk({.noop = "502 5.5.1 not here"}).stage, Stage::Done);   // the login was taken
    EXPECT_EQ(talk({.noop = "close"}).stage, Stage::Done);
}

TEST_F(SmtpClient, DoesNotWaitLongForAGoodbye)
{
    auto const started = std::chrono::steady_clock::now();
    EXPECT_EQ(shown(talk({.quit = ""})), "done 250 ok [AUTH PLAIN]");
    EXPECT_LT(std::chrono::steady_clock::now() - started, 3s);
    EXPECT_EQ(shown(talk({.quit = "close"})), "done 250 ok [AUTH PLAIN]");
}

// ---- AUTH refused, or not to be had ----

TEST_F(SmtpClient, TellsThatALoginIsRefused)
{
    EXPECT_EQ(shown(talk({.login = "535 5.7.8 wrong password"})), "auth 535 5.7.8 wrong password [AUTH PLAIN]");
    EXPECT_EQ(shown(talk({.login = "535-5.7.8 wrong password, see\r\n535 5.7.8 https://relay.test"})),
              "auth 535 5.7.8 wrong password, see 5.7.8 https://relay.test [AUTH PLAIN]");
    EXPECT_EQ(shown(talk({.login = "535"})), "auth 535  [AUTH PLAIN]");
    EXPECT_EQ(shown(talk({.auth = "538 5.7.11 encryption required"})),
              "auth 538 5.7.11 encryption required [AUTH PLAIN]");
    EXPECT_EQ(shown(talk({.ehlo_by_tls = "250 AUTH LOGIN", .login = "535 no"})), "auth 535 no [AUTH LOGIN]");
}

TEST_F(SmtpClient, TellsThatALoginCouldNotBeChecked)
{
    EXPECT_EQ(shown(talk({.login = "454 4.7.0 try later"})), "auth 454 4.7.0 try later [AUTH PLAIN]");
    EXPECT_EQ(shown(talk({.auth = "421 4.3.0 going down"})), "auth 421 4.3.0 going down [AUTH PLAIN]");
    EXPECT_EQ(shown(talk({.login = "334 more"})), "auth 334 more [AUTH PLAIN]");
}

TEST_F(SmtpClient, SendsAuthOnceOnly)
{
    for (auto const* const reply : {"535 no", "454 later", "504 what is that"}) {
        talk({.auth = reply});
        EXPECT_TRUE(server_->commands().starts_with("EHLO STARTTLS (tls) EHLO AUTH")) << server_->commands();
        EXPECT_EQ(server_->commands().find("AUTH"), server_->commands().rfind("AUTH"));
    }
}

TEST_F(SmtpClient, SendsNothingMoreWhereOurMechanismsAreNotOffered)
{
    for (auto const* const ehlo : {"250 relay.test", "250-relay.test\r\n250 AUTH CRAM-MD5 NTLM",
                                   "250-AUTH\r\n250 XAUTH PLAIN", "250 AUTH PLAINTEXT XLOGIN"}) {
        EXPECT_EQ(shown(talk({.ehlo_by_tls = ehlo})), "auth 0 the server offers no AUTH PLAIN or LOGIN") << ehlo;
        EXPECT_EQ(server_->commands(), "EHLO STARTTLS (tls) EHLO");
        EXPECT_EQ(shown(send({.ehlo_by_tls = ehlo})), "auth 0 the server offers no AUTH PLAIN or LOGIN") << ehlo;
        EXPECT_EQ(server_->commands(), "EHLO STARTTLS (tls) EHLO");   // no message without the login
    }
}

// ---- TLS ----

TEST_F(SmtpClient, SendsNoLoginWithoutStarttls)
{
    EXPECT_EQ(shown(talk({.ehlo = "250-relay.test\r\n250 AUTH PLAIN"})), "tls 0 the server offers no STARTTLS");
    EXPECT_EQ(server_->commands(), "EHLO");
    EXPECT_EQ(shown(talk({.starttls = "454 4.7.0 TLS not available"})), "tls 454 4.7.0 TLS not available");
    EXPECT_EQ(server_->commands(), "EHLO STARTTLS");
    EXPECT_EQ(shown(talk({.starttls = "close"})),
              "tls 0 the server closed the connection before its reply to STARTTLS");
    // What a stranger slips in before TLS would count as said within it (CVE-2011-0411).
    EXPECT_EQ(shown(talk({.starttls = "220 go on\r\n250 AUTH PLAIN"})),
              "tls 0 the server sent more before TLS had begun");
}

TEST_F(SmtpClient, TrustsItsOwnAuthorityOnly)
{
    SmtpServer const server{{}, identity_};
    auto asked = session(server);
    asked.ca_file.clear();
    EXPECT_EQ(shown(talk_smtp(asked)), "tls 0 SSL certificate problem: unable to get local issuer certificate");
    asked = session(server);
    asked.host = "127.0.0.2";   // nobody there
    EXPECT_EQ(shown(talk_smtp(asked)), "connect 0 Connection refused");
    SmtpServer const self_signed{{}, testing::make_identity("IP:127.0.0.1")};
    EXPECT_EQ(shown(talk_smtp(session(self_signed))), "tls 0 SSL certificate problem: self-signed certificate");
    SmtpServer const other{{}, testing::make_identity("DNS:other.test", &authority_)};
    EXPECT_EQ(shown(talk_smtp(session(other))),
              "tls 0 SSL: no alternative certificate subject name matches target host name '127.0.0.1'");
    EXPECT_EQ(other.commands().find("AUTH"), std::string::npos);
}

TEST_F(SmtpClient, TrustsAPinnedCertificateWhateverItsName)
{
    auto const stranger = testing::make_identity("DNS:other.test");
    crypto::CertificatePin look{{}};
    SmtpServer const server{{}, stranger};
    auto asked = session(server);
    asked.ca_file.clear();
    asked.trust = [&](void* context) { return look.install(context); };
    EXPECT_EQ(shown(talk_smtp(asked)), "tls 0 SSL certificate problem: application verification failure");
    EXPECT_EQ(server.commands().find("AUTH"), std::string::npos);

    // "certificate sha256:<64>, public key sha256:<64>"
    auto const whole = look.seen().substr(std::string{"certificate sha256:"}.size(), 64);
    auto const key = look.seen().substr(look.seen().size() - 64);
    for (auto const& fingerprint : {whole, key}) {
        crypto::CertificatePin pin{{fingerprint}};
        asked.trust = [&](void* context) { return pin.install(context); };
        EXPECT_EQ(shown(talk_smtp(asked)), "done 250 ok [AUTH PLAIN]");
    }
    asked.trust = [](void*) { return false; };
    EXPECT_EQ(talk_smtp(asked).stage, Stage::Tls);

    // A pin trusts nobody else, though an authority vouches for them.
    SmtpServer const other{{}, identity_};
    asked = session(other);
    crypto::CertificatePin pin{{whole}};
    asked.trust = [&](void* context) { return pin.install(context); };
    EXPECT_EQ(shown(talk_smtp(asked)), "tls 0 SSL certificate problem: application verification failure");
}

TEST_F(SmtpClient, KnowsAPortWithoutTls)
{
    SmtpServer const server{{}, identity_};
    auto asked = session(server);
    asked.security = SmtpSecurity::Wrapper;
    auto const outcome = talk_smtp(asked);
    EXPECT_EQ(outcome.stage, Stage::Tls);
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.text.find("wrong version number"), std::string::npos) << outcome.text;
}

// ---- The network ----

TEST_F(SmtpClient, SaysThatNobodyListens)
{
    SmtpSession asked;
    asked.host = "127.0.0.1";
    asked.port = testing::unused_port();
    EXPECT_EQ(shown(talk_smtp(asked)), "connect 0 Connection refused");
    asked.host = "no-such-host.invalid";
    EXPECT_EQ(shown(talk_smtp(asked)), "connect 0 Could not resolve host: no-such-host.invalid");
}

TEST_F(SmtpClient, TakesAnIpv6Address)
{
    SmtpSession asked;
    asked.port = testing::unused_port();
    for (auto const* const host : {"::1", "[::1]"}) {
        asked.host = host;
        auto const said = shown(talk_smtp(asked));   // refused, or without IPv6 unreachable; but understood
        EXPECT_TRUE(said == "connect 0 Connection refused" || said == "connect 0 Cannot assign requested address" ||
                    said == "connect 0 Address family not supported by protocol" ||
                    said == "connect 0 Network is unreachable")
            << said;
    }
}

TEST_F(SmtpClient, TellsWhatTheGreetingRefuses)
{
    EXPECT_EQ(shown(talk({.greeting = "421 4.7.0 too many connections"})), "connect 421 4.7.0 too many connections");
    EXPECT_EQ(shown(talk({.greeting = "554-5.7.1 no\r\n554 5.7.1 service"})), "connect 554 5.7.1 no 5.7.1 service");
    EXPECT_EQ(shown(talk({.greeting = "close"})), "connect 0 the server closed the connection before its greeting");
    EXPECT_EQ(shown(talk({.ehlo = "550 5.7.1 not you"})), "connect 550 5.7.1 not you");
    EXPECT_EQ(shown(talk({.ehlo = "close"})), "connect 0 the server closed the connection before its reply to EHLO");
}

TEST_F(SmtpClient, KnowsWhatIsNoSmtp)
{
    EXPECT_EQ(shown(talk({.greeting = "SSH-2.0-OpenSSH_9.2"})), "connect 0 the server does not speak SMTP");
    EXPECT_EQ(shown(talk({.greeting = "HTTP/1.1 400 Bad Request\r\n\r\n"})),
              "connect 0 the server does not speak SMTP");
    EXPECT_EQ(shown(talk({.greeting = "+OK POP3 ready"})), "connect 0 the server does not speak SMTP");
}

TEST_F(SmtpClient, WaitsNoLongerThanItMay)
{
    auto const started = std::chrono::steady_clock::now();
    EXPECT_EQ(shown(talk({.greeting = ""}, 200ms)), "connect 0 no greeting within 200ms");
    EXPECT_EQ(shown(talk({.ehlo = ""}, 200ms)), "connect 0 no reply to EHLO within 200ms");
    EXPECT_EQ(shown(talk({.starttls = ""}, 200ms)), "tls 0 no reply to STARTTLS within 200ms");
    EXPECT_EQ(shown(talk({.handshake = false}, 200ms)), "tls 0 no TLS handshake within 200ms");
    EXPECT_EQ(shown(talk({.login = ""}, 500ms)), "auth 0 no reply to AUTH within 500ms [AUTH PLAIN]");
    EXPECT_EQ(shown(talk({.greeting = "220-wait\r\n220-wait"}, 200ms)), "connect 0 no greeting within 200ms");
    SmtpServer const silent{{.handshake = false, .from_the_start = true}, identity_};
    auto asked = session(silent);
    asked.security = SmtpSecurity::Wrapper;
    asked.timeout = 200ms;
    EXPECT_EQ(shown(talk_smtp(asked)), "tls 0 no TLS handshake within 200ms");
    EXPECT_LT(std::chrono::steady_clock::now() - started, 6s);
}

TEST_F(SmtpClient, TellsThatTheServerWentDuringAuth)
{
    EXPECT_EQ(shown(talk({.auth = "close"})),
              "auth 0 the server closed the connection before its reply to AUTH [AUTH PLAIN]");
    EXPECT_EQ(shown(talk({.login = "close"})),
              "auth 0 the server closed the connection before its reply to AUTH [AUTH PLAIN]");
}

// ---- A message ----

TEST_F(SmtpClient, HandsOverAMessage)
{
    EXPECT_EQ(shown(send({})), "done 250 2.0.0 queued as ABC [AUTH PLAIN]");
    auto const heard = server_->heard();
    ASSERT_EQ(heard.size(), 11u);
    EXPECT_EQ(heard[6], "MAIL FROM:<from@dom.test>");
    EXPECT_EQ(heard[7], "RCPT TO:<to@dom.test>");
    EXPECT_EQ(heard[8], "DATA");
    EXPECT_EQ(heard[9], "Subject: test\r\n\r\n..dot\r\nlast\r\n.\r\n");
}

TEST_F(SmtpClient, TellsWhatRefusedAMessage)
{
    EXPECT_EQ(shown(send({.mail = "530 5.7.0 authenticate first"})), "mail 530 5.7.0 authenticate first [AUTH PLAIN]");
    EXPECT_EQ(shown(send({.rcpt = "550 5.1.1 unknown"})), "mail 550 5.1.1 unknown [AUTH PLAIN]");
    EXPECT_EQ(shown(send({.data = "451 4.3.0 later"})), "mail 451 4.3.0 later [AUTH PLAIN]");
    EXPECT_EQ(shown(send({.text = "554 5.6.0 spam"})), "mail 554 5.6.0 spam [AUTH PLAIN]");
    EXPECT_EQ(shown(send({.text = "close"})),
              "mail 0 the server closed the connection before its reply to DATA [AUTH PLAIN]");
}

// ---- What cannot be asked, and what must not be seen ----

TEST_F(SmtpClient, RefusesWhatCannotBeSaid)
{
    SmtpSession asked;
    for (auto const* const host : {"", "a b", "host/path", "user@host", "host\r\nQUIT"}) {
        asked.host = host;
        auto const outcome = talk_smtp(asked);
        EXPECT_EQ(outcome.stage, Stage::Connect);
        EXPECT_TRUE(outcome.text.ends_with("is no host name")) << outcome.text;
    }
    asked.host = "127.0.0.1";
    asked.helo = "a\r\nQUIT";
    EXPECT_EQ(shown(talk_smtp(asked)), "connect 0 the HELO name holds a control character");
    asked.helo.clear();
    asked.message = SmtpMessage{"a@b.test", "a@b.test>\r\nRSET", ""};
    EXPECT_EQ(shown(talk_smtp(asked)), "mail 0 an address of the message holds a control character");
    asked.message.reset();
    base::Secret const with_nul{std::string("a\0b", 3)};
    asked.password = &with_nul;
    EXPECT_EQ(shown(talk_smtp(asked)), "auth 0 the login holds a NUL, which AUTH PLAIN cannot carry");
}

TEST_F(SmtpClient, ShowsNoLoginThatAServerRepeats)
{
    auto const plain = crypto::base64(std::string{"\0user@dom.test\0hunter22", 23});
    EXPECT_EQ(shown(talk({.login = "535 not hunter22, not " + plain})), "auth 535 not ***, not *** [AUTH PLAIN]");
    EXPECT_EQ(shown(talk({.login = "535-hunt\r\n535 \x1b[31mred \xff"})), "auth 535 hunt ?[31mred ? [AUTH PLAIN]");
    auto const long_text = talk({.login = "535 " + std::string(450, 'x') + "\r\n"});
    EXPECT_EQ(long_text.text, std::string(450, 'x'));
    std::string many;
    for (int i = 0; i < 100; ++i) many += "535-" + std::string(100, 'x') + "\r\n";
    EXPECT_EQ(talk({.login = many + "535 end"}).text.size(), 512u);
}

TEST_F(SmtpClient, PrintsNothing)
{
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    talk({});
    talk({.login = "535 no"});
    send({});
    EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}   // namespace
}   // namespace mailcore::net
