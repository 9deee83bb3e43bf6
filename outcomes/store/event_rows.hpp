// The webhook's queue as rows. Per message the oldest event that is not sent is Pending or Sending, all behind it are
// Waiting: so what is due is read off an index, however many wait.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "outcomes/store/names.hpp"
#include "outcomes/store/outcome_store.hpp"

namespace mailcore::outcomes {

// The numbers are in the store: append only.
enum class EventState : std::uint8_t { Pending, Sending, Waiting, Sent, Failed };

// In `counters`: events that were given up and that the retention has deleted since.
inline constexpr std::string_view kForgottenCounter = "webhook|forgotten";

class EventRows {   // for writing; all inside a transaction
public:
    EventRows(Database& database, Names& names);

    void insert(Outcome const& event, std::int64_t message);
    void read_numbers();
    void flush();

    std::vector<QueuedEvent> take_due(base::Time now, std::size_t most);
    void sent(std::span<std::int64_t const> ids, base::Time now);
    void try_again(std::span<std::int64_t const> ids, base::Time at, std::string const& error);
    void give_up(std::span<std::int64_t const> ids, base::Time now, std::string const& error);
    void resume_sending();
    void bring_forward(base::Time latest, base::Time now);
    std::size_t retry_failed(std::size_t most);

private:
    bool has_unsent(std::int64_t message);
    void next_of(std::int64_t message);                  // the oldest that waits becomes pending
    std::int64_t message_of(std::int64_t event);
    void retry(std::int64_t id);

    Names& names_;
    Statement insert_, has_unsent_, due_, take_, sent_, try_again_, give_up_, next_, message_of_, resume_, forward_, failed_, retry_;
    Statement count_sent_, read_number_, write_number_;
    std::int64_t last_ = 0;
};

// For reading.
std::optional<base::Time> next_due(Database& database);
QueueStats queue_stats(Database& database);
std::vector<FailedEvent> failed_events(Database& database, std::size_t most);

}   // namespace mailcore::outcomes
