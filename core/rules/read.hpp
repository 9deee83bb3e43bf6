// From a path to everything a program needs: the settings and the rules compiled from them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/config/settings.hpp"
#include "core/rules/ruleset.hpp"

namespace mailcore::rules {

struct Configuration {
    config::Settings settings;
    std::shared_ptr<Ruleset const> ruleset;
    std::string warnings;   // one or more lines, or empty
};

// Reads the file, its includes and the stamp's keys; compiles. Fails with every problem of all of them in one text
// (ErrorKind::Configuration).
base::Result<Configuration> read_configuration(std::string const& path);

// The same for `mailcorectl check`, which shows the problems itself.
Configuration read_configuration(std::string const& path, config::Diagnostics& problems);

// The stamp keys file: {active: k1, keys: {k1: <base64>, …}}.
std::shared_ptr<mail::StampKeys const> read_stamp_keys(config::Text const& path, config::Diagnostics& problems);

// The same from text in memory.
std::shared_ptr<mail::StampKeys const> parse_stamp_keys(std::string const& path, std::string_view text,
                                                        config::Diagnostics& problems);

}   // namespace mailcore::rules
