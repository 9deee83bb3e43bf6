#include "vault-sync/config/load.hpp"

#include "core/config/include.hpp"
#include "core/config/read.hpp"
#include "vault-sync/config/check_sections.hpp"
#include "vault-sync/config/check_together.hpp"
#include "vault-sync/config/settings_fields.hpp"

namespace mailcore::vault_sync {
namespace {

Settings read_settings(config::Document const& document, config::Diagnostics& problems)
{
    auto settings = config::read_document<Settings>(document, problems);
    for (auto& relay : settings.relays) {
        if (relay.preset == "ses") relay.kind = "ses";
    }
    check_together(settings, document, problems);
    return settings;
}

}   // namespace

Settings load_settings(std::string const& path, config::Diagnostics& problems)
{
    auto const document = config::open_document(path, problems);
    return document ? read_settings(*document, problems) : Settings{};
}

Settings load_settings_text(std::string const& name, std::string_view text, config::Diagnostics& problems)
{
    return read_settings(config::open_text(name, text, problems), problems);
}

RelaySettings const* Settings::relay(std::string_view name) const
{
    for (auto const& each : relays) {
        if (each.name.value == name) return &each;
    }
    return nullptr;
}

}   // namespace mailcore::vault_sync
