// What Prometheus reads, and that decisions and lines agree.

#include "core/observe/metrics.hpp"

#include <gmock/gmock.h>

#include <thread>

namespace mailcore::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Metrics, StartAtZeroForEveryReasonThatCanOccur)
{
    Metrics const metrics{"mailcore-policy", "1.2.3"};
    auto const text = metrics.text();
    EXPECT_THAT(text, HasSubstr("mailcore_build_info{daemon=\"mailcore-policy\",version=\"1.2.3\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("mailcore_decisions_total{action=\"pass\",reason=\"ok\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("mailcore_decisions_total{action=\"reject\",reason=\"sender_not_allowed\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("mailcore_decisions_total{action=\"defer\",reason=\"internal_error\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("mailcore_reloads_total{result=\"failed\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("mailcore_observed_total{reason=\"tenant_suspended\"} 0\n"));
    EXPECT_THAT(text, Not(HasSubstr("action=\"reject\",reason=\"ok\""))) << "what cannot occur is not there";
}

TEST(Metrics, CountFromManyThreads)
{
    Metrics metrics{"mailcore-policy", "1"};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 10'000; ++i) metrics.count_decision(mail::Action::Reject, mail::Reason::Rule, false, 3, 2);
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(metrics.decisions(mail::Action::Reject, mail::Reason::Rule), 80'000u);
    EXPECT_EQ(metrics.decisions(mail::Action::Reject), 80'000u);
    EXPECT_THAT(metrics.text(), HasSubstr("mailcore_forged_headers_removed_total 160000\n"));
}

TEST(Metrics, CountObservedMailBesideItsPassing)
{
    Metrics metrics{"mailcore-policy", "1"};
    metrics.count_decision(mail::Action::Pass, mail::Reason::SenderNotAllowed, true, 1, 0);
    EXPECT_THAT(metrics.text(), HasSubstr("mailcore_observed_total{reason=\"sender_not_allowed\"} 1\n"));
    EXPECT_THAT(metrics.text(), HasSubstr("mailcore_decisions_total{action=\"pass\",reason=\"sender_not_allowed\"} 1\n"));
}

TEST(Metrics, SortTimesIntoBucketsOfPowersOfTwo)
{
    Metrics metrics{"mailcore-policy", "1"};
    for (std::uint64_t const micros : {0u, 1u, 2u, 3u, 4u, 5u, 1'000'000u}) {
        metrics.count_decision(mail::Action::Pass, mail::Reason::Ok, false, micros, 0);
    }
    auto const text = metrics.text();
    EXPECT_THAT(text, HasSubstr("mailcore_decision_seconds_bucket{le=\"1e-06\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("mailcore_decision_seconds_bucket{le=\"2e-06\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("mailcore_decision_seconds_bucket{le=\"4e-06\"} 5\n"));
    EXPECT_THAT(text, HasSubstr("mailcore_decision_seconds_bucket{le=\"8e-06\"} 6\n"));
    EXPECT_THAT(text, HasSubstr("mailcore_decision_seconds_bucket{le=\"+Inf\"} 7\n"));
}

TEST(Metrics, SayWhereTheyCannotBeServed)
{
    Metrics metrics{"mailcore-policy", "1"};
    auto const unix_socket = metrics.serve(*net::SocketAddress::parse("unix:/tmp/x"));
    ASSERT_FALSE(unix_socket);
    EXPECT_EQ(unix_socket.error().message, "metrics: write inet:host:port, or \"\" for none; unix:/tmp/x is neither");
    EXPECT_TRUE(metrics.serve({})) << "off";
}

}   // namespace
}   // namespace mailcore::observe
