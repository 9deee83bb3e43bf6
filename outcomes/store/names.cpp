#include "outcomes/store/names.hpp"

namespace mailcore::outcomes {

Names::Names(Database& database)
    : find_number_{database, "SELECT id FROM names WHERE name = ?"},
      find_name_{database, "SELECT name FROM names WHERE id = ?"},
      insert_{database, "INSERT INTO names (name) VALUES (?) RETURNING id"}
{
    forget();
}

std::int64_t Names::number_of(std::string_view name)
{
    if (auto const found = numbers_.find(name); found != numbers_.end()) return found->second;
    auto const number = read(name);
    remember(number, name);
    return number;
}

std::int64_t Names::read(std::string_view name)
{
    Use find{find_number_};
    if (find->bind(name).step()) return find->number(0);
    Use insert{insert_};
    insert->bind(name).step();
    auto const number = insert->number(0);
    while (insert->step()) {   // the row is inserted when the statement is done
    }
    return number;
}

std::string const& Names::name_of(std::int64_t number)
{
    if (auto const found = names_.find(number); found != names_.end()) return found->second;
    Use find{find_name_};
    std::string const name = find->bind(number).step() ? find->string(0) : std::string{};
    remember(number, name);
    return names_.find(number)->second;
}

void Names::forget()
{
    numbers_.clear();
    names_.clear();
    remember(0, "");
}

void Names::remember(std::int64_t number, std::string_view name)
{
    numbers_.emplace(name, number);
    names_.emplace(number, name);
}

}   // namespace mailcore::outcomes
