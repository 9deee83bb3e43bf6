#include "ctl/postfix.hpp"

#include <chrono>
#include <cstdlib>
#include <unistd.h>

#include "core/base/text.hpp"

namespace mailcore::ctl {
namespace {

constexpr std::chrono::minutes kPatience{10};   // `postfix check` looks at every file of the queue

base::Result<std::string> find_program(std::string const& name)
{
    char const* const path = std::getenv("PATH");
    // The last two are often not in a user's PATH.
    std::string const directories = std::string{path == nullptr ? "" : path} + ":/usr/sbin:/sbin";
    for (auto const directory : base::split(directories, ':')) {
        auto const program = std::string{directory} + "/" + name;
        if (directory.starts_with('/') && ::access(program.c_str(), X_OK) == 0) return program;
    }
    return base::fail(name + " is not on this host; install Postfix (apt-get install postfix)");
}

std::string how_it_ended(int status)
{
    return status > 128 ? "signal " + std::to_string(status - 128) : "status " + std::to_string(status);
}

// A status other than 0 becomes an error with the program's words.
base::Result<Printed> judged(std::string const& name, base::Result<base::ChildResult> ran)
{
    if (!ran) return base::fail(ran.error());
    if (ran->status == 0) return Printed{std::move(ran->out), std::move(ran->err)};
    auto const words = base::trim(ran->err.empty() ? ran->out : ran->err);
    return base::fail(name + " failed" +
                      (words.empty() ? " with " + how_it_ended(ran->status) : ": " + std::string{words}));
}

}   // namespace

base::Result<base::ChildResult> try_program(std::vector<std::string> const& arguments, std::string_view input, std::size_t most_output)
{
    auto const program = find_program(arguments.front());
    if (!program) return base::fail(program.error());
    auto command = arguments;
    command.front() = *program;
    return base::run_child(command, {.input = input, .timeout = kPatience, .most_output = most_output});
}

base::Result<Printed> run_program(std::vector<std::string> const& arguments)
{
    return judged(arguments.front(), try_program(arguments));
}

base::Result<base::ChildResult> Postfix::try_run(std::vector<std::string> arguments, std::string_view input, std::size_t most_output) const
{
    arguments.insert(arguments.begin() + 1, {"-c", directory_});
    return try_program(arguments, input, most_output);
}

base::Result<Printed> Postfix::run(std::vector<std::string> arguments, std::string_view input, std::size_t most_output) const
{
    return judged(arguments.front(), try_run(arguments, input, most_output));
}

base::Result<Printed> Postfix::postconf(std::vector<std::string> arguments) const
{
    arguments.insert(arguments.begin(), "postconf");
    return run(std::move(arguments));
}

base::Result<Printed> Postfix::check() const { return run({"postfix", "check"}); }

base::Result<PostfixConfiguration> Postfix::read(std::vector<std::string> const& parameters) const
{
    std::vector<std::string> wanted{"-x"};
    wanted.insert(wanted.end(), parameters.begin(), parameters.end());
    auto const written = postconf({"-n"});
    if (!written) return base::fail(written.error());
    auto const effective = postconf(wanted);   // names it does not know are a warning
    if (!effective) return base::fail(effective.error());
    auto const services = postconf({"-M"});
    if (!services) return base::fail(services.error());
    auto const overrides = postconf({"-Px"});
    if (!overrides) return base::fail(overrides.error());
    return PostfixConfiguration{parse_parameters(written->out), parse_parameters(effective->out),
                                parse_services(services->out, overrides->out)};
}

}   // namespace mailcore::ctl
