#include "outcomes/join/joiner.hpp"

#include "outcomes/join/joiner_state.hpp"

namespace mailcore::outcomes {

Joiner::State::State(OutcomeStore& store, JoinOptions options)
    : store_{store}, options_{std::move(options)}, table_{store, options_.most_held}, providers_{options_.providers}, tally_{batch_.counters}
{
    remember_tenants();
}

void Joiner::State::remember_tenants()
{
    if (auto const counters = store_.counters()) tally_.know_tenants_of(*counters);
    else trouble_ = counters.error();
}

void Joiner::State::take(PostfixLine const& line)
{
    using Kind = PostfixLine::Kind;
    if (line.queue_id.empty() && line.kind != Kind::Reject) return;
    switch (line.kind) {
        case Kind::Client:
        case Kind::Pickup: open(message_of(line), line); break;
        case Kind::MessageId: {
            auto& message = message_of(line).state;
            if (!is_id(message.message_id)) message.message_id = line.message_id;
            break;
        }
        case Kind::Queued: {
            auto& held = message_of(line);
            take_over_decision(held, line.time);
            auto& message = held.state;
            if (!message.decided) message.sender = line.sender;
            message.size = line.size;   // the gate counts what the client has sent
            if (message.recipients_expected == 0) message.recipients_expected = static_cast<std::uint32_t>(line.recipients);
            break;
        }
        case Kind::Delivery: on_delivery(line); break;
        case Kind::Expired: on_expired(line); break;
        case Kind::Removed: on_removed(line); break;
        case Kind::Canceled: on_canceled(line); break;
        case Kind::Deleted: on_deleted(line); break;
        case Kind::Notification: on_notification(line); break;
        case Kind::Reject: on_reject(line); break;
        case Kind::Requeued:   // what goes on is told by pickup's line
        case Kind::Held:       // it stays as it is
        case Kind::Released: message_of(line); break;
        case Kind::LostConnection:   // from 3.10 on, "removed (canceled)" follows
        case Kind::Other: break;
    }
}

void Joiner::State::take(DecisionRecord const& decision) { on_decision(decision); }

Batch& Joiner::State::batch()
{
    batch_.messages = table_.changed();
    for (auto& refusal : refusals_) batch_.messages.push_back(&refusal);
    batch_.trouble = trouble_ ? trouble_ : table_.trouble();
    return batch_;
}

void Joiner::State::committed()
{
    table_.committed();
    refusals_.clear();
    refusals_taken_.clear();
    batch_.messages.clear();
    batch_.events.clear();
    batch_.counters.clear();
    batch_.positions.clear();
}

void Joiner::State::rolled_back()
{
    committed();
    table_.clear();
    trouble_.reset();
    remember_tenants();
}

Joiner::Joiner(OutcomeStore& store, JoinOptions options) : state_{std::make_unique<State>(store, std::move(options))} {}
Joiner::~Joiner() = default;

void Joiner::take(PostfixLine const& line) { state_->take(line); }
void Joiner::take(DecisionRecord const& decision) { state_->take(decision); }
void Joiner::look_for_losses(base::Time now) { state_->look_for_losses(now); }
Batch& Joiner::batch() { return state_->batch(); }
void Joiner::committed() { state_->committed(); }
void Joiner::rolled_back() { state_->rolled_back(); }
std::size_t Joiner::held() const { return state_->held(); }

}   // namespace mailcore::outcomes
