// One thread of the policy daemon: an epoll loop over the connections it has accepted. Threads share the listening
// sockets, the rules and the recorder, and nothing else, so that a verdict waits for nobody.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/fd.hpp"
#include "core/gate/gate.hpp"
#include "core/net/listener.hpp"

namespace mailcore::policy {

// What the workers of one service share.
struct Shared {
    gate::Gate& gate;
    net::Listener const& listener;
    std::size_t max_clients;
    std::atomic<std::size_t> clients{0};
};

class Worker {
public:
    static base::Result<std::unique_ptr<Worker>> create(Shared& shared);
    ~Worker();
    Worker(Worker const&) = delete;
    Worker& operator=(Worker const&) = delete;

    void run();    // until stop(); then answers what has come, for up to two seconds
    void stop();   // from any thread

private:
    struct Connection;

    explicit Worker(Shared& shared);

    void handle_events(int timeout);
    void accept_one(int listening_socket);
    void accept_again_if_possible();
    void stop_accepting(char const* why);
    void serve(Connection& connection, unsigned events);
    void read_from(Connection& connection);
    bool answer_all(Connection& connection, std::size_t& used, std::size_t filled);
    bool answer(Connection& connection, std::string_view text);
    mail::Verdict decide(Connection& connection);
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
    base::Fd epoll_;
    base::Fd stop_;   // an eventfd
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
