#include "milter/callbacks.hpp"

#include <atomic>
#include <chrono>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>
#include <libmilter/mfdef.h>

#include "core/rules/decide.hpp"
#include "milter/apply.hpp"
#include "milter/session.hpp"

namespace mailcore::milter::callbacks {
namespace {

gate::Gate* gate_in_use = nullptr;   // set before libmilter starts its threads

// Who comes after finish() finds the door closed; finish() waits for those inside.
class Door {
public:
    void open() { open_.store(true); }
    void close()
    {
        open_.store(false);
        while (inside_.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }

    class Visit {
    public:
        explicit Visit(Door& door) : door_{door} { door_.inside_.fetch_add(1); }
        ~Visit() { door_.inside_.fetch_sub(1); }
        Visit(Visit const&) = delete;
        Visit& operator=(Visit const&) = delete;
        bool welcome() const { return door_.open_.load(); }

    private:
        Door& door_;
    };

private:
    std::atomic<bool> open_{false};
    std::atomic<int> inside_{0};
};

Door door;

// All sessions there ever were, used again and never freed: libmilter's threads may outlive main().
class SessionPool {
public:
    MilterSession* take()
    {
        std::lock_guard const lock{mutex_};
        if (free_.empty()) {
            all_.emplace_back();
            free_.reserve(all_.size());   // so that give_back() cannot fail
            return &all_.back();
        }
        auto* const session = free_.back();
        free_.pop_back();
        return session;
    }

    void give_back(MilterSession* session) noexcept
    {
        std::lock_guard const lock{mutex_};
        free_.push_back(session);
    }

private:
    std::mutex mutex_;
    std::deque<MilterSession> all_;
    std::vector<MilterSession*> free_;
};

SessionPool& sessions()
{
    static auto* const immortal = new SessionPool;
    return *immortal;
}

// What a callback works on.
struct Call {
    SMFICTX* context;
    MilterSession& session;
};

// libmilter's interface is older than const; it reads this name. The text belongs to libmilter: copy what is kept.
std::string_view macro(Call const& call, char const* name)
{
    char const* const value = smfi_getsymval(call.context, const_cast<char*>(name));
    return value == nullptr ? std::string_view{} : std::string_view{value};
}

void log_failure(MilterSession const& session, std::string_view what) noexcept
{
    auto const& request = session.request();
    gate_in_use->log().write(observe::events::kOwnFailure, {{"what", what},
                                                            {"state", word(request.stage)},
                                                            {"queue_id", request.queue_id},
                                                            {"client", request.client}});
}

// Measures from the moment it is made.
class Deciding {
public:
    base::Time now() const { return now_; }

