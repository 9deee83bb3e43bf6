#include "core/run/arguments.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

namespace mailcore::run {

ParsedArguments parse_arguments(ProgramInfo const& program, int argc, char const* const* argv)
{
    ParsedArguments parsed;
    parsed.arguments.config = std::string{program.default_config};

    CLI::App app{std::string{program.summary}, std::string{program.name}};
    app.footer(std::string{program.footer});
    app.add_option("--config", parsed.arguments.config, "Configuration to load")->option_text("FILE")->capture_default_str();
    app.add_flag("--check", parsed.arguments.check, "Load everything, print every problem, exit (0 fine, 78 not)");
    app.add_flag("--print-config", parsed.arguments.print_config, "Print the effective configuration and exit");
    app.set_version_flag("--version", std::string{program.name} + " " + MAILCORE_VERSION, "Print the version and exit");
    app.get_option("--help")->description("Print this help and exit");
    try {
        app.parse(argc, argv);
    } catch (CLI::Success const& wanted) {   // --help, --version
        app.exit(wanted);
        parsed.exit = ExitCode::Ok;
    } catch (CLI::ParseError const& wrong) {
        std::cerr << program.name << ": " << wrong.what() << "\nTry " << program.name << " --help.\n";
        parsed.exit = ExitCode::Usage;
    }
    return parsed;
}

}   // namespace mailcore::run
