#include "bench/log_counts.hpp"

#include <algorithm>
#include <vector>

namespace mailcore::bench {
namespace {

using outcomes::PostfixLine;
using Kind = PostfixLine::Kind;
using Status = PostfixLine::Status;

template <class Map>
auto& entry(Map& map, std::string_view name)
{
    auto const found = map.find(name);
    return found != map.end() ? found->second : map.try_emplace(std::string{name}).first->second;
}

std::string_view domain_of(std::string_view address) { return address.substr(address.rfind('@') + 1); }

// A total as pflogsumm shows it: in k above 512 k, in m above 512 m, cut.
std::string shown(std::uint64_t value)
{
    constexpr std::uint64_t k = 1024;
    if (value > 512 * k * k) return std::to_string(value / (k * k)) + 'm';
    return value > 512 * k ? std::to_string(value / k) + 'k' : std::to_string(value) + ' ';
}

std::string row(std::uint64_t value, std::string_view name)
{
    auto const number = shown(value);
    return std::string(number.size() < 8 ? 8 - number.size() : 1, ' ') + number + "  " + std::string{name} + "\n";
}

}   // namespace

void LogCounts::take(PostfixLine const& line)
{
    switch (line.kind) {
        case Kind::Client:
        case Kind::Pickup:
            ++received_;
            entry(messages_, line.queue_id).received = true;
            return;
        case Kind::Queued: return queued(line);
        case Kind::Delivery: return delivery(line);
        case Kind::Removed:
            if (auto const ended = messages_.find(line.queue_id); ended != messages_.end()) messages_.erase(ended);
            return;
        case Kind::Reject:
            ++(line.verb.ends_with("discard") ? discarded_ : refused_);
            return reason("refused", line.stage, line.text);
        case Kind::Held: ++held_; return;
        case Kind::Other: warned_ += line.verb == "reject_warning" ? 1u : 0u; return;
        case Kind::MessageId:
        case Kind::Expired:
        case Kind::Canceled:
        case Kind::Deleted:
        case Kind::Requeued:
        case Kind::Released:
        case Kind::Notification:
        case Kind::LostConnection: return;
    }
}

void LogCounts::queued(PostfixLine const& line)
{
    auto& message = entry(messages_, line.queue_id);
    if (message.size > 0) return;   // again: a retry
    message.size = line.size;
    if (!message.received) return;
    bytes_received_ += line.size;
    for (auto* const traffic : {&entry(senders_, line.sender), &entry(sender_domains_, domain_of(line.sender))}) {
        ++traffic->messages;
        traffic->bytes += line.size;
    }
}

void LogCounts::delivery(PostfixLine const& line)
{
    switch (line.status) {
        case Status::Sent: return sent(line);
        case Status::Deferred: return deferred(line);
        case Status::Bounced: ++bounced_; return reason("bounced", line.relay, line.reason);
        case Status::Expired:
        case Status::Undelivered:
        case Status::None: return;
    }
}

LogCounts::Traffic& LogCounts::recipient_domain(PostfixLine const& line)
{
    auto& domain = entry(recipient_domains_, domain_of(line.to));
    domain.longest = std::max(domain.longest, line.delay);
    return domain;
}

void LogCounts::sent(PostfixLine const& line)
{
    if (line.service == "local" && !line.next_queue_id.empty()) {
        ++forwarded_;
        return;
    }
    ++delivered_;
    auto const size = entry(messages_, line.queue_id).size;
    bytes_delivered_ += size;
    auto& domain = recipient_domain(line);
    recipient_domains_served_ += domain.messages == 0 ? 1u : 0u;
    for (auto* const traffic : {&domain, &entry(recipients_, line.to)}) {
        ++traffic->messages;
        traffic->bytes += size;
        traffic->delay += line.delay;
    }
}

void LogCounts::deferred(PostfixLine const& line)
{
    auto& message = entry(messages_, line.queue_id);
    deferred_ += message.deferred ? 0u : 1u;
    message.deferred = true;
    ++deferrals_;
    ++recipient_domain(line).deferrals;
    reason("deferred", line.service, line.reason);
}

// Without what differs from message to message: the host that said it, the address it repeats.
void LogCounts::reason(std::string_view what, std::string_view where, std::string_view text)
{
    auto const said = text.find(" said: ");
    if (said != std::string_view::npos) text.remove_prefix(said + 7);
    auto const address = text.find(">: ");
    if (address != std::string_view::npos) text.remove_prefix(address + 3);
    key_.assign(what).append(" ").append(where).append(": ").append(text.substr(0, 65));
    ++entry(reasons_, key_);
}

std::string LogCounts::grand_totals() const
{
    auto const deferrals = deferrals_ > 0 ? "deferred  (" + shown(deferrals_) + " deferrals)" : "deferred";
    return row(received_, "received") + row(delivered_, "delivered") + row(forwarded_, "forwarded") + row(deferred_, deferrals) + row(bounced_, "bounced") +
           row(refused_, "rejected") + row(warned_, "reject warnings") + row(held_, "held") + row(discarded_, "discarded") + row(bytes_received_, "bytes received") +
           row(bytes_delivered_, "bytes delivered") + row(senders_.size(), "senders") + row(sender_domains_.size(), "sending hosts/domains") + row(recipients_.size(), "recipients") +
           row(recipient_domains_served_, "recipient hosts/domains");
}

std::string LogCounts::reasons(std::size_t most) const
{
    std::vector<std::pair<std::uint64_t, std::string_view>> sorted;
    for (auto const& [text, count] : reasons_) sorted.emplace_back(count, text);
    std::sort(sorted.rbegin(), sorted.rend());
    std::string text;
    for (std::size_t i = 0; i < most && i < sorted.size(); ++i) text += row(sorted[i].first, sorted[i].second);
    return text;
}

}   // namespace mailcore::bench
