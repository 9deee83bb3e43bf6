// One line of Postfix's log as a value. Reads fields from left to right and lets unknown ones be, so that all of Postfix
// 3.4 to 3.12 is understood; what no outcome needs is Kind::Other. Source: Postfix's src/global/log_adhoc.c, cleanup,
// qmgr, bounce, postsuper, smtpd of these versions.
//
//     LogClock clock{base::now()};
//     PostfixLine parsed;
//     if (parse_postfix_line(line, clock, parsed)) …      // false: not Postfix's
//
// No allocation; views point into the line. A millions-of-lines-a-second path: see bench/.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/clock.hpp"

namespace mailcore::outcomes {

struct PostfixLine {
    enum class Kind : std::uint8_t {
        Other,
        Client,         // smtpd: QID: client=…
        Pickup,         // pickup: QID: uid=… from=<…> [orig_id=…]
        MessageId,      // cleanup: QID: message-id=<…>
        Queued,         // qmgr: QID: from=<…>, size=…, nrcpt=… (queue active): again at every retry
        Delivery,       // QID: to=<…>, relay=…, status=… (…)
        Expired,        // qmgr: QID: from=<…>, status=expired | force-expired[, returned to sender]
        Removed,        // qmgr: QID: removed
        Canceled,       // cleanup of 3.10 and later: QID: removed (canceled | discarded)
        Deleted,        // postsuper: QID: removed
        Requeued,       // postsuper: QID: requeued; pickup's line with orig_id follows
        Held,           // postsuper: placed on hold; *-hold verbs of smtpd and cleanup
        Released,       // postsuper: released from hold
        Notification,   // bounce: QID: sender non-delivery notification: NEWQID, and its kin
        Reject,         // QID | NOQUEUE: reject | milter-reject | milter-discard | discard: STAGE from …: text
        LostConnection, // smtpd's session errors; with a queue id from 3.10 on
    };
    enum class Status : std::uint8_t { None, Sent, Deferred, Bounced, Expired, Undelivered };   // Undelivered: verify probes

    Kind kind = Kind::Other;
    Status status = Status::None;
    base::Time time{};
    std::string_view instance;       // the syslog name: "postfix", "postfix-out"; of "postfix/submission/smtpd" it is "postfix"
    std::string_view service;        // "smtpd", "qmgr", "smtp", "cleanup", …: the last part
    std::string_view queue_id;       // "" = NOQUEUE or none

    std::string_view client;         // Client, Reject, LostConnection: address, without brackets and port
    std::string_view client_name;
    std::string_view login;          // sasl_username
    std::string_view orig_queue_id;  // Client: XFORWARD's; Pickup: orig_id

    std::string_view message_id;     // with its angle brackets, as logged
    std::string_view sender;         // without angle brackets; "" is the null sender
    bool has_sender = false;
    std::uint64_t size = 0;
    std::uint64_t recipients = 0;    // nrcpt

    std::string_view to;             // without angle brackets, in the form logged (external since 3.5)
    std::string_view orig_to;
    std::string_view relay;          // "mx.example[192.0.2.1]:25", "none", "local", a transport or socket path
    double delay = 0;                // seconds
    std::string_view dsn;            // "2.0.0"
    std::string_view status_word;    // Delivery, Expired: as logged: "sent", "SOFTBOUNCE", "force-expired"
    std::string_view reason;         // inside the outer parentheses
    std::string_view next_queue_id;  // Notification: NEWQID. Delivery that was sent: NEWQID of "queued as NEWQID", or of local(8)'s
                                     // "forwarded as NEWQID", in the reason; remote servers say "queued as" too

    std::string_view verb;           // Reject, Held, and Other for those that refuse nothing: "reject", "milter-reject", "warn"
    std::string_view stage;          // with verb: "RCPT", "END-OF-MESSAGE", "header"; LostConnection: "DATA"
    std::string_view text;           // with verb: the reply or, in cleanup, its text without code; up to "; from="
    bool returned = false;           // Expired: ", returned to sender"
    std::string_view notification;   // "sender non-delivery", "sender delay", "postmaster non-delivery", …
};

// Turns the two forms of a log's time into a Time. RFC 3339 says everything; "Nov 22 05:00:01" lacks year and zone: the
// host's zone, and the year that makes it at most a day later than `reference`. Of the hour that comes twice in autumn the
// first is meant until the lines before were later. Remembers the last second it read.
class LogClock {
public:
    explicit LogClock(base::Time reference) : reference_{reference} {}
    void set_reference(base::Time reference);
    // Reads the time at the line's start and takes it and the blank behind it off; false: there is none.
    bool read(std::string_view& line, base::Time& time);

private:
    template <class Read>
    bool read_second(std::string_view text, Read read_anew);
    std::optional<base::Time> in_host_zone(std::string_view text) const;
    std::optional<base::Time> in_year(std::chrono::year_month_day date, std::string_view text) const;

    base::Time reference_;
    std::array<char, 20> last_{};      // the text of the last second, without fraction and offset
    std::size_t last_size_ = 0;
    base::Time last_time_{};
};

// False: no line of Postfix; `parsed` is then not to be used. A syslog_name of one's own ("out/smtp") is known by the program.
bool parse_postfix_line(std::string_view line, LogClock& clock, PostfixLine& parsed);

// For the journal, which has time, identifier and text apart: parse_postfix_message("postfix/smtp", "4jWY…: to=<…", time, parsed).
// "postfix/smtp[123]" and "postfix/smtp[123]:" are fine too.
bool parse_postfix_message(std::string_view identifier, std::string_view message, base::Time time, PostfixLine& parsed);

// Our own daemons' refusals end so: "Sender not allowed for this client (sender_not_allowed)".
bool ends_in_reason_word(std::string_view text);

}   // namespace mailcore::outcomes
