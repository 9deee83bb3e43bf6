#include "vault-sync/apply/switch.hpp"

#include "core/base/fault.hpp"

namespace mailcore::vault_sync {

namespace events = observe::events;

base::Result<> Switcher::switch_to(Generation const& generation, std::optional<Generation> const& former)
{
    auto const number = generation.number;
    if (auto built = workshop_.generations->build(generation, former); !built) return built;
    state_.reload_owed = number;
    if (auto saved = workshop_.states.save(state_); !saved) return saved;
    if (base::fault_point("switch.owed")) return base::fail_errno("cannot switch");
    if (auto renamed = workshop_.generations->make_current(number); !renamed) return renamed;
    static_cast<void>(base::fault_point("switch.renamed"));
    say(events::kSecretsSwitched, "generation " + std::to_string(number) + " is current" +
                                      (former ? " (was " + std::to_string(former->number) + ")" : ""));
    if (!reload()) return base::fail("generation " + std::to_string(number) + " is current, but Postfix could not be reloaded; the next run tries again");
    return {};
}

bool Switcher::settle()
{
    if (!state_.reload_owed) return true;
    auto const current = workshop_.generations->current();
    if (current && *current && **current == *state_.reload_owed) return reload();
    state_.reload_owed.reset();   // killed before the rename: nothing changed
    static_cast<void>(workshop_.states.save(state_));
    return true;
}

// True also where there is nothing to reload now: a stopped Postfix reads everything when it starts.
bool Switcher::reload()
{
    if (workshop_.settings.postfix.reload == "never") {
        say(events::kReloadLeftToOperator, "postfix.reload is never: run `postfix reload` for generation " +
                                               std::to_string(*state_.reload_owed) + " to be used");
    } else if (!workshop_.postfix.is_running()) {
        say(events::kReloadOwed, "Postfix is not running; the reload is made up by the next run");
        return true;
    } else {
        static_cast<void>(base::fault_point("switch.reload"));
        if (auto reloaded = workshop_.postfix.reload(); !reloaded) {
            say(events::kReloadOwed, "Postfix could not be reloaded: " + reloaded.error().message);
            return false;
        }
        static_cast<void>(base::fault_point("switch.reloaded"));
    }
    state_.reload_owed.reset();
    flush();
    if (auto saved = workshop_.states.save(state_); !saved) say(events::kStateFailed, saved.error().message);
    return true;
}

// Once per cured login, and only if mail waits for one.
void Switcher::flush()
{
    if (!std::exchange(state_.flush_owed, false) || !workshop_.settings.postfix.flush_deferred) return;
    auto const waiting = workshop_.postfix.waiting_for_authentication();
    if (!waiting) return say(events::kFlushFailed, waiting.error().message);
    if (waiting->empty()) return;
    auto const flushed = workshop_.postfix.flush();
    if (!flushed) return say(events::kFlushFailed, flushed.error().message);
    say(events::kDeferredFlushed, std::to_string(waiting->size()) + (waiting->size() == 1 ? " delivery" : " deliveries") +
                                      " deferred for authentication will be tried again now");
}

}   // namespace mailcore::vault_sync
