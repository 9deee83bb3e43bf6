// A small language for tests of the rules: a configuration as text, a request as words, a verdict as a value.
//
//     auto const rules = compiled("tenants: {shop: {clients: [10.0.0.1], senders: ['@shop.test']}}");
//     EXPECT_EQ(decided(rules, "client_address=10.0.0.1 sender=a@shop.test"), passed("shop"));
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include "core/base/text.hpp"
#include "core/config/load.hpp"
#include "core/mail/policy_attributes.hpp"
#include "core/rules/compile.hpp"
#include "core/rules/decide.hpp"

namespace mailcore::rules::testing {

inline constexpr base::Time kNow{std::chrono::seconds{1'795'000'000}};

// What matters of a verdict in most tests.
struct Shown {
    mail::Action action = mail::Action::Pass;
    mail::Reason reason = mail::Reason::Ok;
    mail::Action would = mail::Action::Pass;
    std::string tenant;
    std::string rule;
    bool operator==(Shown const&) const = default;

    friend std::ostream& operator<<(std::ostream& out, Shown const& shown)
    {
        return out << word(shown.action) << " " << word(shown.reason) << " would=" << word(shown.would) << " tenant=\""
                   << shown.tenant << "\" rule=\"" << shown.rule << '"';
    }
};

inline Shown passed(std::string tenant = "", std::string rule = "")
{
    return {mail::Action::Pass, mail::Reason::Ok, mail::Action::Pass, std::move(tenant), std::move(rule)};
}
inline Shown refused(mail::Reason reason, std::string tenant = "", std::string rule = "")
{
    return {mail::Action::Reject, reason, mail::Action::Pass, std::move(tenant), std::move(rule)};
}
inline Shown observed(mail::Reason reason, std::string tenant = "", std::string rule = "")
{
    return {mail::Action::Pass, reason, mail::Action::Reject, std::move(tenant), std::move(rule)};
}

inline Shown shown(mail::Verdict const& verdict)
{
    return {verdict.action, verdict.reason, verdict.would, std::string{verdict.tenant}, std::string{verdict.rule}};
}

// The problems are for tests that expect some.
inline Ruleset compiled_with_problems(std::string_view yaml, config::Diagnostics& problems)
{
    auto const settings = config::load_text("test.yaml", yaml, problems);
    return compile(settings, nullptr, problems);
}

inline Ruleset compiled(std::string_view yaml)
{
    config::Diagnostics problems;
    auto ruleset = compiled_with_problems(yaml, problems);
    EXPECT_FALSE(problems.has_errors()) << problems.text();
    return ruleset;
}

// Words as the policy daemon's attributes; "sender=" is the null sender. Without protocol_state it is RCPT where there is
// a recipient, else MAIL.
inline mail::Request request(std::string_view words)
{
    mail::Request result;
    mail::AttributeReader reader{result};
    bool const has_recipient = words.find("recipient=") != std::string_view::npos;
    reader.set("request", "smtpd_access_policy");
    for (auto const& word : base::split(words, ' ')) {
        auto const equals = word.find('=');
        auto const use = reader.set(word.substr(0, equals), word.substr(equals + 1));
        EXPECT_EQ(use, mail::AttributeUse::Used) << word;
    }
    reader.set("protocol_state", has_recipient ? "RCPT" : "MAIL");
    reader.finish();
    return result;
}

inline Shown decided(Ruleset const& ruleset, std::string_view words, Suspensions const& suspensions = {})
{
    return shown(decide(ruleset, request(words), suspensions));
}

// Tenants that an operator has suspended.
inline Suspensions suspended(std::initializer_list<char const*> tenants)
{
    Suspensions suspensions;
    for (auto const* tenant : tenants) suspensions.merge(tenant, {true, kNow, "spam, ticket 4711"});
    return suspensions;
}

// The milter at the end of a message with this header: lines "Name: value".
inline mail::Request message(Ruleset const& ruleset, std::string_view words, std::string_view header)
{
    auto result = request(words);
    result.daemon = mail::Daemon::Milter;
    result.stage = mail::Stage::EndOfMessage;
    result.message.emplace();
    for (auto const& line : base::split(header, '\n')) {
        auto const colon = line.find(':');
        if (colon != std::string_view::npos) {
            result.message->add_header(line.substr(0, colon), base::trim(line.substr(colon + 1)), ruleset.headers);
        }
    }
    return result;
}

inline Shown decided_at_end(Ruleset const& ruleset, std::string_view words, std::string_view header,
                            Suspensions const& suspensions = {})
{
    auto const asked = message(ruleset, words, header);
    return shown(decide(ruleset, asked, suspensions));
}

}   // namespace mailcore::rules::testing
