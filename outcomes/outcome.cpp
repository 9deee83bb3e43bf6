#include "outcomes/outcome.hpp"

#include <array>

#include "core/base/secret.hpp"
#include "core/base/text.hpp"
#include "core/crypto/hmac.hpp"

namespace mailcore::outcomes {
namespace {

constexpr std::array<std::string_view, kStatuses> kWords{"ACCEPTED", "DEFERRED", "SENT",   "BOUNCED",
                                                         "EXPIRED",  "REJECTED", "DELETED"};

// "2026-11-21T01:00:05.123Z"
std::string in_milliseconds(base::Time time)
{
    auto text = base::format_time(time);
    auto const millis = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
    auto const digits = std::to_string(1000 + (millis + 1000) % 1000);   // "1" and three digits
    text.replace(text.size() - 1, 1, "." + digits.substr(1) + "Z");
    return text;
}

void add(std::string& json, std::string_view key, std::string_view value)
{
    json += json.empty() ? "{\"" : ",\"";
    json.append(key).append("\":");
    base::append_json_string(json, value);
}

void add_if_any(std::string& json, std::string_view key, std::string_view value)
{
    if (!value.empty()) add(json, key, value);
}

// RFC 9562 5.8: version 8 is for digests of one's own making.
std::string uuid_of(crypto::Sha256 digest)
{
    constexpr std::string_view kHex = "0123456789abcdef";
    digest[6] = static_cast<unsigned char>((digest[6] & 0x0Fu) | 0x80u);
    digest[8] = static_cast<unsigned char>((digest[8] & 0x3Fu) | 0x80u);
    std::string text;
    text.reserve(36);
    for (std::size_t i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += kHex[digest[i] >> 4u];
        text += kHex[digest[i] & 15u];
    }
    return text;
}

}   // namespace

std::string_view word(Status status) { return kWords[static_cast<std::size_t>(status)]; }

std::optional<Status> parse_status(std::string_view text)
{
    for (std::size_t i = 0; i < kWords.size(); ++i) {
        if (base::equal_ignoring_case(text, kWords[i])) return static_cast<Status>(i);
    }
    return std::nullopt;
}

bool is_final(Status status) { return status != Status::Accepted && status != Status::Deferred; }

std::string to_json(Outcome const& outcome)
{
    std::string json;
    json.reserve(512);
    add(json, "eventId", outcome.event_id);
    add(json, "tenantId", outcome.tenant_id);
    add(json, "ticketId", outcome.ticket_id);
    add(json, "messageId", outcome.message_id);
    add(json, "queueId", outcome.queue_id);
    add(json, "sender", outcome.sender);
    add(json, "recipient", outcome.recipient);
    add(json, "provider", outcome.provider);
    add(json, "relay", outcome.relay);
    add(json, "status", word(outcome.status));
    add(json, "dsn", outcome.dsn);
    add(json, "reason", outcome.reason);
    json += ",\"attempts\":" + std::to_string(outcome.attempts);
    add(json, "sentAt", in_milliseconds(outcome.sent_at));
    add_if_any(json, "notificationId", outcome.notification_id);
    add_if_any(json, "originalRecipient", outcome.original_recipient);
    add(json, "postfixInstance", outcome.postfix_instance);
    json += '}';
    return json;
}

std::string event_id_of(Outcome const& outcome, base::Time changed)
{
    static base::Secret const kPurpose{"mailcore outcome event 1"};   // sets these digests apart; no secret
    auto const time = std::to_string(changed.time_since_epoch().count());
    std::string text;
    for (std::string_view part : {std::string_view{outcome.queue_id}, std::string_view{outcome.recipient},
                                  std::string_view{outcome.original_recipient}, std::string_view{outcome.sender},
                                  word(outcome.status), std::string_view{outcome.dsn}, std::string_view{time}}) {
        text.append(part) += '\0';
    }
    if (outcome.queue_id.empty()) text.append(outcome.tenant_id).append(1, '\0') += outcome.reason;   // many may be refused at once
    return uuid_of(crypto::hmac_sha256(kPurpose, text));
}

}   // namespace mailcore::outcomes
