#include "core/base/child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/duration.hpp"
#include "core/base/fd.hpp"
#include "core/base/text.hpp"

namespace mailcore::base {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kReadsAtOnce = 128;   // of 16 KiB

Result<std::string> find_program(std::string const& name)
{
    if (name.starts_with('/')) return name;
    if (name.empty() || name.find('/') != std::string::npos) {
        return fail("cannot run \"" + name + "\": give its absolute path, or its bare name");
    }
    for (auto const directory : split(kChildPath, ':')) {
        auto program = std::string{directory} + "/" + name;
        if (::access(program.c_str(), X_OK) == 0) return program;
    }
    return fail("cannot run " + name + ": it is not in " + std::string{kChildPath});
}

struct Pipe {
    Fd reading, writing;
};

// Above 2, so that making one end the child's standard stream never overwrites another.
bool lift(Fd& end)
{
    if (end.get() > STDERR_FILENO) return true;
    end.reset(::fcntl(end.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    return bool{end};
}

Result<Pipe> make_pipe()
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
    Pipe pipe{Fd{ends[0]}, Fd{ends[1]}};
    if (!lift(pipe.reading) || !lift(pipe.writing)) return fail_errno("pipe");
    return pipe;
}

// Only this end: the child's is another open file, and stays as programs expect it.
void make_nonblocking(Fd const& end) { ::fcntl(end.get(), F_SETFL, O_NONBLOCK); }

class FileActions {
public:
    FileActions(int in, int out, int err)   // in < 0: /dev/null
    {
        ::posix_spawn_file_actions_init(&actions_);
        if (in < 0) ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        else ::posix_spawn_file_actions_adddup2(&actions_, in, STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions_, err, STDERR_FILENO);
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    }
    ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
    FileActions(FileActions const&) = delete;
    FileActions& operator=(FileActions const&) = delete;
    posix_spawn_file_actions_t const* get() const { return &actions_; }

private:
    posix_spawn_file_actions_t actions_{};
};

// Daemons block SIGTERM and ignore SIGPIPE; a child that inherited that could not be stopped, or would not notice.
class Attributes {
public:
    Attributes()
    {
        sigset_t none, all;
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_init(&attributes_);
        ::posix_spawnattr_setflags(&attributes_,
                                   POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setpgroup(&attributes_, 0);
    }
    ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
    Attributes(Attributes const&) = delete;
    Attributes& operator=(Attributes const&) = delete;
    posix_spawnattr_t const* get() const { return &attributes_; }

private:
    posix_spawnattr_t attributes_{};
};

// A list as exec wants it. posix_spawn changes none of the words.
std::vector<char*> word_list(std::vector<std::string> const& words)
{
    std::vector<char*> list;
    list.reserve(words.size() + 1);
    for (auto const& word : words) list.push_back(const_cast<char*>(word.c_str()));
    list.push_back(nullptr);
    return list;
}

std::vector<std::string> clean_environment(std::vector<std::string> const& given)
{
    auto environment = given;
    for (auto const& standard : {"PATH=" + std::string{kChildPath}, std::string{"LANG=C"}}) {
        auto const name = standard.substr(0, standard.find('=') + 1);
        bool const replaced =
            std::any_of(given.begin(), given.end(), [&](auto const& one) { return one.starts_with(name); });
        if (!replaced) environment.push_back(standard);
    }
    return environment;
}

// Writing to a program that does not read raises SIGPIPE. This thread neither dies of it nor leaves it pending,
// whatever the process has set for it.
class WithoutSigpipe {
public:
    WithoutSigpipe()
    {
        ::sigemptyset(&only_);
        ::sigaddset(&only_, SIGPIPE);
        sigset_t pending;
        ::sigpending(&pending);
        was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
        ::pthread_sigmask(SIG_BLOCK, &only_, &former_);
    }
    ~WithoutSigpipe()
    {
        timespec const at_once{};
        if (!was_pending_) {
            while (::sigtimedwait(&only_, nullptr, &at_once) < 0 && errno == EINTR) {}
        }
        ::pthread_sigmask(SIG_SETMASK, &former_, nullptr);
    }
    WithoutSigpipe(WithoutSigpipe const&) = delete;
    WithoutSigpipe& operator=(WithoutSigpipe const&) = delete;

private:
    sigset_t only_{}, former_{};
    bool was_pending_ = false;
};

// A started program with our ends of its streams. Killed and reaped when it goes without wait().
class Child {
public:
    Child(pid_t pid, Fd in, Fd out, Fd err)
        : pid_{pid}, ended_{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))}, in_{std::move(in)}, out_{std::move(out)},
          err_{std::move(err)}
    {
        for (auto const* end : {&in_, &out_, &err_}) make_nonblocking(*end);
    }
    ~Child()
    {
        if (pid_ <= 0) return;
        ::kill(-pid_, SIGKILL);
        reap();
    }
    Child(Child const&) = delete;
    Child& operator=(Child const&) = delete;

    // Feeds and reads until the program has ended; false when the time was up first.
    Result<bool> serve(ChildOptions const& options)
    {
        if (!ended_) return fail_errno("pidfd_open");
        auto const deadline = Clock::now() + options.timeout;
        auto input = options.input;
        if (input.empty()) in_.reset();
        for (;;) {
            // Not waiting for the outputs' ends: what it left in the background may hold them open for days.
            std::array<pollfd, 4> waiting{
                {{ended_.get(), POLLIN, 0}, {in_.get(), POLLOUT, 0}, {out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}}};
            auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
            if (left <= 0) return false;
            if (::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<long>(left, 60'000))) < 0) {
                if (errno == EINTR) continue;
                return fail_errno("poll");
            }
            if (waiting[1].revents != 0) feed(input);
            read_all(out_, result_.out, options.most_output);
            read_all(err_, result_.err, options.most_output);
            if (waiting[0].revents != 0) return true;
        }
    }

    Result<ChildResult> wait()
    {
        int const status = reap();
        pid_ = 0;
        if (status < 0) return fail_errno("waitpid");
        result_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return std::move(result_);
    }

private:
    void feed(std::string_view& input)
    {
        WithoutSigpipe const guard;
        auto const written = ::write(in_.get(), input.data(), input.size());
        if (written < 0 && (errno == EINTR || errno == EAGAIN)) return;
        input.remove_prefix(written < 0 ? input.size() : static_cast<std::size_t>(written));
        if (input.empty()) in_.reset();   // all of it, or nobody reads
    }

    // What is there now; the descriptor is closed at its end.
    static void read_all(Fd& from, std::string& into, std::size_t most)
    {
        std::array<char, 16'384> buffer;
        // More than a pipe holds, so nothing is left when the program has ended; and a deadline comes though it never stops.
        for (int i = 0; from && i < kReadsAtOnce; ++i) {
            auto const got = ::read(from.get(), buffer.data(), buffer.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && errno == EAGAIN) break;
            auto const room = most - std::min(most, into.size());
            if (got > 0) into.append(buffer.data(), std::min(static_cast<std::size_t>(got), room));
            else from.reset();
        }
        ::explicit_bzero(buffer.data(), buffer.size());   // postmap prints passwords
    }

    int reap() const
    {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0) {
            if (errno != EINTR) return -1;
        }
        return status;
    }

    pid_t pid_;
    Fd ended_;   // readable when the program has ended
    Fd in_, out_, err_;
    ChildResult result_;
};

}   // namespace

