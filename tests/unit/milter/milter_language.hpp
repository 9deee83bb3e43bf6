// A small language for tests of the milter: a configuration as text, messages as values, what became of them as values.
//
//     Mta mta{rules("tenants: {acme: {clients: [10.0.0.1], senders: ['@acme.test']}}")};
//     EXPECT_EQ(mta.send({.headers = {{"X-KeyBuzz-Stamp", "forged"}}}), stamped("acme").removed({{"X-KeyBuzz-Stamp", 1}}));
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "core/base/secret.hpp"
#include "core/config/load.hpp"
#include "core/rules/compile.hpp"
#include "milter/session.hpp"

namespace mailcore::milter::testing {

inline constexpr base::Time kNow{std::chrono::seconds{1'795'000'000}};

using Headers = std::vector<std::pair<std::string, std::string>>;
using Removals = std::map<std::string, int>;

// The same headers for claims and stamp, as by default; from is off so that messages need no From.
inline constexpr auto kTwoTenants = R"(
tenants:
  acme:  {clients: [10.0.0.1], senders: ["@acme.test"], from: off}
  books: {clients: [10.0.0.1], senders: ["@books.test"], from: off}
)";

inline std::shared_ptr<mail::StampKeys const> some_keys()
{
    auto keys = std::make_shared<mail::StampKeys>();
    keys->active = "k1";
    keys->keys.emplace("k1", base::Secret{std::string(32, 'k')});
    return keys;
}

inline std::shared_ptr<rules::Ruleset const> rules(std::string const& yaml, std::shared_ptr<mail::StampKeys const> keys = nullptr)
{
    config::Diagnostics problems;
    auto const settings = config::load_text("test.yaml", yaml, problems);
    auto ruleset = std::make_shared<rules::Ruleset const>(rules::compile(settings, std::move(keys), problems));
    EXPECT_FALSE(problems.has_errors()) << problems.text();
    return ruleset;
}

// What became of a message, in values that outlive it.
struct Outcome {
    mail::Action action = mail::Action::Pass;
    mail::Reason reason = mail::Reason::Ok;
    std::string tenant = {};
    std::string ticket = {};
    Headers additions = {};
    Removals removals = {};
    std::uint64_t forged = 0;
    bool operator==(Outcome const&) const = default;

    Outcome with_ticket(std::string name) &&
    {
        additions.emplace_back("X-KeyBuzz-Ticket", name);
        ticket = std::move(name);
        return std::move(*this);
    }
    Outcome removed(Removals what, std::uint64_t of_them_forged) &&
    {
        removals = std::move(what);
        forged = of_them_forged;
        return std::move(*this);
    }
    Outcome because(mail::Reason why) &&
    {
        reason = why;
        return std::move(*this);
    }

    friend std::ostream& operator<<(std::ostream& out, Outcome const& outcome)
    {
        out << mail::word(outcome.action) << " " << mail::word(outcome.reason) << " tenant=" << outcome.tenant
            << " ticket=" << outcome.ticket << " forged=" << outcome.forged;
        for (auto const& [name, value] : outcome.additions) out << " +" << name << ": " << value;
        for (auto const& [name, copies] : outcome.removals) out << " -" << copies << " " << name;
        return out;
    }
};

inline Outcome stamped(std::string const& tenant) { return {.tenant = tenant, .additions = {{"X-KeyBuzz-Tenant", tenant}}}; }
inline Outcome unstamped() { return {}; }
inline Outcome rejected(mail::Reason reason, std::string tenant = {})
{
    return {.action = mail::Action::Reject, .reason = reason, .tenant = std::move(tenant)};
}
inline Outcome deferred() { return {.action = mail::Action::Defer, .reason = mail::Reason::InternalError}; }

inline Outcome outcome_of(Answer const& answer)
{
    auto const& verdict = answer.verdict;
    Outcome outcome{.action = verdict.action, .reason = verdict.reason, .tenant = std::string{verdict.tenant},
                    .ticket = std::string{verdict.ticket}, .forged = answer.edits.forged};
    for (auto const& addition : answer.edits.additions) outcome.additions.emplace_back(addition.name, addition.value);
    for (auto const& removal : answer.edits.removals) outcome.removals[std::string{removal.name}] = removal.copies;
    return outcome;
}

struct Letter {
    std::string from = "<a@acme.test>";
    std::vector<std::string> to = {"<user@example.com>"};
    Headers headers = {};
    std::string body = {};
    std::string queue_id = "4jWYs717qcz8lWc";
};

// Postfix, as far as a session sees it.
class Mta {
public:
    explicit Mta(std::shared_ptr<rules::Ruleset const> ruleset, Body body = Body::Unseen) : ruleset_{std::move(ruleset)}
    {
        session.open(body);
        connect("10.0.0.1");
    }

    void connect(std::string const& address, std::string const& port = "25")
    {
        session.connected({.client = address, .address = net::IpAddress::parse(address).value(), .daemon_port = port});
        session.greeted("client.test");
    }

    void use(std::shared_ptr<rules::Ruleset const> ruleset) { ruleset_ = std::move(ruleset); }

    Answer mail(std::string const& path)
    {
        auto address = path.size() > 2 && path.front() == '<' ? path.substr(1, path.size() - 2) : std::string{};
        return session.begin_message(ruleset_, {.path = path, .address = address, .login = login, .tls = tls}, kNow);
    }

    Answer rcpt(std::string const& path)
    {
        auto answer = session.add_recipient({.path = path, .address = path.substr(1, path.size() - 2)});
        if (answer.verdict.action == mail::Action::Reject || answer.verdict.action == mail::Action::Defer) session.drop_recipient();
        return answer;
    }

    // The whole of it; the first refusal is what became of it.
    Outcome send(Letter const& letter = {})
    {
        auto answer = mail(letter.from);
        for (auto recipient = letter.to.begin(); passes(answer) && recipient != letter.to.end(); ++recipient) answer = rcpt(*recipient);
        if (passes(answer)) answer = finish(letter);
        auto outcome = outcome_of(answer);
        session.forget_message();
        return outcome;
    }

    Answer finish(Letter const& letter)
    {
        for (auto const& [name, value] : letter.headers) session.add_header(name, value);
        session.add_body(letter.body.size());
        return session.end_message({.queue_id = letter.queue_id, .certificate = certificate, .certificate_known = certificate_known}, kNow);
    }

    MilterSession session;
    std::string login;
    std::string certificate;
    bool certificate_known = true;
    bool tls = false;

private:
    static bool passes(Answer const& answer) { return answer.verdict.action == mail::Action::Pass; }
    std::shared_ptr<rules::Ruleset const> ruleset_;
};

}   // namespace mailcore::milter::testing
