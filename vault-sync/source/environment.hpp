// The secret that the environment carries: SMTP_HOST, SMTP_PORT, SMTP_USER (or SMTP_USERNAME), SMTP_PASSWORD,
// SMTP_USE_TLS, SMTP_DEFAULT_FROM. Not for several threads: the environment has no lock.
#pragma once

#include <optional>
#include <string>

#include "core/base/secret.hpp"
#include "vault-sync/source/record.hpp"

namespace mailcore::vault_sync {

// The first of SMTP_PASSWORD, SMTP_USER and SMTP_USERNAME that is set and not empty; "" if none. Ask before reading.
std::string forbidden_in_production();

// To be called once: takes the login out of the environment (see below), so that a second call finds none. Nothing
// where there is no SMTP_HOST; the login is taken out even so.
std::optional<SecretRecord> take_environment_record();

bool smtp_use_vault();                        // SMTP_USE_VAULT; true unless false, no, off or 0
std::optional<std::string> smtp_vault_path();   // SMTP_VAULT_PATH

// A variable's value; then its bytes are overwritten where they stand, since /proc/PID/environ shows that place for as
// long as the process lives, and the variable is unset.
std::optional<base::Secret> take_variable(std::string const& name);

}   // namespace mailcore::vault_sync
