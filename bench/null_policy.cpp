// A policy server that does nothing: it finds where each request ends and answers DUNNO. This is what the server model
// itself costs (one thread per core, each with its own epoll, all sharing the listener), so the yardstick for
// mailcore-policy, which differs only in that it reads the request, decides, counts and logs.
#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
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

class Worker {
public:
    explicit Worker(int listener) : listener_{listener}
    {
        poller_.add(listener_, EPOLLIN | EPOLLEXCLUSIVE);   // a new client wakes one thread, not all
    }
    void run();

private:
    void accept_one();
    void answer(int connection);
    char& last_byte(int connection);

    int listener_;
    Poller poller_;
    std::array<char, kReadSize + 1> buffer_;   // [0] is the last byte of the read before
    std::vector<char> last_bytes_;             // by descriptor: a request's end may come in two reads
};

void Worker::run()
{
    for (;;) {
        for (auto const& event : poller_.wait()) {
            if (event.data.fd == listener_) accept_one();
            else answer(event.data.fd);
        }
    }
}

// One a wake-up: the listener stays ready while more wait, and then wakes the other threads too.
void Worker::accept_one()
{
    auto const connection = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection < 0) return;
    send_at_once(connection);
    last_byte(connection) = ' ';
    poller_.add(connection);
}

void Worker::answer(int connection)
{
    auto const count = ::read(connection, buffer_.data() + 1, kReadSize);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
        ::close(connection);
        return;
    }
    auto const length = static_cast<std::size_t>(count) + 1;
    buffer_[0] = last_byte(connection);
    auto const requests = std::min(count_empty_lines(buffer_.data(), length), kMostReplies);
    auto const between_requests = buffer_[length - 2] == '\n' && buffer_[length - 1] == '\n';
    last_byte(connection) = between_requests ? ' ' : buffer_[length - 1];
    if (requests == 0) return;
    auto const size = static_cast<ssize_t>(requests * kReply.size());
    if (::send(connection, replies().data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) != size) ::close(connection);
}

char& Worker::last_byte(int connection)
{
    auto const index = static_cast<std::size_t>(connection);
    if (index >= last_bytes_.size()) last_bytes_.resize(index + 1);
    return last_bytes_[index];
}

}   // namespace

}   // namespace mailcore::bench

int main(int argc, char** argv)
{
    using namespace mailcore::bench;
    auto options = Options{argc, argv, "bench-null-policy --listen unix:/path|inet:host:port [--threads N]"};
    auto const address = options.text("listen");
    auto const threads = options.number("threads", std::thread::hardware_concurrency());
    options.done();

    auto const listener = listen_on(address);
    replies();   // made before the first client comes
    auto workers = std::vector<std::thread>{};
    for (std::uint64_t i = 0; i < threads; ++i) {
        workers.emplace_back([&listener] { Worker{listener.get()}.run(); });
    }
    for (auto& worker : workers) worker.join();   // until a signal ends the process
}
