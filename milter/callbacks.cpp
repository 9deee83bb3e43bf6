#include "milter/callbacks.hpp"

#include <algorithm>
#include <atomic>
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

namespace events = observe::events;

enum class State { Closed, Serving, Draining };
std::atomic<State> state{State::Closed};
gate::Gate* gate_in_use = nullptr;   // set before libmilter starts its threads

// --- Connections --------------------------------------------------------------------------------------------------

// A connection's session, and what the stopping thread may ask about it.
struct Slot {
    MilterSession session;
    std::atomic<bool> inside{false};       // a callback is at work
    std::atomic<bool> in_message{false};   // as the last callback left it
};

// All slots there ever were, used again and never freed: libmilter's threads may outlive main().
class SlotPool {
public:
    Slot* take() noexcept   // null: no memory
    {
        std::lock_guard const lock{mutex_};
        if (free_.empty() && !grow()) return nullptr;
        auto* const slot = free_.back();
        free_.pop_back();
        return slot;
    }

    void give_back(Slot* slot) noexcept
    {
        std::lock_guard const lock{mutex_};
        free_.push_back(slot);
    }

    bool any(std::atomic<bool> Slot::*fact) const
    {
        std::lock_guard const lock{mutex_};
        return std::any_of(all_.begin(), all_.end(), [&](Slot const& slot) { return (slot.*fact).load(); });
    }

private:
    bool grow() noexcept
    try {
        free_.reserve(all_.size() + 1);   // so that give_back() cannot fail
        free_.push_back(&all_.emplace_back());
        return true;
    } catch (...) {
        return false;
    }

    mutable std::mutex mutex_;
    std::deque<Slot> all_;
    std::vector<Slot*> free_;
};

SlotPool& slots()
{
    static auto* const immortal = new SlotPool;
    return *immortal;
}

// Marks a callback at work. finish() closes the door, then waits for those inside.
class Visit {
public:
    explicit Visit(Slot& slot) : slot_{slot} { slot_.inside.store(true); }
    ~Visit()
    {
        slot_.in_message.store(slot_.session.in_message(), std::memory_order_relaxed);
        slot_.inside.store(false);
    }
    Visit(Visit const&) = delete;
    Visit& operator=(Visit const&) = delete;

    bool welcome() const { return state.load() != State::Closed; }

private:
    Slot& slot_;
};

