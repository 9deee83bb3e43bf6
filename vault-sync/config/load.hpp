// Reads vault-sync.yaml. Every mistake of shape and every one that can be told without the secrets comes in one run, as
// file:line:column: unknown relays in active, fallback, routes and transports, two relays that cannot live together, a
// SES region without SMTP, both client_cert and client_key or none, a fallback list over two transports.
#pragma once

#include <string>
#include <string_view>

#include "core/config/diagnostics.hpp"
#include "vault-sync/config/settings.hpp"

namespace mailcore::vault_sync {

Settings load_settings(std::string const& path, config::Diagnostics& problems);
Settings load_settings_text(std::string const& name, std::string_view text, config::Diagnostics& problems);
std::string print_settings(Settings const& settings);     // --print-config; holds no secret
std::string settings_reference();                         // a page of docs/: every key with type, default and meaning
std::string settings_man_keys();                          // the keys section of vault-sync.yaml(5), scdoc

}   // namespace mailcore::vault_sync