Result<ChildResult> run_child(std::vector<std::string> const& arguments, ChildOptions const& options)
{
    if (arguments.empty()) return fail("no program was named");
    auto const program = find_program(arguments.front());
    if (!program) return fail(program.error());
    auto in = make_pipe();
    auto out = make_pipe();
    auto err = make_pipe();
    for (auto const* pipe : {&in, &out, &err}) {
        if (!*pipe) return fail("cannot run " + *program + ": " + pipe->error().message);
    }

    auto const environment = clean_environment(options.environment);
    FileActions const actions{options.input.empty() ? -1 : in->reading.get(), out->writing.get(), err->writing.get()};
    Attributes const attributes;
    pid_t pid = 0;
    int const failure = ::posix_spawn(&pid, program->c_str(), actions.get(), attributes.get(),
                                      word_list(arguments).data(), word_list(environment).data());
    if (failure != 0) return fail("cannot run " + *program + ": " + std::strerror(failure));

    Child child{pid, std::move(in->writing), std::move(out->reading), std::move(err->reading)};
    in->reading.reset();   // the child's ends: ours would keep the pipes open
    out->writing.reset();
    err->writing.reset();
    auto const ended = child.serve(options);
    if (!ended) return fail("cannot run " + *program + ": " + ended.error().message);
    if (!*ended) return fail(*program + " did not end within " + format_duration(options.timeout) + " and was killed");
    auto result = child.wait();
    if (!result) return fail("cannot run " + *program + ": " + result.error().message);
    return result;
}

}   // namespace mailcore::base
