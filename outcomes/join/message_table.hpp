// The messages the joiner holds in memory: all that are open, as far as they fit, and those that ended lately. Beyond the
// most, the least recently changed go; they are in the store.
//
// The store is asked only where memory may not know: for lines that are older than what was read last, and for everything
// once open messages did not fit. A look-up for each new message would cost as much as storing it.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/text.hpp"
#include "outcomes/store/outcome_store.hpp"

namespace mailcore::outcomes {

struct HeldMessage {
    MessageState state;
    bool dirty = false;
    HeldMessage* older = nullptr;   // the next one with this queue id: of another instance, or ended
    std::list<HeldMessage>::iterator place{};
    bool in_ended = false;          // which list
};

class MessageTable {
public:
    MessageTable(OutcomeStore& store, std::size_t most);

    void load();                                             // from the store: at the start, and after a rollback

    // The newest with this queue id, of any instance, the others by `older`; null where there is none. For a line of this
    // time: then those that it may belong to are all there.
    HeldMessage* newest(std::string_view queue_id, base::Time time);
    HeldMessage* held(std::string_view queue_id) const;      // without asking the store
    HeldMessage* all(std::string_view queue_id);             // with what the store knows
    HeldMessage& add(MessageState state);                    // the newest with its queue id
    HeldMessage& take_in(MessageState stored);               // what the store told of otherwise
    void touch(HeldMessage& message);                        // it changed
    void read_up_to(base::Time time) { latest_ = std::max(latest_, time); }   // of Postfix's log

    std::vector<MessageState*> const& changed() const { return changed_; }
    void committed();
    void clear();

    std::list<HeldMessage>& open() { return open_; }
    bool holds_all_open() const { return holds_all_open_; }
    void look_again() { wants_load_ = !holds_all_open_ && open_.size() < most_ / 2; }   // after the next commit: do they fit now?
    std::size_t size() const { return open_.size() + ended_.size(); }
    std::optional<base::Error> const& trouble() const { return trouble_; }

private:
    HeldMessage& put(MessageState state);
    void put_in_order(std::string_view queue_id);            // by rows: the newest first
    void evict(HeldMessage& message);
    std::size_t most_ended() const;

    OutcomeStore& store_;
    std::size_t most_;
    std::list<HeldMessage> open_, ended_;   // the least recently changed first
    std::unordered_map<std::string, HeldMessage*, base::TextHash, std::equal_to<>> newest_;
    std::vector<HeldMessage*> dirty_;
    std::vector<MessageState*> changed_;
    base::Time latest_{};
    bool holds_all_open_ = true;
    bool wants_load_ = false;
    std::optional<base::Error> trouble_;
};

}   // namespace mailcore::outcomes
