// The few texts that stand in many rows, as numbers: tenants, instances, providers. A cache of the table `names`.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/text.hpp"
#include "outcomes/store/database.hpp"

namespace mailcore::outcomes {

class Names {
public:
    explicit Names(Database& database);

    std::int64_t number_of(std::string_view name);   // made where it is new: inside a transaction only
    std::string const& name_of(std::int64_t number);
    void forget();                                   // after a rollback: what was made is gone

private:
    std::int64_t read(std::string_view name);
    void remember(std::int64_t number, std::string_view name);

    Statement find_number_;
    Statement find_name_;
    Statement insert_;
    std::unordered_map<std::string, std::int64_t, base::TextHash, std::equal_to<>> numbers_;
    std::unordered_map<std::int64_t, std::string> names_;
};

}   // namespace mailcore::outcomes
