#include "outcomes/log/postfix_line.hpp"

#include <algorithm>
#include <array>

#include "core/mail/reason.hpp"
#include "outcomes/log/line_scan.hpp"
#include "outcomes/log/postfix_refusal.hpp"

namespace mailcore::outcomes {
namespace {

using Kind = PostfixLine::Kind;
using Status = PostfixLine::Status;
using namespace scan;

// Seconds with a fraction of at most six digits: format_tv.c writes nothing else. std::from_chars is many times slower.
double seconds_of(std::string_view text)
{
    constexpr std::array<double, 7> units{1, 10, 100, 1'000, 10'000, 100'000, 1'000'000};
    auto seconds = static_cast<double>(take_number(text));
    if (!take(text, ".")) return seconds;
    text = text.substr(0, units.size() - 1);
    auto const digits = text.size();
    auto const fraction = static_cast<double>(take_number(text));
    return seconds + fraction / units[digits - text.size()];
}

// "4jWYs717qcz8lWc: " at the start of a message.
std::string_view take_queue_id(std::string_view& message)
{
    auto rest = message;
    auto const word = take_alnum(rest);
    if (!rest.starts_with(": ") || !is_queue_id(word)) return {};
    message = rest.substr(2);
    return word;
}

// The id behind the last `words` of a reason, if it ends like one: "250 2.0.0 Ok: queued as 4jWYs717qcz8lWc".
std::string_view queue_id_after(std::string_view reason, std::string_view words)
{
    std::string_view found;
    for (auto at = reason.find(words); at != npos; at = reason.find(words)) {
        reason.remove_prefix(at + words.size());
        found = reason;
    }
    auto const id = take_alnum(found);
    bool const ends = found.empty() || std::string_view{" ),;"}.find(found.front()) != npos || found == ".";
    return ends && is_queue_id(id) ? id : std::string_view{};
}

// --- One function a form; `text` is what stands behind "QID: ". Each gives the line's kind.

// client=name[addr][, sasl_method=…][, sasl_username=…][, sasl_sender=…][, orig_queue_id=…][, orig_client=…]
Kind read_client(std::string_view text, PostfixLine& parsed)
{
    take_client(text, parsed);
    take_until(text, ", ");
    std::string_view key;
    while (take_key(text, key)) {
        auto const value = take_until(text, ", ");
        if (key == "sasl_username") parsed.login = value;
        else if (key == "orig_queue_id" && is_queue_id(value)) parsed.orig_queue_id = value;
    }
    return Kind::Client;
}

// uid=0 from=<root>[ orig_id=…]
Kind read_pickup(std::string_view text, PostfixLine& parsed)
{
    take_until(text, " from=");
    parsed.has_sender = text.starts_with('<');
    parsed.sender = take_address(text);
    if (!take(text, " orig_id=")) return Kind::Pickup;
    auto const id = take_alnum(text);
    if (is_queue_id(id)) parsed.orig_queue_id = id;
    return Kind::Pickup;
}

Status status_of(std::string_view word)
{
    if (word == "sent") return Status::Sent;
    if (word == "deferred" || word == "SOFTBOUNCE") return Status::Deferred;
    if (word == "bounced") return Status::Bounced;
    if (word == "deliverable" || word == "undeliverable") return Status::Undelivered;
    if (word == "expired" || word == "force-expired") return Status::Expired;
    return Status::None;
}

// from=<…>, size=…, nrcpt=… (queue active)   or   from=<…>, status=expired, returned to sender
Kind read_queue_manager(std::string_view text, PostfixLine& parsed)
{
    parsed.has_sender = true;
    parsed.sender = take_address(text);
    if (take(text, ", status=")) {
        parsed.status_word = take_until(text, ", ");
        parsed.status = status_of(parsed.status_word);
        parsed.returned = text.starts_with("returned");
        return parsed.status == Status::Expired ? Kind::Expired : Kind::Other;
    }
    if (!take(text, ", size=")) return Kind::Other;
    parsed.size = take_number(text);
    if (take(text, ", nrcpt=")) parsed.recipients = take_number(text);
    return Kind::Queued;
}

// "sent (250 2.0.0 Ok: queued as …)": the reason is free text up to the last bracket; a log that cuts long lines may have
// lost that.
Kind read_status(std::string_view text, PostfixLine& parsed)
{
    parsed.status_word = take_until(text, " ");
    parsed.status = status_of(parsed.status_word);
    if (take(text, "(")) parsed.reason = text.substr(0, text.rfind(')'));
    if (parsed.status == Status::Sent) parsed.next_queue_id = queue_id_after(parsed.reason, parsed.service == "local" ? "forwarded as " : "queued as ");
    return parsed.status_word.empty() ? Kind::Other : Kind::Delivery;
}

void keep_delivery_field(std::string_view key, std::string_view value, PostfixLine& parsed)
{
    switch (key.size()) {
        case 2: if (key == "to") parsed.to = value; return;
        case 3: if (key == "dsn") parsed.dsn = value; return;
        case 5:
            if (key == "relay") parsed.relay = value;
            else if (key == "delay") parsed.delay = seconds_of(value);
            return;
        case 7: if (key == "orig_to") parsed.orig_to = value; return;
        default: return;   // conn_use, delays, tls and what later versions bring
    }
}

// to=<…>[, orig_to=<…>], relay=…[, conn_use=…], delay=…, delays=…[, tls=…], dsn=…, status=… (…)
Kind read_delivery(std::string_view text, PostfixLine& parsed)
{
    std::string_view key;
    while (take_key(text, key)) {
        if (key == "status") return read_status(text, parsed);
        auto const value = text.starts_with('<') ? take_address(text) : take_size(text, text.find(", "));
        keep_delivery_field(key, value, parsed);
        if (!take(text, ", ")) break;
    }
    return Kind::Other;   // cut short: nothing is known of the recipient
}

// sender non-delivery notification: NEWQID
Kind read_notification(std::string_view text, PostfixLine& parsed)
{
    auto const what = take_until(text, " notification: ");
    if (!is_queue_id(text)) return Kind::Other;
    parsed.notification = what;
    parsed.next_queue_id = text;
    return Kind::Notification;
}

// lost connection after DATA (1234 bytes) from name[addr]
Kind read_lost_connection(std::string_view text, PostfixLine& parsed)
{
    take_until(text, " after ");
    auto const from = text.rfind(" from ");
    if (from == npos) return Kind::Other;
    parsed.stage = text.substr(0, text.find(' '));
    text.remove_prefix(from + 6);
    take_client(text, parsed);
    return Kind::LostConnection;
}

// --- Which form is it?

bool is_session_error(std::string_view text)
{
    return text.starts_with("lost connection after ") || text.starts_with("timeout after ") || text.starts_with("too many errors after ");
}

Kind read_removed(std::string_view text, PostfixLine const& parsed)
{
    if (parsed.service.ends_with("qmgr") && text.empty()) return Kind::Removed;
    if (parsed.service == "postsuper" && text.empty()) return Kind::Deleted;
    return text.starts_with(" (") ? Kind::Canceled : Kind::Other;
}

Kind read_postsuper(std::string_view text)
{
    if (text == "requeued") return Kind::Requeued;
    if (text == "placed on hold") return Kind::Held;
    if (text == "released from hold") return Kind::Released;
    return Kind::Other;
}

Kind read_message_id(std::string_view text, PostfixLine& parsed)
{
    parsed.message_id = text;
    return Kind::MessageId;
}

// The frequent forms first; none of them begins as another does.
Kind read_queued(std::string_view text, PostfixLine& parsed)
{
    if (text.starts_with("to=<")) return read_delivery(text, parsed);
    if (take(text, "from=")) return text.starts_with('<') ? read_queue_manager(text, parsed) : Kind::Other;
    if (take(text, "removed")) return read_removed(text, parsed);
    if (take(text, "client=")) return read_client(text, parsed);
    if (take(text, "message-id=")) return read_message_id(text, parsed);
    if (text.starts_with("uid=")) return read_pickup(text, parsed);
    if (parsed.service == "postsuper") return read_postsuper(text);
    if (parsed.service == "bounce") return read_notification(text, parsed);
    if (is_session_error(text)) return read_lost_connection(text, parsed);
    return is_refusal(text) ? read_refusal(text, parsed) : Kind::Other;
}

Kind read_without_queue_id(std::string_view text, PostfixLine& parsed)
{
    bool const no_queue = take(text, "NOQUEUE: ");
    if (is_session_error(text)) return read_lost_connection(text, parsed);
    return (no_queue || text.starts_with("proxy-")) && is_refusal(text) ? read_refusal(text, parsed) : Kind::Other;
}

// --- The tag: "postfix-mx/content-filter/smtp[123]:"

// Postfix's programs, for hosts with a syslog_name of their own.
bool is_program(std::string_view service)
{
    constexpr std::array<std::string_view, 28> programs{
        "smtpd", "smtp", "qmgr", "cleanup", "lmtp", "local", "virtual", "pipe", "error", "discard", "bounce", "pickup", "postsuper", "postscreen",
        "anvil", "scache", "verify", "flush", "proxymap", "trivial-rewrite", "tlsmgr", "tlsproxy", "dnsblog", "master", "postqueue", "oqmgr", "qmqpd", "showq"};
    return std::find(programs.begin(), programs.end(), service) != programs.end();
}

bool read_identifier(std::string_view tag, PostfixLine& parsed)
{
    if (tag.ends_with(':')) tag.remove_suffix(1);
    if (tag.ends_with(']')) tag = tag.substr(0, tag.find('['));
    auto const first = tag.find('/');
    if (first == npos || first == 0) return false;
    parsed.instance = tag.substr(0, first);
    parsed.service = tag.substr(tag.rfind('/') + 1);
    return parsed.instance == "postfix" || parsed.instance.starts_with("postfix-") || is_program(parsed.service);
}

void read_message(std::string_view message, PostfixLine& parsed)
{
    parsed.queue_id = take_queue_id(message);
    parsed.kind = parsed.queue_id.empty() ? read_without_queue_id(message, parsed) : read_queued(message, parsed);
}

// The tag with its colon, behind the host if there is one; "" where no program says who it is.
std::string_view take_tag(std::string_view& line)
{
    auto word = take_until(line, " ");
    if (!word.ends_with("]:")) word = take_until(line, " ");
    return word.ends_with("]:") ? word : std::string_view{};
}

}   // namespace

bool parse_postfix_line(std::string_view line, LogClock& clock, PostfixLine& parsed)
{
    parsed = PostfixLine{};
    if (!clock.read(line, parsed.time)) return false;
    auto const tag = take_tag(line);
    if (tag.empty() || !read_identifier(tag, parsed)) return false;
    read_message(line, parsed);
    return true;
}

bool parse_postfix_message(std::string_view identifier, std::string_view message, base::Time time, PostfixLine& parsed)
{
    parsed = PostfixLine{};
    if (!read_identifier(identifier, parsed)) return false;
    parsed.time = time;
    read_message(message, parsed);
    return true;
}

bool ends_in_reason_word(std::string_view text)
{
    if (!text.ends_with(')')) return false;
    text.remove_suffix(1);
    auto const open = text.rfind('(');
    if (open == npos) return false;
    text.remove_prefix(open + 1);
    for (int reason = 0; reason < mail::kReasons; ++reason) {
        auto const candidate = static_cast<mail::Reason>(reason);
        if (candidate != mail::Reason::Ok && text == mail::word(candidate)) return true;
    }
    return false;
}

}   // namespace mailcore::outcomes
