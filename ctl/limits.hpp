// What people read of the limits' counters.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/clock.hpp"

namespace mailcore::ctl {

struct Table {
    std::vector<std::string> head;
    std::vector<std::vector<std::string>> rows;
};

// Of a desk's answer to "limits" (core/gate/limit_desk.hpp). What is counted apart by sender, login or client stands with the
// fullest first; without a tenant named in the question such limits have not been looked into, and their row says so.
enum class Asked { OneTenant, AllTenants };
Table limits_table(nlohmann::json const& limits, Asked asked, base::Time now);   // pure

}   // namespace mailcore::ctl
