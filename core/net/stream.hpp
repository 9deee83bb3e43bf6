// A byte stream to a server, plain or by TLS, with a deadline for each step. For protocols that we speak ourselves.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace mailcore::net {

struct StreamTarget {
    std::string host;                 // a name or an address
    std::uint16_t port = 0;
    bool tls = false;                 // name and chain are checked
    std::string ca_file;              // "" = the system's store
    std::chrono::milliseconds connect_timeout{200};   // with the TLS handshake
};

// One thread at a time.
class Stream {
public:
    static base::Result<std::unique_ptr<Stream>> connect(StreamTarget const& target);
    ~Stream();
    Stream(Stream const&) = delete;
    Stream& operator=(Stream const&) = delete;

    // Fails at the deadline, too; the stream is of no use then.
    base::Result<> write(std::string_view bytes, std::chrono::steady_clock::time_point deadline);
    // Waits for at least one byte; appends what has come. Fails at the end of the stream.
    base::Result<> read_some(std::string& into, std::chrono::steady_clock::time_point deadline);
    bool is_quiet() const;   // nothing has come that was not read, not even the end: it may be used again

private:
    struct State;
    explicit Stream(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace mailcore::net
