#include "vault-sync/source/environment.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <unistd.h>
#include <utility>

#include "core/base/text.hpp"

namespace mailcore::vault_sync {
namespace {

std::string_view variable(char const* name)
{
    char const* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

struct Field {
    char const* variable;
    char const* name;
};
constexpr std::array kOpenFields{Field{"SMTP_HOST", "host"}, Field{"SMTP_PORT", "port"},
                                 Field{"SMTP_USE_TLS", "use_tls"}, Field{"SMTP_DEFAULT_FROM", "from"}};
// Of the two names of the user the first that is set counts.
constexpr std::array kLoginFields{Field{"SMTP_PASSWORD", "password"}, Field{"SMTP_USER", "user"},
                                  Field{"SMTP_USERNAME", "user"}};

}   // namespace

std::optional<base::Secret> take_variable(std::string const& name)
{
    std::optional<base::Secret> taken;
    auto const prefix = name + "=";
    // A block may name a variable twice; getenv() tells the first, /proc shows both.
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        if (std::strncmp(*entry, prefix.c_str(), prefix.size()) != 0) continue;
        char* const value = *entry + prefix.size();
        if (!taken) taken.emplace(std::string_view{value});
        ::explicit_bzero(value, std::strlen(value));
    }
    ::unsetenv(name.c_str());
    return taken;
}

std::string forbidden_in_production()
{
    for (auto const& field : kLoginFields) {
        if (!variable(field.variable).empty()) return field.variable;
    }
    return "";
}

std::optional<SecretRecord> take_environment_record()
{
    SecretRecord record;
    record.source = Source::Environment;
    record.path = "environment";
    for (auto const& field : kLoginFields) {
        auto value = take_variable(field.variable);
        if (value && !value->empty()) record.fields.try_emplace(field.name, std::move(*value));
    }
    for (auto const& field : kOpenFields) {
        auto const value = variable(field.variable);
        if (!value.empty()) record.fields.emplace(field.name, base::Secret{value});
    }
    if (!record.fields.contains("host")) return std::nullopt;
    return record;
}

bool smtp_use_vault()
{
    auto const word = base::lower(base::trim(variable("SMTP_USE_VAULT")));
    return word != "false" && word != "no" && word != "off" && word != "0";
}

std::optional<std::string> smtp_vault_path()
{
    auto const path = base::trim(variable("SMTP_VAULT_PATH"));
    if (path.empty()) return std::nullopt;
    return std::string{path};
}

}   // namespace mailcore::vault_sync
