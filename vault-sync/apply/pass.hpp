// One pass: read the secrets, prove what changed, render a new generation, switch to it, reload Postfix once.
// Killed at any step it leaves the old or the new generation whole, and the next pass does what was left undone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "vault-sync/apply/cache.hpp"
#include "vault-sync/apply/gather.hpp"
#include "vault-sync/apply/notice.hpp"
#include "vault-sync/apply/plan.hpp"
#include "vault-sync/apply/postfix.hpp"
#include "vault-sync/apply/state.hpp"
#include "vault-sync/apply/verify.hpp"
#include "vault-sync/maps/generation.hpp"

namespace mailcore::vault_sync {

using Prover = std::function<Proof(Relay const&, bool is_new)>;

// What passes work with. References outlive it.
struct Workshop {
    Settings const& settings;
    GenerationStore* generations = nullptr;
    StateStore states;
    Fingerprints const* fingerprints = nullptr;
    Postfix postfix;
    SecretSources sources;
    Cache* cache = nullptr;
    Prover prove;
    Notify notify;
    std::function<base::Time()> now = [] { return base::now(); };
};

struct PassOptions {
    bool force = false;
    std::string use{};   // make this the active relay
};

// What became of one relay in a pass.
struct RelayOutcome {
    std::string name;
    std::string result;                 // "unchanged", "changed", "new", "kept", "held", "refused", "missing"
    std::string words;
    std::optional<Source> source;       // of the value in use
    std::optional<Relay> relay;         // in use now; without a password
};

struct PassReport {
    std::vector<RelayOutcome> relays;
    std::uint64_t former = 0;           // generation; 0 = none
    std::uint64_t generation = 0;       // in use now
    Routing routing;
    bool changed = false;
    State state;                        // as it was saved
    // What the exit code follows from:
    bool login_refused = false;         // 12
    bool provider_refused = false;      // 11
    bool failed = false;                // 1
    bool served = false;                // 10: Vault is away; cache or environment serve
};

// What a relay's trouble with its sources means for the exit code.
void count_trouble(PassReport& report, Gathered const& gathered, SecretSources const& sources);

// Fails only where nothing could be done at all: the lock, the state, a damaged current generation.
base::Result<PassReport> run_pass(Workshop& workshop, PassOptions const& options);

// To an older generation (0 = the one before), without asking for secrets or proving any; what is left is held.
struct RollbackReport {
    std::uint64_t left = 0;
    std::uint64_t generation = 0;
    std::string active;
    bool reload_failed = false;
};
base::Result<RollbackReport> roll_back(Workshop& workshop, std::uint64_t target, bool automatic);

// The exit code of a pass, the first that applies, as the contract lists them.
int exit_code(PassReport const& report, bool detailed, bool overdue);

}   // namespace mailcore::vault_sync
