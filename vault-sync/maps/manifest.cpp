#include "vault-sync/maps/manifest.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/observe/decision_line.hpp"

namespace mailcore::vault_sync {
namespace {

using Json = nlohmann::ordered_json;

Json written(Relay const& relay)
{
    return {{"name", relay.name},
            {"kind", relay.kind},
            {"host", relay.host},
            {"port", relay.port},
            {"tls", word(relay.tls)},
            {"ca_file", relay.ca_file},
            {"fingerprints", relay.fingerprints},
            {"login", relay.has_login()},
            {"from", relay.from},
            {"helo", relay.helo},
            {"timeout_ms", relay.timeout.count()},
            {"source", word(relay.source)},
            {"path", relay.path},
            {"version", relay.version}};
}

// The value of an enumeration by its word; throws as Json does on what is none.
template <class Enum, std::size_t Count>
Enum by_word(Json const& text, std::array<Enum, Count> const& values)
{
    auto const wanted = text.get<std::string>();
    for (auto const value : values) {
        if (word(value) == wanted) return value;
    }
    throw std::invalid_argument{"\"" + wanted + "\" is unknown"};
}

base::Time read_time(std::string const& text)
{
    auto const time = base::parse_time(text);
    if (!time) throw std::invalid_argument{"\"" + text + "\" is no time"};
    return *time;
}

Relay read_relay(Json const& json)
{
    Relay relay;
    json.at("name").get_to(relay.name);
    json.at("kind").get_to(relay.kind);
    json.at("host").get_to(relay.host);
    json.at("port").get_to(relay.port);
    relay.tls = by_word(json.at("tls"), std::array{Tls::None, Tls::StartTls, Tls::Wrapper});
    json.at("ca_file").get_to(relay.ca_file);
    json.at("fingerprints").get_to(relay.fingerprints);
    json.at("from").get_to(relay.from);
    json.at("helo").get_to(relay.helo);
    relay.timeout = std::chrono::milliseconds{json.at("timeout_ms").get<std::int64_t>()};
    relay.source =
        by_word(json.at("source"), std::array{Source::Vault, Source::File, Source::Environment, Source::Cache});
    json.at("path").get_to(relay.path);
    json.at("version").get_to(relay.version);
    return relay;
}

Manifest read_all(Json const& json)
{
    Manifest manifest;
    auto& generation = manifest.generation;
    json.at("number").get_to(generation.number);
    generation.created = read_time(json.at("created").get<std::string>());
    json.at("map_type").get_to(generation.map_type);
    auto const& routing = json.at("routing");
    routing.at("active").get_to(generation.routing.active);
    routing.at("fallback").get_to(generation.routing.fallback);
    routing.at("routes").get_to(generation.routing.routes);
    routing.at("transports").get_to(generation.routing.transports);
    for (auto const& relay : json.at("relays")) {
        generation.relays.push_back(read_relay(relay));
        if (relay.at("login").get<bool>()) manifest.logins.push_back(generation.relays.back().name);
    }
    json.at("carried").get_to(generation.carried);
    return manifest;
}

}   // namespace

std::string write_manifest(Generation const& generation, std::vector<std::string> const& carried,
                           std::string const& map_type)
{
    std::string created;
    observe::append_time(created, generation.created);
    auto relays = Json::array();
    for (auto const& relay : generation.relays) relays.push_back(written(relay));
    auto const& routing = generation.routing;
    Json const json{{"number", generation.number},
                    {"created", created},
                    {"map_type", map_type},
                    {"routing",
                     {{"active", routing.active},
                      {"fallback", routing.fallback},
                      {"routes", routing.routes},
                      {"transports", routing.transports}}},
                    {"relays", relays},
                    {"carried", carried}};
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

base::Result<Manifest> read_manifest(std::string_view text)
{
    try {
        return read_all(Json::parse(text));
    } catch (std::exception const& problem) {
        return base::fail(problem.what());
    }
}

}   // namespace mailcore::vault_sync
