// Does a private key belong to a certificate? Asked before they are used, so that the mistake is named where it is.
#pragma once

#include <string_view>

#include "core/base/result.hpp"

namespace mailcore::crypto {

// Both PEM; the certificate's own comes first. An encrypted key is refused: nobody is there to type its password.
base::Result<> check_key_pair(std::string_view certificate, std::string_view key);

}   // namespace mailcore::crypto
