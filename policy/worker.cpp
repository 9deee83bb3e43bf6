#include "policy/worker.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/rules/decide.hpp"
#include "policy/protocol.hpp"

namespace mailcore::policy {
namespace {

using namespace std::chrono_literals;
namespace events = observe::events;

constexpr std::size_t kReadBytes = 64u << 10u;            // at most at once from one connection
constexpr auto kDrainTime = 2s;                           // for requests that have come in part when we stop
constexpr int kRetryAcceptMilliseconds = 100;
constexpr int kHousekeepingMilliseconds = 30'000;
// Longer than a message takes from RCPT to its end (smtpd_timeout is 300 s): rules of before a reload are kept that long.
constexpr auto kKeepOldRules = 10min;

}   // namespace

struct Worker::Connection {
    base::Fd socket;
    std::string partial;    // of a request, until the rest comes
    std::string unsent;     // replies that the peer does not take yet
    unsigned awaited = EPOLLIN;
    // One message sees one set of rules: all requests with the same instance get the same.
    std::string instance;
    std::shared_ptr<rules::Ruleset const> rules;
    bool limits_asked = false;   // a recipient of this message has passed them
    // Of the message counted last (limits.count_at: policy). An smtpd has one message at a time: when the next begins, or the
    // connection ends, that one is over.
    std::string counted_instance;
    std::string counted_queue_id;
    base::Stopwatch::time_point last_used;

    bool has_unfinished() const { return !partial.empty() || !unsent.empty(); }
};

base::Result<std::unique_ptr<Worker>> Worker::create(Shared& shared)
{
    std::unique_ptr<Worker> worker{new Worker{shared}};
    worker->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    worker->wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!worker->epoll_ || !worker->wake_) return base::fail_errno("epoll");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = worker->wake_.get();
    ::epoll_ctl(worker->epoll_.get(), EPOLL_CTL_ADD, worker->wake_.get(), &event);
    worker->accept_again_if_possible();
    return worker;
}

Worker::Worker(Shared& shared) : shared_{shared}, rules_{shared.gate.rules()}, suspensions_{shared.gate.suspensions()}, buffer_(kMaxRequest + kReadBytes) {}
Worker::~Worker() = default;

void Worker::stop()
{
    stop_wanted_.store(true);
    wake();
}

void Worker::adopt(base::Fd client)
{
    clients_.fetch_add(1, std::memory_order_relaxed);
    {
        std::lock_guard const lock{inbox_mutex_};
        inbox_.push_back(std::move(client));
    }
    wake();
}

void Worker::wake()
{
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(wake_.get(), &one, sizeof one);
}

void Worker::run()
{
    while (!stopping_) {
        handle_events(timeout());
        if (!accepting_) accept_again_if_possible();
        if (batch_ticks_ >= next_release_) release_old_rules();
    }
    drain();
}

int Worker::timeout() const { return accepting_ ? kHousekeepingMilliseconds : kRetryAcceptMilliseconds; }

void Worker::handle_events(int timeout)
{
    std::array<epoll_event, 64> ready;
    int const count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), timeout);
    batch_time_ = base::now();
    batch_ticks_ = base::Stopwatch::now();
    for (int i = 0; i < count; ++i) {
        auto const& event = ready[static_cast<std::size_t>(i)];
        int const number = event.data.fd;
        if (number == wake_.get()) {
            heed_wake_up();
        } else if (auto const found = connections_.find(number); found != connections_.end()) {
            serve(*found->second, event.events);
        } else if (accepting_) {
            accept_one(number);
        }
    }
}

// ---- connections

void Worker::heed_wake_up()
{
    std::uint64_t ignored = 0;
    [[maybe_unused]] auto const got = ::read(wake_.get(), &ignored, sizeof ignored);
    std::vector<base::Fd> adopted;
    {
        std::lock_guard const lock{inbox_mutex_};
        adopted.swap(inbox_);
    }
    for (auto& client : adopted) begin(std::move(client));
    stopping_ = stop_wanted_.load();
}

// The kernel likes to wake the same thread for every connection (EPOLLEXCLUSIVE, measured: all 20 of 20), so whoever
// accepts hands over to the one that has fewest.
void Worker::accept_one(int listening_socket)
{
    if (shared_.clients.load(std::memory_order_relaxed) >= shared_.max_clients) {
        stop_accepting("policy.max_clients is reached");
        return;
    }
    base::Fd client{::accept4(listening_socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!client) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) stop_accepting(std::strerror(errno));
        return;   // otherwise: another thread was faster, or the client is gone
    }
    shared_.clients.fetch_add(1, std::memory_order_relaxed);
    shared_.gate.metrics().connection_opened();
    auto& chosen = least_busy();
    if (&chosen != this) return chosen.adopt(std::move(client));
    clients_.fetch_add(1, std::memory_order_relaxed);
    begin(std::move(client));
}

