#include "core/store/lmdb_guard.hpp"

#include <csignal>
#include <mutex>
#include <ucontext.h>
#include <utility>

namespace mailcore::store::lmdb {

constinit thread_local sigjmp_buf* guard::landing = nullptr;

namespace {

struct Handled {
    int signal;
    struct sigaction before;
};
Handled handled[] = {{SIGBUS, {}}, {SIGSEGV, {}}};

[[noreturn]] void land() { siglongjmp(*std::exchange(guard::landing, nullptr), 1); }

// What would have happened without us: another's handler, or the default, which ends the process as soon as this returns.
void pass_on(Handled const& to, siginfo_t* information, void* context)
{
    if ((to.before.sa_flags & SA_SIGINFO) != 0) return to.before.sa_sigaction(to.signal, information, context);
    ::sigaction(to.signal, &to.before, nullptr);
    if (information->si_code <= 0) ::raise(to.signal);   // sent by somebody: nothing is done again that would fault again
}

void on_fault(int signal, siginfo_t* information, void* context)
{
    bool const is_own_fault = information->si_code > 0;
    if (is_own_fault && guard::landing != nullptr) {
        // A jump out of a handler leaves its signals blocked, and the next fault would be the end.
        ::pthread_sigmask(SIG_SETMASK, &static_cast<ucontext_t*>(context)->uc_sigmask, nullptr);
        land();
    }
    for (auto const& each : handled) {
        if (each.signal == signal) pass_on(each, information, context);
    }
}

}   // namespace

void install_guard()
{
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction action {};
        action.sa_sigaction = &on_fault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        ::sigemptyset(&action.sa_mask);
        for (auto& each : handled) ::sigaction(each.signal, &action, &each.before);
    });
}

void fail_assertion() noexcept
{
    if (guard::landing != nullptr) land();
}

}   // namespace mailcore::store::lmdb
