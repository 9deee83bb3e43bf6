// The verdict path allocates nothing once its strings have grown: from a request's text to its reply and decision line.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "core/config/load.hpp"
#include "core/observe/record.hpp"
#include "core/rules/compile.hpp"
#include "core/rules/decide.hpp"
#include "policy/protocol.hpp"

namespace {

std::atomic<std::size_t> allocations{0};

}   // namespace

// Counting replacements of the global operators, [new.delete]. The sanitizers still see malloc and free. GCC 12 inlines
// the one and not the other and then believes that they do not belong together.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t size)
{
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* const memory = std::malloc(size)) return memory;
    throw std::bad_alloc{};
}
void* operator new(std::size_t size, std::nothrow_t const&) noexcept
{
    allocations.fetch_add(1, std::memory_order_relaxed);
    return std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace mailcore::policy {
namespace {

TEST(SteadyState, DecidingAllocatesNothing)
{
    config::Diagnostics problems;
    auto const settings = config::load_text("test.yaml", R"(
tenants:
  shop: {clients: [10.0.0.0/24, "!10.0.0.7"], senders: ["@shop.test", "@.shop.test"], recipients: {deny: ["@no.test"]}}
  press: {clients: [10.0.0.1], senders: ["@press.test"]}
rules: [{name: r, when: {recipient: "@else.test", port: 25}, action: reject, text: not here}]
)", problems);
    auto const ruleset = rules::compile(settings, nullptr, problems);
    ASSERT_FALSE(problems.has_errors()) << problems.text();

    auto const text = [](std::string const& sender, std::string const& recipient) {
        return "request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=10.0.0.1\nserver_port=25\nsender=" + sender +
               "\nrecipient=" + recipient + "\ninstance=1a2b.5f5e1000.1.0-and-longer-than-small\nclient_name=app.shop.test\n\n";
    };
    std::string const requests[] = {text("a-long-local-part@deep.shop.test", "somebody@elsewhere.example"), text("x@shop.test", "y@no.test"),
                                    text("", "y@z.test"), text("stranger@far.example", "y@z.test"), text("x@press.test", "y@else.test")};
    mail::Request request;
    std::string reply;
    std::string line;
    auto const run_all = [&] {
        for (auto const& each : requests) {
            reply.clear();
            line.clear();
            ASSERT_TRUE(parse_policy_request(each, request));
            auto const verdict = rules::decide(ruleset, request);
            append_policy_reply(reply, verdict);
            observe::append_decision_line(line, {request, verdict, base::Time{}, 1});
        }
    };
    run_all();   // strings grow
    auto const before = allocations.load();
    for (int i = 0; i < 100; ++i) run_all();
    EXPECT_EQ(allocations.load() - before, 0u);
}

}   // namespace
}   // namespace mailcore::policy
