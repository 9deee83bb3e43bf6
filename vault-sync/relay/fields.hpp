// The fields of a secret under all the names that people give them, as what they mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "vault-sync/source/record.hpp"

namespace mailcore::vault_sync {

// What a secret says. A field that is not there is nothing; one that is there may be empty.
struct Credentials {
    std::optional<std::string> host, user, from, access_key, region;
    std::optional<std::uint16_t> port;
    std::optional<bool> use_tls, use_ssl;
    base::Secret const* password = nullptr;      // in the record; null = not there
    base::Secret const* secret_key = nullptr;
};

// Fails on two names of one field with different values, on a port that is none, on a switch that is neither true nor
// false, on a template's placeholder and on text that is not UTF-8 or holds control characters. Never shows a value.
base::Result<Credentials> read_credentials(SecretFields const& fields);

// Why Postfix could not carry this as a user or a password, "" if it can: it splits its line at the first colon, and
// postmap drops blanks at the ends of a line and whole lines that are not UTF-8, the password into the log.
std::string complaint_of_login(std::string_view user, base::Secret const& password);

// "host, port, user", for saying what a secret has instead of what is missing.
std::string names_text(SecretFields const& fields);

}   // namespace mailcore::vault_sync
