// The running daemons, asked by their control sockets. What is asked of limits and suspensions (core/gate/limit_desk.hpp) is
// answered with none of them running, too: then mailcorectl opens the store itself.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace mailcore::ctl {

struct DaemonAnswer {
    std::string daemon;
    bool running = false;
    nlohmann::json body;   // {"ok": …}; of a daemon that does not run: {"ok": false, "error": "not running"}
    bool ok() const { return body.value("ok", false); }
    std::string error() const { return body.value("error", ""); }
};

// Where the daemons of this configuration have their control sockets. Mistakes elsewhere in the file, even one that keeps it
// from being read as YAML, must not keep the operator from asking.
std::string find_state_directory(std::string const& config);

DaemonAnswer ask_daemon(std::string const& state_directory, std::string_view daemon, nlohmann::json const& request);
std::vector<DaemonAnswer> ask_all(std::string const& config, std::string_view command);   // the policy daemon first
DaemonAnswer ask_outcomes(std::string const& config, nlohmann::json const& request);   // mailcore-outcomes, which decides about no mail
bool none_runs(std::vector<DaemonAnswer> const& answers);
int complain_of_silence(std::vector<DaemonAnswer> const& answers);   // returns the exit status

// Limits and suspensions: one daemon is asked, since all see the same store; where none runs, the store is opened here and
// stays open for the next question.
class Desk {
public:
    explicit Desk(std::string config);
    ~Desk();
    Desk(Desk const&) = delete;
    Desk& operator=(Desk const&) = delete;

    // The answer's JSON object. Fails in the daemon's words, or in those of the store.
    base::Result<nlohmann::json> ask(nlohmann::json const& request);

    bool asked_daemon() const { return store_ == nullptr; }

    // Neither a daemon nor a state directory: nothing was ever counted or suspended on this host.
    bool is_untouched() const;

    // The tenants in force; empty where they cannot be told.
    std::vector<std::string> tenants() const;

private:
    struct Store;
    base::Result<> open_store();

    std::string config_;
    std::string state_directory_;
    std::unique_ptr<Store> store_;   // null: not needed so far
};

// Of an answer about a tenant that the desk does not know, with a hint at what may have been meant. Returns the exit status.
int complain_of_tenant(Desk const& desk, base::Error error, std::string const& tenant);

}   // namespace mailcore::ctl
