// Our side against servers that behave, and against every way in which one may not.

#include "core/net/http_client.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/core/net/test_server.hpp"

namespace mailcore::net {
namespace {

using namespace std::chrono_literals;
using testing::Connection;
using testing::Identity;
using testing::make_authority;
using testing::make_identity;
using testing::TestServer;

HttpClient client(HttpOptions options = {})
{
    auto opened = HttpClient::open(std::move(options));
    if (!opened) throw std::runtime_error{opened.error().message};
    return std::move(*opened);
}

HttpRequest get(std::string url)
{
    HttpRequest request;
    request.url = std::move(url);
    request.timeout = 5s;
    return request;
}

HttpRequest get(TestServer const& server, std::string const& path = "/v1/x")
{
    return get("http://" + server.host_and_port() + path);
}
HttpRequest get_by_tls(TestServer const& server, std::string const& host = "127.0.0.1")
{
    return get("https://" + host + ":" + std::to_string(server.port()) + "/v1/x");
}

// Reads a request's head and writes these bytes, then closes.
TestServer::Serve answer(std::string bytes)
{
    return [bytes = std::move(bytes)](Connection& connection) {
        connection.read_until("\r\n\r\n");
        connection.write(bytes);
    };
}

constexpr auto kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// "KIND at what is said", for comparison in one line; the server's host and port become HOST.
std::string failure(base::Result<HttpAnswer, HttpError> const& result, TestServer const& server)
{
    if (result) return "answered " + std::to_string(result->status);
    constexpr std::string_view kinds[] = {"url", "connect", "tls", "timeout", "cut", "too large"};
    auto words = result.error().message;
    if (auto const at = words.find(server.host_and_port()); at != std::string::npos) {
        words.replace(at, server.host_and_port().size(), "HOST");
    }
    return std::string{kinds[static_cast<std::size_t>(result.error().kind)]} + " " + words;
}

// ---- What goes right ----

TEST(HttpClient, TakesABodyOfAnyBytes)
{
    TestServer const server{answer(std::string{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\0b", 41})};
    auto const result = client().send(get(server));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->status, 200);
    EXPECT_EQ(result->body.reveal(), std::string("a\0b", 3));
}

TEST(HttpClient, NamesHeadersInLowerCaseAndKeepsTheLast)
{
    TestServer const server{
        answer("HTTP/1.1 429 Too Many\r\nCONTENT-Type:  application/json \r\nRetry-After: 1\r\nretry-AFTER: 2\r\n"
               "Content-Length: 0\r\n\r\n")};
    auto const result = client().send(get(server));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->status, 429);
    EXPECT_EQ(result->headers.at("content-type"), "application/json");
    EXPECT_EQ(result->headers.at("retry-after"), "2");
    EXPECT_TRUE(result->body.empty());
}

TEST(HttpClient, TakesAnAnswerWithoutABody)
{
    TestServer const server{answer("HTTP/1.1 204 No Content\r\n\r\n")};
    EXPECT_EQ(client().send(get(server))->status, 204);
}

TEST(HttpClient, TakesAChunkedBody)
{
    TestServer const server{
        answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")};
    EXPECT_EQ(client().send(get(server))->body.reveal(), "abcde");
}

TEST(HttpClient, ForgetsTheHeadersOfAnInterimAnswer)
{
    TestServer const server{
        answer("HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")};
    auto const result = client().send(get(server));
    EXPECT_EQ(result->status, 200);
    EXPECT_EQ(result->headers.count("x-early"), 0u);
}

// What arrives at a server that keeps what it is sent.
struct Recorded {
    std::string text;
    TestServer::Serve serve(std::size_t body = 0)
    {
        return [this, body](Connection& connection) {
            text = connection.read_until("\r\n\r\n");
            if (body > 0) text += connection.read_bytes(body);
            connection.write(kOk);
        };
    }
};

TEST(HttpClient, SendsWhatItIsToldAndNoMore)
{
    Recorded recorded;
    TestServer const server{recorded.serve(4)};
    auto request = get(server, "/v1/a/../b?x=1");
    request.method = "POST";
    request.headers.push_back({"X-Vault-Token", base::Secret{"hvs.secret"}});
    request.headers.push_back({"X-Empty", base::Secret{}});
    request.body = base::Secret{std::string{"a\0bc", 4}};
    ASSERT_TRUE(client().send(request));
    EXPECT_EQ(recorded.text,
              "POST /v1/a/../b?x=1 HTTP/1.1\r\nHost: " + server.host_and_port() +
                  "\r\nAccept: */*\r\nX-Vault-Token: hvs.secret\r\nX-Empty:\r\nContent-Length: 4\r\n\r\n" +
                  std::string("a\0bc", 4));
}

TEST(HttpClient, SendsALargeBodyWithoutAskingFirst)
{
    Recorded recorded;
    TestServer const server{recorded.serve(3'000'000)};
    auto request = get(server);
    request.method = "PUT";
    request.headers.push_back({"content-type", base::Secret{"application/json"}});
    request.body = base::Secret{std::string(3'000'000, 'x')};
    HttpOptions options;
    options.user_agent = "mailcore";
    ASSERT_TRUE(client(std::move(options)).send(request));
    EXPECT_EQ(
        recorded.text.substr(0, recorded.text.find("\r\n\r\n")),
        "PUT /v1/x HTTP/1.1\r\nHost: " + server.host_and_port() +
            "\r\nUser-Agent: mailcore\r\nAccept: */*\r\ncontent-type: application/json\r\nContent-Length: 3000000");
}

TEST(HttpClient, SaysThatAnEmptyPostIsEmpty)
{
    Recorded recorded;
    TestServer const server{recorded.serve()};
    auto request = get(server);
    request.method = "POST";
    ASSERT_TRUE(client().send(request));
    EXPECT_NE(recorded.text.find("\r\nContent-Length: 0\r\n"), std::string::npos) << recorded.text;
}

TEST(HttpClient, AsksByAnyMethod)
{
    for (std::string const method : {"LIST", "DELETE", "HEAD", "GET"}) {
        Recorded recorded;
        TestServer const server{recorded.serve()};
        auto request = get(server);
        request.method = method;
        auto const result = client().send(request);
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_TRUE(recorded.text.starts_with(method + " /v1/x HTTP/1.1\r\n")) << recorded.text;
    }
}

TEST(HttpClient, ForgetsARequestBeforeTheNext)
{
    std::string last;
    TestServer const server{[&](Connection& connection) {
        for (;;) {
            auto head = connection.read_until("\r\n\r\n");
            if (head.empty()) return;
            if (head.find("Content-Length: 4") != std::string::npos) connection.read_bytes(4);
            last = head;
            connection.write(kOk);
        }
    }};
    auto http = client();
    auto first = get(server);
    first.method = "POST";
    first.headers.push_back({"X-Vault-Token", base::Secret{"hvs.secret"}});
    first.body = base::Secret{"body"};
    ASSERT_TRUE(http.send(first));
    ASSERT_TRUE(http.send(get(server)));
    EXPECT_EQ(last, "GET /v1/x HTTP/1.1\r\nHost: " + server.host_and_port() + "\r\nAccept: */*\r\n\r\n");
    EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, KeepsItsConnectionForReadingOnly)
{
    TestServer const server{[](Connection& connection) {
        while (!connection.read_until("\r\n\r\n").empty()) connection.write(kOk);
    }};
    auto http = client();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(http.send(get(server)));
    EXPECT_EQ(server.connections(), 1);
    auto login = get(server);
    login.method = "POST";
    ASSERT_TRUE(http.send(login));   // sent again by libcurl, it could use up a secret_id
    EXPECT_EQ(server.connections(), 2);
}

TEST(HttpClient, FindsAnewWhoEndedAKeptConnection)
{
    TestServer const server{answer(kOk)};   // closes after each answer without saying so
    auto http = client();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(http.send(get(server)));
}

TEST(HttpClient, AsksAnAgentsSocket)
{
    char directory[] = "/tmp/mailcore-http-test-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    auto const path = std::string{directory} + "/agent.sock";
    {
        Recorded recorded;
        TestServer const server{recorded.serve(), path};
        ::setenv("http_proxy", "http://127.0.0.1:1", 1);   // does not lead to a socket
        auto const result = client().send(get("unix://" + path + ":/v1/secret/data/x"));
        ::unsetenv("http_proxy");
        ASSERT_TRUE(result) << result.error().message;
        EXPECT_TRUE(recorded.text.starts_with("GET /v1/secret/data/x HTTP/1.1\r\nHost: localhost\r\n"))
            << recorded.text;
    }
    auto const gone = client().send(get("unix://" + std::string{directory} + "/none:/v1/x"));
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().kind, HttpFailure::Connect);
    EXPECT_EQ(gone.error().message, std::string{directory} + "/none: No such file or directory");
    std::filesystem::remove_all(directory);
}

// ---- What goes wrong ----

TEST(HttpClient, FollowsNoRedirect)
{
    TestServer const other{answer(kOk)};
    TestServer const server{answer("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://" + other.host_and_port() +
                                   "/\r\nContent-Length: 0\r\n\r\n")};
    auto const result = client().send(get(server));
    EXPECT_EQ(result->status, 307);
    EXPECT_EQ(result->headers.at("location"), "http://" + other.host_and_port() + "/");
    EXPECT_EQ(other.connections(), 0);
}

TEST(HttpClient, WaitsNoLongerThanItMay)
{
    TestServer const silent{[](Connection& connection) { connection.wait_for_end(); }};
    TestServer const slow_head{[](Connection& connection) {
        connection.read_until("\r\n\r\n");
        connection.write("HTTP/1.1 200 OK\r\nX-Sl");
        connection.wait_for_end();
    }};
    TestServer const slow_body{[](Connection& connection) {
        connection.read_until("\r\n\r\n");
        connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        for (int i = 0; i < 100; ++i) {   // dripping: each byte comes soon enough
            connection.write("x");
            std::this_thread::sleep_for(20ms);
        }
    }};
    for (auto const* const server : {&silent, &slow_head, &slow_body}) {
        auto request = get(*server);
        request.timeout = 200ms;
        auto const started = std::chrono::steady_clock::now();
        EXPECT_EQ(failure(client().send(request), *server), "timeout HOST: no whole answer within 200ms");
        EXPECT_LT(std::chrono::steady_clock::now() - started, 1s);
    }
}

TEST(HttpClient, NoticesABodyThatIsCut)
{
    TestServer const cut{answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"pass")};
    EXPECT_EQ(failure(client().send(get(cut)), cut), "cut HOST: transfer closed with 4 bytes remaining to read");
    TestServer const cut_chunk{answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc")};
    EXPECT_EQ(failure(client().send(get(cut_chunk)), cut_chunk),
              "cut HOST: transfer closed with outstanding read data remaining");
    TestServer const no_last_chunk{answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")};
    EXPECT_EQ(failure(client().send(get(no_last_chunk)), no_last_chunk),
              "cut HOST: transfer closed with outstanding read data remaining");
    TestServer const nothing{answer("")};
    EXPECT_EQ(failure(client().send(get(nothing)), nothing), "cut HOST: Empty reply from server");
}

TEST(HttpClient, TakesNoMoreThanItMay)
{
    for (std::string const head :
         {"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"}) {
        TestServer const huge{[&](Connection& connection) {
            connection.read_until("\r\n\r\n");
            connection.write(head);
            connection.write(std::string(3'000'000, 'x'));
        }};
        auto request = get(huge);
        request.most_bytes = 4096;
        EXPECT_EQ(failure(client().send(request), huge), "too large HOST: the answer is larger than 4KiB");
    }
    TestServer const exact{answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd")};
    auto request = get(exact);
    request.most_bytes = 4;
    EXPECT_TRUE(client().send(request));
}

TEST(HttpClient, TakesNoMoreHeadersThanItMay)
{
    std::string many = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 10'000; ++i) many += "X-" + std::to_string(i) + ": value\r\n";
    TestServer const headers{answer(many)};
    EXPECT_EQ(failure(client().send(get(headers)), headers),
              "too large HOST: the answer's headers are larger than 64KiB");
    TestServer const header{answer("HTTP/1.1 200 OK\r\nX: " + std::string(500'000, 'x') + "\r\n\r\n")};
    EXPECT_EQ(failure(client().send(get(header)), header),
              "too large HOST: the answer's headers are larger than 64KiB");
}

TEST(HttpClient, KnowsWhatIsNoHttp)
{
    TestServer const smtp{answer("220 relay.test ESMTP\r\n")};
    EXPECT_EQ(failure(client().send(get(smtp)), smtp), "cut HOST: Received HTTP/0.9 when not allowed");
    TestServer const bad_length{answer("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n")};
    EXPECT_EQ(failure(client().send(get(bad_length)), bad_length), "cut HOST: Invalid Content-Length: value");
}

TEST(HttpClient, SaysThatNobodyListens)
{
    auto const port = std::to_string(testing::unused_port());
    auto const result = client().send(get("http://127.0.0.1:" + port + "/"));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, HttpFailure::Connect);
    EXPECT_EQ(result.error().message, "127.0.0.1:" + port + ": Connection refused");
}

TEST(HttpClient, SaysThatAHostHasNoAddress)
{
    auto const result = client().send(get("http://no-such-host.invalid/"));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, HttpFailure::Connect);
    EXPECT_EQ(result.error().message, "no-such-host.invalid:80: Could not resolve host: no-such-host.invalid");
}

TEST(HttpClient, RefusesWhatCannotBeAsked)
{
    auto const why = [](HttpRequest const& request) {
        auto const result = client().send(request);
        EXPECT_TRUE(!result && result.error().kind == HttpFailure::Url);
        return result ? "answered" : result.error().message;
    };
    EXPECT_EQ(why(get("")), "\"\" is no URL: Bad scheme");
    EXPECT_EQ(why(get("file:///etc/passwd")), "\"file:///etc/passwd\" is neither https:// nor http:// nor unix://");
    EXPECT_EQ(why(get("gopher://127.0.0.1/")), "\"gopher://127.0.0.1/\" is neither https:// nor http:// nor unix://");
    EXPECT_EQ(why(get("vault.test:8200")), "\"vault.test:8200\" is neither https:// nor http:// nor unix://");
    EXPECT_EQ(why(get("http://host:99999/")),
              "\"http://host:99999/\" is no URL: Port number was not a decimal number between 0 and 65535");
    EXPECT_EQ(why(get("http://host/a b")), "\"http://host/a b\" is no URL: Bad path");
    EXPECT_EQ(why(get("http://host/a\r\nX: y")), "\"http://host/a??X: y\" holds a character that no URL has");
    EXPECT_EQ(why(get(std::string{"http://host/\0x", 14})), "\"http://host/?x\" holds a character that no URL has");
    EXPECT_EQ(why(get("https://user:hunter22@host/")), "the URL holds a login, which would be seen");
    EXPECT_EQ(why(get("unix://agent.sock:/v1/x")), "\"unix://agent.sock:/v1/x\" names no absolute path of a socket");

    auto request = get("http://127.0.0.1:1/");
    request.headers.push_back({"X-Vault-Token", base::Secret{"hvs\r\nX: y"}});
    EXPECT_EQ(why(request), "the value of the header X-Vault-Token holds a line break");
    request.headers[0] = {"X-Vault Token", base::Secret{"hvs"}};
    EXPECT_EQ(why(request), "\"X-Vault Token\" is no header's name");
    request.headers.clear();
    request.method = "GET / HTTP/1.1\r\n";
    EXPECT_EQ(why(request), "\"GET / HTTP/1.1??\" is no HTTP method");
}

TEST(HttpClient, NamesNoSecretInAnError)
{
    TestServer const server{answer("HTTP/1.1 200 OK\r\nX-Echo: hunter22\r\nContent-Length: 100\r\n\r\nhunter22")};
    auto request = get(server);
    request.method = "POST";
    request.headers.push_back({"X-Vault-Token", base::Secret{"hunter22"}});
    request.body = base::Secret{"hunter22"};
    auto const result = client().send(request);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message.find("hunter22"), std::string::npos);
}

// ---- TLS ----

class HttpTlsTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-http-test-XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    std::string file(std::string const& name, std::string const& text) const
    {
        std::ofstream{directory_ + "/" + name} << text;
        return directory_ + "/" + name;
    }
    static TestServer::Serve served_by(Identity const& identity, std::string const& client_ca = "")
    {
        return [identity, client_ca](Connection& connection) {
            if (!connection.start_tls(identity, client_ca)) {   // closing at once would drop the alert
                return connection.wait_for_end();
            }
            while (!connection.read_until("\r\n\r\n").empty()) connection.write(kOk);
        };
    }
    static HttpOptions trusting(Identity const& authority)
    {
        HttpOptions options;
        options.tls.ca_pem = authority.certificate;
        return options;
    }

    Identity const authority_ = make_authority();
    Identity const server_ = make_identity("DNS:vault.test,IP:127.0.0.1", &authority_);
    std::string directory_;
};

TEST_F(HttpTlsTest, TrustsItsOwnAuthorityHoweverGiven)
{
    TestServer const server{served_by(server_)};
    EXPECT_EQ(failure(client(trusting(authority_)).send(get_by_tls(server)), server), "answered 200");

    HttpOptions by_file;
    by_file.tls.ca_file = file("ca.pem", authority_.certificate);
    EXPECT_EQ(failure(client(by_file).send(get_by_tls(server)), server), "answered 200");

    HttpOptions by_directory;
    by_directory.tls.ca_directory = directory_;
    ASSERT_EQ(std::system(("openssl rehash " + directory_).c_str()), 0);
    EXPECT_EQ(failure(client(by_directory).send(get_by_tls(server)), server), "answered 200");

    HttpOptions unverified;
    unverified.tls.verify = false;
    EXPECT_EQ(failure(client(unverified).send(get_by_tls(server, "127.0.0.2")), server).substr(0, 7),
              "connect");   // nobody there
    EXPECT_EQ(failure(client(unverified).send(get_by_tls(server)), server), "answered 200");
}

TEST_F(HttpTlsTest, TrustsNobodyElse)
{
    TestServer const server{served_by(server_)};
    EXPECT_EQ(failure(client().send(get_by_tls(server)), server),
              "tls HOST: SSL certificate problem: unable to get local issuer certificate");
    EXPECT_EQ(failure(client(trusting(make_authority("Other CA"))).send(get_by_tls(server)), server),
              "tls HOST: SSL certificate problem: unable to get local issuer certificate");
    TestServer const self_signed{served_by(make_identity("IP:127.0.0.1"))};
    EXPECT_EQ(failure(client(trusting(authority_)).send(get_by_tls(self_signed)), self_signed),
              "tls HOST: SSL certificate problem: self-signed certificate");
    TestServer const other_name{served_by(make_identity("DNS:other.test", &authority_))};
    EXPECT_EQ(failure(client(trusting(authority_)).send(get_by_tls(other_name)), other_name),
              "tls HOST: SSL: no alternative certificate subject name matches target host name '127.0.0.1'");
    HttpOptions missing;
    missing.tls.ca_file = directory_ + "/none.pem";
    EXPECT_EQ(failure(client(missing).send(get_by_tls(server)), server),
              "tls HOST: error setting certificate file: " + directory_ + "/none.pem");
}

TEST_F(HttpTlsTest, NoticesPlainText)
{
    TestServer const plain{[](Connection& connection) {
        connection.write("HTTP/1.1 400 Bad Request\r\n\r\n");
        connection.wait_for_end();
    }};
    auto const said = failure(client(trusting(authority_)).send(get_by_tls(plain)), plain);
    EXPECT_TRUE(said.starts_with("tls HOST: ")) << said;
    EXPECT_NE(said.find("wrong version number"), std::string::npos) << said;
}

TEST_F(HttpTlsTest, MayBeToldTheServersName)
{
    std::string host;
    TestServer const server{[&](Connection& connection) {
        if (!connection.start_tls(make_identity("DNS:vault.test", &authority_))) return;
        host = connection.read_until("\r\n\r\n");
        connection.write(kOk);
    }};
    auto options = trusting(authority_);
    options.tls.server_name = "vault.test";
    EXPECT_EQ(failure(client(options).send(get_by_tls(server)), server), "answered 200");
    EXPECT_NE(host.find("\r\nHost: " + server.host_and_port() + "\r\n"), std::string::npos)
        << host;   // only TLS hears the name
    options.tls.server_name = "other.test";
    EXPECT_EQ(failure(client(options).send(get_by_tls(server)), server),
              "tls HOST: SSL: no alternative certificate subject name matches target host name 'other.test'");
}

TEST_F(HttpTlsTest, ShowsItsOwnCertificate)
{
    auto const own = make_identity("DNS:client.test", &authority_);
    TestServer const server{served_by(server_, authority_.certificate)};
    auto const none = failure(client(trusting(authority_)).send(get_by_tls(server)), server);
    EXPECT_TRUE(none.starts_with("tls HOST: ")) << none;
    EXPECT_NE(none.find("certificate required"), std::string::npos) << none;

    auto by_file = trusting(authority_);
    by_file.tls.client_cert = file("client.pem", own.certificate);
    by_file.tls.client_key = file("client.key", own.key);
    EXPECT_EQ(failure(client(by_file).send(get_by_tls(server)), server), "answered 200");

    auto by_text = trusting(authority_);
    by_text.tls.client_cert_pem = own.certificate + own.key;
    EXPECT_EQ(failure(client(by_text).send(get_by_tls(server)), server), "answered 200");

    auto const stranger = make_identity("DNS:client.test");
    by_text.tls.client_cert_pem = stranger.certificate + stranger.key;
    auto const refused = failure(client(by_text).send(get_by_tls(server)), server);
    EXPECT_TRUE(refused.starts_with("tls HOST: ")) << refused;
}

TEST_F(HttpTlsTest, SaysWhyAClientCertificateCannotBeUsed)
{
    auto const why = [](HttpTls tls) {
        HttpOptions options;
        options.tls = std::move(tls);
        auto const opened = HttpClient::open(std::move(options));
        return opened ? "opened" : opened.error().message;
    };
    auto const own = make_identity("DNS:client.test");
    auto const cert = file("client.pem", own.certificate);
    auto const key = file("client.key", own.key);
    auto const other = file("other.key", make_identity("DNS:client.test").key);
    auto const none = directory_ + "/none";
    auto const pair = [](std::string certificate, std::string private_key) {
        HttpTls tls;
        tls.client_cert = std::move(certificate);
        tls.client_key = std::move(private_key);
        return tls;
    };
    EXPECT_EQ(why(pair(cert, key)), "opened");
    EXPECT_EQ(why(pair(cert, "")), "there is a client certificate, " + cert + ", but no client key");
    EXPECT_EQ(why(pair("", key)), "there is a client key, " + key + ", but no client certificate");
    EXPECT_EQ(why(pair(none, key)), "cannot read " + none + ": No such file or directory");
    EXPECT_EQ(why(pair(cert, none)), "cannot read " + none + ": No such file or directory");
    EXPECT_EQ(why(pair(key, key)), key + " with " + key + " cannot be used: it holds no certificate in PEM");
    EXPECT_EQ(why(pair(cert, cert)), cert + " with " + cert + " cannot be used: it has no private key in PEM");
    EXPECT_EQ(why(pair(cert, other)),
              cert + " with " + other + " cannot be used: its private key belongs to another certificate");

    auto const locked = directory_ + "/locked.key";
    ASSERT_EQ(std::system(("openssl pkey -aes256 -passout pass:x -in " + key + " -out " + locked).c_str()), 0);
    EXPECT_EQ(why(pair(cert, locked)),
              cert + " with " + locked +
                  " cannot be used: its private key is encrypted; give it without a password, mode 0600");

    HttpTls text;
    text.client_cert_pem = own.certificate;
    EXPECT_EQ(why(text), "the client certificate cannot be used: it has no private key in PEM");
}

// ---- Proxies ----

// A proxy that answers itself; what it was asked.
struct Proxy {
    std::string asked;
    TestServer server{[this](Connection& connection) {
        asked = connection.read_line();
        connection.read_until("\r\n\r\n");
        connection.write("HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n");
    }};
    std::string url() const { return "http://" + server.host_and_port(); }
};

class HttpProxyTest : public ::testing::Test {
protected:
    void TearDown() override
    {
        for (auto const* const name : {"http_proxy", "https_proxy", "no_proxy", "NO_PROXY"}) ::unsetenv(name);
    }
    TestServer const direct_{answer(kOk)};
};

TEST_F(HttpProxyTest, IsTheOneThatIsNamedWhateverTheEnvironmentSays)
{
    Proxy proxy;
    ::setenv("no_proxy", "*", 1);
    ::setenv("http_proxy", "http://127.0.0.1:1", 1);
    HttpOptions options;
    options.proxy = proxy.url();
    EXPECT_EQ(client(options).send(get(direct_))->status, 407);
    EXPECT_EQ(proxy.asked, "GET http://" + direct_.host_and_port() + "/v1/x HTTP/1.1");
}

TEST_F(HttpProxyTest, IsTheEnvironmentsUnlessThatIsRefused)
{
    Proxy proxy;
    ::setenv("http_proxy", proxy.url().c_str(), 1);
    EXPECT_EQ(client().send(get(direct_))->status, 407);
    HttpOptions options;
    options.proxy_from_environment = false;
    EXPECT_EQ(client(options).send(get(direct_))->status, 200);
    ::setenv("no_proxy", "127.0.0.1", 1);
    EXPECT_EQ(client().send(get(direct_))->status, 200);
}

TEST_F(HttpProxyTest, IsLeftOutByTheHostsAddressThoughAnotherNameIsVerified)
{
    Proxy proxy;
    ::setenv("https_proxy", proxy.url().c_str(), 1);
    HttpOptions options;
    options.tls.server_name = "vault.test";
    TestServer const plain{[](Connection& connection) { connection.write("no TLS here"); connection.wait_for_end(); }};
    auto const by_proxy = client(options).send(get_by_tls(direct_));
    EXPECT_EQ(failure(by_proxy, direct_).substr(0, 4), "cut ") << failure(by_proxy, direct_);
    EXPECT_EQ(proxy.asked, "CONNECT " + direct_.host_and_port() + " HTTP/1.1");
    for (auto const* const exempt : {"127.0.0.1", "other.test, 127.0.0.1", "*"}) {
        proxy.asked.clear();
        ::setenv("NO_PROXY", exempt, 1);
        EXPECT_EQ(failure(client(options).send(get_by_tls(plain)), plain).substr(0, 4), "tls ");
        EXPECT_EQ(proxy.asked, "");
    }
}

}   // namespace
}   // namespace mailcore::net
