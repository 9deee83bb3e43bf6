#include "vault-sync/vault/kv.hpp"

#include <algorithm>
#include <charconv>

#include "core/base/text.hpp"
#include "vault-sync/vault/transport.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr std::size_t kMostMounts = 6;

std::string_view without_slashes(std::string_view path)
{
    while (path.starts_with('/')) path.remove_prefix(1);
    while (path.ends_with('/')) path.remove_suffix(1);
    return path;
}

void take_fields(SecretRecord& record, JsonNode fields)
{
    fields.each_member([&](std::string_view name, JsonNode value) {
        if (auto text = value.scalar()) record.fields.insert_or_assign(std::string{name}, std::move(*text));
    });
}

void take_metadata(SecretRecord& record, JsonNode metadata)
{
    record.version = static_cast<std::uint64_t>(std::max<std::int64_t>(metadata.at("version").number().value_or(0), 0));
    record.created = base::parse_time(metadata.at("created_time").text());
    metadata.at("custom_metadata").each_member([&](std::string_view name, JsonNode value) {
        if (value.is_text()) record.custom_metadata.insert_or_assign(std::string{name}, std::string{value.text()});
    });
}

std::string why_deleted(std::string const& path, JsonNode metadata)
{
    auto const version = std::to_string(metadata.at("version").number().value_or(0));
    if (metadata.at("destroyed").boolean() == true)
        return path + ": version " + version + " was destroyed; write a new one";
    auto const time = metadata.at("deletion_time").text();
    auto const when = time.empty() ? "" : " at " + base::printable(time.substr(0, 40));
    return path + ": version " + version + " was deleted" + when +
           "; undelete it (vault kv undelete -versions=" + version + ") or write a new one";
}

}   // namespace

base::Result<std::string> clean_path(std::string_view written)
{
    auto const path = without_slashes(written);
    auto const refuse = [&] {
        return base::fail("\"" + base::printable(written) +
                          "\" is no path of a secret; write it as in secret/keybuzz/smtp");
    };
    for (auto const part : base::split(path, '/')) {
        if (part.empty() || part == "." || part == "..") return refuse();
    }
    bool const control =
        std::any_of(path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    if (path.empty() || control) return refuse();
    return std::string{path};
}

bool lies_below(std::string_view path, std::string_view mount)
{
    return !mount.empty() && path.size() > mount.size() && path.starts_with(mount) && path[mount.size()] == '/';
}

std::string fitting_mount(std::string_view path, std::string_view named)
{
    named = without_slashes(named);
    while (!named.empty() && !lies_below(path, named)) {
        auto const slash = named.find('/');
        named = slash == std::string_view::npos ? std::string_view{} : named.substr(slash + 1);
    }
    return std::string{named};
}

std::string read_path(std::string_view path, Mount const& mount)
{
    if (mount.version != KvVersion::Two || !lies_below(path, mount.path)) return std::string{path};
    auto rest = path.substr(mount.path.size() + 1);
    if (lies_below(rest, "data")) rest.remove_prefix(5);
    return mount.path + "/data/" + std::string{rest};
}

std::vector<Mount> possible_mounts(std::string_view path, Mount const& known)
{
    std::vector<Mount> mounts;
    if (known.version != KvVersion::One) {
        for (auto slash = path.find('/'); slash != std::string_view::npos && mounts.size() < kMostMounts;
             slash = path.find('/', slash + 1)) {
            auto const mount = path.substr(0, slash);
            if (known.path.empty() || mount == known.path) mounts.push_back({std::string{mount}, KvVersion::Two});
        }
    }
    if (known.version != KvVersion::Two) mounts.push_back({known.path, KvVersion::One});
    return mounts;
}

VaultResult<SecretRecord> read_record(std::string const& path, JsonNode data)
{
    SecretRecord record;
    record.source = Source::Vault;
    record.path = path;
    auto const metadata = data.at("metadata");
    // KV 2's form tells itself; a KV 1 secret with such fields would have no number there.
    if (metadata.at("version").number()) {
        if (data.at("data").is_null()) return fail(VaultFailure::Deleted, why_deleted(path, metadata));
        if (!data.at("data").is_object()) return fail(VaultFailure::Malformed, path + ": the answer holds no secret");
        take_fields(record, data.at("data"));
        take_metadata(record, metadata);
        return record;
    }
    if (!data.is_object()) return fail(VaultFailure::Malformed, path + ": the answer holds no secret");
    take_fields(record, data);
    return record;
}

}   // namespace mailcore::vault_sync
