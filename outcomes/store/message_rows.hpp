// Messages and their recipients as rows, and the terms by which they are found.
#pragma once

#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "outcomes/store/names.hpp"
#include "outcomes/store/outcome_store.hpp"

namespace mailcore::outcomes {

// The number under which a text stands in `terms`. It is in the file: it may never change.
enum class Term : char { Ticket = 't', MessageId = 'm', QueueId = 'q', Recipient = 'r' };
std::int64_t hash_of(Term term, std::string_view text);   // recipients without ASCII case

// "WITH … SELECT … FROM slices CROSS JOIN terms t … CROSS JOIN messages m ON m.id = t.message": every slice, the newest
// first, is asked for one number, the statement's first value. CROSS JOIN: SQLite keeps this order of the tables.
#define MAILCORE_WITH_SLICES                                                                                    \
    "WITH RECURSIVE slices(n) AS (SELECT (SELECT max(slice) FROM terms) UNION ALL SELECT n - 1 FROM slices WHERE " \
    "n > (SELECT min(slice) FROM terms)) "
#define MAILCORE_FROM_TERMS \
    " FROM slices CROSS JOIN terms t ON t.slice = slices.n AND t.hash = ?1 CROSS JOIN messages m ON m.id = t.message "

// Puts rows back to what they were where a transaction fails; the caller's messages then look as before.
class Undo {
public:
    void remember(std::int64_t& value) { values_.emplace_back(&value, value); }
    void undo();
    void forget() { values_.clear(); }

private:
    std::vector<std::pair<std::int64_t*, std::int64_t>> values_;
};

class MessageRows {
public:
    MessageRows(Database& database, Names& names);

    // Inside a transaction: all that is dirty, with its new rows. flush() ends the writing.
    void write(MessageState& message, Undo& undo);
    void flush();
    void forget_numbers() { last_message_ = last_change_ = 0, terms_.clear(); }   // after a rollback
    void read_numbers();                                                          // at a transaction's start

    Recent recent(std::size_t most_open, std::size_t most_ended);
    std::vector<MessageState> find(std::string_view queue_id, std::size_t most);
    std::vector<MessageState> unseen(base::Time before, std::size_t most);
    bool has_refusal(MessageState const& refusal);
    std::optional<std::int64_t> newest(std::string_view instance, std::string_view queue_id);

private:
    using TermRow = std::tuple<std::int64_t, std::int64_t, std::int64_t>;   // slice, hash, message

    void insert(MessageState& message, Undo& undo);
    bool update(MessageState const& message);                    // false: retention has taken it away
    static void forget_rows(MessageState& message, Undo& undo);   // it is stored anew, whole
    void write_recipient(MessageState const& message, RecipientState& recipient, Undo& undo);
    void add_terms(MessageState const& message);
    void add_term(Term term, std::string_view text, std::int64_t message);
    std::vector<MessageState> read_messages(Statement& rows);   // its values are bound
    MessageState read_message(Statement const& row);
    std::vector<RecipientState> read_recipients(std::int64_t message);

    Database& database_;
    Names& names_;
    Statement insert_message_, update_message_, insert_recipient_, update_recipient_, delete_recipient_, insert_term_;
    Statement find_messages_, find_open_, find_ended_, find_unseen_, find_refusal_, find_recipients_;
    Statement read_number_, write_number_;
    std::vector<TermRow> terms_;
    std::int64_t last_message_ = 0;
    std::int64_t last_change_ = 0;
};

}   // namespace mailcore::outcomes
