// The attribute names of Postfix's policy delegation protocol, as they fill a Request.
// Shared by the policy daemon's parser and by `mailcorectl explain`.
#pragma once

#include <string_view>

#include "core/mail/request.hpp"

namespace mailcore::mail {

enum class AttributeUse { Used, Ignored, Malformed };

// Sets what `name` says in `request`. Unknown and unneeded names are Ignored (SMTPD_POLICY_README asks for that);
// Malformed: a value that Postfix never sends, such as an unknown protocol_state or a size that is no number.
AttributeUse set_attribute(Request& request, std::string_view name, std::string_view value);

bool is_known_attribute(std::string_view name);   // any that Postfix 2.1 to 3.12 sends

}   // namespace mailcore::mail
