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
    record.created = parse_time(metadata.at("created_time").text());
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

// Reads a number of exactly so many digits, and what must follow it.
class TimeReader {
public:
    explicit TimeReader(std::string_view text) : text_{text} {}
    int number(std::size_t digits)
    {
        int value = 0;
        auto const part = text_.substr(0, digits);
        auto const [end, failure] = std::from_chars(part.data(), part.data() + part.size(), value);
        if (part.size() != digits || failure != std::errc{} || end != part.data() + digits || part.front() == '-')
            return bad_ = true, 0;
        text_.remove_prefix(digits);
        return value;
    }
    void expect(char c)
    {
        if (!take(c)) bad_ = true;
    }
    bool take(char c)
    {
        if (text_.empty() || text_.front() != c) return false;
        text_.remove_prefix(1);
        return true;
    }
    std::chrono::microseconds fraction()
    {
        if (!take('.')) return {};
        auto const end = std::find_if(text_.begin(), text_.end(), [](char c) { return c < '0' || c > '9'; });
        auto const count = static_cast<std::size_t>(end - text_.begin());
        if (count == 0 || count > 9) return bad_ = true, std::chrono::microseconds{};
        std::int64_t micros = 0;
        for (std::size_t i = 0; i < 6; ++i) micros = micros * 10 + (i < count ? text_[i] - '0' : 0);
        text_.remove_prefix(count);
        return std::chrono::microseconds{micros};
    }
    std::chrono::minutes offset()
    {
        if (take('Z') || take('z')) return {};
        int const sign = take('-') ? -1 : 1;
        if (sign > 0) expect('+');
        auto const hours = number(2);
        expect(':');
        return sign * (std::chrono::hours{hours} + std::chrono::minutes{number(2)});
    }
    bool done() const { return !bad_ && text_.empty(); }

private:
    std::string_view text_;
    bool bad_ = false;
};

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

std::optional<base::Time> parse_time(std::string_view text)
{
    using namespace std::chrono;
    TimeReader reader{text};
    auto const year_number = reader.number(4);
    reader.expect('-');
    auto const month_number = reader.number(2);
    reader.expect('-');
    year_month_day const date{year{year_number}, month{static_cast<unsigned>(month_number)},
                              day{static_cast<unsigned>(reader.number(2))}};
    if (!reader.take('T') && !reader.take('t')) return std::nullopt;
    auto const hour = reader.number(2);
    reader.expect(':');
    auto const minute = reader.number(2);
    reader.expect(':');
    auto const second = reader.number(2);
    auto const fraction = reader.fraction();
    auto const offset = reader.offset();
    if (!reader.done() || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    return base::Time{sys_days{date} + hours{hour} + minutes{minute} + seconds{second} + fraction - offset};
}

}   // namespace mailcore::vault_sync