Worker& Worker::least_busy() const
{
    auto const& workers = shared_.workers;
    return **std::min_element(workers.begin(), workers.end(),
                              [](auto const& left, auto const& right) { return left->clients() < right->clients(); });
}

void Worker::begin(base::Fd client)
{
    auto connection = std::make_unique<Connection>();
    int const number = client.get();
    connection->socket = std::move(client);
    connection->last_used = batch_ticks_;
    auto& kept = *connections_.emplace(number, std::move(connection)).first->second;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = number;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, number, &event) != 0) close(kept);
}

// Connections beyond the limit wait in the kernel's queue; an accepted one is never closed first (README: Postfix then
// sleeps a second before it tries again).
void Worker::stop_accepting(char const* why)
{
    for (auto const& socket : shared_.listener.sockets()) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket.get(), nullptr);
    accepting_ = false;
    if (batch_ticks_ < next_report_) return;
    next_report_ = batch_ticks_ + 60s;
    shared_.gate.log().write(events::kTooManyClients, {{"why", why}, {"clients", std::uint64_t{shared_.clients.load()}}});
}

void Worker::accept_again_if_possible()
{
    if (shared_.clients.load(std::memory_order_relaxed) >= shared_.max_clients) return;
    for (auto const& socket : shared_.listener.sockets()) {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLEXCLUSIVE;
        event.data.fd = socket.get();
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event);
    }
    accepting_ = true;
}

void Worker::close(Connection& connection)
{
    give_back_what_was_refused(connection);
    connections_.erase(connection.socket.get());   // closes it, which takes it out of epoll; `connection` is gone
    clients_.fetch_sub(1, std::memory_order_relaxed);
    shared_.clients.fetch_sub(1, std::memory_order_relaxed);
    shared_.gate.metrics().connection_closed();
}

void Worker::serve(Connection& connection, unsigned events)
{
    connection.last_used = batch_ticks_;
    if (!connection.unsent.empty()) send_replies(connection);   // nothing new is read before the old replies are gone
    else if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_from(connection);
}

void Worker::read_from(Connection& connection)
{
    std::size_t const before = connection.partial.size();
    std::memcpy(buffer_.data(), connection.partial.data(), before);
    auto const got = ::recv(connection.socket.get(), buffer_.data() + before, buffer_.size() - before, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        close(connection);   // Postfix has closed it, as it should
        return;
    }
    std::size_t used = 0;
    std::size_t const filled = before + static_cast<std::size_t>(got);
    bool readable = answer_all(connection, used, filled);
    connection.partial.assign(buffer_.data() + used, filled - used);
    if (readable && connection.partial.size() > kMaxRequest) {
        report_unreadable("a request longer than " + std::to_string(kMaxRequest) + " bytes");
        readable = false;
    }
    if (readable) {
        send_replies(connection);
        return;
    }
    // README: in trouble send no reply, log, disconnect. Replies to the whole requests before it are due all the same.
    [[maybe_unused]] auto const sent =
        ::send(connection.socket.get(), connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    close(connection);
}

// Answers every complete request in the buffer; false when one cannot be read.
bool Worker::answer_all(Connection& connection, std::size_t& used, std::size_t filled)
{
    std::size_t seen = connection.partial.size();   // holds no end of a request, or it would have been answered
    while (used < filled) {
        std::string_view const rest{buffer_.data() + used, filled - used};
        auto const length = request_length(rest, seen);
        if (length == 0) break;
        if (!answer(connection, rest.substr(0, length))) return false;
        used += length;
        seen = 0;
    }
    return true;
}

void Worker::send_replies(Connection& connection)
{
    auto const sent = ::send(connection.socket.get(), connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        close(connection);
        return;
    }
    if (sent > 0) connection.unsent.erase(0, static_cast<std::size_t>(sent));
    wait_for(connection, connection.unsent.empty() ? EPOLLIN : EPOLLOUT);
}

void Worker::wait_for(Connection& connection, unsigned events)
{
    if (connection.awaited == events) return;
    connection.awaited = events;
    epoll_event event{};
    event.events = events;
    event.data.fd = connection.socket.get();
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), &event);
}

// ---- requests

