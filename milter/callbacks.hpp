// The C boundary to libmilter: its callbacks, each one line that unpacks arguments, asks the MilterSession, applies the
// answer and records it. All pass through one guard, so that nothing thrown reaches libmilter's C frames.
//
//     smfi_register(callbacks::description());
//     callbacks::serve(gate);
//     smfi_main();
//     callbacks::drain(5s);   // new messages are deferred, those under way come to their end
//     callbacks::finish();    // no callback touches the gate any more
//
// libmilter 8.17 runs the callbacks of one connection on changing threads, one at a time: state hangs on the connection's
// private pointer and nowhere else. At its stop it drops connections without xxfi_close: sessions lie in a pool that lives
// as long as the process.
#pragma once

#include <chrono>
#include <libmilter/mfapi.h>

#include "core/gate/gate.hpp"

namespace mailcore::milter::callbacks {

void serve(gate::Gate& gate);
bool drain(std::chrono::milliseconds patience);   // false: some message was not done in time
void finish();

smfiDesc description();

// What we want to be told of besides what every message needs.
struct Wishes {
    bool bodies = false;   // for sizes
    bool data = false;     // for the queue id, where the policy daemon counts at DATA
};
// What we ask of the mail server, given what it offers; the actions that are missing, 0 = none.
struct Negotiation {
    unsigned long actions = 0;
    unsigned long steps = 0;
    unsigned long missing_actions = 0;
};
Negotiation negotiate(unsigned long offered_actions, unsigned long offered_steps, Wishes wishes);

}   // namespace mailcore::milter::callbacks
