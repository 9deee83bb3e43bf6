// The operator's door to a running daemon: <state_directory>/NAME.ctl, a unix socket. A client sends one line of JSON,
// {"command": "reload"}, and gets one line of JSON back: {"ok": true, …} or {"ok": false, "error": "…"}.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/net/listener.hpp"

namespace mailcore::run {

// Answers a command; gets and gives JSON texts (objects). Runs on the control thread, one at a time.
using ControlCommand = std::function<base::Result<std::string>(std::string const& request)>;

class ControlSocket {
public:
    static base::Result<std::unique_ptr<ControlSocket>> open(std::string const& path,
                                                             std::map<std::string, ControlCommand> commands);
    ~ControlSocket();
    ControlSocket(ControlSocket const&) = delete;
    ControlSocket& operator=(ControlSocket const&) = delete;

private:
    ControlSocket(net::Listener listener, std::map<std::string, ControlCommand> commands, base::Fd wake);
    void run();
    void serve_one(int client);
    std::string answer(std::string const& line) const;

    net::Listener listener_;
    std::map<std::string, ControlCommand> commands_;
    base::Fd wake_;
    std::thread thread_;
};

// The other side, for mailcorectl: sends one request, waits up to a minute for the answer.
base::Result<std::string> call_control_socket(std::string const& path, std::string const& request);

std::string control_path(std::string const& state_directory, std::string_view daemon);   // "/var/lib/mailcore/NAME.ctl"

}   // namespace mailcore::run
