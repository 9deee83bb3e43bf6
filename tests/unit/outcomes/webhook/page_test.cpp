// docs/webhook.md against the program: its examples verify what we sign, and its event is one of ours.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "core/base/child.hpp"
#include "outcomes/webhook/webhook.hpp"

namespace mailcore::outcomes {
namespace {

using namespace std::chrono_literals;

// The first fenced block of that language.
std::string block(std::string const& language)
{
    std::ifstream file{MAILCORE_SOURCE_DIR "/docs/webhook.md"};
    std::string const page{std::istreambuf_iterator<char>{file}, {}};
    auto const fence = "```" + language + "\n";
    auto const begin = page.find(fence) + fence.size();
    return page.substr(begin, page.find("\n```", begin) + 1 - begin);
}

TEST(WebhookPage, ShowsAnEventAsItIs)
{
    Outcome outcome;
    outcome.event_id = "8f14e45f-ceea-8678-a9e1-7d3c5b0a4f21";
    outcome.postfix_instance = "postfix";
    outcome.tenant_id = "kbz_test";
    outcome.ticket_id = "ticket_smtp_test_001";
    outcome.message_id = "<20261121010000.1@keybuzz.io>";
    outcome.queue_id = "4jWYs717qcz8lWc";
    outcome.sender = "amazon@inbound.keybuzz.io";
    outcome.recipient = "bounce@example.com";
    outcome.provider = "SES";
    outcome.relay = "email-smtp.eu-west-1.amazonaws.com[192.0.2.25]:587";
    outcome.status = Status::Bounced;
    outcome.dsn = "5.1.1";
    outcome.reason = "550 5.1.1 no such user";
    outcome.attempts = 1;
    outcome.sent_at = *base::parse_time("2026-11-21T01:00:05.123Z");
    outcome.notification_id = "4jWYt32Qp2z8lWd";
    outcome.original_recipient = "sales@example.com";
    std::string shown;
    std::istringstream lines{block("json")};
    for (std::string line; std::getline(lines, line);) shown += line.substr(line.find_first_not_of(' '));
    EXPECT_EQ(shown, to_json(outcome));
}

// ---- The examples ----

std::string hex(std::string_view bytes)
{
    std::string text;
    for (auto const c : bytes) {
        auto const byte = static_cast<unsigned char>(c);
        text += {"0123456789abcdef"[byte >> 4u], "0123456789abcdef"[byte & 15u]};
    }
    return text;
}

struct Case {
    char const* note;
    std::string secret, header, body;
    bool genuine;
};

std::vector<Case> cases()
{
    std::string const secret = "hunter22";
    std::string const body = "{\"reason\":\"caf\xc3\xa9\"}";
    auto const header = [&](base::Time time) { return signature(base::Secret{secret}, time, body); };
    auto const now = header(base::now());
    auto const digest = now.substr(now.find("v1="));
    return {
        {"as it came", secret, now, body, true},
        {"two minutes on its way", secret, header(base::now() - 2min), body, true},
        {"another body", secret, now, body + " ", false},
        {"another secret", secret + "\n", now, body, false},
        {"recorded an hour ago", secret, header(base::now() - 1h), body, false},
        {"an hour ahead", secret, header(base::now() + 1h), body, false},
        {"another time", secret, "t=1795000000," + digest, body, false},
        {"a digest cut short", secret, now.substr(0, now.size() - 2), body, false},
        {"no digest", secret, now.substr(0, now.find(',')), body, false},
        {"no time", secret, digest, body, false},
        {"nothing", secret, "", body, false},
        {"rubbish", secret, "=,=,v1=zz\xe9,t", body, false},
    };
}

// Reads "SECRET HEADER BODY" in hexadecimal digits, a case each line, and prints true or false.
constexpr auto kPythonDriver = R"(
import sys
for line in sys.stdin:
    secret, header, body = (bytes.fromhex(word) for word in line.rstrip("\n").split(" "))
    print(str(is_from_mailcore(secret, header.decode("latin-1"), body)).lower())
)";
constexpr auto kNodeDriver = R"(
for (const line of require("node:fs").readFileSync(0, "utf8").trimEnd().split("\n")) {
  const [secret, header, body] = line.split(" ").map((word) => Buffer.from(word, "hex"));
  console.log(isFromMailcore(secret, header.toString("latin1"), body));
}
)";

void expect_to_verify(std::string const& interpreter, std::string const& program)
{
    char name[] = "/tmp/mailcore-page-test-XXXXXX";
    std::string const directory = ::mkdtemp(name);
    std::ofstream{directory + "/example"} << program;
    std::string input, expected;
    for (auto const& one : cases()) {
        input += hex(one.secret) + " " + hex(one.header) + " " + hex(one.body) + "\n";
        expected += one.genuine ? "true\n" : "false\n";
    }
    auto const ran = base::run_child({interpreter, directory + "/example"}, {.input = input});
    std::filesystem::remove_all(directory);
    ASSERT_TRUE(ran) << ran.error().message;
    EXPECT_EQ(ran->status, 0) << ran->err;
    std::istringstream printed{ran->out}, wanted{expected};
    for (auto const& one : cases()) {
        std::string is, should;
        std::getline(printed, is);
        std::getline(wanted, should);
        EXPECT_EQ(is, should) << one.note;
    }
}

TEST(WebhookPage, VerifiesWhatWeSignInPython) { expect_to_verify("python3", block("python") + kPythonDriver); }

TEST(WebhookPage, VerifiesWhatWeSignInNode)
{
    if (!std::filesystem::exists("/usr/bin/node")) GTEST_SKIP() << "there is no Node.js here";
    expect_to_verify("node", block("javascript") + kNodeDriver);
}

}   // namespace
}   // namespace mailcore::outcomes
