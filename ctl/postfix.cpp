#include "ctl/postfix.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fd.hpp"
#include "core/base/text.hpp"

namespace mailcore::ctl {
namespace {

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

struct Pipe {
    base::Fd reading, writing;
};
base::Result<Pipe> make_pipe()
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return base::fail_errno("pipe");
    return Pipe{base::Fd{ends[0]}, base::Fd{ends[1]}};
}

class FileActions {
public:
    FileActions(int out, int err)
    {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions_, err, STDERR_FILENO);
    }
    ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
    FileActions(FileActions const&) = delete;
    FileActions& operator=(FileActions const&) = delete;
    posix_spawn_file_actions_t const* get() const { return &actions_; }

private:
    posix_spawn_file_actions_t actions_{};
};

// False at its end.
bool read_some(int from, std::string& into)
{
    std::array<char, 16'384> buffer;
    auto const got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;
    into.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
}

// Both at once, so that a program that fills one pipe does not wait for ever.
Printed read_both(int out, int err)
{
    Printed printed;
    std::array<pollfd, 2> waiting{{{out, POLLIN, 0}, {err, POLLIN, 0}}};
    while (waiting[0].fd >= 0 || waiting[1].fd >= 0) {
        if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
        for (auto& one : waiting) {
            if (one.revents != 0 && !read_some(one.fd, one.fd == out ? printed.out : printed.err)) one.fd = -1;
        }
    }
    return printed;
}

base::Result<Printed> outcome(pid_t child, std::string const& name, Printed printed)
{
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return printed;
    auto const words = base::trim(printed.err.empty() ? printed.out : printed.err);
    auto const how = WIFEXITED(status) ? "status " + std::to_string(WEXITSTATUS(status))
                                       : "signal " + std::to_string(WTERMSIG(status));
    return base::fail(name + " failed" + (words.empty() ? " with " + how : ": " + std::string{words}));
}

}   // namespace

base::Result<Printed> run_program(std::vector<std::string> const& arguments)
{
    auto const& name = arguments.front();
    auto const program = find_program(name);
    if (!program) return base::fail(program.error());
    auto out = make_pipe();
    if (!out) return base::fail(out.error());
    auto err = make_pipe();
    if (!err) return base::fail(err.error());

    std::vector<char*> words;
    words.reserve(arguments.size() + 1);
    for (auto const& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));   // posix_spawn changes none
    words.push_back(nullptr);
    FileActions const actions{out->writing.get(), err->writing.get()};
    pid_t child = 0;
    int const failure = ::posix_spawn(&child, program->c_str(), actions.get(), nullptr, words.data(), environ);
    if (failure != 0) return base::fail("cannot run " + *program + ": " + std::strerror(failure));
    out->writing.reset();
    err->writing.reset();
    return outcome(child, name, read_both(out->reading.get(), err->reading.get()));
}

base::Result<Printed> Postfix::postconf(std::vector<std::string> arguments) const
{
    arguments.insert(arguments.begin(), {"postconf", "-c", directory_});
    return run_program(arguments);
}

base::Result<Printed> Postfix::check() const { return run_program({"postfix", "-c", directory_, "check"}); }

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
