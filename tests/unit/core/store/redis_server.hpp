// A redis-server of the test's own, on a free port of 127.0.0.1, with nothing on disk that stays. Gone with the object.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "core/base/secret.hpp"
#include "core/store/redis.hpp"
#include "tests/unit/core/crypto/certificates.hpp"

namespace mailcore::testing {

struct RedisOptions {
    std::string password;                  // requirepass
    Identity const* identity = nullptr;    // speaks TLS with it on its port
    std::vector<std::string> more{};       // arguments: {"--maxmemory", "1"}
};

class RedisServer {
public:
    explicit RedisServer(RedisOptions options = {});   // answers when this returns
    ~RedisServer();
    RedisServer(RedisServer const&) = delete;
    RedisServer& operator=(RedisServer const&) = delete;

    void stop();     // as by an operator; its data are gone
    void kill();     // SIGKILL
    void start();    // again, on the same port
    void pause();    // SIGSTOP: takes connections, and answers nothing
    void resume();

    std::uint16_t port() const { return port_; }
    std::string url(std::string const& login = "") const;   // "redis://login@127.0.0.1:port/0"

    // What an operator would say by redis-cli, over a connection of its own; waits as long as it must. The reply as
    // text: lists line by line.
    std::string say(std::initializer_list<std::string_view> words) const;
    // How often the server was told this command: "evalsha", "script|load".
    std::uint64_t calls(std::string const& command) const;

private:
    store::RedisAddress operator_address() const;
    bool answers() const;
    void end(int signal);

    RedisOptions options_;
    std::string directory_;
    std::uint16_t port_ = 0;
    std::uint16_t operator_port_ = 0;   // plain; the same one without TLS
    pid_t process_ = 0;
};

// A pool as the daemons have it. Its timeout is long, so that a busy machine makes no server look away.
store::RedisAddress address_of(std::string const& url);

}   // namespace mailcore::testing
