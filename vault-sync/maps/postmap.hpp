// Postfix's tables, made by postmap and asked back. postmap ends with status 0 although it dropped a line or kept the
// first of two, and prints the dropped line, password and all: so any word of it is a failure, what it says is shown
// without what it quotes, and every key is asked back.
#pragma once

#include <string>

#include "core/base/result.hpp"
#include "vault-sync/maps/directory.hpp"
#include "vault-sync/maps/render.hpp"

namespace mailcore::vault_sync {

// cdb | lmdb | hash as wanted, or for "auto" Postfix's default_database_type; an error names the package that is missing.
base::Result<std::string> find_map_type(std::string const& wanted, std::string const& postfix_config_directory);

std::string index_name(std::string const& name, std::string const& map_type);   // "sasl_passwd.db"

class Postmap {
public:
    Postmap(std::string postfix_config_directory, std::string map_type)
        : config_{std::move(postfix_config_directory)}, type_{std::move(map_type)} {}

    base::Result<> make(Directory const& directory, std::string const& name) const;   // indexes the file of that name
    base::Result<> ask_back(Directory const& directory, std::string const& name, MapLines const& lines) const;
    base::Result<> check_regexp(Directory const& directory, std::string const& name) const;   // Postfix reads it without a word

private:
    std::string config_;
    std::string type_;
};

}   // namespace mailcore::vault_sync
