// Who sends in a benchmark: the tenants that bench/make_config.py wrote beside the mailcore.yaml it made.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mailcore::bench {

struct Sender {
    std::string tenant;
    std::string client;    // an address of that tenant's networks
    std::string address;   // an envelope sender that its patterns match

    bool is_ipv6() const { return client.find(':') != std::string::npos; }
};

// The lines `tenant<TAB>client<TAB>address` of senders.tsv.
std::vector<Sender> read_population(std::string const& path);

// The same draws in every run, so that two servers get the same requests. SplitMix64, a published public-domain mixer.
class Draw {
public:
    explicit Draw(std::uint64_t seed) : state_{seed} {}

    std::uint64_t next()
    {
        auto mixed = state_ += 0x9e3779b97f4a7c15;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31);
    }
    Sender const& from(std::vector<Sender> const& population) { return population[next() % population.size()]; }

private:
    std::uint64_t state_;
};

}   // namespace mailcore::bench
