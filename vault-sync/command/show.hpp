// What commands show of relays, plans and ages: tables for people, objects for scripts. Nothing here can show a password.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "vault-sync/apply/pass.hpp"

namespace mailcore::vault_sync {

std::string host_and_port(Relay const& relay);   // "smtp.example.net:587"
nlohmann::json relay_json(Relay const& relay);   // host, port, tls, user, kind, source, path, version

void print_line(std::string const& name, std::string const& value);   // "name          value"
void show_pass(PassReport const& report, int exit_code, bool json);

}   // namespace mailcore::vault_sync
