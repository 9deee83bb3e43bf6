// What became of one recipient of one message: contract's "An outcome".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"

namespace mailcore::outcomes {

// The numbers are in the store: append only.
enum class Status : std::uint8_t { Accepted, Deferred, Sent, Bounced, Expired, Rejected, Deleted };
inline constexpr int kStatuses = static_cast<int>(Status::Deleted) + 1;

std::string_view word(Status status);   // "SENT"; "ACCEPTED" is in the store and never told
std::optional<Status> parse_status(std::string_view text);   // of the word, in either case
bool is_final(Status status);           // not Accepted, not Deferred

struct Outcome {
    std::string event_id;          // the same for the same change, however often it is read: see event_id_of()
    std::string postfix_instance;  // syslog name; "" where only the gate has seen the message
    std::string tenant_id, ticket_id, message_id, queue_id, sender, recipient, provider, relay, dsn, reason;
    Status status = Status::Accepted;
    std::uint32_t attempts = 0;
    base::Time sent_at{};          // of the last change
    std::string notification_id;   // queue id of the bounce that Postfix wrote; "" = none
    std::string original_recipient;   // what an alias or a virtual address was expanded from; "" = nothing was

    bool operator==(Outcome const&) const = default;
};

// The JSON of contract, store, webhook and `mailcorectl outcomes --json`. Every byte that is not UTF-8 is replaced.
std::string to_json(Outcome const& outcome);

// A UUID made of a SHA-256 over queue id, recipient, status, dsn and the time of the log line that made the change; where there
// is no queue id (a refusal before a message), over tenant and reason, too. That line's time, and nothing that depends on what
// was read before it: reading the logs again, in whatever order, gives the same id. The instance is left out for the same
// reason: a decision line does not name it.
std::string event_id_of(Outcome const& outcome, base::Time changed);

}   // namespace mailcore::outcomes
