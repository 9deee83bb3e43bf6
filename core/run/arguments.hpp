// The options every daemon takes: --config, --check, --print-config, --version, --help. The door to CLI11 for daemons.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace mailcore::run {

// How a program ends, after sysexits(3).
enum class ExitCode { Ok = 0, Failed = 1, Usage = 64, Configuration = 78 };

struct ProgramInfo {
    std::string_view name;             // "mailcore-policy"
    std::string_view summary;          // one line for --help
    std::string_view footer;           // signals and files, for --help
    std::string_view default_config = "/etc/mailcore/mailcore.yaml";
};

struct Arguments {
    std::string config;
    bool check = false;
    bool print_config = false;
};

// Prints help or version itself: then, and for wrong usage, there is an exit code and nothing to run.
struct ParsedArguments {
    Arguments arguments;
    std::optional<ExitCode> exit;
};
ParsedArguments parse_arguments(ProgramInfo const& program, int argc, char const* const* argv);

}   // namespace mailcore::run
