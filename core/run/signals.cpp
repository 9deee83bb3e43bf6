#include "core/run/signals.hpp"

#include <csignal>
#include <cstdint>
#include <poll.h>
#include <pthread.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace mailcore::run {

void block_signals(std::initializer_list<int> signals)
{
    sigset_t set;
    sigemptyset(&set);
    for (int const signal : signals) sigaddset(&set, signal);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

SignalThread::SignalThread(std::map<int, std::function<void()>> handlers) : handlers_{std::move(handlers)}
{
    sigset_t set;
    sigemptyset(&set);
    for (auto const& [signal, handler] : handlers_) sigaddset(&set, signal);
    signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
    wake_ = ::eventfd(0, EFD_CLOEXEC);
    if (signals_ < 0 || wake_ < 0) throw std::runtime_error{"cannot make descriptors for signals"};
    thread_ = std::thread{[this] { run(); }};
}

SignalThread::~SignalThread()
{
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(wake_, &one, sizeof one);
    thread_.join();
    ::close(wake_);
    ::close(signals_);
}

void SignalThread::run()
{
    pollfd ready[2] = {{signals_, POLLIN, 0}, {wake_, POLLIN, 0}};
    for (;;) {
        if (::poll(ready, 2, -1) < 0) continue;   // interrupted
        if ((ready[1].revents & POLLIN) != 0) return;
        signalfd_siginfo info{};
        if (::read(signals_, &info, sizeof info) != sizeof info) continue;
        auto const found = handlers_.find(static_cast<int>(info.ssi_signo));
        if (found != handlers_.end()) found->second();
    }
}

}   // namespace mailcore::run
