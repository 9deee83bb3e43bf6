// A secret as Vault, an agent's file or an operator may hold it: made a relay, or refused in one printable line that does
// not show the password; and what is rendered of it has one line a relay.
#include <algorithm>

#include "core/base/text.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "vault-sync/maps/render.hpp"
#include "vault-sync/relay/credentials.hpp"
#include "vault-sync/source/file.hpp"
#include "vault-sync/vault/secret_json.hpp"

namespace {

using namespace mailcore;
using namespace mailcore::vault_sync;
using fuzz::require;

// Every node is visited; texts lie where they were given.
void walk(JsonNode node, int depth)
{
    if (depth > 64) return;
    static_cast<void>(node.scalar());
    static_cast<void>(node.number());
    node.each_member([&](std::string_view, JsonNode value) { walk(value, depth + 1); });
    if (node.is_object()) return;
    for (std::size_t i = 0; i < node.size(); ++i) walk(node.item(i), depth + 1);
}

RelaySettings settings_of(std::string const& kind)
{
    RelaySettings settings;
    settings.name = config::Located<std::string>{"primary"};
    settings.kind = kind;
    settings.plaintext = "allow";
    return settings;
}

// One line without control characters, those of 8-bit terminals (U+0080 to U+009F) included.
bool is_one_safe_line(std::string_view words)
{
    for (std::size_t i = 0; i < words.size(); ++i) {
        auto const byte = static_cast<unsigned char>(words[i]);
        auto const next = i + 1 < words.size() ? static_cast<unsigned char>(words[i + 1]) : 0u;
        if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next >= 0x80 && next < 0xa0)) return false;
    }
    return true;
}

// A password that could stand in a complaint by chance is none to look for.
bool is_telling(std::string_view password) { return password.size() >= 12; }

void check_refusal(std::string const& words, SecretRecord const& record)
{
    require(is_one_safe_line(words), "a complaint is one line without control characters", words);
    auto const password = record.fields.find("password");
    if (password == record.fields.end() || !is_telling(password->second.reveal())) return;
    require(words.find(password->second.reveal()) == std::string::npos, "a complaint does not show the password", words);
}

void check_relay(Relay const& relay)
{
    std::vector<Relay> relays;
    relays.push_back(relay.copy());
    Routing routing;
    routing.active = relay.name;
    auto const texts = render(relays, routing);
    if (!texts) return;
    require(texts->sasl_passwd.size() == (relay.has_login() ? 1u : 0u), "one line for a login", relay.nexthop());
    for (auto const* lines : {&texts->sasl_passwd, &texts->tls_policy}) {
        auto const file = map_file(*lines);
        auto const text = file.reveal();
        auto const ends = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
        require(ends == lines->size(), "one line for each key", relay.nexthop());
    }
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const text = fuzz::text_of(data, size);
    if (auto const json = SecretJson::parse(base::Secret{text})) walk(json->root(), 0);
    auto const record = parse_record("/vault/secrets/smtp", base::Secret{text});
    if (!record) {
        require(is_one_safe_line(record.error().message), "a complaint is one line without control characters", record.error().message);
        return 0;
    }
    for (auto const* kind : {"smtp", "ses"}) {
        auto const made = make_relay(settings_of(kind), *record);
        if (made) check_relay(made->relay);
        else check_refusal(made.error().message, *record);
    }
    return 0;
}
