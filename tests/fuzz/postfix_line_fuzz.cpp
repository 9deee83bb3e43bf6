// Lines of Postfix's log. What is found lies within the line, queue ids are made of letters and digits, a second reading finds
// the same, no time lies more than a day ahead. An address and a reason that we put into a line as Postfix does are read back.
#include <array>
#include <cstdlib>
#include <ctime>
#include <string>

#include "core/base/text.hpp"
#include "outcomes/log/postfix_line.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace mailcore;
using outcomes::LogClock;
using outcomes::PostfixLine;
using fuzz::require;
using Kind = PostfixLine::Kind;

// A zone with summer and winter, so that in_host_zone() has something to do.
bool const zone_is_set = [] {
    ::setenv("TZ", "Europe/Berlin", 1);
    ::tzset();
    return true;
}();

std::array<std::string_view, 20> views(PostfixLine const& line)
{
    return {line.instance, line.service, line.queue_id, line.client, line.client_name, line.login, line.orig_queue_id, line.message_id, line.sender,
            line.to, line.orig_to, line.relay, line.dsn, line.status_word, line.reason, line.next_queue_id, line.verb, line.stage, line.text, line.notification};
}

bool lies_within(std::string_view part, std::string_view whole)
{
    return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

bool is_queue_id(std::string_view id)
{
    bool legal = id.empty() || id.size() >= 6;
    for (char const c : id) legal = legal && base::is_alnum(c);
    return legal;
}

bool same(PostfixLine const& left, PostfixLine const& right)
{
    return views(left) == views(right) && left.kind == right.kind && left.status == right.status && left.time == right.time && left.size == right.size &&
           left.recipients == right.recipients && left.delay == right.delay && left.has_sender == right.has_sender && left.returned == right.returned;
}

bool needs_queue_id(Kind kind)
{
    return kind != Kind::Other && kind != Kind::Reject && kind != Kind::Held && kind != Kind::LostConnection;
}

void check(std::string_view text, PostfixLine const& line)
{
    for (auto const view : views(line)) require(lies_within(view, text), "what is found lies within the line", text);
    for (auto const id : {line.queue_id, line.orig_queue_id, line.next_queue_id}) require(is_queue_id(id), "a queue id is letters and digits", text);
    require(!needs_queue_id(line.kind) || !line.queue_id.empty(), "what happens to a message names it", text);
    require(line.kind != Kind::Delivery || !line.status_word.empty(), "a delivery has a status", text);
    require(line.delay >= 0, "a delay is no debt", text);
    bool const has_year = text.front() >= '0' && text.front() <= '9';
    require(has_year || line.time <= fuzz::kNow + std::chrono::hours{24}, "a time without year lies at most a day ahead", text);
}

void check_line(std::string_view text, LogClock& clock)
{
    PostfixLine line;
    bool const is_postfix = parse_postfix_line(text, clock, line);
    if (!is_postfix) return;
    check(text, line);
    PostfixLine again;
    require(parse_postfix_line(text, clock, again) && same(line, again), "a second reading finds the same", text);
}

// Quoted as Postfix 3.5 and later do where the local part is no dot-atom.
std::string external(std::string_view local)
{
    std::string quoted = "\"";
    for (char const c : local) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "\"@remote.test";
}

PostfixLine read_back(std::string const& text, Kind kind, LogClock& clock)
{
    PostfixLine line;
    require(parse_postfix_line(text, clock, line) && line.kind == kind, "a line that we made is read as what it is", text);
    check(text, line);
    return line;
}

void check_written(std::string_view words, LogClock& clock)
{
    auto const address = external(words);
    auto const in_brackets = "<" + address + ">";

    auto const delivered = "2026-11-22T05:00:00Z mx1 postfix/smtp[1]: 4jWYs717qcz8lWc: to=" + in_brackets + ", orig_to=" + in_brackets +
                           ", relay=mx[192.0.2.25]:25, delay=1.5, delays=0/0/0/1.5, tls=may?, dsn=5.1.1, status=bounced (" + std::string{words} + ")";
    auto const delivery = read_back(delivered, Kind::Delivery, clock);
    require(delivery.to == address && delivery.orig_to == address, "an address is read as it was written", delivered);
    require(delivery.reason == words && delivery.dsn == "5.1.1" && delivery.delay == 1.5, "a reason is read as it was written", delivered);

    auto const queued = "2026-11-22T05:00:00Z mx1 postfix/qmgr[1]: 4jWYs717qcz8lWc: from=" + in_brackets + ", size=2048, nrcpt=3 (queue active)";
    auto const message = read_back(queued, Kind::Queued, clock);
    require(message.sender == address && message.size == 2048 && message.recipients == 3, "a sender is read as it was written", queued);

    auto const refused = "2026-11-22T05:00:00Z mx1 postfix/smtpd[1]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 550 5.1.1 " + in_brackets + ": no (rule); from=" + in_brackets + " to=" + in_brackets +
                         " proto=ESMTP helo=<client.test>";
    auto const refusal = read_back(refused, Kind::Reject, clock);
    require(refusal.text == "550 5.1.1 " + in_brackets + ": no (rule)" && outcomes::ends_in_reason_word(refusal.text), "a reply is read as it was written", refused);
    require(refusal.sender == address && refusal.to == address, "a refusal's addresses are read as they were written", refused);
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    LogClock clock{fuzz::kNow};
    auto const lines = base::split(fuzz::text_of(data, size), '\n');
    for (auto const line : lines) {
        if (!line.empty()) check_line(line, clock);
    }
    check_written(lines.front(), clock);
    return 0;
}
