#include <iostream>

#include "core/gate/configuration.hpp"
#include "ctl/commands.hpp"
#include "ctl/print.hpp"

namespace mailcore::ctl {
namespace {

nlohmann::json as_json(config::Diagnostics const& problems)
{
    auto list = nlohmann::json::array();
    for (auto const& problem : problems.all()) {
        list.push_back({{"severity", problem.severity == config::Severity::Error ? "error" : "warning"},
                        {"file", problem.position.file ? *problem.position.file : ""},
                        {"line", problem.position.line},
                        {"column", problem.position.column},
                        {"message", problem.message}});
    }
    return list;
}

}   // namespace

int check(Common const& common)
{
    config::Diagnostics problems;
    auto const configuration = gate::read_configuration(common.config, problems);
    bool const fine = !problems.has_errors();
    auto const tenants = configuration.ruleset->tenants.size();
    auto const rule_count = configuration.ruleset->rules.size();
    if (common.json) {
        print_json({{"ok", fine}, {"file", common.config}, {"tenants", tenants}, {"rules", rule_count},
                    {"problems", as_json(problems)}});
    } else {
        std::cerr << problems.text();
        if (fine) std::cout << common.config << ": fine (" << tenants << " tenants, " << rule_count << " rules)\n";
    }
    return fine ? 0 : 78;
}

}   // namespace mailcore::ctl