bool Worker::answer(Connection& connection, std::string_view text)
{
    auto const started = base::Stopwatch::now();
    auto const parsed = parse_policy_request(text, request_);
    if (!parsed) {
        report_unreadable(parsed.error().message);
        return false;
    }
    auto const verdict = decide(connection);
    append_policy_reply(connection.unsent, verdict);
    auto const took = std::chrono::duration_cast<std::chrono::microseconds>(base::Stopwatch::now() - started);
    shared_.gate.recorder().record({request_, verdict, batch_time_, static_cast<std::uint64_t>(took.count())});
    return true;
}

mail::Verdict Worker::decide(Connection& connection)
{
    auto const& ruleset = rules_for(connection);
    try {
        if (request_.instance != connection.counted_instance) give_back_what_was_refused(connection);
        note_certificate(*ruleset);
        auto const decided = rules::decide(*ruleset, request_, *suspensions_.current());
        auto const verdict = shared_.gate.meter().at_policy(*ruleset, request_, decided, !connection.limits_asked, batch_time_);
        bool const passes = verdict.action == mail::Action::Pass || verdict.action == mail::Action::Hold;
        connection.limits_asked |= request_.stage == mail::Stage::Rcpt && passes;
        if (shared_.gate.meter().policy_counts() && request_.stage == mail::Stage::Data) {
            connection.counted_instance = request_.instance;
            connection.counted_queue_id = request_.queue_id;
        }
        return verdict;
    } catch (std::exception const& failure) {
        return shared_.gate.own_failure(ruleset.get(), failure.what());
    }
}

// What another restriction refuses at DATA, the milter never hears of. Of what it has heard of it has taken the note.
void Worker::give_back_what_was_refused(Connection& connection)
{
    if (connection.counted_queue_id.empty()) return;
    shared_.gate.meter().given_up(connection.counted_queue_id, batch_time_);
    connection.counted_queue_id.clear();
}

// For the milter, which has no macro for it. Without tenants known by certificate nobody asks.
void Worker::note_certificate(rules::Ruleset const& ruleset)
{
    if (!ruleset.has_certificates || request_.stage != mail::Stage::Data || request_.queue_id.empty()) return;
    auto const noted = shared_.gate.certificate_notes().put(request_.queue_id, request_.certificate.digest, batch_time_);
    if (noted) return;
    shared_.gate.log().write(events::kCertificateNoteFailed, {{"error", noted.error().message}});
    throw std::runtime_error{noted.error().message};
}

std::shared_ptr<rules::Ruleset const> const& Worker::rules_for(Connection& connection)
{
    bool const same_message = connection.rules && !request_.instance.empty() && request_.instance == connection.instance;
    if (same_message) return connection.rules;
    connection.instance = request_.instance;
    connection.limits_asked = false;
    auto const& current = rules_.current();
    if (connection.rules != current) connection.rules = current;
    return connection.rules;
}

// A connection that idles since before a reload would keep the old rules in memory for as long as Postfix keeps it open.
void Worker::release_old_rules()
{
    next_release_ = batch_ticks_ + std::chrono::milliseconds{kHousekeepingMilliseconds};
    auto const& current = rules_.current();
    for (auto& [number, connection] : connections_) {
        if (connection->rules == current || batch_ticks_ - connection->last_used < kKeepOldRules) continue;
        connection->rules.reset();
        connection->instance.clear();
    }
}

// At most one line a second, however fast a broken client reconnects.
void Worker::report_unreadable(std::string const& why)
{
    shared_.gate.metrics().count_unreadable_request();
    ++unreported_;
    if (batch_ticks_ < next_report_) return;
    next_report_ = batch_ticks_ + 1s;
    shared_.gate.log().write(events::kUnreadableRequest, {{"why", why}, {"since_last_report", unreported_}});
    unreported_ = 0;
}

// ---- the end

// Answers what has arrived, waits a little for requests that have come in part, then closes everything.
void Worker::drain()
{
    if (accepting_) {
        for (auto const& socket : shared_.listener.sockets()) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket.get(), nullptr);
        accepting_ = false;
    }
    auto const deadline = base::Stopwatch::now() + kDrainTime;
    for (;;) {
        handle_events(0);
        bool unfinished = false;
        for (auto const& [number, connection] : connections_) unfinished |= connection->has_unfinished();
        if (!unfinished || batch_ticks_ >= deadline) break;
        handle_events(50);
    }
    while (!connections_.empty()) close(*connections_.begin()->second);
}

}   // namespace mailcore::policy
