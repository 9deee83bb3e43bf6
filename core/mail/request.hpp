// What is known about a message at one moment of its SMTP dialogue: the input of rules::decide().
// The policy daemon fills it from attributes, the milter from callbacks, `mailcorectl explain` from arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/mail/address.hpp"
#include "core/mail/message.hpp"
#include "core/net/ip.hpp"

namespace mailcore::mail {

enum class Daemon : std::uint8_t { Policy, Milter };

// The protocol step (SMTPD_POLICY_README: protocol_state). EHLO is Helo.
enum class Stage : std::uint8_t { Connect, Helo, Mail, Rcpt, Data, EndOfMessage, Vrfy, Etrn };

std::string_view word(Daemon daemon);   // "milter"
std::string_view word(Stage stage);     // "END-OF-MESSAGE"

// The digest of the client certificate's public key, 64 lower-case hex digits; see normalized_digest().
struct Certificate {
    enum class State : std::uint8_t { Absent, Present, Unknown };
    State state = State::Absent;   // Unknown: the milter before DATA has no way to know
    std::string digest;
};

struct Request {
    Daemon daemon = Daemon::Policy;
    Stage stage = Stage::Connect;

    // The connection.
    std::string client;                             // as Postfix gives it, for the log
    std::optional<net::IpAddress> client_address;   // nullopt: no Internet address; then it is in no network
    std::string helo;
    std::string login;                              // SASL; empty = none
    Certificate certificate;
    bool tls = false;
    std::uint16_t server_port = 0;                  // where the client connected to; 0 = not known
    bool local = false;                             // came by sendmail(1): Postfix's non_smtpd_milters

    // The envelope. At Rcpt the last recipient is the one asked about; at EndOfMessage of the milter all are here;
    // the policy daemon's later stages hold the one recipient or none (absent when there are several).
    std::string instance;                           // policy: the same for all requests about one message
    std::string queue_id;
    Address sender;
    AddressList recipients;
    std::uint32_t recipient_count = 0;              // accepted so far, as far as known
    std::uint64_t size = 0;                         // bytes: declared at first, actual at EndOfMessage; 0 = not known

    // The message itself; only the milter's EndOfMessage has it (and `explain --message`).
    std::optional<Message> message;

    bool knows_size_exactly() const { return stage == Stage::EndOfMessage; }
    void clear();   // keeps memory
};

// "AB:CD:…" or "sha256:abcd…" as 64 lower-case hex digits; "" when it is no SHA-256 digest.
std::string normalized_digest(std::string_view written);

}   // namespace mailcore::mail
