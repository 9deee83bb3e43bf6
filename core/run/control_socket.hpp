// The operator's door to a running daemon: <state_directory>/NAME.ctl, a unix socket. A client sends one line of JSON,
// {"command": "reload"}, and gets one line of JSON back: {"ok": true, …} or {"ok": false, "error": "…"}.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/net/listener.hpp"

namespace mailcore::run {

// Answers a command; gets and gives JSON texts (objects). Runs on the control thread, one at a time; one that may take its
// time runs on a thread beside it, one at a time, too, so that the others need not wait for it.
using ControlCommand = std::function<base::Result<std::string>(std::string const& request)>;

class ControlSocket {
public:
    static base::Result<std::unique_ptr<ControlSocket>> open(std::string const& path,
                                                             std::map<std::string, ControlCommand> commands,
                                                             std::set<std::string> slow_commands = {});
    ~ControlSocket();
    ControlSocket(ControlSocket const&) = delete;
    ControlSocket& operator=(ControlSocket const&) = delete;

private:
    struct Waiting {
        base::Fd client;
        std::string line;
    };
    ControlSocket(net::Listener listener, std::map<std::string, ControlCommand> commands, std::set<std::string> slow_commands,
                  base::Fd wake);
    void run();
    void run_slow();
    void serve_one(base::Fd client);
    void leave_to_slow_thread(base::Fd client, std::string line);
    bool is_slow(std::string const& line) const;
    std::string answer(std::string const& line) const;

    net::Listener listener_;
    std::map<std::string, ControlCommand> commands_;
    std::set<std::string> slow_commands_;
    base::Fd wake_;
    std::mutex mutex_;   // of what follows
    std::condition_variable came_;
    std::deque<Waiting> waiting_;   // for the slow thread
    bool stopping_ = false;
    std::thread slow_thread_;
    std::thread thread_;
};

// The other side, for mailcorectl: sends one request, waits up to a minute for the answer.
base::Result<std::string> call_control_socket(std::string const& path, std::string const& request);

std::string control_path(std::string const& state_directory, std::string_view daemon);   // "/var/lib/mailcore/NAME.ctl"

}   // namespace mailcore::run
