#include "outcomes/join/message_table.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace mailcore::outcomes {
namespace {

constexpr std::size_t kMostOfOneId = 8;
constexpr std::size_t kEndedPart = 10;               // of what is held, ended messages are a tenth
constexpr std::size_t kLeastEnded = 1'000;           // that many are more than end within kUnordered
constexpr auto kUnordered = std::chrono::seconds{2};   // lines of several programs may be in disorder by so much

}   // namespace

MessageTable::MessageTable(OutcomeStore& store, std::size_t most) : store_{store}, most_{most} { load(); }

std::size_t MessageTable::most_ended() const { return most_ / kEndedPart; }

void MessageTable::load()
{
    auto recent = store_.recent(most_, most_ended());
    if (!recent) {
        trouble_ = recent.error();
        return;
    }
    latest_ = recent->latest;
    holds_all_open_ = recent->has_all_open;
    for (auto& message : recent->messages) put(std::move(message));
}

HeldMessage* MessageTable::newest(std::string_view queue_id, base::Time time)
{
    bool const memory_knows = holds_all_open_ && most_ended() >= kLeastEnded && time + kUnordered >= latest_;
    return memory_knows ? held(queue_id) : all(queue_id);
}

HeldMessage* MessageTable::held(std::string_view queue_id) const
{
    auto const found = newest_.find(queue_id);
    return found == newest_.end() ? nullptr : found->second;
}

HeldMessage* MessageTable::all(std::string_view queue_id)
{
    auto found = store_.find(std::string{queue_id}, kMostOfOneId);
    if (!found) {
        if (!trouble_) trouble_ = found.error();
        return held(queue_id);
    }
    for (auto& message : *found) take_in(std::move(message));
    return held(queue_id);
}

HeldMessage& MessageTable::add(MessageState state)
{
    auto& message = put(std::move(state));
    touch(message);
    return message;
}

HeldMessage& MessageTable::take_in(MessageState stored)
{
    for (auto* one = held(stored.queue_id); one != nullptr; one = one->older) {
        if (one->state.row == stored.row) return *one;
    }
    auto& message = put(std::move(stored));
    put_in_order(message.state.queue_id);
    return message;
}

HeldMessage& MessageTable::put(MessageState state)
{
    bool const is_ended = state.ended;
    auto& list = is_ended ? ended_ : open_;
    list.push_back({.state = std::move(state)});
    auto& message = list.back();
    message.place = std::prev(list.end());
    message.in_ended = is_ended;
    auto& head = newest_[message.state.queue_id];
    message.older = head;
    head = &message;
    return message;
}

void MessageTable::put_in_order(std::string_view queue_id)
{
    auto const found = newest_.find(queue_id);
    std::vector<HeldMessage*> all;
    for (auto* one = found->second; one != nullptr; one = one->older) all.push_back(one);
    auto const age = [](HeldMessage const* one) {   // what is not stored yet is the newest
        return one->state.row == 0 ? std::numeric_limits<std::int64_t>::max() : one->state.row;
    };
    std::stable_sort(all.begin(), all.end(), [&](auto const* left, auto const* right) { return age(left) > age(right); });
    all.push_back(nullptr);
    for (std::size_t i = 0; i + 1 < all.size(); ++i) all[i]->older = all[i + 1];
    found->second = all.front();
}

void MessageTable::touch(HeldMessage& message)
{
    auto& from = message.in_ended ? ended_ : open_;
    auto& to = message.state.ended ? ended_ : open_;
    to.splice(to.end(), from, message.place);
    message.in_ended = message.state.ended;
    if (message.dirty) return;
    message.dirty = true;
    dirty_.push_back(&message);
    changed_.push_back(&message.state);
}

void MessageTable::committed()
{
    for (auto* message : dirty_) message->dirty = false;
    dirty_.clear();
    changed_.clear();
    while (ended_.size() > most_ended()) evict(ended_.front());
    for (auto const most = most_ - std::min(most_, ended_.size()); open_.size() > most; evict(open_.front())) holds_all_open_ = false;
    if (std::exchange(wants_load_, false)) clear();
}

void MessageTable::evict(HeldMessage& message)
{
    auto const found = newest_.find(message.state.queue_id);
    auto** link = &found->second;
    while (*link != &message) link = &(*link)->older;
    *link = message.older;
    if (found->second == nullptr) newest_.erase(found);
    (message.in_ended ? ended_ : open_).erase(message.place);
}

void MessageTable::clear()
{
    open_.clear();
    ended_.clear();
    newest_.clear();
    dirty_.clear();
    changed_.clear();
    trouble_.reset();
    load();
}

}   // namespace mailcore::outcomes
