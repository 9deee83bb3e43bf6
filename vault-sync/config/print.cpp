#include "core/config/print.hpp"

#include "core/config/reference.hpp"
#include "vault-sync/config/load.hpp"
#include "vault-sync/config/settings_fields.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr std::string_view kReferenceStart = R"(# vault-sync.yaml: every key

This page is printed by the program from the rows that also read the file; a test compares the two.
Check a file with `vault-sync --check`: it names every mistake with file, line and column.

)";

}   // namespace

std::string print_settings(Settings const& settings)
{
    std::string out;
    config::print_block(out, settings, "");
    return out;
}

std::string settings_reference()
{
    auto const start = std::string{kReferenceStart} + std::string{config::kHowValuesAreWritten};
    return config::reference_page(start, config::describe<Settings>());
}

std::string settings_man_keys() { return config::man_keys(config::describe<Settings>()); }

}   // namespace mailcore::vault_sync
