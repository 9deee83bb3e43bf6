// The milter's service: libmilter's socket with the right owner and mode, its main loop, its end.
#pragma once

#include <memory>
#include <string>

#include "core/base/result.hpp"
#include "core/gate/gate.hpp"

namespace mailcore::milter {

class MilterService {
public:
    // Binds: a stale socket is replaced, one that another process serves is an error. The gate must outlive the service.
    static base::Result<std::unique_ptr<MilterService>> open(gate::Gate& gate);
    ~MilterService();
    MilterService(MilterService const&) = delete;
    MilterService& operator=(MilterService const&) = delete;

    // Until SIGTERM, SIGINT or SIGHUP; on the main thread. Then new connections are turned away, new messages deferred,
    // those under way brought to their end, for some seconds.
    base::Result<> serve();

private:
    MilterService(gate::Gate& gate, std::string socket_path);
    void remove_socket();

    gate::Gate& gate_;
    std::string socket_path_;   // "" for inet
};

}   // namespace mailcore::milter
