// A policy server that does nothing: it finds where each request ends and answers DUNNO. This is what the server model
// itself costs (one thread per core, each with its own epoll, all sharing the listener), so the yardstick for
// mailcore-policy, which differs only in that it reads the request, decides, counts and logs.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "bench/options.hpp"
#include "bench/sockets.hpp"

namespace mailcore::bench {

namespace {

constexpr auto kReply = std::string_view{"action=DUNNO\n\n"};
constexpr auto kReadSize = std::size_t{65'536};
constexpr auto kMostReplies = kReadSize / 2;   // no request is shorter than an empty line's two newlines

// A request ends at an empty line. Written so that the compiler makes vectors of it: a request has 30 newlines, and
// stopping at each costs more than comparing every byte with its neighbour.
std::size_t count_empty_lines(char const* text, std::size_t length)
{
    auto count = std::size_t{0};
    for (std::size_t at = 1; at < length; ++at) count += (text[at - 1] == '\n') & (text[at] == '\n');
    return count;
}

std::string const& replies()
{
    static auto const text = [] {
        auto all = std::string{};
        for (std::size_t i = 0; i < kMostReplies; ++i) all += kReply;
        return all;
    }();
    return text;
}

class Worker;

struct Server {
    base::Fd listener;
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<char> last_bytes;   // by descriptor: a request's end may come in two reads
};

class Worker {
public:
    explicit Worker(Server& server) : server_{server}
    {
        poller_.add(server_.listener.get(), EPOLLIN | EPOLLEXCLUSIVE);   // a new client wakes one thread, not all
    }
    void run();

private:
    void accept_one();
    void adopt(int connection);
    void answer(int connection);
    void close(int connection);
    char& last_byte(int connection) { return server_.last_bytes[static_cast<std::size_t>(connection)]; }

    Server& server_;
    Poller poller_;
    std::atomic<int> clients_ = 0;
    std::array<char, kReadSize + 1> buffer_;   // [0] is the last byte of the read before
};

void Worker::run()
{
    for (;;) {
        for (auto const& event : poller_.wait()) {
            if (event.data.fd == server_.listener.get()) accept_one();
            else answer(event.data.fd);
        }
    }
}

// One a wake-up, for whoever has the fewest: the kernel wakes the same thread again and again, so that without this one
// thread would serve every client.
void Worker::accept_one()
{
    auto const connection = ::accept4(server_.listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection < 0) return;
    send_at_once(connection);
    last_byte(connection) = ' ';
    auto const fewer = [](auto const& left, auto const& right) { return left->clients_ < right->clients_; };
    (*std::min_element(server_.workers.begin(), server_.workers.end(), fewer))->adopt(connection);
}

void Worker::adopt(int connection)
{
    ++clients_;
    poller_.add(connection);
}

void Worker::close(int connection)
{
    --clients_;
    ::close(connection);
}

void Worker::answer(int connection)
{
    auto const count = ::read(connection, buffer_.data() + 1, kReadSize);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
        close(connection);
        return;
    }
    auto const length = static_cast<std::size_t>(count) + 1;
    buffer_[0] = last_byte(connection);
    auto const requests = std::min(count_empty_lines(buffer_.data(), length), kMostReplies);
    auto const between_requests = buffer_[length - 2] == '\n' && buffer_[length - 1] == '\n';
    last_byte(connection) = between_requests ? ' ' : buffer_[length - 1];
    if (requests == 0) return;
    auto const size = static_cast<ssize_t>(requests * kReply.size());
    if (::send(connection, replies().data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) != size) close(connection);
}

std::size_t most_descriptors()
{
    auto limit = rlimit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) give_up_errno("getrlimit");
    return static_cast<std::size_t>(limit.rlim_cur);
}

}   // namespace

}   // namespace mailcore::bench

int main(int argc, char** argv)
{
    using namespace mailcore::bench;
    auto options = Options{argc, argv, "bench-null-policy --listen unix:/path|inet:host:port [--threads N]"};
    auto const address = options.text("listen");
    auto const count = options.number("threads", std::thread::hardware_concurrency());
    options.done();

    auto server = Server{listen_on(address), {}, std::vector<char>(most_descriptors())};
    replies();   // made before the first client comes
    for (std::uint64_t i = 0; i < count; ++i) server.workers.push_back(std::make_unique<Worker>(server));
    auto threads = std::vector<std::thread>{};
    for (auto const& worker : server.workers) threads.emplace_back([&worker] { worker->run(); });
    for (auto& thread : threads) thread.join();   // until a signal ends the process
}
