#include "vault-sync/relay/fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/text.hpp"
#include "core/config/encoding.hpp"
#include "core/config/diagnostics.hpp"

namespace mailcore::vault_sync {
namespace {

using base::fail;
using base::Result;

// The names of one field; the first is the one we recommend.
using Names = std::span<std::string_view const>;
constexpr std::array<std::string_view, 1> kHost{"host"};
constexpr std::array<std::string_view, 1> kPort{"port"};
constexpr std::array<std::string_view, 2> kUser{"user", "username"};
constexpr std::array<std::string_view, 1> kPassword{"password"};
constexpr std::array<std::string_view, 2> kFrom{"from", "default_from"};
constexpr std::array<std::string_view, 3> kUseTls{"use_tls", "tls", "starttls"};
constexpr std::array<std::string_view, 2> kUseSsl{"use_ssl", "ssl"};
constexpr std::array<std::string_view, 2> kAccessKey{"access_key", "access_key_id"};
constexpr std::array<std::string_view, 2> kSecretKey{"secret_key", "secret_access_key"};
constexpr std::array<std::string_view, 1> kRegion{"region"};

std::string named(std::string_view name) { return "the field `" + std::string{name} + '`'; }

// <AWS_SECRET_KEY>, as documents write it.
bool is_blank_of_a_form(std::string_view text)
{
    return text.size() > 2 && text.front() == '<' && text.back() == '>' &&
           std::all_of(text.begin() + 1, text.end() - 1, [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
}

// What templates leave behind when they find nothing. hashicorp/vault#18433, hashicorp/consul-template#972
std::string_view placeholder_in(std::string_view text)
{
    if (text == "<no value>" || text == "<nil>") return text;
    if (text.starts_with("map[")) return "map[";
    if (text.starts_with("{{")) return "{{";
    return is_blank_of_a_form(text) ? "<…>" : "";
}

Result<> check_text(std::string_view name, std::string_view text)
{
    if (auto const mark = placeholder_in(text); !mark.empty()) {
        return fail(named(name) + " holds a placeholder (" + std::string{mark} + ") instead of a value");
    }
    if (base::find_not_utf8(text) != std::string_view::npos) return fail(named(name) + " is not UTF-8; Postfix drops such a line");
    if (config::find_control(text) != std::string_view::npos) {
        return fail(named(name) + " holds a control character, perhaps a newline at its end; store it without");
    }
    return {};
}

// The field under whichever of its names; null where there is none.
Result<base::Secret const*> find(SecretFields const& fields, Names names)
{
    base::Secret const* found = nullptr;
    std::string_view found_as;
    for (auto const name : names) {
        auto const field = fields.find(name);
        if (field == fields.end()) continue;
        if (auto const good = check_text(name, field->second.reveal()); !good) return tl::unexpected{good.error()};
        if (found && !(*found == field->second)) {
            return fail("the fields `" + std::string{found_as} + "` and `" + std::string{name} +
                        "` are two names of one thing and differ; remove one of them");
        }
        found = &field->second;
        found_as = name;
    }
    return found;
}

Result<> read(SecretFields const& fields, Names names, std::optional<std::string>& out)
{
    auto const field = find(fields, names);
    if (!field) return tl::unexpected{field.error()};
    if (*field) out = std::string{(*field)->reveal()};
    return {};
}

Result<> read(SecretFields const& fields, Names names, base::Secret const*& out)
{
    return find(fields, names).map([&](base::Secret const* field) { out = field; });
}

Result<> read(SecretFields const& fields, Names names, std::optional<std::uint16_t>& out)
{
    auto const field = find(fields, names);
    if (!field) return tl::unexpected{field.error()};
    if (!*field || (*field)->empty()) return {};
    auto const text = (*field)->reveal();
    std::uint16_t port = 0;
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (failure != std::errc{} || end != text.data() + text.size() || port == 0) {
        return fail(named(names.front()) + " is no port; write a number from 1 to 65535");
    }
    out = port;
    return {};
}

std::optional<bool> as_boolean(std::string_view text)
{
    constexpr std::array<std::string_view, 3> yes{"true", "1", "yes"};
    constexpr std::array<std::string_view, 3> no{"false", "0", "no"};
    auto const is = [&](std::string_view word) { return base::equal_ignoring_case(text, word); };
    if (std::any_of(yes.begin(), yes.end(), is)) return true;
    if (std::any_of(no.begin(), no.end(), is)) return false;
    return std::nullopt;
}

// Here two names may spell one value differently: true and 1.
Result<> read(SecretFields const& fields, Names names, std::optional<bool>& out)
{
    std::string_view found_as;
    for (auto const name : names) {
        auto const field = fields.find(name);
        if (field == fields.end() || field->second.empty()) continue;
        if (auto good = check_text(name, field->second.reveal()); !good) return good;
        auto const value = as_boolean(field->second.reveal());
        if (!value) return fail(named(name) + " is neither true nor false");
        if (out && *out != *value) {
            return fail("the fields `" + std::string{found_as} + "` and `" + std::string{name} +
                        "` are two names of one thing and differ; remove one of them");
        }
        out = value;
        found_as = name;
    }
    return {};
}

bool has_blank_end(std::string_view text)
{
    auto const is_blank = [](char c) { return c == ' ' || c == '\t'; };
    return !text.empty() && (is_blank(text.front()) || is_blank(text.back()));
}

}   // namespace

Result<Credentials> read_credentials(SecretFields const& fields)
{
    Credentials read_so_far;
    Result<> good;
    auto const take = [&](Names names, auto& out) {
        if (good) good = read(fields, names, out);
    };
    take(kHost, read_so_far.host);
    take(kPort, read_so_far.port);
    take(kUser, read_so_far.user);
    take(kPassword, read_so_far.password);
    take(kFrom, read_so_far.from);
    take(kUseTls, read_so_far.use_tls);
    take(kUseSsl, read_so_far.use_ssl);
    take(kAccessKey, read_so_far.access_key);
    take(kSecretKey, read_so_far.secret_key);
    take(kRegion, read_so_far.region);
    if (!good) return tl::unexpected{good.error()};
    if (read_so_far.use_tls == true && read_so_far.use_ssl == true) {
        return fail(
            "`use_tls` and `use_ssl` are both true, but a connection has one kind of TLS: use_tls for STARTTLS (587), "
            "use_ssl for TLS from the first byte (465)");
    }
    return read_so_far;
}

std::string complaint_of_login(std::string_view user, base::Secret const& password)
{
    if (user.empty() && !password.empty())
        return "there is a password without a user; both empty would mean no authentication";
    if (!user.empty() && password.empty())
        return "there is a user without a password; both empty would mean no authentication";
    // Not shown: it may be user and password in one, or a token.
    if (user.find(':') != std::string_view::npos)
        return "the user holds a colon, where Postfix would take the password to begin";
    if (has_blank_end(user)) return "the user begins or ends with a blank, which Postfix would drop";
    if (has_blank_end(password.reveal())) return "the password begins or ends with a blank, which Postfix would drop";
    return "";
}

std::string names_text(SecretFields const& fields)
{
    std::vector<std::string> shown;
    for (auto const& [name, value] : fields) shown.push_back(config::shown(name, 40));
    std::vector<std::string_view> const views{shown.begin(), shown.end()};
    return views.empty() ? "it is empty" : "it has " + base::join(views, ", ");
}

}   // namespace mailcore::vault_sync
