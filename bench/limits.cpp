// What limits cost a message: decide() alone, against decide() and three limits counted in LMDB as the milter does, and
// against decide() and a look at the three counters as the policy daemon does. Each for one tenant, 1,000 and 100,000, drawn
// at random, with all their buckets in the table. Prints one line of JSON for each number of tenants; microseconds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bench/latencies.hpp"
#include "bench/options.hpp"
#include "bench/population.hpp"
#include "core/base/clock.hpp"
#include "core/rules/decide.hpp"
#include "core/rules/limit.hpp"
#include "core/rules/read.hpp"
#include "core/store/lmdb_limits.hpp"

namespace mailcore::bench {
namespace {

constexpr std::size_t kBatch = 500;   // the three ways take turns, so that a noisy moment falls on all of them

// Generous, so that all pass: a refusal is the shorter way.
constexpr char const* kLimits =
    "[{messages: 1000000000, per: 1m}, {recipients: 1000000000, per: 1h}, {bytes: 1000000000000, per: 1d}]";

std::string tenant_name(std::size_t number) { return "shop_" + std::to_string(number); }
std::string domain_of(std::size_t number) { return "shop-" + std::to_string(number) + ".example"; }

void write_tenants(std::filesystem::path const& folder, std::size_t count)
{
    constexpr std::size_t kTenantsAFile = 1'000;
    std::filesystem::create_directories(folder);
    for (std::size_t first = 0; first < count; first += kTenantsAFile) {
        std::ofstream file{folder / (std::to_string(first) + ".yaml")};
        file << "tenants:\n";
        for (auto number = first; number < std::min(count, first + kTenantsAFile); ++number) {
            file << "  " << tenant_name(number) << ": {clients: [10.0.0.0/8], senders: [\"@" << domain_of(number)
                 << "\"], limits: " << kLimits << "}\n";
        }
    }
}

rules::Configuration configure(std::filesystem::path const& folder, std::size_t tenants)
{
    write_tenants(folder / "tenants.d", tenants);
    auto const path = folder / "mailcore.yaml";
    std::ofstream{path} << "stamp: {keys_file: \"\"}\ninclude: [\"tenants.d/*.yaml\"]\n";
    auto configuration = rules::read_configuration(path);
    if (!configuration) give_up(configuration.error().message);
    return std::move(*configuration);
}

mail::Request message_of(std::size_t tenant)
{
    auto request = mail::Request{};
    request.daemon = mail::Daemon::Milter;
    request.stage = mail::Stage::EndOfMessage;
    request.client = "10.1.2.3";
    request.client_address = net::IpAddress::parse(request.client).value();
    request.sender.set("orders@" + domain_of(tenant));
    request.recipients.add().set("user@customer.example");
    request.recipient_count = 1;
    request.size = 20'000;
    request.message.emplace();
    request.message->add_header("From", "orders@" + domain_of(tenant), {});
    return request;
}

class Bench {
public:
    Bench(rules::Ruleset const& ruleset, store::LmdbLimits& limits) : ruleset_{ruleset}, limits_{limits} {}

    mail::Verdict decide(mail::Request const& request) const
    {
        auto verdict = rules::decide(ruleset_, request);
        if (verdict.action != mail::Action::Pass) give_up("refused: " + std::string{word(verdict.reason)});
        return verdict;
    }
    void decide_and_take(mail::Request const& request) const
    {
        auto const now = base::now();
        auto const verdict = decide(request);
        auto const charges = rules::charges_for(ruleset_, *ruleset_.find_tenant(verdict.tenant), request, now);
        auto const answer = limits_.take(charges, now);
        if (!answer) give_up(answer.error().message);
        must_pass(rules::limited(verdict, charges, *answer, false, now));
    }
    void decide_and_peek(mail::Request const& request) const
    {
        auto const now = base::now();
        auto const verdict = decide(request);
        auto const charges = rules::charges_for(ruleset_, *ruleset_.find_tenant(verdict.tenant), request, now);
        std::vector<std::string> keys;
        keys.reserve(charges.size());
        for (auto const& charge : charges) keys.push_back(charge.key);
        auto const buckets = limits_.read(keys, now);
        if (!buckets) give_up(buckets.error().message);
        must_pass(rules::limited(verdict, charges, rules::peek(charges, *buckets), false, now));
    }

private:
    static void must_pass(mail::Verdict const& verdict)
    {
        if (verdict.action != mail::Action::Pass) give_up("over a limit");
    }

    rules::Ruleset const& ruleset_;
    store::LmdbLimits& limits_;
};

template <class Work>
void measure(Latencies& latencies, std::vector<mail::Request> const& requests, Work const& work)
{
    for (auto const& request : requests) {
        auto const began = base::Stopwatch::now();
        work(request);
        auto const spent = std::chrono::nanoseconds{base::Stopwatch::now() - began};
        latencies.record(static_cast<std::uint64_t>(spent.count()));
    }
}

void print(char const* name, Latencies const& latencies)
{
    std::printf(",\"%s_us\":{\"p50\":%.2f,\"p99\":%.2f}", name, latencies.percentile(0.5), latencies.percentile(0.99));
}

void run(std::filesystem::path const& folder, std::size_t tenants, std::size_t messages, Draw draw)
{
    auto const configuration = configure(folder, tenants);
    auto const limits = store::LmdbLimits::open(folder / "limits");
    if (!limits) give_up(limits.error().message);
    Bench const bench{*configuration.ruleset, **limits};
    for (std::size_t tenant = 0; tenant < tenants; ++tenant) bench.decide_and_take(message_of(tenant));

    Latencies decide, peek, take;
    for (std::size_t done = 0; done < messages; done += kBatch) {
        std::vector<mail::Request> requests;
        for (std::size_t i = 0; i < kBatch; ++i) requests.push_back(message_of(draw.next() % tenants));
        measure(decide, requests, [&](auto const& request) { static_cast<void>(bench.decide(request)); });
        measure(peek, requests, [&](auto const& request) { bench.decide_and_peek(request); });
        measure(take, requests, [&](auto const& request) { bench.decide_and_take(request); });
    }
    std::printf("{\"tenants\":%zu,\"buckets\":%zu", tenants, (*limits)->size());
    print("decide", decide);
    print("decide_and_peek", peek);
    print("decide_and_take", take);
    std::printf(",\"peek_adds_us\":%.2f,\"take_adds_us\":%.2f}\n", peek.percentile(0.5) - decide.percentile(0.5),
                take.percentile(0.5) - decide.percentile(0.5));
    std::fflush(stdout);
}

}   // namespace
}   // namespace mailcore::bench

int main(int argc, char** argv)
{
    using namespace mailcore::bench;
    auto options = Options{argc, argv, "bench-limits [--directory DIR] [--tenants N] [--messages N] [--seed N]\n"
                                       "  --directory   where the tables are made, in folders of their own (default: /tmp)"};
    auto const parent = options.text("directory", "/tmp");
    auto const tenants = options.number("tenants", 0);
    auto const messages = options.number("messages", 50'000);
    auto const draw = Draw{options.number("seed", 1)};
    options.done();

    auto const counts = tenants > 0 ? std::vector<std::size_t>{tenants} : std::vector<std::size_t>{1, 1'000, 100'000};
    for (auto const count : counts) {
        auto name = parent + "/mailcore-bench-limits-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) give_up_errno("make " + name);
        run(name, count, messages, draw);
        std::filesystem::remove_all(name);
    }
}
