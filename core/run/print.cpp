#include "core/run/print.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

namespace mailcore::run {
namespace {

bool is_colourful()
{
    char const* const refused = std::getenv("NO_COLOR");
    return ::isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0');
}

void print_row(std::vector<std::string> const& row, std::vector<std::size_t> const& widths)
{
    for (std::size_t i = 0; i < row.size(); ++i) {
        std::cout << row[i];
        if (i + 1 < row.size()) std::cout << std::string(widths[i] - row[i].size() + 2, ' ');
    }
    std::cout << '\n';
}

}   // namespace

void print_json(nlohmann::json const& document)
{
    std::cout << document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

void print_table(std::vector<std::string> const& head, std::vector<std::vector<std::string>> const& rows)
{
    std::vector<std::size_t> widths;
    for (auto const& cell : head) widths.push_back(cell.size());
    for (auto const& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    if (is_colourful()) std::cout << "\033[1m";
    print_row(head, widths);
    if (is_colourful()) std::cout << "\033[0m";
    for (auto const& row : rows) print_row(row, widths);
}

}   // namespace mailcore::run
