// One SMTP session as the milter sees it: gathers what Postfix tells, asks the rules, says what to do about it.
//
//     session.connected({.client = "10.0.0.250", .daemon_port = "25"});
//     Answer answer = session.begin_message(rules.get(), {.path = "<amazon@inbound.keybuzz.io>"}, base::now());
//     answer = session.add_recipient({.path = "<user@example.com>"});
//     session.add_header("Subject", "Hello");
//     answer = session.end_message({.queue_id = "4jWYs717qcz8lWc"}, base::now());
//     session.forget_message();
//
// Knows nothing of libmilter: plain values come in, a value goes out, and apply.hpp turns that into calls.
// One connection carries many messages. Each sees one Ruleset from its MAIL to its end; what belongs to a message goes
// with forget_message(), what belongs to the connection stays. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/gate/meter.hpp"
#include "core/mail/request.hpp"
#include "core/mail/verdict.hpp"
#include "core/rules/ruleset.hpp"
#include "core/rules/suspensions.hpp"
#include "core/run/snapshot.hpp"

namespace mailcore::milter {

// What Postfix says of a connection. Empty views: it did not say.
struct Connection {
    std::string_view client;                   // {client_addr}
    std::optional<net::IpAddress> address;     // none for AF_UNIX and unknown families
    std::string_view daemon_port;              // {daemon_port}; "0" for non_smtpd_milters
};

// Addresses come as SMTP quotes them: <"a b"@c>.
struct Sender {
    std::string_view path;                     // as sent behind MAIL FROM:, "<a@b>"; without brackets from sendmail(1)
    std::optional<std::string_view> address;   // {mail_addr}: rewritten, lower case, without brackets; "" for null
    std::string_view login;                    // {auth_authen}
    std::uint64_t size = 0;                    // SIZE=, RFC 1870; 0 = not declared
    bool tls = false;
};

struct Recipient {
    std::string_view path;      // as sent behind RCPT TO:
    std::string_view address;   // {rcpt_addr}: as Postfix will deliver it, without brackets
};

struct End {
    std::string_view queue_id;         // {i}
    std::string certificate = {};      // the digest that the policy daemon noted; "" = none
    bool certificate_known = true;     // false: the table of notes could not be read
};

// All copies of one header are taken out, from the last to the first.
struct Removal {
    std::string_view name;
    int copies = 0;
};

struct Addition {
    std::string name;
    std::string value;
};

// What to change in a message that passes or is held. The views live until the session's next call.
struct Edits {
    std::span<Removal const> removals;
    std::span<Addition const> additions;
    std::uint64_t forged = 0;   // how many of the removed headers were no claims of the tenant found
};

struct Answer {
    mail::Verdict verdict;   // its views live until forget_message()
    Edits edits = {};
    std::string failure = {};   // for the log, where the verdict is mailcore's own failure
};

// Does the mail server show this connection's bodies? Settled by the negotiation, before any message.
enum class Body : std::uint8_t { Unseen, Counted };

// What a session asks beside the rules; null: nobody counts, nobody is suspended.
struct LimitDoors {
    gate::Meter* meter = nullptr;
    run::Snapshot<rules::Suspensions> const* suspensions = nullptr;
};

class MilterSession {
public:
    // A new connection. Keeps memory, so that sessions can be used again.
    void open(Body body, LimitDoors limits = {});
    void connected(Connection const& connection);
    void greeted(std::string_view helo);

    // MAIL. Begins anew, whatever was before.
    Answer begin_message(std::shared_ptr<rules::Ruleset const> ruleset, Sender const& sender, base::Time now);
    // RCPT. A recipient that is refused is no longer part of the message after drop_recipient().
    Answer add_recipient(Recipient const& recipient);
    void drop_recipient();
    void begin_data(std::string_view queue_id);   // only where the policy daemon counts at DATA
    void add_header(std::string_view name, std::string_view value);
    void add_body(std::size_t bytes);
    Answer end_message(End const& end, base::Time now);
    void uncount(base::Time now);   // the message did not pass after all: what was counted is given back

    // The message is over or refused. Harmless without one.
    void forget_message();
    // It was given up by the client (RSET, a new EHLO, a lost connection).
    void give_up_message(base::Time now);

    // From here on nothing that is known of this connection, or of this message, can be relied on: every message, or
    // this one, is deferred, since copies of our headers may have gone by uncounted.
    void distrust_connection() { connection_distrusted_ = true; }
    void distrust_message() { message_distrusted_ = true; }

    bool in_message() const { return ruleset_ != nullptr; }
    bool wants_certificate() const;   // end_message() has use for a note
    mail::Request const& request() const { return request_; }

    // More than this in one message is no mail; it is deferred. Postfix shows a milter 60,000 bytes of one header at most.
    static constexpr std::uint64_t kMaxHeaderBytes = 4u << 20u;
    static constexpr int kMaxCopies = 1'000;   // of one of our headers

private:
    // A header that no message may bring along: a claim, or a part of the stamp.
    struct Guarded {
        Removal removal;
        int claims = 0;          // copies that say something, where the name is one of a claim
        bool is_claim = false;
    };

    bool trusted() const { return !connection_distrusted_ && !message_distrusted_; }
    void guard_headers();
    void guard(std::string_view name, bool is_claim);
    void set_sender(Sender const& sender);
    void set_certificate(End const& end);
    Answer ask_rules();
    Answer verdict_at_end(End const& end);
    void count(Answer& answer, base::Time now);
    base::Result<> make_stamp(mail::Verdict const& verdict, base::Time now);
    Edits edits_for(mail::Verdict const& verdict);
    void add(std::string_view name, std::string_view value);

    mail::Request request_;
    mail::Message message_;   // in request_ only at the end of the message
    std::shared_ptr<rules::Ruleset const> ruleset_;
    std::vector<Guarded> guarded_;
    std::vector<Removal> removals_;
    std::array<Addition, 3> additions_;
    std::size_t additions_used_ = 0;
    std::uint64_t header_bytes_ = 0;
    std::uint64_t body_bytes_ = 0;
    Body body_ = Body::Unseen;
    gate::Meter* meter_ = nullptr;
    std::optional<run::SnapshotReader<rules::Suspensions>> suspensions_;
    rules::Receipt receipt_;   // of what was counted for this message
    bool connection_distrusted_ = false;
    bool message_distrusted_ = false;
};

// Of "SIZE=1234", in any case; 0 for any other parameter and for what is no number.
std::uint64_t declared_size(std::string_view parameter);

}   // namespace mailcore::milter
