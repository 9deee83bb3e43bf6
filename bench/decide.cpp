// What decide() costs by itself, without sockets and logs: at RCPT as the policy daemon asks, at the end of a message
// as the milter does, and the network lookup alone. Tenants are drawn at random from the population, so that a large
// ruleset is met in caches as cold as a busy host leaves them. Prints one line of JSON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/instructions.hpp"
#include "bench/message.hpp"
#include "bench/options.hpp"
#include "bench/population.hpp"
#include "core/base/clock.hpp"
#include "core/rules/decide.hpp"
#include "core/rules/read.hpp"

namespace mailcore::bench {

namespace {

constexpr std::size_t kRequests = 20'000;
constexpr std::size_t kBatch = 16;   // small enough that a batch of requests stays in the nearest cache
constexpr int kRounds = 5;

struct Cost {
    char const* name;
    double nanoseconds = 0;
    std::optional<double> instructions = std::nullopt;
};

mail::Request envelope(Sender const& sender, std::string const& recipient)
{
    auto request = mail::Request{};
    request.client = sender.client;
    request.client_address = net::IpAddress::parse(sender.client).value();
    request.helo = "app." + sender.tenant + ".example";
    request.server_port = 25;
    request.sender.set(sender.address);
    request.recipients.add().set(recipient);
    return request;
}

mail::Request policy_request(Sender const& sender, std::string const& recipient)
{
    auto request = envelope(sender, recipient);
    request.daemon = mail::Daemon::Policy;
    request.stage = mail::Stage::Rcpt;
    request.size = 2'000;
    return request;
}

mail::Request milter_request(Sender const& sender, Message const& message, mail::HeaderNames const& names)
{
    auto request = envelope(sender, message.recipient);
    request.daemon = mail::Daemon::Milter;
    request.stage = mail::Stage::EndOfMessage;
    request.queue_id = message.queue_id;
    request.recipient_count = 1;
    request.message.emplace();
    for (auto const& [name, value] : message.headers) request.message->add_header(name, value, names);
    return request;
}

struct Requests {
    std::vector<mail::Request> at_rcpt;
    std::vector<mail::Request> at_end;
};

Requests draw_requests(std::vector<Sender> const& population, mail::HeaderNames const& names, Draw draw)
{
    auto requests = Requests{};
    auto writer = MessageWriter{false};
    auto message = Message{};
    for (std::size_t i = 0; i < kRequests; ++i) {
        auto const& sender = draw.from(population);
        writer.write(sender, message);
        requests.at_rcpt.push_back(policy_request(sender, message.recipient));
        requests.at_end.push_back(milter_request(sender, message, names));
    }
    return requests;
}

// What a daemon has just filled in is in its cache: reads it all, before the clock starts.
std::size_t touch(mail::Request const& request)
{
    auto sum = request.client.size() + request.sender.text().size() + request.sender.domain().size();
    for (auto const letter : request.sender.local()) sum += static_cast<unsigned char>(letter);
    for (auto const& recipient : request.recipients) sum += recipient.domain().size();
    if (!request.message) return sum;
    for (auto const letter : request.message->subject) sum += static_cast<unsigned char>(letter);
    for (auto const letter : request.message->references) sum += static_cast<unsigned char>(letter);
    return sum + request.message->from.address.domain().size();
}

// The median over batches: one in which another process had the core says nothing of the work.
Cost measure(char const* name, std::vector<mail::Request> const& requests,
             std::function<void(mail::Request const&)> const& work)
{
    auto cost = Cost{.name = name};
    auto times = std::vector<double>{};
    auto sink = std::size_t{0};
    for (int round = 0; round < kRounds; ++round) {
        for (std::size_t first = 0; first < requests.size(); first += kBatch) {
            for (std::size_t at = first; at < first + kBatch; ++at) sink += touch(requests[at]);
            auto const began = base::Stopwatch::now();
            for (std::size_t at = first; at < first + kBatch; ++at) work(requests[at]);
            auto const spent = base::Stopwatch::now() - began;
            times.push_back(std::chrono::duration<double, std::nano>(spent).count() / static_cast<double>(kBatch));
        }
    }
    if (sink == 0) give_up("no requests");   // keeps touch() from being optimised away
    auto const middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    cost.nanoseconds = *middle;
    auto const counted = InstructionCounter{}.count(name, [&] { for (auto const& request : requests) work(request); });
    if (counted) cost.instructions = static_cast<double>(*counted) / static_cast<double>(requests.size());
    return cost;
}

// A refusal would be another, shorter way through decide() than the one to be measured.
Cost measure_decide(char const* name, rules::Ruleset const& ruleset, std::vector<mail::Request> const& requests)
{
    return measure(name, requests, [&](mail::Request const& request) {
        auto const verdict = rules::decide(ruleset, request);
        if (verdict.action != mail::Action::Pass) give_up("refused: " + std::string{word(verdict.reason)});
    });
}

Cost measure_lookup(char const* name, rules::Ruleset const& ruleset, std::vector<mail::Request> const& requests)
{
    return measure(name, requests, [&](mail::Request const& request) {
        if (ruleset.networks_by_address.find(*request.client_address) == nullptr) give_up("network not found");
    });
}

void print(Cost const& cost)
{
    auto const instructions = cost.instructions ? std::to_string(*cost.instructions) : "null";
    std::printf(",\"%s_ns\":%.1f,\"%s_instructions\":%s", cost.name, cost.nanoseconds, cost.name, instructions.c_str());
}

}   // namespace

}   // namespace mailcore::bench

int main(int argc, char** argv)
{
    using namespace mailcore;
    using namespace mailcore::bench;
    auto options = Options{argc, argv, "bench-decide --config mailcore.yaml --population senders.tsv [--seed N]"};
    auto const configuration = rules::read_configuration(options.text("config"));
    auto const population = read_population(options.text("population"));
    auto const draw = Draw{options.number("seed", 1)};
    options.done();
    if (!configuration) give_up(configuration.error().message);
    auto const& ruleset = *configuration->ruleset;

    auto const requests = draw_requests(population, ruleset.headers, draw);
    auto const costs = std::vector<Cost>{
        measure_decide("decide", ruleset, requests.at_rcpt),
        measure_decide("end_of_message", ruleset, requests.at_end),
        measure_lookup("lookup", ruleset, requests.at_rcpt),
    };
    std::printf("{\"requests\":%zu", kRequests);
    for (auto const& cost : costs) print(cost);
    std::printf("}\n");
}
