// The lines of smtpd, cleanup and postscreen that refuse, hold, discard or only remark: `text` is what stands behind the queue
// id or NOQUEUE, "reject: RCPT from name[addr]: 554 5.7.1 …; from=<…> to=<…> proto=ESMTP helo=<…>".
#pragma once

#include <string_view>

#include "outcomes/log/postfix_line.hpp"

namespace mailcore::outcomes {

bool is_refusal(std::string_view text);   // by its first word
PostfixLine::Kind read_refusal(std::string_view text, PostfixLine& parsed);

}   // namespace mailcore::outcomes
