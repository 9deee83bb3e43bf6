// The forms in which a secret may turn up in a text: as it is, in base64, as SMTP's AUTH PLAIN and HTTP's Basic carry a
// login, escaped for JSON or a URL. For taking them out of what is about to be seen.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/secret.hpp"

namespace mailcore::crypto {

// Longest first, each once. None for a secret of less than four bytes: it would blank every text.
using Disguises = std::vector<base::Secret>;
Disguises disguises_of(base::Secret const& secret, std::string_view user = "");
void add_disguises(Disguises& to, Disguises more);

// Each occurrence becomes ***.
void blank(std::string& text, Disguises const& disguises);

}   // namespace mailcore::crypto
