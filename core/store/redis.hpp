// Connections to one Redis or Valkey server. The one door to hiredis, which makes commands and reads replies; the bytes
// go over core/net's Stream (TLS, deadlines), since Debian 12's hiredis knows no TLS.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"

namespace mailcore::store {

struct RedisAddress {
    bool tls = false;
    std::string host = "127.0.0.1";
    std::uint16_t port = 6379;
    unsigned database = 0;
    std::string user;        // "" = default
    base::Secret password;   // empty = none
    // Asked again where the server refuses the login: the password may have been changed. Null: it is as it is.
    std::function<base::Result<base::Secret>()> read_password;
    std::string ca_file;     // "" = the system's store
    std::chrono::milliseconds timeout{50};   // of one round trip; connecting may take four times that

    // redis://[[user]:password@]host[:port][/db], rediss:// for TLS; percent-encoding decoded; [::1] for IPv6. A user without
    // a password is fine here: it may be set apart. What is wrong is said without quoting what may be a password.
    static base::Result<RedisAddress> parse(std::string_view url);
    std::string shown() const;   // without the password: "redis://10.0.0.5:6379/0"
    RedisAddress copy() const;   // with it
};

struct RedisReply {
    enum class Kind { Nil, Integer, Text, List } kind = Kind::Nil;
    std::int64_t integer = 0;
    std::string text;
    std::vector<RedisReply> list;
};

// Safe from many threads. Connections are made when needed, kept, and made anew when one breaks. After a failure to reach
// the server every call fails at once ("Redis is away: …") until probe() succeeds, so that mail does not wait for each
// timeout. A server that answers that it cannot serve just now, or not us, counts as away, too: it loads its data, is a
// replica, has no memory left, refuses the login. Where it refuses the login of a new connection, the password is read
// again, and tried once if it is another. The password stands in no error.
class RedisPool {
public:
    explicit RedisPool(RedisAddress address, std::size_t most_idle = 16);
    ~RedisPool();

    // One round trip. An error reply of the server is a failure, too, with the server's words; most do not count as away. A
    // command is sent again only where it cannot have been obeyed: on a kept connection that turns out to be closed.
    base::Result<RedisReply> call(std::span<std::string_view const> command);
    // As call(), for a script: by its hash, and once more with its text where the server does not know it yet.
    base::Result<RedisReply> run_script(std::string const& script, std::span<std::string const> keys, std::span<std::string const> arguments);

    bool is_away() const;
    // Connects anew and writes a key that nobody reads (a replica, or a server without memory, would answer PING): away or
    // back is known after it. For the keeper thread.
    base::Result<> probe();
    std::string const& shown() const;

private:
    class State;
    std::unique_ptr<State> state_;
};

}   // namespace mailcore::store
