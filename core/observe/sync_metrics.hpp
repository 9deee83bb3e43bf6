// What vault-sync tells Prometheus: set as a whole after each pass, served over HTTP or written to a text file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/net/address.hpp"

namespace mailcore::observe {

struct SecretGauges {
    std::string relay;
    std::string source;     // vault, file, cache, environment
    std::string verified;   // works, refused, inconclusive; "" = not tried
    double age_days = 0;
    bool overdue = false;
};

struct SyncFacts {
    std::uint64_t generation = 0;
    bool held = false;
    bool reload_owed = false;
    std::optional<base::Time> last_pass, last_success;
    std::optional<double> token_seconds_left;       // nothing: no token, or it never expires
    std::map<std::string, std::uint64_t> passes;    // by result: ok, failed, provider_refused, login_refused, degraded
    std::uint64_t switches = 0;
    std::uint64_t rollbacks = 0;
    std::vector<SecretGauges> secrets;
};

// Safe from many threads.
class SyncMetrics {
public:
    explicit SyncMetrics(std::string const& version);
    ~SyncMetrics();
    SyncMetrics(SyncMetrics const&) = delete;
    SyncMetrics& operator=(SyncMetrics const&) = delete;

    void set(SyncFacts facts);
    std::string text() const;
    base::Result<> serve(net::SocketAddress const& address);   // Off: does nothing
    void stop_serving();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}   // namespace mailcore::observe
