#include "outcomes/webhook/receiver.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/crypto/hmac.hpp"

namespace mailcore::outcomes {
namespace {

// RFC 3986 2.1. A percent sign that begins no such thing stands for itself.
std::string percent_decoded(std::string_view text)
{
    std::string decoded;
    while (!text.empty()) {
        unsigned char byte = 0;
        auto const* const digits = text.data() + 1;
        if (text.front() == '%' && text.size() >= 3 && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
            decoded += static_cast<char>(byte);
            text.remove_prefix(3);
        } else {
            decoded += text.front();
            text.remove_prefix(1);
        }
    }
    return decoded;
}

// RFC 7617: "user:password" in base64.
base::Secret basic_authorization(std::string_view login)
{
    auto const colon = std::min(login.find(':'), login.size());
    base::Secret const user{percent_decoded(login.substr(0, colon))};
    base::Secret const password{percent_decoded(login.substr(std::min(colon + 1, login.size())))};
    base::Secret plain{user.reveal()};
    plain.append(":");
    plain.append(password.reveal());
    base::Secret const encoded{crypto::base64(plain.reveal())};
    base::Secret header{"Basic "};
    header.append(encoded.reveal());
    return header;
}

}   // namespace

Receiver parse_receiver(std::string const& url)
{
    constexpr std::string_view socket = "unix://";
    if (url.starts_with(socket)) return {url, url.substr(0, url.find(':', socket.size())), {}};
    auto const scheme = url.find("://");
    if (scheme == std::string::npos) return {url, "outcomes.webhook.url", {}};
    auto const begin = scheme + 3;
    auto const end = std::min(url.find_first_of("/?#", begin), url.size());
    auto const authority = std::string_view{url}.substr(begin, end - begin);
    auto const at = authority.rfind('@');
    Receiver receiver;
    auto const host = authority.substr(at == std::string_view::npos ? 0 : at + 1);
    receiver.name = url.substr(0, begin) + std::string{host};
    receiver.url = receiver.name + url.substr(end);
    if (at != std::string_view::npos) receiver.authorization = basic_authorization(authority.substr(0, at));
    return receiver;
}

}   // namespace mailcore::outcomes
