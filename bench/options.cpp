#include "bench/options.hpp"

#include <charconv>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace mailcore::bench {

void give_up(std::string_view why)
{
    std::fprintf(stderr, "%s: %.*s\n", program_invocation_short_name, static_cast<int>(why.size()), why.data());
    std::exit(EXIT_FAILURE);
}

void give_up_errno(std::string_view doing)
{
    give_up(std::string{doing} + ": " + std::strerror(errno));
}

Options::Options(int argc, char** argv, std::string_view usage) : usage_{usage}
{
    for (int at = 1; at < argc; ++at) {
        auto const word = std::string_view{argv[at]};
        if (word == "--help") {
            std::printf("usage: %s\n", usage_.c_str());
            std::exit(EXIT_SUCCESS);
        }
        if (!word.starts_with("--")) complain("unexpected word " + std::string{word});
        auto const has_value = at + 1 < argc && std::strncmp(argv[at + 1], "--", 2) != 0;
        given_[std::string{word.substr(2)}] = has_value ? argv[++at] : "";
    }
}

std::string Options::text(std::string const& name)
{
    auto found = given_.extract(name);
    if (!found || found.mapped().empty()) complain("--" + name + " is missing");
    return found.mapped();
}

std::string Options::text(std::string const& name, std::string const& otherwise)
{
    return given_.contains(name) ? text(name) : otherwise;
}

std::uint64_t Options::number(std::string const& name, std::uint64_t otherwise)
{
    if (!given_.contains(name)) return otherwise;
    auto const written = text(name);
    auto value = std::uint64_t{0};
    auto const end = written.data() + written.size();
    if (std::from_chars(written.data(), end, value).ptr != end) complain("--" + name + " wants a number");
    return value;
}

bool Options::flag(std::string const& name)
{
    auto const found = given_.extract(name);
    if (found && !found.mapped().empty()) complain("--" + name + " takes no value");
    return !found.empty();
}

void Options::done() const
{
    if (!given_.empty()) complain("unknown option --" + given_.begin()->first);
}

void Options::complain(std::string_view what) const
{
    give_up(std::string{what} + "\nusage: " + usage_);
}

}   // namespace mailcore::bench
