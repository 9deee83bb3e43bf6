#include "core/rules/ruleset.hpp"

namespace mailcore::rules {

Tenant const* Ruleset::find_tenant(std::string_view name) const
{
    auto const found = tenant_by_name.find(name);
    return found == tenant_by_name.end() ? nullptr : &tenants[found->second];
}

}   // namespace mailcore::rules
