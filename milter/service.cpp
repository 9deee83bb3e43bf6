#include "milter/service.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <initializer_list>
#include <semaphore.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <libmilter/mfapi.h>

#include "core/net/listener.hpp"
#include "core/run/signals.hpp"
#include "milter/callbacks.hpp"

namespace mailcore::milter {
namespace {

using Kind = net::SocketAddress::Kind;

// In libmilter's words: unix:/path, inet:port@host, inet6:port@host.
std::string libmilter_address(net::SocketAddress const& address)
{
    if (address.kind == Kind::Unix) return "unix:" + address.path;
    return (net::is_ipv6(address) ? "inet6:" : "inet:") + std::to_string(address.port) + "@" + address.host;
}

// libmilter binds with whatever the umask leaves. Process-wide, so only while nobody else makes files.
class Umask {
public:
    explicit Umask(mode_t mask) : former_{::umask(mask)} {}
    ~Umask() { ::umask(former_); }
    Umask(Umask const&) = delete;
    Umask& operator=(Umask const&) = delete;

private:
    mode_t former_;
};

base::Result<> prepare_path(std::string const& path, net::SocketPermissions const& permissions)
{
    if (auto made = net::make_socket_directory(path, permissions); !made) return made;
    if (net::is_served(path)) return base::fail("milter.listen: unix:" + path + ": another process already serves this socket");
    return {};
}

base::Result<> bind_by_libmilter(std::string const& address)
{
    smfi_setbacklog(SOMAXCONN);
    if (smfi_setconn(const_cast<char*>(address.c_str())) != MI_SUCCESS || smfi_register(callbacks::description()) != MI_SUCCESS) {
        return base::fail("libmilter does not take the filter; the mail log says why");
    }
    Umask const nobody_yet{0177};
    constexpr bool kRemoveStaleSocket = true;
    if (smfi_opensocket(kRemoveStaleSocket) != MI_SUCCESS) return base::fail_errno("milter.listen: cannot listen on " + address);
    return {};
}

constexpr std::chrono::seconds kDrainPatience{5};   // a client may take minutes to send its message

// libmilter's own way to stop leaves messages under way hanging for up to five seconds and then drops them (8.17.1), so it
// is not to hear the signals it waits for. A handler hears them before any thread that waits, if the main thread alone
// lets them through; with sigwait() there libmilter's thread would hear what comes before the main thread waits.
sem_t stop_wanted;

void want_stop() { ::sem_post(&stop_wanted); }   // of the few that may be called in a handler
void on_stop_signal(int) { want_stop(); }

constexpr std::initializer_list<int> kStopSignals{SIGTERM, SIGINT, SIGHUP};

void hear_stop_signals()
{
    ::sem_init(&stop_wanted, 0, 0);
    struct sigaction action{};
    action.sa_handler = on_stop_signal;
    action.sa_flags = SA_RESTART;
    sigset_t signals;
    sigemptyset(&signals);
    for (int const signal : kStopSignals) {
        ::sigaction(signal, &action, nullptr);
        sigaddset(&signals, signal);
    }
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);   // run::daemon() has blocked them
}

void wait_until_stop_is_wanted()
{
    while (::sem_wait(&stop_wanted) != 0) continue;   // a handler has interrupted it
}

}   // namespace

base::Result<std::unique_ptr<MilterService>> MilterService::open(gate::Gate& gate)
{
    auto const& settings = gate.settings();
    auto const address = net::SocketAddress::parse(settings.milter.listen.value);
    if (!address) return base::fail(address.error());
    auto const permissions = net::parse_permissions(settings.socket_mode, settings.socket_group);
    if (!permissions) return base::fail(permissions.error());

    if (address->kind == Kind::Unix) {
        if (auto const ready = prepare_path(address->path, *permissions); !ready) return base::fail(ready.error());
    }
    if (auto const bound = bind_by_libmilter(libmilter_address(*address)); !bound) return base::fail(bound.error());
    std::unique_ptr<MilterService> service{new MilterService{gate, address->path}};
    if (address->kind == Kind::Unix) {
        auto const permitted = net::apply_permissions(address->path, *permissions);
        if (!permitted) return base::fail(permitted.error());
    }
    return service;
}

MilterService::MilterService(gate::Gate& gate, std::string socket_path) : gate_{gate}, socket_path_{std::move(socket_path)} {}

MilterService::~MilterService() { remove_socket(); }

void MilterService::remove_socket()
{
    if (!socket_path_.empty()) ::unlink(socket_path_.c_str());
    socket_path_.clear();   // the path may be our successor's from now on
}

// Should libmilter hear a signal all the same, or fail, smfi_main() returns, and we end, too.
base::Result<> MilterService::serve()
{
    enum class Libmilter { Running, Stopped, Failed };
    auto const libmilter = std::make_shared<std::atomic<Libmilter>>(Libmilter::Running);
    callbacks::serve(gate_);
    hear_stop_signals();
    std::thread{[libmilter] {
        run::block_signals(kStopSignals);   // they are the main thread's
        libmilter->store(smfi_main() == MI_SUCCESS ? Libmilter::Stopped : Libmilter::Failed);
        want_stop();
    }}.detach();   // outlives us: once the callbacks are closed, ending the process is the quickest way to stop it

    wait_until_stop_is_wanted();
    gate_.log().write(observe::events::kStopping);
    remove_socket();   // who connects now shall meet nobody rather than us
    if (libmilter->load() == Libmilter::Running) callbacks::drain(kDrainPatience);
    callbacks::finish();
    if (libmilter->load() == Libmilter::Failed) return base::fail("libmilter gave up; the mail log says why");
    return {};
}

}   // namespace mailcore::milter
