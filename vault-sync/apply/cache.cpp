#include "vault-sync/apply/cache.hpp"

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "core/crypto/hmac.hpp"
#include "core/crypto/seal.hpp"
#include "vault-sync/apply/files.hpp"
#include "vault-sync/apply/state.hpp"
#include "vault-sync/vault/secret_json.hpp"

namespace mailcore::vault_sync {
namespace {

using nlohmann::json;

constexpr std::size_t kKeyBytes = 32;
constexpr std::chrono::hours kRenewAfter{24};

// The machine's own name for itself; without one, its host name.
std::string host_id()
{
    auto const machine = read_small_file("/etc/machine-id");
    if (machine && *machine && !base::trim((*machine)->reveal()).empty()) return std::string{base::trim((*machine)->reveal())};
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// What a sealed record belongs to.
std::string bound_to(std::string const& address, std::string const& path, std::string const& version, std::string const& saved)
{
    return "mailcore cache 1\n" + host_id() + '\n' + address + '\n' + path + '\n' + version + '\n' + saved + '\n';
}

base::Secret record_text(SecretRecord const& record)
{
    base::Secret text{R"({"created":)"};
    append_json_string(text, record.created ? base::format_time(*record.created) : "");
    text.append(R"(,"custom_metadata":{)");
    bool first = true;
    for (auto const& [name, value] : record.custom_metadata) {
        if (!std::exchange(first, false)) text.append(",");
        append_json_string(text, name);
        text.append(":");
        append_json_string(text, value);
    }
    text.append(R"(},"fields":{)");
    first = true;
    for (auto const& [name, value] : record.fields) {
        if (!std::exchange(first, false)) text.append(",");
        append_json_string(text, name);
        text.append(":");
        append_json_string(text, value.reveal());
    }
    text.append("}}");
    return text;
}

base::Result<SecretRecord> record_from(base::Secret text)
{
    auto const parsed = SecretJson::parse(std::move(text));
    if (!parsed) return base::fail("holds no record");
    SecretRecord record;
    record.created = base::parse_time(parsed->at("created").text());
    parsed->at("custom_metadata").each_member([&](std::string_view name, JsonNode value) {
        record.custom_metadata.emplace(name, value.text());
    });
    parsed->at("fields").each_member([&](std::string_view name, JsonNode value) {
        record.fields.emplace(name, base::Secret{value.text()});
    });
    return record;
}

bool is_ours(json const& document)
{
    if (!document.is_object() || !document.contains("format") || document["format"] != 1) return false;
    return document.contains("records") && document["records"].is_object();
}

// The file as JSON; an object without records where there is no file.
base::Result<json> read_document(std::string const& file)
{
    auto const text = read_small_file(file);
    if (!text) return base::fail(text.error());
    if (!*text) return json{{"format", 1}, {"records", json::object()}};
    auto document = json::parse((*text)->reveal(), nullptr, false);
    if (!is_ours(document)) return base::fail(file + " is no cache that vault-sync wrote; remove it");
    return document;
}

// Nothing, or the beginning of what we write: a file that was cut short may be replaced, somebody else's may not.
bool may_be_replaced(std::string const& file)
{
    constexpr std::string_view kBeginning = "{\n \"format\": 1,";
    auto const text = read_small_file(file);
    if (!text || !*text) return false;
    auto const written = (*text)->reveal();
    return written.starts_with(kBeginning) || kBeginning.starts_with(written);
}

base::Result<> write_document(std::string const& file, json const& document)
{
    if (auto made = make_private_directory(std::filesystem::path{file}.parent_path()); !made) return made;
    return replace_file(file, document.dump(1) + "\n");
}

std::string text_at(json const& object, char const* key)
{
    auto const found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}   // namespace

Cache::Cache(CacheSettings settings, std::string address, Transit transit)
    : settings_{std::move(settings)}, address_{std::move(address)}, transit_{std::move(transit)}
{
}

base::Result<base::Secret> Cache::read_key() const
{
    std::string_view const where = settings_.key;
    std::string path{where.starts_with("file:") ? where.substr(5) : ""};
    std::string cure = "make one: (umask 077; openssl rand -base64 32 > " + path + ")";
    if (where.starts_with("credential:")) {
        char const* const directory = std::getenv("CREDENTIALS_DIRECTORY");
        if (directory == nullptr) return base::fail("cache.key: there are no systemd credentials here (CREDENTIALS_DIRECTORY is not set); add LoadCredentialEncrypted= to the unit");
        path = std::string{directory} + '/' + std::string{where.substr(11)};
        cure = "add LoadCredentialEncrypted=" + std::string{where.substr(11)} + " to the unit";
    }
    auto text = read_private_file(path);
    if (!text) return base::fail("cache.key: " + text.error().message);
    if (!*text) return base::fail("cache.key: there is no " + path + "; " + cure);
    auto bytes = crypto::from_base64(base::trim((*text)->reveal()));
    if (!bytes || bytes->size() != kKeyBytes) return base::fail("cache.key: " + path + " does not hold 32 bytes in base64; " + cure);
    return base::Secret{std::move(*bytes)};
}

base::Result<base::Secret const*> Cache::key()
{
    if (!key_.empty()) return &key_;
    if (!settings_.key.starts_with("transit:")) {
        auto key = read_key();
        if (!key) return base::fail(key.error());
        key_ = std::move(*key);
        return &key_;
    }
    if (!transit_.wrap) return base::fail("cache.key: the transit engine cannot be asked, since there is no Vault");
    auto const document = read_document(settings_.file);
    if (!document) return base::fail(document.error());
    wrapped_key_ = text_at(*document, "wrapped_key");
    if (!wrapped_key_.empty()) {
        auto key = transit_.unwrap(wrapped_key_);
        if (!key) return base::fail("cache.key: " + key.error().message);
        if (key->size() != kKeyBytes) return base::fail("cache.key: " + settings_.file + " holds a wrapped key of another kind; remove that file");
        key_ = std::move(*key);
        return &key_;
    }
    base::Secret made{crypto::random_bytes(kKeyBytes)};
    auto wrapped = transit_.wrap(made);
    if (!wrapped) return base::fail("cache.key: " + wrapped.error().message);
    wrapped_key_ = *wrapped;
    key_ = std::move(made);
    return &key_;
}

base::Result<std::optional<SecretRecord>> Cache::load(std::string const& path, base::Time now)
{
    if (!is_on()) return std::optional<SecretRecord>{};
    auto const document = read_document(settings_.file);
    if (!document) return base::fail(document.error());
    auto const& records = (*document)["records"];
    auto const found = records.find(path);
    if (found == records.end() || !found->is_object()) return std::optional<SecretRecord>{};

    auto const saved = base::parse_time(text_at(*found, "saved"));
    auto const about = "the cache's record of " + path;
    if (!saved) return base::fail(about + " in " + settings_.file + " is no record that vault-sync wrote; remove that file");
    auto const key = this->key();
    if (!key) return base::fail(key.error());
    auto const sealed = crypto::from_base64(text_at(*found, "sealed"));
    auto const version = text_at(*found, "version");
    auto opened = sealed ? crypto::unseal(**key, *sealed, bound_to(address_, path, version, text_at(*found, "saved")))
                         : base::Result<base::Secret>{base::fail("is no base64")};
    if (!opened) {
        return base::fail(about + " in " + settings_.file + " is refused: it was tampered with, or belongs to another host, address, path or key");
    }
    if (now - *saved > settings_.max_age) {
        return base::fail(about + " is from " + text_at(*found, "saved") + ", older than cache.max_age (" +
                          base::format_duration(settings_.max_age) + ")");
    }
    auto record = record_from(std::move(*opened));
    if (!record) return base::fail(about + ' ' + record.error().message);
    record->source = Source::Cache;
    record->path = path;
    record->version = version.empty() ? 0 : std::strtoull(version.c_str(), nullptr, 10);
    return std::optional{std::move(*record)};
}

base::Result<> Cache::save(std::map<std::string, SecretRecord const*> const& records, base::Time now)
{
    if (!is_on() || records.empty()) return {};
    auto const key = this->key();
    if (!key) return base::fail(key.error());
    auto read = read_document(settings_.file);
    if (!read && !may_be_replaced(settings_.file)) return base::fail(read.error());
    auto document = read ? std::move(*read) : json{{"format", 1}, {"records", json::object()}};
    bool changed = false;
    for (auto const& [path, record] : records) {
        auto const former = load(path, now);
        auto const saved = base::parse_time(text_at(document["records"].value(path, json::object()), "saved"));
        bool const same = former && *former && (*former)->version == record->version &&
                          record_text(**former) == record_text(*record) && saved && now - *saved < kRenewAfter;
        if (same) continue;
        auto const version = std::to_string(record->version);
        auto const time = base::format_time(now);
        auto const sealed = crypto::seal(**key, record_text(*record).reveal(), bound_to(address_, path, version, time));
        if (!sealed) return base::fail("cannot seal the cache: " + sealed.error().message);
        document["records"][path] = {{"version", version}, {"saved", time}, {"sealed", crypto::base64(*sealed)}};
        changed = true;
    }
    if (!changed) return {};
    if (!wrapped_key_.empty()) document["wrapped_key"] = wrapped_key_;
    return write_document(settings_.file, document);
}

std::optional<base::Secret> Cache::recall_secret_id(std::string const& token_hash)
{
    if (!is_on() || settings_.key.starts_with("transit:")) return std::nullopt;   // transit would need the login first
    auto const text = read_small_file(settings_.file + ".secret-id");
    auto const key = this->key();
    if (!text || !*text || !key) return std::nullopt;
    auto const document = json::parse((*text)->reveal(), nullptr, false);
    if (!document.is_object()) return std::nullopt;
    // An empty file in place of the token means: the one kept last.
    auto const kept_hash = text_at(document, "token_hash");
    if (!token_hash.empty() && kept_hash != token_hash) return std::nullopt;
    auto const sealed = crypto::from_base64(text_at(document, "sealed"));
    if (!sealed) return std::nullopt;
    auto opened = crypto::unseal(**key, *sealed, bound_to(address_, "secret-id", kept_hash, ""));
    if (!opened) return std::nullopt;
    return std::move(*opened);
}

base::Result<> Cache::keep_secret_id(std::string const& token_hash, base::Secret const& secret_id)
{
    if (!is_on()) return base::fail("there is no cache to keep it in (cache.file is empty)");
    if (settings_.key.starts_with("transit:")) return base::fail("a cache whose key is in transit cannot be read before the login");
    auto const key = this->key();
    if (!key) return base::fail(key.error());
    auto const sealed = crypto::seal(**key, secret_id.reveal(), bound_to(address_, "secret-id", token_hash, ""));
    if (!sealed) return base::fail(sealed.error());
    return write_document(settings_.file + ".secret-id", {{"token_hash", token_hash}, {"sealed", crypto::base64(*sealed)}});
}

}   // namespace mailcore::vault_sync
