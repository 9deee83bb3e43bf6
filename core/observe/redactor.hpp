// Takes registered secrets out of any text that is about to be seen: as they are, in base64, as AUTH PLAIN would carry
// them, JSON- and percent-escaped. The log asks it for every line; what is printed to the operator passes it, too.
// Process-wide, since a secret must not show wherever it turns up. Safe from many threads.
#pragma once

#include <string>
#include <string_view>

#include "core/base/secret.hpp"

namespace mailcore::observe {

// A login's password, with its user for the AUTH PLAIN form. Values shorter than four bytes are not registered: they
// would blank every text.
void hide_secret(base::Secret const& secret, std::string_view user = "");
std::string redacted(std::string text);   // each occurrence becomes ***
void forget_hidden_secrets();             // before main() ends and between tests

}   // namespace mailcore::observe
