// Drives a milter as Postfix's smtpd and cleanup processes do: each connection is one SMTP client of one tenant, sends
// several messages and goes; the next takes its place. Every message must pass with the expected header edits.
// Prints one line of JSON.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/milter_client.hpp"
#include "bench/options.hpp"
#include "bench/population.hpp"
#include "bench/sockets.hpp"

namespace mailcore::bench {

namespace {

struct Plan {
    std::string server;
    std::uint64_t connections = 0;
    std::uint64_t idle = 0;   // clients that said HELO and then nothing: libmilter looks at each at every event
    std::chrono::seconds duration{};
    std::uint64_t seed = 0;
    SessionPlan session;
};

class Load {
public:
    Load(Plan const& plan, std::vector<Sender> const& population)
        : plan_{plan}, population_{population}, draw_{plan.seed}, writer_{plan.session.claim}
    {
    }
    void run();
    void report() const;
    bool all_as_expected() const { return tally_.unexpected == 0; }

private:
    void open(SessionPlan const& session);
    void hear(int descriptor);
    void settle();

    Plan plan_;
    std::vector<Sender> const& population_;
    Draw draw_;
    MessageWriter writer_;
    Tally tally_;
    Clock::time_point first_;
    Poller poller_;
    std::vector<std::unique_ptr<MilterSession>> sessions_;   // by descriptor
    std::uint64_t busy_ = 0;
};

void Load::open(SessionPlan const& session)
{
    auto opened = std::make_unique<MilterSession>(plan_.server, draw_.from(population_), session, writer_, tally_);
    auto const descriptor = opened->descriptor();
    poller_.add(descriptor);
    auto const index = static_cast<std::size_t>(descriptor);
    if (index >= sessions_.size()) sessions_.resize(index + 1);
    sessions_[index] = std::move(opened);
}

void Load::hear(int descriptor)
{
    auto& session = sessions_[static_cast<std::size_t>(descriptor)];
    session->hear();
    if (!session->finished()) return;
    session.reset();
    if (tally_.last < tally_.deadline) open(plan_.session);
    else --busy_;
}

// Lets the idle clients get through their greeting before the clock starts.
void Load::settle()
{
    auto greeting = plan_.session;
    greeting.messages = 0;
    if (plan_.idle == 0) return;
    for (std::uint64_t i = 0; i < plan_.idle; ++i) open(greeting);
    for (auto events = poller_.wait(200); !events.empty(); events = poller_.wait(200)) {
        for (auto const& event : events) hear(event.data.fd);
    }
}

void Load::run()
{
    settle();
    first_ = tally_.last = Clock::now();
    tally_.deadline = first_ + plan_.duration;
    for (busy_ = 0; busy_ < plan_.connections; ++busy_) open(plan_.session);
    while (busy_ > 0) {
        for (auto const& event : poller_.wait()) hear(event.data.fd);
    }
}

void Load::report() const
{
    auto const seconds = std::chrono::duration<double>(tally_.last - first_).count();
    std::printf("{\"connections\":%llu,\"idle\":%llu,\"messages\":%llu,\"unexpected\":%llu,\"seconds\":%.3f,"
                "\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"negotiated\":\"%s\"}\n",
                static_cast<unsigned long long>(plan_.connections), static_cast<unsigned long long>(plan_.idle),
                static_cast<unsigned long long>(tally_.messages), static_cast<unsigned long long>(tally_.unexpected),
                seconds, static_cast<double>(tally_.messages) / seconds, tally_.latencies.percentile(0.5),
                tally_.latencies.percentile(0.99), tally_.latencies.percentile(0.999), tally_.negotiated.c_str());
}

}   // namespace

}   // namespace mailcore::bench

int main(int argc, char** argv)
{
    using namespace mailcore::bench;
    auto options = Options{argc, argv,
                           "bench-milter-load --server unix:/path|inet:host:port --population senders.tsv"
                           " [--connections 10] [--idle 0] [--messages 10 per connection] [--seconds 3] [--seed N]"
                           " [--claim] [--expect-added 0] [--expect-deleted 0]"};
    auto plan = Plan{};
    plan.server = options.text("server");
    plan.connections = options.number("connections", 10);
    plan.idle = options.number("idle", 0);
    plan.duration = std::chrono::seconds{options.number("seconds", 3)};
    plan.seed = options.number("seed", 1);
    plan.session = {.messages = options.number("messages", 10),
                    .claim = options.flag("claim"),
                    .expected_additions = options.number("expect-added", 0),
                    .expected_deletions = options.number("expect-deleted", 0)};
    auto const population = read_population(options.text("population"));
    options.done();

    auto load = Load{plan, population};
    load.run();
    load.report();
    return load.all_as_expected() ? EXIT_SUCCESS : EXIT_FAILURE;
}
