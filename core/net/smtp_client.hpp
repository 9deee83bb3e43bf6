// One SMTP session as a client: greeting, EHLO, TLS, AUTH, then NOOP or one message, QUIT. For proving that a relay
// takes a login; mail itself is Postfix's. At most one AUTH command is sent per session.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/base/secret.hpp"

namespace mailcore::net {

enum class SmtpSecurity { None, StartTls, Wrapper };   // StartTls is required, never tried only

struct SmtpMessage {
    std::string from, to;
    std::string text;      // header and body, CR LF
};

struct SmtpSession {
    std::string host;
    std::uint16_t port = 25;
    SmtpSecurity security = SmtpSecurity::StartTls;
    std::string helo;                                  // "" = this host's name
    std::string ca_file;                               // "" = the system's store
    std::function<bool(void*)> trust;                  // set: prepares the SSL_CTX, and name and chain are not checked
    std::string user;
    base::Secret const* password = nullptr;            // null = no AUTH
    std::chrono::milliseconds timeout{30'000};         // for the whole session
    std::optional<SmtpMessage> message;
};

struct SmtpOutcome {
    enum class Stage { Connect, Tls, Auth, Mail, Done };
    Stage stage = Stage::Connect;   // where it ended; Done = all went well
    int code = 0;                   // of the reply that ended it; 0 = none came (network, TLS)
    std::string text;               // that reply's text, or the network's or TLS's words; printable, without the login
    std::string mechanism;          // "PLAIN", "LOGIN" or ""
    bool auth_sent = false;         // an AUTH command went out: providers count those

    bool ok() const { return stage == Stage::Done; }
};

// LOGIN is used only where PLAIN is not offered. Blocks up to the timeout. Never throws for what a server does.
SmtpOutcome talk_smtp(SmtpSession const& session);

}   // namespace mailcore::net
