#include <algorithm>
#include <charconv>

#include "core/base/text.hpp"
#include "core/store/redis.hpp"

namespace mailcore::store {
namespace {

constexpr std::string_view kForm = "redis://[[user]:password@]host[:port][/db]";

int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = base::to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Nothing where a % is not followed by two hexadecimal digits, or stands for NUL.
std::optional<base::Secret> percent_decoded(std::string_view text)
{
    base::Secret decoded;
    decoded.reserve(text.size());
    while (!text.empty()) {
        char c = text.front();
        std::size_t used = 1;
        if (c == '%') {
            int const high = text.size() > 2 ? hex_digit(text[1]) : -1;
            int const low = text.size() > 2 ? hex_digit(text[2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            used = 3;
        }
        decoded.append({&c, 1});
        text.remove_prefix(used);
    }
    return decoded;
}

template <class Number>
bool read_number(std::string_view text, Number& number)
{
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    return failure == std::errc{} && end == text.data() + text.size();
}

base::Result<> read_login(std::string_view login, RedisAddress& address)
{
    auto const colon = login.find(':');
    auto const user = percent_decoded(login.substr(0, colon));
    auto password = percent_decoded(colon == std::string_view::npos ? "" : login.substr(colon + 1));
    if (!user || !password) return base::fail("the login before the @ holds a % that two hexadecimal digits must follow");
    address.user = user->reveal();
    address.password = std::move(*password);
    return {};
}

// Not quoted: of redis://user:password without a host, this is the password.
base::Result<> read_port(std::string_view text, RedisAddress& address)
{
    if (read_number(text, address.port) && address.port > 0) return {};
    return base::fail("what stands behind the host's colon is no port (1 to 65535); a login stands before the host, as in user:password@host");
}

// host, host:port, [::1], [::1]:port.
base::Result<> read_host(std::string_view text, RedisAddress& address)
{
    bool const in_brackets = text.starts_with('[');
    if (!in_brackets && std::count(text.begin(), text.end(), ':') > 1) {
        return base::fail("an IPv6 address stands in brackets: redis://[::1]:6379");
    }
    auto const end = in_brackets ? text.find(']') : text.find(':');
    if (in_brackets && end == std::string_view::npos) return base::fail("the bracket before the host is not closed");
    address.host = in_brackets ? text.substr(1, end - 1) : text.substr(0, end);
    if (address.host.empty()) return base::fail("it names no host");
    auto const rest = end == std::string_view::npos ? "" : text.substr(end + (in_brackets ? 1 : 0));
    if (rest.empty()) return {};
    if (!rest.starts_with(':')) return base::fail("only a port may follow the host's bracket");
    return read_port(rest.substr(1), address);
}

base::Result<> read_database(std::string_view text, RedisAddress& address)
{
    if (text.empty() || read_number(text, address.database)) return {};
    return base::fail("what stands behind the host's slash is no number of a database");
}

// What stands behind the scheme.
base::Result<> read_rest(std::string_view rest, RedisAddress& address)
{
    // The last @ ends the login, so that nothing before it is taken for a host and shown.
    auto const at = rest.rfind('@');
    auto const login = at == std::string_view::npos ? std::string_view{} : rest.substr(0, at);
    rest.remove_prefix(at == std::string_view::npos ? 0 : at + 1);
    if (login.find_first_of("/?#@") != std::string_view::npos) {
        return base::fail("the login before the @ holds one of / ? # @; write them as %2F %3F %23 %40");
    }
    if (rest.find_first_of("?#") != std::string_view::npos) return base::fail("nothing is known of options behind ? or #");
    if (auto read = read_login(login, address); !read) return read;
    auto const slash = rest.find('/');
    if (auto read = read_host(rest.substr(0, slash), address); !read) return read;
    return read_database(slash == std::string_view::npos ? "" : rest.substr(slash + 1), address);
}

}   // namespace

base::Result<RedisAddress> RedisAddress::parse(std::string_view url)
{
    RedisAddress address;
    auto const scheme_end = url.find("://");
    auto const scheme = base::lower(url.substr(0, scheme_end));
    if (scheme_end == std::string_view::npos || (scheme != "redis" && scheme != "rediss")) {
        return base::fail("a Redis is named as " + std::string{kForm} + ", with TLS as rediss://…");
    }
    if (!std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c <= '~'; })) {
        return base::fail("the address of the Redis holds a character that no URL has");
    }
    address.tls = scheme == "rediss";
    if (auto const read = read_rest(url.substr(scheme_end + 3), address); !read) {
        return base::fail("the address of the Redis is not " + std::string{kForm} + ": " + read.error().message);
    }
    return address;
}

RedisAddress RedisAddress::copy() const
{
    return {tls, host, port, database, user, password.copy(), read_password, ca_file, timeout};
}

std::string RedisAddress::shown() const
{
    bool const is_ipv6 = host.find(':') != std::string::npos;
    return (tls ? "rediss://" : "redis://") + (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + "/" +
           std::to_string(database);
}

}   // namespace mailcore::store
