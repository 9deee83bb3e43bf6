// One thread of the policy daemon: an epoll loop over the connections it has accepted. Threads share the listening
// sockets, the rules and the recorder, so that a verdict waits for no other thread; where limits apply it waits for their store.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/fd.hpp"
#include "core/gate/gate.hpp"
#include "core/net/listener.hpp"

namespace mailcore::policy {

class Worker;

// What the workers of one service share.
struct Shared {
    gate::Gate& gate;
    net::Listener const& listener;
    std::size_t max_clients;
    std::vector<std::unique_ptr<Worker>> workers{};   // all made before the first runs
    std::atomic<std::size_t> clients{0};
};

class Worker {
public:
    static base::Result<std::unique_ptr<Worker>> create(Shared& shared);
    ~Worker();
    Worker(Worker const&) = delete;
    Worker& operator=(Worker const&) = delete;

    void run();    // until stop(); then answers what has come, for up to two seconds

    // From any thread.
    void stop();
    void adopt(base::Fd client);   // a connection to serve
    std::size_t clients() const { return clients_.load(std::memory_order_relaxed); }

private:
    struct Connection;

    explicit Worker(Shared& shared);

    void handle_events(int timeout);
    void wake();
    void heed_wake_up();
    void accept_one(int listening_socket);
    Worker& least_busy() const;
    void begin(base::Fd client);
    void accept_again_if_possible();
    void stop_accepting(char const* why);
    void serve(Connection& connection, unsigned events);
    void read_from(Connection& connection);
    bool answer_all(Connection& connection, std::size_t& used, std::size_t filled);
    bool answer(Connection& connection, std::string_view text);
    mail::Verdict decide(Connection& connection);
    void give_back_what_was_refused(Connection& connection);
    void note_certificate(rules::Ruleset const& ruleset);
    std::shared_ptr<rules::Ruleset const> const& rules_for(Connection& connection);
    void send_replies(Connection& connection);
    void wait_for(Connection& connection, unsigned events);
    void close(Connection& connection);
    void release_old_rules();
    void drain();
    void report_unreadable(std::string const& why);
    int timeout() const;

    Shared& shared_;
    run::SnapshotReader<rules::Ruleset> rules_;
    run::SnapshotReader<rules::Suspensions> suspensions_;
    base::Fd epoll_;
    base::Fd wake_;   // an eventfd
    std::atomic<bool> stop_wanted_{false};
    std::atomic<std::size_t> clients_{0};   // served here or about to be
    std::mutex inbox_mutex_;
    std::vector<base::Fd> inbox_;           // adopted, not yet begun
    bool accepting_ = false;
    bool stopping_ = false;
    std::unordered_map<int, std::unique_ptr<Connection>> connections_;
    std::vector<char> buffer_;    // what is being read; partial requests move to their connection
    mail::Request request_;       // reused: its strings keep their memory
    base::Time batch_time_;       // when epoll woke us: good enough for logs, one clock call for many requests
    base::Stopwatch::time_point batch_ticks_;
    base::Stopwatch::time_point next_release_;
    base::Stopwatch::time_point next_report_;
    std::uint64_t unreported_ = 0;
};

}   // namespace mailcore::policy
