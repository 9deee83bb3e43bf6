#include "tests/fuzz/gate.hpp"

#include <memory>

#include "core/config/load.hpp"
#include "core/rules/compile.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace mailcore::fuzz {
namespace {

constexpr std::string_view kConfiguration = R"(
claims: {tenant_headers: [X-KeyBuzz-Tenant], ticket_headers: [X-KeyBuzz-Ticket]}
stamp: {keys_file: ""}
tenants:
  kbz_test:
    clients: [10.0.0.0/8, "[2001:db8::]/32"]
    logins: [anna]
    certificates: ["sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
    senders: ["amazon@inbound.keybuzz.io", "@keybuzz.io", "@.keybuzz.io"]
    recipients: {deny: ["@blocked.example", "nobody@example.com"]}
    ticket: {required: true}
    size: 25MiB
  shop:
    clients: [10.0.0.250]
    senders: ["@shop.example", "@.shop.example"]
    from: observe
    ticket: {pattern: ".*", sources: [header, plus, subject, references]}
  paused:
    logins: [paul]
    senders: ["@paused.example"]
    mode: suspended
rules:
  - {name: no-executables, when: {recipient: "@bad.example"}, action: reject, text: "not served here"}
  - {name: later, when: {helo: "slow"}, action: defer}
  - {name: look, when: {from: "@shop.example", not: {tls: true}}, action: hold}
)";

rules::Ruleset make_gate()
{
    config::Diagnostics problems;
    auto const settings = config::load_text("gate.yaml", kConfiguration, problems);
    auto ruleset = rules::compile(settings, nullptr, problems);
    require(!problems.has_errors(), "the fuzzers' own configuration is good", problems.text());
    return ruleset;
}

}   // namespace

rules::Ruleset const& gate()
{
    static rules::Ruleset const ruleset = make_gate();
    return ruleset;
}

}   // namespace mailcore::fuzz