    void record(Call const& call, Applied const& applied) const
    {
        auto const took = std::chrono::duration_cast<std::chrono::microseconds>(base::Stopwatch::now() - started_);
        gate_in_use->recorder().record({.request = call.session.request(),
                                   .verdict = applied.verdict,
                                   .time = now_,
                                   .micros = static_cast<std::uint64_t>(took.count()),
                                   .forged_headers_removed = applied.forged_headers_removed});
    }

private:
    base::Time now_ = base::now();
    base::Stopwatch::time_point started_ = base::Stopwatch::now();
};

// --- The callbacks ------------------------------------------------------------------------------------------------
// Those that return void have no reply: negotiate() has told Postfix not to wait for one.

void ask_for_macros(SMFICTX* context)
{
    struct List {
        int stage;
        char const* macros;
    };
    // Each list replaces Postfix's own. `j` is always set: were nothing set at MAIL, Postfix would send nothing, and
    // libmilter would show us the sender and the login of the message before. EOH and EOM were swapped in old libraries.
    static constexpr List kLists[] = {{SMFIM_CONNECT, "{daemon_port} {client_addr}"},
                                      {SMFIM_HELO, "j"},
                                      {SMFIM_ENVFROM, "j {mail_addr} {auth_authen} {tls_version}"},
                                      {SMFIM_ENVRCPT, "{rcpt_addr}"},
                                      {SMFIM_EOH, "i"},
                                      {SMFIM_EOM, "i"}};
    for (auto const& list : kLists) smfi_setsymlist(context, list.stage, const_cast<char*>(list.macros));
}

sfsistat on_negotiate(Call const& call, unsigned long offered_actions, unsigned long offered_steps, unsigned long,
                      unsigned long, unsigned long* actions, unsigned long* steps, unsigned long* unused,
                      unsigned long* unused_too)
{
    bool const count_bodies = gate_in_use->rules().get()->has_sizes;
    auto const agreed = negotiate(offered_actions, offered_steps, count_bodies);
    call.session.open(count_bodies ? Body::Counted : Body::Unseen);
    if (agreed.missing_actions != 0) {   // stripping must not fail in silence: every message will be deferred
        gate_in_use->log().write(observe::events::kMilterRefused, {{"missing_actions", std::uint64_t{agreed.missing_actions}}});
        call.session.distrust_connection();
    }
    if ((agreed.actions & SMFIF_SETSYMLIST) != 0) ask_for_macros(call.context);
    *actions = agreed.actions;
    *steps = agreed.steps;
    *unused = *unused_too = 0;
    return SMFIS_CONTINUE;
}

void on_connect(Call const& call, char*, sockaddr* address)
{
    std::optional<net::IpAddress> internet_address;
    if (address != nullptr) {
        if (auto const parsed = net::IpAddress::from_sockaddr(address)) internet_address = *parsed;
    }
    call.session.connected({.client = macro(call, "{client_addr}"),
                            .address = internet_address,
                            .daemon_port = macro(call, "{daemon_port}")});
}

void on_helo(Call const& call, char* name) { call.session.greeted(name); }

// Tells of a refusal; what passes is told of at the message's end.
sfsistat reply(Call const& call, Deciding const& deciding, Answer const& answer)
{
    if (!answer.failure.empty()) log_failure(call.session, answer.failure);
    auto const applied = apply_reply(call.context, answer.verdict);
    if (applied.status != SMFIS_CONTINUE) deciding.record(call, applied);
    return applied.status;
}

sfsistat on_sender(Call const& call, char** arguments)
{
    Deciding const deciding;
    std::uint64_t size = 0;
    for (char** parameter = arguments + 1; *parameter != nullptr; ++parameter) size = std::max(size, declared_size(*parameter));
    auto const answer = call.session.begin_message(gate_in_use->rules().get(),
                                                   {.path = arguments[0],
                                                    .address = macro(call, "{mail_addr}"),
                                                    .login = macro(call, "{auth_authen}"),
                                                    .size = size,
                                                    .tls = !macro(call, "{tls_version}").empty()},
                                                   deciding.now());
    auto const status = reply(call, deciding, answer);
    if (status != SMFIS_CONTINUE) call.session.forget_message();   // no abort follows a refusal
    return status;
}

sfsistat on_recipient(Call const& call, char** arguments)
{
    Deciding const deciding;
    auto const answer = call.session.add_recipient({.path = arguments[0], .address = macro(call, "{rcpt_addr}")},
                                                   deciding.now());
    auto const status = reply(call, deciding, answer);
    if (status != SMFIS_CONTINUE) call.session.drop_recipient();
    return status;
}

void on_header(Call const& call, char* name, char* value) { call.session.add_header(name, value); }

void on_body(Call const& call, unsigned char*, std::size_t size) { call.session.add_body(size); }

End end_of(Call const& call)
{
    auto const queue_id = macro(call, "i");
    if (!call.session.wants_certificate()) return {.queue_id = queue_id};
    auto note = gate_in_use->certificate_notes().take(queue_id);
    if (note) return {.queue_id = queue_id, .certificate = note->value_or("")};
    gate_in_use->log().write(observe::events::kCertificateNoteFailed, {{"error", note.error().message}, {"queue_id", queue_id}});
    return {.queue_id = queue_id, .certificate_known = false};
}

sfsistat on_end_of_message(Call const& call)
{
    Deciding const deciding;
    auto const answer = call.session.end_message(end_of(call), deciding.now());
    if (!answer.failure.empty()) log_failure(call.session, answer.failure);
    auto const applied = apply_end(call.context, answer, gate_in_use->log());
    deciding.record(call, applied);
    call.session.forget_message();
    return applied.status;
}

void on_abort(Call const& call) { call.session.forget_message(); }

void on_close(Call const& call)
{
    smfi_setpriv(call.context, nullptr);   // else libmilter complains of "private data not NULL"
    call.session.forget_message();
    sessions().give_back(&call.session);
    gate_in_use->metrics().connection_closed();
}

// --- The guard ----------------------------------------------------------------------------------------------------

// A port probe closes without ever connecting, and a stray command may come first: then there is no session.
enum class Missing { Create, Refuse };

MilterSession* session_of(SMFICTX* context, Missing missing)
{
    auto* session = static_cast<MilterSession*>(smfi_getpriv(context));
    if (session != nullptr || missing == Missing::Refuse) return session;
    session = sessions().take();
    session->open(Body::Unseen);
    smfi_setpriv(context, session);
    gate_in_use->metrics().connection_opened();
    return session;
}

// Something was thrown: a bug, or no memory. What was gathered may be incomplete, so `on_error` has no say.
sfsistat after_exception(SMFICTX* context, MilterSession* session, bool replies) noexcept
{
    std::string_view what = "unknown exception";
    try {
        try {
            throw;
        } catch (std::exception const& failure) {
            what = failure.what();
            if (session != nullptr) log_failure(*session, what);
        }
        if (session == nullptr) return SMFIS_TEMPFAIL;
        if (session->in_message()) session->distrust_message();
        else session->distrust_connection();
        if (!replies) return SMFIS_NOREPLY;
        auto const applied = apply_reply(context, rules::own_failure(rules::OnError::Defer));
        Deciding{}.record({context, *session}, applied);
        return applied.status;
    } catch (...) {
        return SMFIS_TEMPFAIL;
    }
}

template <auto Handler, Missing missing, class... Arguments>
sfsistat guarded(SMFICTX* context, Arguments... arguments) noexcept
{
    Door::Visit const visit{door};
    if (!visit.welcome()) return SMFIS_TEMPFAIL;
    constexpr bool kReplies = !std::is_void_v<std::invoke_result_t<decltype(Handler), Call const&, Arguments...>>;
    MilterSession* session = nullptr;
    try {
        session = session_of(context, missing);
        if (session == nullptr) return SMFIS_TEMPFAIL;
        if constexpr (kReplies) {
            return Handler(Call{context, *session}, arguments...);
        } else {
            Handler(Call{context, *session}, arguments...);
            return SMFIS_NOREPLY;
        }
    } catch (...) {
        return after_exception(context, session, kReplies);
    }
}

template <auto Handler, class... Arguments>
sfsistat callback(SMFICTX* context, Arguments... arguments) noexcept
{
    return guarded<Handler, Missing::Refuse>(context, arguments...);
}

template <auto Handler, class... Arguments>
sfsistat first_callback(SMFICTX* context, Arguments... arguments) noexcept
{
    return guarded<Handler, Missing::Create>(context, arguments...);
}

constexpr unsigned long kEssentialActions = SMFIF_ADDHDRS | SMFIF_CHGHDRS;
constexpr unsigned long kActions = kEssentialActions | SMFIF_QUARANTINE | SMFIF_SETSYMLIST;
constexpr unsigned long kSteps = SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NOEOH |               // not sent to us
                                 SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_HDR | SMFIP_NR_BODY;   // no reply awaited

}   // namespace

Negotiation negotiate(unsigned long offered_actions, unsigned long offered_steps, bool count_bodies)
{
    auto const steps = count_bodies ? kSteps : kSteps | SMFIP_NOBODY;
    return {.actions = kActions & offered_actions,
            .steps = steps & offered_steps,
            .missing_actions = kEssentialActions & ~offered_actions};
}

void serve(gate::Gate& gate)
{
    gate_in_use = &gate;
    door.open();
}

void finish() { door.close(); }

smfiDesc description()
{
    smfiDesc filter{};
    static char name[] = "mailcore-milter";
    filter.xxfi_name = name;
    filter.xxfi_version = SMFI_VERSION;
    filter.xxfi_flags = kActions;
    filter.xxfi_negotiate = first_callback<&on_negotiate>;
    filter.xxfi_connect = first_callback<&on_connect>;
    filter.xxfi_helo = callback<&on_helo>;
    filter.xxfi_envfrom = callback<&on_sender>;
    filter.xxfi_envrcpt = callback<&on_recipient>;
    filter.xxfi_header = callback<&on_header>;
    filter.xxfi_body = callback<&on_body>;
    filter.xxfi_eom = callback<&on_end_of_message>;
    filter.xxfi_abort = callback<&on_abort>;
    filter.xxfi_close = callback<&on_close>;
    return filter;
}

}   // namespace mailcore::milter::callbacks
