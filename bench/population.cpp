#include "bench/population.hpp"

#include <fstream>
#include <sstream>

#include "bench/options.hpp"

namespace mailcore::bench {

std::vector<Sender> read_population(std::string const& path)
{
    auto file = std::ifstream{path};
    auto population = std::vector<Sender>{};
    for (std::string line; std::getline(file, line);) {
        auto fields = std::istringstream{line};
        auto sender = Sender{};
        if (!(fields >> sender.tenant >> sender.client >> sender.address)) give_up("not a sender: " + line);
        population.push_back(std::move(sender));
    }
    if (population.empty()) give_up("no senders in " + path);
    return population;
}

}   // namespace mailcore::bench
