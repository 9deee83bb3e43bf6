// Secrets as people store them, for the tests of make_relay().
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "vault-sync/relay/credentials.hpp"

namespace mailcore::vault_sync {

using Fields = std::vector<std::pair<char const*, std::string>>;

inline SecretRecord record_of(Fields const& fields, Source source = Source::Vault)
{
    SecretRecord record;
    record.source = source;
    record.path = source == Source::Environment ? "environment" : "secret/keybuzz/smtp";
    for (auto const& [name, value] : fields) record.fields.emplace(name, base::Secret{std::string_view{value}});
    return record;
}

inline RelaySettings relay_settings(std::string const& name = "primary")
{
    RelaySettings settings;
    settings.name = {name};
    settings.secret = "secret/keybuzz/smtp";
    return settings;
}

inline RelaySettings ses_settings()
{
    auto settings = relay_settings("ses");
    settings.kind = "ses";
    return settings;
}

inline Relay made(RelaySettings const& settings, Fields const& fields)
{
    auto result = make_relay(settings, record_of(fields));
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? std::move(result->relay) : Relay{};
}

// The words behind "relay NAME (path): ".
inline std::string refusal(RelaySettings const& settings, Fields const& fields)
{
    auto const result = make_relay(settings, record_of(fields));
    if (result) return "taken";
    auto const start = "relay " + settings.name.value + " (secret/keybuzz/smtp): ";
    EXPECT_TRUE(result.error().message.starts_with(start)) << result.error().message;
    return result.error().message.substr(start.size());
}

// All warnings, each behind the same words, one a line.
inline std::string warnings(RelaySettings const& settings, Fields const& fields)
{
    auto const result = make_relay(settings, record_of(fields));
    if (!result) return "refused: " + result.error().message;
    auto const start = "relay " + settings.name.value + " (secret/keybuzz/smtp): ";
    std::string all;
    for (auto const& warning : result->warnings) {
        EXPECT_TRUE(warning.starts_with(start)) << warning;
        all += warning.substr(start.size()) + '\n';
    }
    return all;
}

}   // namespace mailcore::vault_sync
