// Joins Postfix's lines and the gate's decisions by queue id into messages and what became of their recipients. Pure but
// for the store it looks into for messages it does not hold: time comes with the lines.
//
//     Joiner joiner{store, options};
//     joiner.take(postfix_line);  joiner.take(decision);      // any order, lines may come twice
//     auto batch = joiner.batch();                            // what changed since the last one
//     store.apply(batch);  joiner.committed();
#pragma once

#include <map>
#include <memory>
#include <string>

#include "outcomes/log/decision_record.hpp"
#include "outcomes/log/postfix_line.hpp"
#include "outcomes/store/outcome_store.hpp"

namespace mailcore::outcomes {

struct JoinOptions {
    std::map<std::string, std::string> providers;     // relay host pattern ("email-smtp.*.amazonaws.com") to provider; else SMTP
    bool make_events = true;                          // false: no webhook is configured
    std::chrono::minutes seen_within{5};              // else a message that the milter let pass counts as lost
    std::size_t most_held = 100'000;                  // messages in memory; others are read back from the store
};

class Joiner {
public:
    Joiner(OutcomeStore& store, JoinOptions options);
    ~Joiner();

    void take(PostfixLine const& line);
    void take(DecisionRecord const& decision);
    void look_for_losses(base::Time now);

    Batch& batch();       // valid until committed()
    void committed();
    void rolled_back();   // apply() failed: forgets what was not stored; the lines must be read again from the saved positions

    std::size_t held() const;

private:
    class State;
    std::unique_ptr<State> state_;
};

}   // namespace mailcore::outcomes