template <class Condition>
bool wait_until(Condition condition, std::chrono::milliseconds patience)
{
    auto const deadline = base::Stopwatch::now() + patience;
    while (!condition()) {
        if (base::Stopwatch::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

// What a callback works on.
struct Call {
    SMFICTX* context;
    MilterSession& session;
};

// libmilter's interface is older than const; it reads this name. The text belongs to libmilter: copy what is kept.
std::optional<std::string_view> find_macro(Call const& call, char const* name)
{
    char const* const value = smfi_getsymval(call.context, const_cast<char*>(name));
    if (value == nullptr) return std::nullopt;
    return value;
}

std::string_view macro(Call const& call, char const* name) { return find_macro(call, name).value_or(""); }

// --- Telling ------------------------------------------------------------------------------------------------------

void log_failure(MilterSession const& session, std::string_view what) noexcept
{
    auto const& request = session.request();
    gate_in_use->log().write(events::kOwnFailure, {{"what", what},
                                                   {"state", mail::word(request.stage)},
                                                   {"queue_id", request.queue_id},
                                                   {"client", request.client}});
}

// Measures from the moment it is made until decided().
class Deciding {
public:
    base::Time now() const { return now_; }
    void decided() { took_ = base::Stopwatch::now() - started_; }

    void record(Call const& call, Applied const& applied) const
    {
        auto const micros = std::chrono::duration_cast<std::chrono::microseconds>(took_).count();
        gate_in_use->recorder().record({.request = call.session.request(),
                                        .verdict = applied.verdict,
                                        .time = now_,
                                        .micros = static_cast<std::uint64_t>(micros),
                                        .forged_headers_removed = applied.forged_headers_removed});
    }

private:
    base::Time now_ = base::now();
    base::Stopwatch::time_point started_ = base::Stopwatch::now();
    base::Stopwatch::duration took_{0};
};

// --- The callbacks ------------------------------------------------------------------------------------------------
// Those that return void have no reply: negotiate() has told Postfix not to wait for one.

constexpr unsigned long kEssentialActions = SMFIF_ADDHDRS | SMFIF_CHGHDRS;
constexpr unsigned long kActions = kEssentialActions | SMFIF_QUARANTINE | SMFIF_SETSYMLIST;
constexpr unsigned long kSteps = SMFIP_NOUNKNOWN | SMFIP_NOEOH |                                 // not sent to us
                                 SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_HDR | SMFIP_NR_BODY;   // no reply awaited

void ask_for_macros(SMFICTX* context)
{
    struct List {
        int stage;
        char const* macros;
    };
    // Each list replaces Postfix's own. libmilter keeps the last macros of a step until new ones come for it, so each list
    // has one that is always set, lest a message be shown the sender or login of the one before. EOH and EOM were swapped
    // in old libraries.
    static constexpr List kLists[] = {{SMFIM_CONNECT, "{daemon_port} {client_addr}"},
                                      {SMFIM_HELO, "j"},
                                      {SMFIM_ENVFROM, "j {mail_addr} {auth_authen} {tls_version}"},
                                      {SMFIM_ENVRCPT, "j {rcpt_addr}"},
                                      {SMFIM_DATA, "i"},
                                      {SMFIM_EOH, "i"},
                                      {SMFIM_EOM, "i"}};
    for (auto const& list : kLists) smfi_setsymlist(context, list.stage, const_cast<char*>(list.macros));
}

LimitDoors limit_doors() { return {&gate_in_use->meter(), &gate_in_use->suspensions()}; }

void on_open(Call const& call)
{
    call.session.open(Body::Unseen, limit_doors());
    gate_in_use->metrics().connection_opened();
}

sfsistat on_negotiate(Call const& call, unsigned long offered_actions, unsigned long offered_steps, unsigned long,
                      unsigned long, unsigned long* actions, unsigned long* steps, unsigned long* unused,
                      unsigned long* unused_too)
{
    Wishes const wishes{.bodies = gate_in_use->rules().get()->has_sizes, .data = gate_in_use->meter().policy_counts()};
    auto const agreed = negotiate(offered_actions, offered_steps, wishes);
    call.session.open(wishes.bodies ? Body::Counted : Body::Unseen, limit_doors());
    if (agreed.missing_actions != 0) {   // stripping must not fail in silence: every message will be deferred
        gate_in_use->log().write(events::kMilterRefused, {{"missing_actions", std::uint64_t{agreed.missing_actions}}});
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
sfsistat reply(Call const& call, Deciding& deciding, Answer const& answer)
{
    deciding.decided();
    if (!answer.failure.empty()) log_failure(call.session, answer.failure);
    auto const applied = apply_reply(call.context, answer.verdict);
    if (applied.status != SMFIS_CONTINUE) deciding.record(call, applied);
    return applied.status;
}

Sender sender_of(Call const& call, char** arguments)
{
    Sender sender{.path = arguments[0],
                  .address = find_macro(call, "{mail_addr}"),
                  .login = macro(call, "{auth_authen}"),
                  .size = 0,
                  .tls = !macro(call, "{tls_version}").empty()};
    for (char** parameter = arguments + 1; *parameter != nullptr; ++parameter) {
        sender.size = std::max(sender.size, declared_size(*parameter));
    }
    return sender;
}

sfsistat on_sender(Call const& call, char** arguments)
{
    if (state.load() == State::Draining) return SMFIS_TEMPFAIL;   // as if we were gone already
    Deciding deciding;
    auto const answer = call.session.begin_message(gate_in_use->rules().get(), sender_of(call, arguments), deciding.now());
    auto const status = reply(call, deciding, answer);
    if (status != SMFIS_CONTINUE) call.session.forget_message();   // libmilter calls no abort after a refusal
    return status;
}

sfsistat on_recipient(Call const& call, char** arguments)
{
    Deciding deciding;
    auto const answer = call.session.add_recipient({.path = arguments[0], .address = macro(call, "{rcpt_addr}")});
    auto const status = reply(call, deciding, answer);
    if (status != SMFIS_CONTINUE) call.session.drop_recipient();
    return status;
}

// The reply is awaited, so that the queue id is known whenever the client breaks off.
sfsistat on_data(Call const& call)
{
    call.session.begin_data(macro(call, "i"));
    return SMFIS_CONTINUE;
}

void on_header(Call const& call, char* name, char* value) { call.session.add_header(name, value); }

void on_body(Call const& call, unsigned char*, std::size_t size) { call.session.add_body(size); }

End end_of(Call const& call)
{
    auto const queue_id = macro(call, "i");
    if (!call.session.wants_certificate()) return {.queue_id = queue_id};
    auto const note = gate_in_use->certificate_notes().take(queue_id);
    if (note) return {.queue_id = queue_id, .certificate = note->value_or("")};
    gate_in_use->log().write(events::kCertificateNoteFailed, {{"error", note.error().message}, {"queue_id", queue_id}});
    return {.queue_id = queue_id, .certificate_known = false};
}

sfsistat on_end_of_message(Call const& call)
{
    Deciding deciding;
    auto const answer = call.session.end_message(end_of(call), deciding.now());
    deciding.decided();
    if (!answer.failure.empty()) log_failure(call.session, answer.failure);
    auto const applied = apply_end(call.context, answer, gate_in_use->log());
    if (applied.status != SMFIS_CONTINUE) call.session.uncount(deciding.now());   // our own edits failed
    deciding.record(call, applied);
    call.session.forget_message();
    return applied.status;
}

void on_abort(Call const& call) { call.session.give_up_message(base::now()); }

void on_close(Call const& call)
{
    call.session.give_up_message(base::now());
    gate_in_use->metrics().connection_closed();
}

// --- The guard ----------------------------------------------------------------------------------------------------

// Something was thrown: a bug, or no memory. What was gathered may be incomplete, so `on_error` has no say.
sfsistat after_exception(Call const& call, bool replies)
{
    try {
        throw;
    } catch (std::exception const& failure) {
        log_failure(call.session, failure.what());
    } catch (...) {
        log_failure(call.session, "something that is no exception was thrown");
    }
    if (call.session.in_message()) call.session.distrust_message();
    else call.session.distrust_connection();
    if (!replies) return SMFIS_NOREPLY;
    auto const applied = apply_reply(call.context, rules::own_failure(rules::OnError::Defer));
    Deciding{}.record(call, applied);
    return applied.status;
}

template <auto Handler, class... Arguments>
sfsistat call_handler(Slot& slot, SMFICTX* context, Arguments... arguments) noexcept
{
    constexpr bool kReplies = !std::is_void_v<std::invoke_result_t<decltype(Handler), Call const&, Arguments...>>;
    Visit const visit{slot};
    if (!visit.welcome()) return SMFIS_TEMPFAIL;
    Call const call{context, slot.session};
    try {
        try {
            if constexpr (kReplies) return Handler(call, arguments...);
            else Handler(call, arguments...);
            return SMFIS_NOREPLY;
        } catch (...) {
            return after_exception(call, kReplies);
        }
    } catch (...) {
        return kReplies ? SMFIS_TEMPFAIL : SMFIS_NOREPLY;   // not even that could be said
    }
}

// A connection's first step. A second CONNECT on it (SMFIC_QUIT_NC) has lost its session and gets a new one.
template <auto Handler, class... Arguments>
sfsistat first_callback(SMFICTX* context, Arguments... arguments) noexcept
{
    auto* slot = static_cast<Slot*>(smfi_getpriv(context));
    if (slot == nullptr) {
        slot = slots().take();
        if (slot == nullptr) return SMFIS_TEMPFAIL;
        smfi_setpriv(context, slot);
        call_handler<&on_open>(*slot, context);
    }
    return call_handler<Handler>(*slot, context, arguments...);
}

// A stray command may come before any negotiation: then there is no session.
template <auto Handler, class... Arguments>
sfsistat callback(SMFICTX* context, Arguments... arguments) noexcept
{
    auto* const slot = static_cast<Slot*>(smfi_getpriv(context));
    return slot == nullptr ? SMFIS_TEMPFAIL : call_handler<Handler>(*slot, context, arguments...);
}

// Called at the end of every connection, even one that never said anything (a port probe).
sfsistat close_callback(SMFICTX* context) noexcept
{
    auto* const slot = static_cast<Slot*>(smfi_getpriv(context));
    if (slot == nullptr) return SMFIS_CONTINUE;
    smfi_setpriv(context, nullptr);   // else libmilter complains of "private data not NULL"
    call_handler<&on_close>(*slot, context);
    slots().give_back(slot);
    return SMFIS_CONTINUE;
}

}   // namespace

Negotiation negotiate(unsigned long offered_actions, unsigned long offered_steps, Wishes wishes)
{
    auto const steps = kSteps | (wishes.bodies ? 0 : SMFIP_NOBODY) | (wishes.data ? 0 : SMFIP_NODATA);
    return {.actions = kActions & offered_actions,
            .steps = steps & offered_steps,
            .missing_actions = kEssentialActions & ~offered_actions};
}

void serve(gate::Gate& gate)
{
    gate_in_use = &gate;
    state.store(State::Serving);
}

bool drain(std::chrono::milliseconds patience)
{
    state.store(State::Draining);
    return wait_until([] { return !slots().any(&Slot::in_message); }, patience);
}

void finish()
{
    constexpr std::chrono::milliseconds kLastReplies{50};   // libmilter writes them after the callback has returned
    std::this_thread::sleep_for(kLastReplies);
    state.store(State::Closed);
    while (slots().any(&Slot::inside)) std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

smfiDesc description()
{
    static char name[] = "mailcore-milter";
    smfiDesc filter{};
    filter.xxfi_name = name;
    filter.xxfi_version = SMFI_VERSION;
    filter.xxfi_flags = kActions;
    filter.xxfi_negotiate = first_callback<&on_negotiate>;
    filter.xxfi_connect = first_callback<&on_connect>;
    filter.xxfi_helo = callback<&on_helo>;
    filter.xxfi_envfrom = callback<&on_sender>;
    filter.xxfi_envrcpt = callback<&on_recipient>;
    filter.xxfi_data = callback<&on_data>;
    filter.xxfi_header = callback<&on_header>;
    filter.xxfi_body = callback<&on_body>;
    filter.xxfi_eom = callback<&on_end_of_message>;
    filter.xxfi_abort = callback<&on_abort>;
    filter.xxfi_close = close_callback;
    return filter;
}

}   // namespace mailcore::milter::callbacks
