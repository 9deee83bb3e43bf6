// The messages of one tenant in Postfix's queue: put on hold when it is suspended, let go when it is resumed.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/config/settings.hpp"
#include "core/mail/stamp.hpp"
#include "ctl/held.hpp"
#include "ctl/queue.hpp"

namespace mailcore::ctl {

class TenantQueue {
public:
    // Without `keys` the tenant's header is all there is to tell a message by.
    TenantQueue(Postfix postfix, std::string tenant, config::StampSettings names, std::shared_ptr<mail::StampKeys const> keys)
        : postfix_{std::move(postfix)}, queue_{postfix_}, tenant_{std::move(tenant)}, names_{std::move(names)}, keys_{std::move(keys)}
    {
    }

    struct Held {
        std::size_t held = 0;
        std::size_t unproved = 0;   // name the tenant without a valid stamp: left alone
        std::size_t unread = 0;     // could not be read, or left the queue meanwhile
    };
    // Looks twice, with `wait` between: what had just been accepted when the tenant was suspended is still on its way
    // into the queue. A message that moved from one queue to another under postsuper's eyes is caught by that, too.
    base::Result<Held> hold(std::function<void()> const& wait);

    struct Released {
        std::size_t released = 0;
        std::size_t left = 0;   // the tenant's, on hold, and not by hold()
    };
    base::Result<Released> release();

    base::Result<std::size_t> count_held() const;   // by hold(), and still on hold

private:
    base::Result<> hold_round(Held& result);
    base::Result<std::vector<std::string>> held_and_still_there() const;

    Postfix postfix_;
    Queue queue_;
    std::string tenant_;
    config::StampSettings names_;
    std::shared_ptr<mail::StampKeys const> keys_;
    std::set<std::string> seen_, mine_;   // queue ids: judged already; of these the tenant's
};

}   // namespace mailcore::ctl
