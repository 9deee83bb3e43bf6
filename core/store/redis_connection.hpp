// One connection to a Redis, its commands, and what its error replies mean. For the pool (redis.hpp).
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/net/stream.hpp"
#include "core/store/redis.hpp"

struct redisReader;

namespace mailcore::store {

// A command in the protocol's form. Wiped when it goes: AUTH is one.
class RedisCommand {
public:
    explicit RedisCommand(std::span<std::string_view const> words);
    RedisCommand(std::initializer_list<std::string_view> words) : RedisCommand{std::span{words.begin(), words.size()}} {}
    ~RedisCommand();
    RedisCommand(RedisCommand&& other) noexcept
        : bytes_{std::exchange(other.bytes_, nullptr)}, size_{std::exchange(other.size_, 0)}
    {
    }
    RedisCommand& operator=(RedisCommand&&) = delete;
    std::string_view bytes() const { return {bytes_, size_}; }

private:
    char* bytes_ = nullptr;
    std::size_t size_ = 0;
};

struct RedisReceived {
    bool is_error = false;   // then the reply is the server's text
    RedisReply reply;
};

// One thread at a time.
class RedisConnection {
public:
    using Deadline = base::Stopwatch::time_point;

    struct Failure {
        std::string words;
        bool login_refused = false;   // or none was said where one is wanted
    };
    // With the login and the database said.
    static base::Result<std::unique_ptr<RedisConnection>, Failure> open(RedisAddress const& address);
    ~RedisConnection();

    // When it fails, the server has not got the whole command, and does not obey it.
    base::Result<> send(RedisCommand const& command, Deadline deadline) { return stream_->write(command.bytes(), deadline); }
    base::Result<RedisReceived> receive(Deadline deadline);
    bool is_quiet() const;   // neither an end nor a late reply has come

private:
    RedisConnection(std::unique_ptr<net::Stream> stream, std::string shown);
    base::Result<void, Failure> greet(RedisAddress const& address);

    struct ReaderDeleter {
        void operator()(redisReader* reader) const;
    };
    std::string shown_;
    std::unique_ptr<net::Stream> stream_;
    std::unique_ptr<redisReader, ReaderDeleter> reader_;
};

// Whether nobody is served just now, or we are not, by a server that answers so.
bool means_away(std::string_view error_reply);

// For the operator: what it means, if we know, and what the server said, without the password in it:
// "it wants a password: set one (NOAUTH Authentication required.)"
std::string words_for(std::string_view error_reply, base::Secret const& password);

}   // namespace mailcore::store
