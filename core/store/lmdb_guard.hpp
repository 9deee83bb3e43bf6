// LMDB trusts what it maps. A file that somebody cuts short or overwrites within the microseconds between the look at it
// (lmdb_files.hpp) and the end of a transaction would end the daemon: by SIGBUS, SIGSEGV or LMDB's own assertion. Within
// guarded() it ends the call:
//
//     int const status = guarded([&] { return ::mdb_get(…); });   // kFault: then the table must be closed
//
// For calls of C only, and such as take no lock that they would keep: what is on the way between is left without
// destructors, as longjmp() does. Outside of guarded() faults are what they were before.
#pragma once

#include <csetjmp>

namespace mailcore::store::lmdb {

inline constexpr int kFault = -30'000;   // no error of LMDB's, which are above, nor of the system's

void install_guard();             // before the first guarded(); once is enough, more do no harm
void fail_assertion() noexcept;   // returns where no call is guarded

namespace guard {
// Where this thread goes on after a fault; null: nowhere.
extern constinit thread_local sigjmp_buf* landing;
}   // namespace guard

template <class Call>
[[gnu::noinline]] int guarded(Call const& call)
{
    sigjmp_buf here;
    if (sigsetjmp(here, 0) != 0) return kFault;   // the handler restores the mask: saving it here would be a system call
    guard::landing = &here;
    int const status = call();
    guard::landing = nullptr;
    return status;
}

}   // namespace mailcore::store::lmdb
