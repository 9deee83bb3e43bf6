#include "core/mail/stamp.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "core/crypto/hmac.hpp"
#include "core/mail/message.hpp"

namespace mailcore::mail {
namespace {

constexpr std::string_view kVersion = "1";

// The five values of a stamp, as written.
struct Stamp {
    std::string_view version;
    std::string_view key;
    std::string_view time;
    std::string_view queue_id;
    std::string_view signature;
};

std::string quoted(std::string_view text) { return "\"" + base::printable(text) + "\""; }

// A line end would let one field pass for two; NUL ends a text for C programs.
bool is_unambiguous(std::string_view field)
{
    return field.find_first_of(std::string_view{"\n\r\0", 3}) == std::string_view::npos;
}

bool is_printable(std::string_view text) { return std::all_of(text.begin(), text.end(), base::is_printable_ascii); }

base::Result<> check_fields(StampFields const& fields)
{
    if (fields.tenant.empty()) return base::fail("a stamp needs a tenant");
    if (!is_printable(fields.tenant)) return base::fail("the tenant is not printable ASCII");
    if (!is_printable(fields.ticket)) return base::fail("the ticket is not printable ASCII");
    if (!is_unambiguous(fields.sender)) return base::fail("the sender holds a line end or NUL");
    if (!is_unambiguous(fields.message_id)) return base::fail("the Message-ID holds a line end or NUL");
    return {};
}

base::Result<base::Secret const*> find_key(StampKeys const& keys, std::string_view id)
{
    auto const found = keys.keys.find(id);
    if (found == keys.keys.end()) return base::fail("key " + quoted(id) + " is not in the keys file");
    if (found->second.reveal().size() < kMinStampKey) {
        return base::fail("key " + quoted(id) + " has fewer than " + std::to_string(kMinStampKey) + " bytes");
    }
    return &found->second;
}

std::string signature_of(base::Secret const& key, Stamp const& stamp, StampFields const& fields)
{
    std::string text;
    for (auto const& field : {kVersion, stamp.key, stamp.time, stamp.queue_id, fields.tenant, fields.ticket,
                              fields.sender, fields.message_id}) {
        text += field;
        text += '\n';
    }
    auto const digest = crypto::hmac_sha256(key, text);
    return crypto::base64({reinterpret_cast<char const*>(digest.data()), digest.size()});
}

// Takes "name=" off a part.
base::Result<std::string_view> value_of(std::string_view part, std::string_view name)
{
    part = base::trim(part);
    if (part.size() <= name.size() || !part.starts_with(name) || part[name.size()] != '=') {
        return base::fail("the stamp is malformed: " + std::string{name} + "= is expected where it says " + quoted(part));
    }
    return part.substr(name.size() + 1);
}

base::Result<Stamp> parse_stamp(std::string_view line)
{
    constexpr std::array<std::string_view, 5> names{"v", "k", "t", "q", "s"};
    std::array<std::string_view, 5> values;
    auto const parts = base::split(line, ';');
    for (std::size_t i = 0; i < names.size(); ++i) {
        auto const value = value_of(i < parts.size() ? parts[i] : std::string_view{}, names[i]);
        if (!value) return base::fail(value.error());
        values[i] = *value;
        if (i == 0 && *value != kVersion) return base::fail("the stamp has version " + quoted(*value) + "; only 1 is known");
    }
    if (parts.size() > names.size()) return base::fail("the stamp is malformed: something follows s=");
    return Stamp{values[0], values[1], values[2], values[3], values[4]};
}

base::Result<std::chrono::seconds> time_of(Stamp const& stamp)
{
    std::int64_t seconds = 0;
    auto const* const end = stamp.time.data() + stamp.time.size();
    auto const [stop, failure] = std::from_chars(stamp.time.data(), end, seconds);
    bool const canonical = !stamp.time.starts_with('0') || stamp.time == "0";
    constexpr std::int64_t year_9999 = 253'402'300'799;
    if (failure != std::errc{} || stop != end || !canonical || seconds < 0 || seconds > year_9999) {
        return base::fail("the stamp is malformed: " + quoted(stamp.time) + " is not a time");
    }
    return std::chrono::seconds{seconds};
}

base::Result<> check_time(std::chrono::seconds signed_at, base::Time now, std::chrono::seconds max_age)
{
    auto const age = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()) - signed_at;
    if (age < -kStampClockSkew) return base::fail("the stamp is from the future");
    if (age > max_age) return base::fail("the stamp is older than " + base::format_duration(max_age));
    return {};
}

}   // namespace

std::string stamp_sender(std::string_view address)
{
    auto const at = address.rfind('@');
    if (at == std::string_view::npos) return std::string{address};
    return std::string{address.substr(0, at)} + base::lower(address.substr(at));
}

bool is_stamp_token(std::string_view id)
{
    return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
        return base::is_alnum(c) || c == '.' || c == '_' || c == '-';
    });
}

base::Result<std::string> sign_stamp(StampKeys const& keys, StampFields const& fields, base::Time now)
{
    auto const checked = check_fields(fields);
    if (!checked) return base::fail(checked.error());
    if (!is_stamp_token(fields.queue_id)) return base::fail("the queue id " + quoted(fields.queue_id) + " cannot be stamped");
    if (!is_stamp_token(keys.active)) return base::fail("the key id " + quoted(keys.active) + " cannot stand in a stamp");
    auto const key = find_key(keys, keys.active);
    if (!key) return base::fail(key.error());

    auto const time = std::to_string(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count());
    Stamp const stamp{kVersion, keys.active, time, fields.queue_id, {}};
    return "v=1; k=" + keys.active + "; t=" + time + "; q=" + std::string{fields.queue_id} +
           "; s=" + signature_of(**key, stamp, fields);
}

base::Result<> verify_stamp(StampKeys const& keys, std::string_view header_value, StampFields fields, base::Time now,
                            std::chrono::seconds max_age)
{
    auto const line = unfolded(header_value);
    auto const stamp = parse_stamp(line);
    if (!stamp) return base::fail(stamp.error());
    auto const signed_at = time_of(*stamp);
    if (!signed_at) return base::fail(signed_at.error());
    if (!is_stamp_token(stamp->queue_id)) return base::fail("the stamp is malformed: " + quoted(stamp->queue_id) + " is no queue id");
    auto const checked = check_fields(fields);
    if (!checked) return base::fail(checked.error());

    if (keys.keys.find(stamp->key) == keys.keys.end()) {
        return base::fail("signed with key " + quoted(stamp->key) + ", which the keys file does not hold");
    }
    auto const key = find_key(keys, stamp->key);
    if (!key) return base::fail(key.error());
    // The signature first: an age is worth telling only if the time is genuine.
    if (!crypto::equal_in_constant_time(signature_of(**key, *stamp, fields), stamp->signature)) {
        return base::fail("the signature does not fit: tenant, ticket, sender, queue id or Message-ID was altered");
    }
    return check_time(*signed_at, now, max_age);
}

}   // namespace mailcore::mail
