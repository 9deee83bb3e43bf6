// Reads mailcore.yaml and its includes into Settings.
//
//     config::Diagnostics problems;
//     auto settings = config::load("/etc/mailcore/mailcore.yaml", problems);
//     if (problems.has_errors()) { std::cerr << problems.text(); return 78; }
//
// What is checked here is the shape: keys, types, ranges, words, names. Texts with a grammar of their own
// (addresses, networks, patterns, regular expressions) are checked by rules/compile, at the places kept here.
#pragma once

#include <string>
#include <string_view>

#include "core/config/diagnostics.hpp"
#include "core/config/settings.hpp"

namespace mailcore::config {

// Every problem goes to `problems`; the value returned holds what could be read (defaults elsewhere) so that the
// next stage can find its own problems in the same run. Never throws. Safe to call from any thread.
Settings load(std::string const& path, Diagnostics& problems);

// The same from text in memory. Touches no file: `include` is read but not followed.
Settings load_text(std::string const& name, std::string_view text, Diagnostics& problems);

// The effective configuration as YAML that loads to the same value, with the included tenants in it. Passwords
// in addresses (redis://user:password@host) are shown as ***.
std::string print_config(Settings const& settings);

// docs/config-reference.md: every key with its type, default, range and meaning.
std::string print_reference();

// The keys section of mailcore.yaml(5), scdoc.
std::string print_man_keys();

}   // namespace mailcore::config
