// An Answer as libmilter calls: the one place that sets replies, changes headers and holds messages.
//
// What cannot be rendered becomes mailcore's own failure: a refusal that libmilter does not take is given without its
// words, a message whose headers cannot be changed is deferred whatever `on_error` says.
#pragma once

#include <libmilter/mfapi.h>

#include "core/observe/log.hpp"
#include "milter/session.hpp"

namespace mailcore::milter {

// What was really done: the same as was asked for, unless that failed.
struct Applied {
    sfsistat status = SMFIS_CONTINUE;
    mail::Verdict verdict;
    std::uint64_t forged_headers_removed = 0;
};

// At MAIL and RCPT: continue, or refuse with a reply.
Applied apply_reply(SMFICTX* context, mail::Verdict const& verdict);

// At the end of a message, the only time when libmilter lets it be changed.
Applied apply_end(SMFICTX* context, Answer const& answer, observe::Log& log);

}   // namespace mailcore::milter
