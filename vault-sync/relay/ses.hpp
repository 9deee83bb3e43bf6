// Amazon SES logins: the SMTP password that belongs to a secret key, which differs from region to region.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/secret.hpp"

namespace mailcore::vault_sync {

// Version 4: 44 characters that begin with B. docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html
base::Secret ses_password(base::Secret const& secret_key, std::string_view region);

// Version 2, given out before 2019-01-10: begins with A, the same for every region.
base::Secret old_ses_password(base::Secret const& secret_key);

// What a text is by its look alone: 33 bytes in base64 that begin with the version.
enum class SesPasswordVersion { None, Two, Four };
SesPasswordVersion ses_password_version(base::Secret const& text);

// The known region whose password this is; nothing if none.
std::optional<std::string> region_of_password(base::Secret const& secret_key, base::Secret const& password);

}   // namespace mailcore::vault_sync
