#include "core/gate/configuration.hpp"

#include "core/store/limits_options.hpp"

namespace mailcore::gate {
namespace {

// The line itself is not shown where there is no @: of redis://user:password whose host was forgotten it is the password.
void complain(config::Text const& store, std::string const& words, config::Diagnostics& problems)
{
    bool const may_show = store.value.find('@') != std::string::npos;
    if (may_show) return problems.error(store.position, "limits.store: " + words);
    problems.error({store.position.file, 0, 0}, "line " + std::to_string(store.position.line) + ": limits.store: " + words);
}

// Whether the store of limits could be opened: said by a check and at a reload, with the place and the cure, and not first by a
// start. Reads the password file; asks no server.
void check_limits(config::LimitsSettings const& limits, config::Diagnostics& problems)
{
    if (limits.store.value.find("://") == std::string::npos) return;   // its form is checked where it is read
    auto const address = store::RedisAddress::parse(limits.store.value);
    if (!address) complain(limits.store, address.error().message, problems);
    if (!limits.password_file.value.empty()) {
        auto const password = store::read_password(limits.password_file.value);
        if (!password) problems.error(limits.password_file.position, "limits.password_file: " + password.error().message);
    } else if (address && !address->user.empty() && address->password.empty()) {
        complain(limits.store, std::string{store::kNoPassword}, problems);
    }
}

}   // namespace

rules::Configuration read_configuration(std::string const& path, config::Diagnostics& problems)
{
    auto configuration = rules::read_configuration(path, problems);
    check_limits(configuration.settings.limits, problems);
    configuration.warnings = problems.text();
    return configuration;
}

base::Result<rules::Configuration> read_configuration(std::string const& path)
{
    config::Diagnostics problems;
    auto configuration = read_configuration(path, problems);
    if (problems.has_errors()) return base::fail(problems.text(), base::ErrorKind::Configuration);
    return configuration;
}

}   // namespace mailcore::gate
