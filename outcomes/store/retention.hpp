// Forgets what is older than the retention, a bounded piece at a time.
#pragma once

#include "outcomes/store/database.hpp"

namespace mailcore::outcomes {

class Retention {
public:
    explicit Retention(Database& database);

    // One piece, inside a transaction; true while there is more. Messages were stored in the order of their time, more or
    // less: the walk begins at the oldest and ends at the first piece in which all are young.
    bool forget_before(base::Time time);

private:
    bool forget_messages(base::Time time);   // true: there may be more
    void forget_message(std::int64_t id);
    bool forget_terms();                     // of slices whose messages are all gone
    bool give_back_pages();                  // to the file system

    Database& database_;
    Statement candidates_, delete_failed_, count_forgotten_, delete_events_, delete_recipients_, delete_message_, delete_terms_;
    std::int64_t walked_to_ = 0;
};

}   // namespace mailcore::outcomes
