#include "core/run/control_socket.hpp"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace mailcore::run {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxLine = 64u << 10u;          // of a request
constexpr std::size_t kMaxAnswer = 64u << 20u;        // lists of many tenants
constexpr timeval kClientPatience{5, 0};              // a client that says nothing must not hold the thread
constexpr std::size_t kMostWaiting = 16;              // for the one slow command that is answered
constexpr auto kTooManyWait = "too many commands wait for a long one; try again later";
constexpr timeval kCallerPatience{60, 0};             // a reload of many tenants takes its time

// Reads up to the first newline, which is taken off.
base::Result<std::string> read_line(int socket, std::size_t limit)
{
    std::string line;
    char buffer[16'384];
    while (line.size() <= limit) {
        auto const got = ::recv(socket, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return base::fail_errno("no answer");
        if (got == 0) return base::fail("the connection was closed before a whole line came");
        line.append(buffer, static_cast<std::size_t>(got));
        if (auto const end = line.find('\n'); end != std::string::npos) return line.substr(0, end);
    }
    return base::fail("the line is longer than " + std::to_string(limit) + " bytes");
}

bool write_all(int socket, std::string_view text)
{
    while (!text.empty()) {
        auto const sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::string refusal(std::string const& why)
{
    return json{{"ok", false}, {"error", why}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

}   // namespace

std::string control_path(std::string const& state_directory, std::string_view daemon)
{
    return state_directory + "/" + std::string{daemon} + ".ctl";
}

base::Result<std::unique_ptr<ControlSocket>> ControlSocket::open(std::string const& path,
                                                                 std::map<std::string, ControlCommand> commands,
                                                                 std::set<std::string> slow_commands)
{
    auto const address = net::SocketAddress::parse("unix:" + path);
    if (!address) return base::fail(base::Error{address.error()}.within("control socket"));
    auto listener = net::Listener::open(*address, {0660, ""});
    if (!listener) return base::fail(base::Error{listener.error()}.within("control socket"));
    base::Fd wake{::eventfd(0, EFD_CLOEXEC)};
    if (!wake) return base::fail_errno("control socket: eventfd");
    return std::unique_ptr<ControlSocket>{
        new ControlSocket{std::move(*listener), std::move(commands), std::move(slow_commands), std::move(wake)}};
}

ControlSocket::ControlSocket(net::Listener listener, std::map<std::string, ControlCommand> commands,
                             std::set<std::string> slow_commands, base::Fd wake)
    : listener_{std::move(listener)},
      commands_{std::move(commands)},
      slow_commands_{std::move(slow_commands)},
      wake_{std::move(wake)},
      slow_thread_{[this] { run_slow(); }},
      thread_{[this] { run(); }}
{
}

ControlSocket::~ControlSocket()
{
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(wake_.get(), &one, sizeof one);
    thread_.join();
    {
        std::lock_guard const lock{mutex_};
        stopping_ = true;
    }
    came_.notify_all();
    slow_thread_.join();
}

void ControlSocket::run()
{
    pollfd ready[2] = {{listener_.sockets().front().get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    for (;;) {
        if (::poll(ready, 2, -1) < 0) continue;
        if ((ready[1].revents & POLLIN) != 0) return;
        base::Fd client{::accept4(ready[0].fd, nullptr, nullptr, SOCK_CLOEXEC)};
        if (client) serve_one(std::move(client));
    }
}

// What waits when the daemon ends is not answered any more.
void ControlSocket::run_slow()
{
    std::unique_lock lock{mutex_};
    for (;;) {
        came_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (stopping_) return;
        auto const next = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        write_all(next.client.get(), answer(next.line) + "\n");
        lock.lock();
    }
}

void ControlSocket::serve_one(base::Fd client)
{
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &kClientPatience, sizeof kClientPatience);
    ::setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &kClientPatience, sizeof kClientPatience);
    auto const line = read_line(client.get(), kMaxLine);
    if (line && is_slow(*line)) return leave_to_slow_thread(std::move(client), *line);
    write_all(client.get(), (line ? answer(*line) : refusal(line.error().message)) + "\n");
}

void ControlSocket::leave_to_slow_thread(base::Fd client, std::string line)
{
    {
        std::lock_guard const lock{mutex_};
        if (waiting_.size() < kMostWaiting) {
            waiting_.push_back({std::move(client), std::move(line)});
            return came_.notify_all();
        }
    }
    write_all(client.get(), refusal(kTooManyWait) + "\n");
}

bool ControlSocket::is_slow(std::string const& line) const
{
    auto const request = json::parse(line, nullptr, false);
    return request.is_object() && request.contains("command") && request["command"].is_string() &&
           slow_commands_.contains(request["command"].get<std::string>());
}

std::string ControlSocket::answer(std::string const& line) const
{
    try {
        auto const request = json::parse(line);
        auto const found = commands_.find(request.at("command").get<std::string>());
        if (found == commands_.end()) return refusal("this daemon knows no such command; its version is " MAILCORE_VERSION);
        auto const result = found->second(line);
        return result ? *result : refusal(result.error().message);
    } catch (std::exception const& failure) {
        return refusal(failure.what());
    }
}

base::Result<std::string> call_control_socket(std::string const& path, std::string const& request)
{
    base::Fd const socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return base::fail(path + ": the path is too long for a socket");
    std::memcpy(address.sun_path, path.data(), path.size());
    if (::connect(socket.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0) {
        return base::fail_errno("cannot reach " + path);
    }
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kCallerPatience, sizeof kCallerPatience);
    if (!write_all(socket.get(), request + "\n")) return base::fail_errno("cannot write to " + path);
    return read_line(socket.get(), kMaxAnswer);
}

}   // namespace mailcore::run
