// Asks a policy server as Postfix's smtpd processes do: each connection sends one RCPT request, waits for the reply and
// sends the next. Every reply must be DUNNO. Prints one line of JSON.
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "bench/latencies.hpp"
#include "bench/options.hpp"
#include "bench/population.hpp"
#include "bench/sockets.hpp"

namespace mailcore::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kExpectedReply = std::string_view{"action=DUNNO\n\n"};

struct Plan {
    std::string server;
    std::uint64_t connections = 0;
    std::uint64_t idle = 0;       // connections that are open and silent, as most smtpd processes are
    std::uint64_t requests = 0;   // stop after so many; 0 = by time
    std::chrono::seconds duration{};
    std::uint64_t seed = 0;
};

// Writes what Postfix 3.7.11 was seen to send at RCPT: all its attributes in its order.
class RequestWriter {
public:
    RequestWriter(std::vector<Sender> const& population, std::uint64_t seed) : population_{population}, draw_{seed} {}

    std::string_view next()
    {
        auto const& sender = draw_.from(population_);
        auto const number = draw_.next();
        text_ = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=";
        text_ += sender.client;
        text_ += "\nclient_name=unknown\nclient_port=";
        append_number(1024 + number % 60'000);
        text_ += "\nreverse_client_name=unknown\nserver_address=10.255.0.1\nserver_port=25\nhelo_name=app.";
        text_ += sender.tenant;
        text_ += ".example\nsender=";
        text_ += sender.address;
        text_ += "\nrecipient=user";
        append_number(number % 10'000);
        text_ += "@example.com\nrecipient_count=0\nqueue_id=\ninstance=1a2b.6b0214c6.";
        append_number(number % 1'000'000, 16);
        text_ += ".";
        append_number(++sequence_, 16);
        text_ += "\nsize=";
        append_number(1'000 + number % 50'000);
        text_ += "\netrn_domain=\nstress=\nsasl_method=\nsasl_username=\nsasl_sender=\nccert_subject=\nccert_issuer=\n"
                 "ccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=\nencryption_cipher=\n"
                 "encryption_keysize=0\npolicy_context=\n\n";
        return text_;
    }

private:
    void append_number(std::uint64_t number, int base = 10)
    {
        auto digits = std::array<char, 24>{};
        auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
        text_.append(digits.data(), end);
    }

    std::vector<Sender> const& population_;
    Draw draw_;
    std::uint64_t sequence_ = 0;
    std::string text_;
};

struct Connection {
    base::Fd socket;
    Clock::time_point asked;
    std::string reply;   // what of it has come so far
};

class Load {
public:
    Load(Plan const& plan, std::vector<Sender> const& population) : plan_{plan}, requests_{population, plan.seed} {}

    void run();
    void report() const;
    bool all_as_expected() const { return unexpected_ == 0; }

private:
    void connect();
    void ask(Connection& connection);
    void hear(Connection& connection);
    void check(Connection& connection);
    bool may_ask() const { return plan_.requests == 0 ? last_ < deadline_ : asked_ < plan_.requests; }

    Plan plan_;
    RequestWriter requests_;
    Poller poller_;
    std::vector<Connection> connections_;   // by descriptor
    std::vector<base::Fd> idle_;
    Latencies latencies_;
    Clock::time_point first_, last_, deadline_;
    std::uint64_t asked_ = 0, answered_ = 0, unexpected_ = 0;
};

void Load::connect()
{
    for (std::uint64_t i = 0; i < plan_.idle; ++i) idle_.push_back(connect_to(plan_.server));
    for (std::uint64_t i = 0; i < plan_.connections; ++i) {
        auto socket = connect_to(plan_.server);
        auto const descriptor = static_cast<std::size_t>(socket.get());
        if (descriptor >= connections_.size()) connections_.resize(descriptor + 1);
        poller_.add(socket.get());
        connections_[descriptor].socket = std::move(socket);
    }
}

void Load::run()
{
    connect();
    first_ = last_ = Clock::now();
    deadline_ = first_ + plan_.duration;
    for (auto& connection : connections_) {
        if (connection.socket && may_ask()) ask(connection);
    }
    while (answered_ < asked_) {
        for (auto const& event : poller_.wait()) hear(connections_[static_cast<std::size_t>(event.data.fd)]);
    }
}

void Load::ask(Connection& connection)
{
    auto const request = requests_.next();
    connection.asked = Clock::now();
    write_all(connection.socket.get(), request);
    ++asked_;
}

void Load::hear(Connection& connection)
{
    auto bytes = std::array<char, 1024>{};
    auto const count = ::read(connection.socket.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) return;
    if (count <= 0) give_up("the server closed a connection instead of answering");
    connection.reply.append(bytes.data(), static_cast<std::size_t>(count));
    if (!connection.reply.ends_with("\n\n")) return;
    check(connection);
    if (may_ask()) ask(connection);
}

void Load::check(Connection& connection)
{
    last_ = Clock::now();
    latencies_.record(static_cast<std::uint64_t>((last_ - connection.asked) / std::chrono::nanoseconds{1}));
    ++answered_;
    if (connection.reply != kExpectedReply && ++unexpected_ == 1) {
        std::fprintf(stderr, "bench-policy-load: unexpected reply: %s", connection.reply.c_str());
    }
    connection.reply.clear();
}

void Load::report() const
{
    auto const seconds = std::chrono::duration<double>(last_ - first_).count();
    std::printf("{\"connections\":%llu,\"idle\":%llu,\"requests\":%llu,\"unexpected\":%llu,\"seconds\":%.3f,"
                "\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f}\n",
                static_cast<unsigned long long>(plan_.connections), static_cast<unsigned long long>(plan_.idle),
                static_cast<unsigned long long>(answered_), static_cast<unsigned long long>(unexpected_), seconds,
                static_cast<double>(answered_) / seconds, latencies_.percentile(0.5), latencies_.percentile(0.99),
                latencies_.percentile(0.999));
}

}   // namespace

}   // namespace mailcore::bench

int main(int argc, char** argv)
{
    using namespace mailcore::bench;
    auto options = Options{argc, argv,
                           "bench-policy-load --server unix:/path|inet:host:port --population senders.tsv"
                           " [--connections 20] [--idle 0] [--seconds 3 | --requests N] [--seed N]"};
    auto plan = Plan{};
    plan.server = options.text("server");
    plan.connections = options.number("connections", 20);
    plan.idle = options.number("idle", 0);
    plan.requests = options.number("requests", 0);
    plan.duration = std::chrono::seconds{options.number("seconds", 3)};
    plan.seed = options.number("seed", 1);
    auto const population = read_population(options.text("population"));
    options.done();

    auto load = Load{plan, population};
    load.run();
    load.report();
    return load.all_as_expected() ? EXIT_SUCCESS : EXIT_FAILURE;
}
