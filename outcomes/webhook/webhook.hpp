// Tells the application of outcomes: signed HTTP POSTs from the durable queue in the store, at least once, in order for
// each message. Contract: "An outcome"; for receivers: docs/webhook.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/secret.hpp"
#include "outcomes/store/outcome_store.hpp"

namespace mailcore::outcomes {

struct WebhookOptions {
    std::string url;                                    // "" = events are not made
    std::string secret_file;                            // read anew when it changes
    std::chrono::milliseconds timeout{10'000};
    std::vector<std::chrono::milliseconds> retry;       // then every minute
    std::chrono::milliseconds give_up_after{86'400'000};
    std::size_t batch = 1;                              // events in one request; above 1 they are an array
    std::string ca_file{};                              // PEM: who may sign the receiver's certificate; "" = the system's
    std::size_t at_once = 8;                            // requests under way, each of a message of its own
    std::chrono::milliseconds pause{1'000};             // between tries, one at a time, while nothing can be delivered
    std::chrono::milliseconds grace{2'000};             // for the requests under way at stop()
    bool operator==(WebhookOptions const&) const = default;
};

// "t=1795000000,v1=HEX": HMAC-SHA256 over "1795000000." and the body.
std::string signature(base::Secret const& secret, base::Time now, std::string_view body);

// Threads of its own: a slow or dead receiver never slows the reader, and one slow request not the others.
class Webhook {
public:
    // `tell` hears of trouble, at most once a minute, and of its end; no secret, no login and no query of the URL in it.
    // Called by our threads, one at a time. What another process left half sent is taken up.
    Webhook(WebhookOptions options, OutcomeStore& store, std::function<void(bool ok, std::string const& words)> tell);
    ~Webhook();

    void wake();      // new events are in the store
    // Once, by one thread. Requests under way that have no answer within the grace are ended, which takes a second at most: their
    // events stay `sending`, and the next start sends them again.
    void stop();

    struct Facts {
        std::uint64_t delivered = 0, refused = 0, unreachable = 0;   // requests
    };
    Facts facts() const;

private:
    class State;
    std::unique_ptr<State> state_;
};

}   // namespace mailcore::outcomes
