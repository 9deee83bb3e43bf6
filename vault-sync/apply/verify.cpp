#include "vault-sync/apply/verify.hpp"

#include <algorithm>
#include <memory>

#include "core/crypto/certificate_pin.hpp"

namespace mailcore::vault_sync {
namespace {

net::SmtpSecurity security_of(Tls tls)
{
    switch (tls) {
        case Tls::None: return net::SmtpSecurity::None;
        case Tls::StartTls: return net::SmtpSecurity::StartTls;
        case Tls::Wrapper: return net::SmtpSecurity::Wrapper;
    }
    return net::SmtpSecurity::StartTls;
}

net::SmtpSession session_to(Relay const& relay)
{
    net::SmtpSession session;
    session.host = relay.host;
    session.port = relay.port;
    session.security = security_of(relay.tls);
    session.helo = relay.helo;
    session.ca_file = relay.ca_file;
    session.user = relay.user;
    session.password = relay.has_login() ? &relay.password : nullptr;
    session.timeout = relay.timeout;
    return session;
}

std::string reply_words(net::SmtpOutcome const& outcome)
{
    return outcome.code == 0 || outcome.text.starts_with(std::to_string(outcome.code))
               ? outcome.text
               : std::to_string(outcome.code) + ' ' + outcome.text;
}

bool is_refusal(net::SmtpOutcome const& outcome)
{
    return outcome.stage == net::SmtpOutcome::Stage::Auth && outcome.auth_sent && outcome.code >= 500;
}

Proof judged(net::SmtpOutcome const& outcome, Relay const& relay, bool with_message)
{
    using Stage = net::SmtpOutcome::Stage;
    if (outcome.ok()) {
        auto const login = relay.has_login() ? "login works (" + outcome.mechanism + ")" : std::string{"answers; there is no login to prove"};
        return {Proof::Kind::Works, with_message ? login + ", the message was taken: " + reply_words(outcome) : login};
    }
    if (is_refusal(outcome)) return {Proof::Kind::Refused, reply_words(outcome)};
    if (outcome.stage == Stage::Mail && with_message) {
        return {Proof::Kind::Works, "login works, but the message was refused: " + reply_words(outcome), 0, true};
    }
    return {Proof::Kind::Inconclusive, reply_words(outcome)};
}

}   // namespace

Proof prove(Relay const& relay, VerifyLimits const& limits, bool is_new, Sleep const& sleep,
            std::optional<net::SmtpMessage> const& message)
{
    crypto::CertificatePin pin{relay.fingerprints};
    auto session = session_to(relay);
    session.message = message;
    if (!relay.fingerprints.empty()) session.trust = [&](void* context) { return pin.install(context); };

    bool const may_take_a_while = relay.kind == "ses" && is_new;   // AWS spreads a new key over some seconds
    auto const pause = limits.window / std::max(1, limits.attempts - 1);
    for (int commands = 0;;) {
        auto const outcome = net::talk_smtp(session);
        commands += outcome.auth_sent ? 1 : 0;
        auto proof = judged(outcome, relay, message.has_value());
        proof.auth_commands = commands;
        if (outcome.stage == net::SmtpOutcome::Stage::Tls && !relay.fingerprints.empty() && !pin.seen().empty()) {
            proof.words = "its certificate is not the pinned one; it showed " + pin.seen();
        }
        bool const again = is_refusal(outcome) && outcome.code == 535 && may_take_a_while && commands < limits.attempts;
        if (!again || !sleep(pause)) return proof;
    }
}

}   // namespace mailcore::vault_sync
