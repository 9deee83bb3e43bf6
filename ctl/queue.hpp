// The messages in Postfix's queue, and whose they are: a message is a tenant's if the stamp that the milter gave it says so.
//
//     Queue const queue{postfix};
//     auto const waiting = queue.list();                       // postqueue -j
//     queue.read(ids, [&](QueuedMessage const& message) {…});  // postcat
//     queue.hold(ids);                                         // postsuper -h
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/config/settings.hpp"
#include "core/mail/stamp.hpp"
#include "ctl/postfix.hpp"

namespace mailcore::ctl {

struct QueueEntry {
    std::string queue_id, queue;   // queue: incoming, active, deferred, hold
    std::int64_t arrived = 0;      // seconds since 1970
    std::size_t recipients = 0;    // that are still to be delivered
    bool on_hold() const { return queue == "hold"; }
    bool operator==(QueueEntry const&) const = default;
};

struct QueuedMessage {
    std::string queue_id;
    std::string sender;   // of the envelope, internal form; "" for null
    std::string header;
    bool operator==(QueuedMessage const&) const = default;
};

// What the commands print. Pure.
base::Result<std::vector<QueueEntry>> parse_queue(std::string_view json_lines);        // postqueue -j; maildrop is left out
std::vector<QueuedMessage> parse_messages(std::string_view text);                      // postcat -qeh ID…: those that are complete
std::size_t count_moved(std::string_view text);                                        // postsuper -h, -H: messages it names

// A message that names the tenant and has no valid stamp is not taken for the tenant's. Without keys its name is all there is.
enum class Owner { Tenant, Unproved, Other };
Owner owner_of(QueuedMessage const& message, std::string_view tenant, config::StampSettings const& names, mail::StampKeys const* keys);

class Queue {
public:
    explicit Queue(Postfix postfix) : postfix_{std::move(postfix)} {}

    base::Result<std::vector<QueueEntry>> list() const;

    // Those that have left the queue by now, or cannot be read, are passed over; how many these are.
    base::Result<std::size_t> read(std::span<std::string const> ids, std::function<void(QueuedMessage const&)> const& visit) const;

    // How many were moved; what has left the queue by now is passed over. For root only.
    base::Result<std::size_t> hold(std::span<std::string const> ids) const { return move("-h", ids); }
    base::Result<std::size_t> release(std::span<std::string const> ids) const { return move("-H", ids); }

private:
    base::Result<std::size_t> move(char const* option, std::span<std::string const> ids) const;

    Postfix postfix_;
};

}   // namespace mailcore::ctl
