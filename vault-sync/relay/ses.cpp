#include "vault-sync/relay/ses.hpp"

#include <cstring>

#include "core/crypto/hmac.hpp"
#include "vault-sync/config/providers.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr char kVersionFour = 0x04;
constexpr char kVersionTwo = 0x02;
constexpr std::size_t kPasswordLength = 44;
constexpr std::size_t kBytesBehind = 33;   // the version and a digest

void wipe(void* memory, std::size_t size) { ::explicit_bzero(memory, size); }

// Every digest on the way is as good as the key, for its region.
base::Secret digest(base::Secret const& key, std::string_view text)
{
    auto bytes = crypto::hmac_sha256(key, text);
    base::Secret kept{std::string_view{reinterpret_cast<char const*>(bytes.data()), bytes.size()}};
    wipe(bytes.data(), bytes.size());
    return kept;
}

base::Secret as_password(char version, base::Secret const& signature)
{
    base::Secret bytes;
    bytes.reserve(kBytesBehind);
    bytes.append({&version, 1});
    bytes.append(signature.reveal());
    return base::Secret{crypto::base64(bytes.reveal())};
}

}   // namespace

base::Secret ses_password(base::Secret const& secret_key, std::string_view region)
{
    base::Secret start;
    start.reserve(4 + secret_key.size());
    start.append("AWS4");
    start.append(secret_key.reveal());
    auto signature = digest(start, "11111111");   // the date that AWS fixed for this
    for (auto const part :
         {region, std::string_view{"ses"}, std::string_view{"aws4_request"}, std::string_view{"SendRawEmail"}}) {
        signature = digest(signature, part);
    }
    return as_password(kVersionFour, signature);
}

base::Secret old_ses_password(base::Secret const& secret_key)
{
    return as_password(kVersionTwo, digest(secret_key, "SendRawEmail"));
}

SesPasswordVersion ses_password_version(base::Secret const& text)
{
    if (text.size() != kPasswordLength) return SesPasswordVersion::None;
    auto decoded = crypto::from_base64(text.reveal());
    if (!decoded) return SesPasswordVersion::None;
    base::Secret const bytes{*std::move(decoded)};
    if (bytes.size() != kBytesBehind) return SesPasswordVersion::None;
    if (bytes.reveal().front() == kVersionFour) return SesPasswordVersion::Four;
    return bytes.reveal().front() == kVersionTwo ? SesPasswordVersion::Two : SesPasswordVersion::None;
}

std::optional<std::string> region_of_password(base::Secret const& secret_key, base::Secret const& password)
{
    for (auto const region : ses_regions()) {
        if (ses_password(secret_key, region) == password) return std::string{region};
    }
    return std::nullopt;
}

}   // namespace mailcore::vault_sync
