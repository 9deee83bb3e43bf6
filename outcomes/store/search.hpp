// Outcomes by what an operator knows of them. Each question is answered from one index that is chosen here, not by
// SQLite's guess: the answer to the first million messages is then the answer to the hundredth.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "outcomes/store/database.hpp"
#include "outcomes/store/outcome_store.hpp"

namespace mailcore::outcomes {

// The statement for a query, and its values in their order.
struct SearchText {
    std::string sql;
    std::vector<std::variant<std::int64_t, std::string>> values;
};
SearchText search_text(Database& database, Query const& query);

Found search(Database& database, Query const& query);   // inside one read transaction

std::vector<OpenCount> open_recipients(Database& database, std::size_t most);

}   // namespace mailcore::outcomes
