// The production checklist of vault-sync, run: Postfix's settings, files and their modes, relays, Vault, the host. What is
// wrong comes with its cure, a command where there is one. Changes nothing, and asks neither Vault nor a relay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vault-sync/config/settings.hpp"
#include "vault-sync/maps/generation.hpp"

namespace mailcore::vault_sync {

struct Check {
    enum class Result { Passed, Failed, Warned, NotApplicable };
    Result result = Result::Passed;
    std::string name;    // stable, for scripts: "password_map"
    std::string words;   // what was found
    std::string cure;    // "" where nothing is to be done
    bool operator==(Check const&) const = default;
};
std::string_view word(Check::Result result);   // "passed", "failed", "warned", "not_applicable"

// What only the caller knows.
struct DoctorFacts {
    Generation const* generation = nullptr;      // the current one; null = there is none, or it is not whole
    std::string damage;                          // why the current one could not be loaded
    std::optional<std::uint64_t> reload_owed;    // State::reload_owed
    std::vector<std::string> overdue;            // one line each: words(SecretAge)
    std::vector<std::string> soon;               // likewise, those that are due soon
    bool memory_is_locked = true;                // crypto::SecureHeap::Locked
    bool token_is_root = false;                  // where the token was looked up
};

std::vector<Check> run_doctor(Settings const& settings, DoctorFacts const& facts);
bool any_failed(std::vector<Check> const& checks);

}   // namespace mailcore::vault_sync
