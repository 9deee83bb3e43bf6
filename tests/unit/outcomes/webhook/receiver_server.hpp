// An application that takes events, or does not, as a test says.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/text.hpp"
#include "tests/unit/core/net/test_server.hpp"

namespace mailcore::testing {

struct Post {
    std::string line;                             // "POST /hook HTTP/1.1"
    std::map<std::string, std::string> headers;   // names in lower case
    std::string body;
};

class ReceiverServer {
public:
    // What to answer: "200 OK", with more headers behind a line end; "" closes without an answer. Runs without a lock.
    using Answer = std::function<std::string(Post const&)>;

    explicit ReceiverServer(Answer answer, std::string const& unix_path = "", Identity const* identity = nullptr)
        : answer_{std::move(answer)}, identity_{identity}, server_{[this](Connection& connection) { serve(connection); }, unix_path}
    {
    }

    std::string url(std::string const& path = "/hook") const
    {
        return (identity_ == nullptr ? "http://" : "https://") + server_.host_and_port() + path;
    }
    std::string host_and_port() const { return server_.host_and_port(); }
    std::vector<Post> posts()
    {
        std::lock_guard const lock{mutex_};
        return posts_;
    }
    std::vector<std::string> bodies()
    {
        std::vector<std::string> bodies;
        for (auto const& post : posts()) bodies.push_back(post.body);
        return bodies;
    }
    bool wait_for_posts(std::size_t count)   // false after a minute
    {
        std::unique_lock lock{mutex_};
        return came_.wait_for(lock, std::chrono::minutes{1}, [&] { return posts_.size() >= count; });
    }

private:
    void serve(Connection& connection)
    {
        if (identity_ != nullptr && !connection.start_tls(*identity_)) return connection.wait_for_end();
        Post post;
        post.line = connection.read_line();
        for (auto line = connection.read_line(); !line.empty(); line = connection.read_line()) {
            auto const colon = line.find(':');
            post.headers[base::lower(line.substr(0, colon))] = base::trim(line.substr(colon + 1));
        }
        if (post.line.empty()) return;
        post.body = connection.read_bytes(std::stoul(post.headers["content-length"]));
        {
            std::lock_guard const lock{mutex_};
            posts_.push_back(post);
        }
        came_.notify_all();
        auto const answer = answer_(post);
        if (!answer.empty()) connection.write("HTTP/1.1 " + answer + "\r\nContent-Length: 0\r\n\r\n");
    }

    Answer answer_;
    Identity const* identity_;
    std::mutex mutex_;
    std::condition_variable came_;
    std::vector<Post> posts_;
    TestServer server_;   // last: it serves as soon as it is there
};

// Closed until it is opened: what a test waits at.
class Gate {
public:
    void open()
    {
        std::lock_guard const lock{mutex_};
        is_open_ = true;
        changed_.notify_all();
    }
    void pass()
    {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, std::chrono::minutes{1}, [this] { return is_open_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_open_ = false;
};

}   // namespace mailcore::testing
