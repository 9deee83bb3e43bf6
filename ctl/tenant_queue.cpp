#include "ctl/tenant_queue.hpp"

namespace mailcore::ctl {

using base::fail;
using base::Result;

Result<TenantQueue::Held> TenantQueue::hold(std::function<void()> const& wait)
{
    Held result;
    if (auto const first = hold_round(result); !first) return fail(first.error());
    wait();
    if (auto const second = hold_round(result); !second) return fail(second.error());
    return result;
}

Result<> TenantQueue::hold_round(Held& result)
{
    auto const entries = queue_.list();
    if (!entries) return fail(entries.error());
    std::vector<std::string> unseen;
    for (auto const& entry : *entries) {
        if (!entry.on_hold() && !seen_.contains(entry.queue_id)) unseen.push_back(entry.queue_id);
    }
    auto const passed_over = queue_.read(unseen, [&](QueuedMessage const& message) {
        seen_.insert(message.queue_id);
        auto const owner = owner_of(message, tenant_, names_, keys_.get());
        if (owner == Owner::Tenant) mine_.insert(message.queue_id);
        if (owner == Owner::Unproved) ++result.unproved;
    });
    if (!passed_over) return fail(passed_over.error());
    result.unread = *passed_over;

    std::vector<std::string> going;
    for (auto const& entry : *entries) {
        if (!entry.on_hold() && mine_.contains(entry.queue_id)) going.push_back(entry.queue_id);
    }
    if (going.empty()) return {};
    // Remembered first: what is on hold and forgotten would stay there.
    auto remembered = read_held(postfix_, tenant_);
    if (!remembered) return fail(remembered.error());
    remembered->insert(going.begin(), going.end());
    if (auto const written = write_held(postfix_, tenant_, *remembered); !written) return fail(written.error());
    auto const moved = queue_.hold(going);
    if (!moved) return fail(moved.error());
    result.held += *moved;
    return {};
}

Result<TenantQueue::Released> TenantQueue::release()
{
    auto const ours = held_and_still_there();
    if (!ours) return fail(ours.error());
    Released result;
    auto const moved = queue_.release(*ours);
    if (!moved) return fail(moved.error());
    result.released = *moved;
    if (auto const forgotten = write_held(postfix_, tenant_, {}); !forgotten) return fail(forgotten.error());

    auto const entries = queue_.list();
    if (!entries) return fail(entries.error());
    std::vector<std::string> on_hold;
    for (auto const& entry : *entries) {
        if (entry.on_hold()) on_hold.push_back(entry.queue_id);
    }
    auto const passed_over = queue_.read(on_hold, [&](QueuedMessage const& message) {
        if (owner_of(message, tenant_, names_, keys_.get()) == Owner::Tenant) ++result.left;
    });
    if (!passed_over) return fail(passed_over.error());
    return result;
}

Result<std::size_t> TenantQueue::count_held() const
{
    auto const ids = held_and_still_there();
    if (!ids) return fail(ids.error());
    return ids->size();
}

Result<std::vector<std::string>> TenantQueue::held_and_still_there() const
{
    auto const remembered = read_held(postfix_, tenant_);
    if (!remembered) return fail(remembered.error());
    std::vector<std::string> ids;
    if (remembered->empty()) return ids;
    auto const entries = queue_.list();
    if (!entries) return fail(entries.error());
    for (auto const& entry : *entries) {
        if (entry.on_hold() && remembered->contains(entry.queue_id)) ids.push_back(entry.queue_id);
    }
    return ids;
}

}   // namespace mailcore::ctl
