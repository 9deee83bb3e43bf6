#include "outcomes/store/message_rows.hpp"

#include <algorithm>

#include "outcomes/store/schema.hpp"

namespace mailcore::outcomes {
namespace {

// In the order of read_message().
#define MAILCORE_MESSAGE_COLUMNS                                                                                              \
    "id, instance, queue_id, tenant, ticket, message_id, sender, client, began, changed, decided_at, size, expected, decided, " \
    "opened, seen, ended, lost, refusal, notification_of, hop_of, hop_instance"

constexpr std::string_view kInsertMessage =
    "INSERT INTO messages (" MAILCORE_MESSAGE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "
    "?16, ?17, ?18, ?19, ?20, ?21, ?22)";
// All but the queue id, which stays: so its index is not touched.
constexpr std::string_view kUpdateMessage =
    "UPDATE messages SET instance = ?2, tenant = ?3, ticket = ?4, message_id = ?5, sender = ?6, client = ?7, began = ?8, "
    "changed = ?9, decided_at = ?10, size = ?11, expected = ?12, decided = ?13, opened = ?14, seen = ?15, ended = ?16, lost = ?17, "
    "refusal = ?18, notification_of = ?19, hop_of = ?20, hop_instance = ?21 WHERE id = ?1";

// Both in the order of write_recipient().
constexpr std::string_view kInsertRecipient =
    "INSERT INTO recipients (change, message, tenant, status, at, attempts, provider, open, told, counted, deferrals_counted, "
    "told_at, recipient, orig_to, relay, dsn, reason, notification_id, via, told_dsn) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";
constexpr std::string_view kUpdateRecipient =
    "UPDATE recipients SET change = ?1, message = ?2, tenant = ?3, status = ?4, at = ?5, attempts = ?6, provider = ?7, open = ?8, "
    "told = ?9, counted = ?10, deferrals_counted = ?11, told_at = ?12, recipient = ?13, orig_to = ?14, relay = ?15, dsn = ?16, "
    "reason = ?17, notification_id = ?18, via = ?19, told_dsn = ?20 WHERE change = ?21";

// Does it lie in Postfix's queue, as far as we know? Not what the gate let pass and Postfix never showed, and not what was
// removed while we could not read.
bool is_open(MessageState const& message, RecipientState const& recipient)
{
    return !is_final(recipient.status) && !message.lost && !(message.ended && recipient.via.empty());
}

}   // namespace

std::int64_t hash_of(Term term, std::string_view text)
{
    std::uint64_t number = 0xCBF2'9CE4'8422'2325u;   // FNV-1a
    auto const add = [&](char c) { number = (number ^ static_cast<unsigned char>(c)) * 0x0000'0100'0000'01B3u; };
    add(static_cast<char>(term));
    for (char const c : text) add(term == Term::Recipient ? base::to_lower(c) : c);
    return static_cast<std::int64_t>(number);
}

void Undo::undo()
{
    for (auto one = values_.rbegin(); one != values_.rend(); ++one) *one->first = one->second;
    forget();
}

MessageRows::MessageRows(Database& database, Names& names)
    : database_{database},
      names_{names},
      insert_message_{database, kInsertMessage},
      update_message_{database, kUpdateMessage},
      insert_recipient_{database, kInsertRecipient},
      update_recipient_{database, kUpdateRecipient},
      delete_recipient_{database, "DELETE FROM recipients WHERE change = ?"},
      insert_term_{database, "INSERT OR IGNORE INTO terms (slice, hash, message) VALUES (?, ?, ?)"},
      find_messages_{database, MAILCORE_WITH_SLICES "SELECT " MAILCORE_MESSAGE_COLUMNS MAILCORE_FROM_TERMS
                                                    "WHERE m.queue_id = ?2 AND m.refusal = 0 ORDER BY m.id DESC LIMIT ?3"},
      find_open_{database, "SELECT " MAILCORE_MESSAGE_COLUMNS
                           " FROM messages INDEXED BY messages_open WHERE ended = 0 ORDER BY changed DESC LIMIT ?"},
      find_ended_{database, "SELECT " MAILCORE_MESSAGE_COLUMNS " FROM messages WHERE ended = 1 AND refusal = 0 ORDER BY id DESC LIMIT ?"},
      find_unseen_{database, "SELECT " MAILCORE_MESSAGE_COLUMNS
                             " FROM messages INDEXED BY messages_unseen WHERE seen = 0 AND ended = 0 AND lost = 0 AND decided_at < ? "
                             "ORDER BY decided_at LIMIT ?"},
      find_refusal_{database,
                    "SELECT 1 FROM messages m INDEXED BY messages_refusal JOIN recipients r ON r.message = m.id WHERE m.refusal = 1 "
                    "AND m.began = ? AND m.queue_id = ? AND m.tenant = (SELECT id FROM names WHERE name = ?) AND m.sender = ? AND "
                    "m.client = ? AND r.recipient = ? AND r.reason = ? LIMIT 1"},
      find_recipients_{database,
                       "SELECT change, recipient, orig_to, relay, provider, dsn, reason, notification_id, status, attempts, at, via, "
                       "told_dsn, told_at, told, counted, deferrals_counted FROM recipients WHERE message = ? ORDER BY change"},
      read_number_{database, "SELECT value FROM numbers WHERE name = ?"},
      write_number_{database, "UPDATE numbers SET value = ?2 WHERE name = ?1"}
{
}

// --- Writing

void MessageRows::read_numbers()
{
    auto const read = [&](std::string_view name) {
        Use number{read_number_};
        return number->bind(name).step() ? number->number(0) : 0;
    };
    last_message_ = read("message");
    last_change_ = read("change");
}

void MessageRows::write(MessageState& message, Undo& undo)
{
    if (message.row != 0 && !update(message)) forget_rows(message, undo);
    if (message.row == 0) insert(message, undo);
    for (auto const gone : message.forgotten) delete_recipient_.bind(gone).run();
    for (auto& recipient : message.recipients) {
        if (recipient.dirty) write_recipient(message, recipient, undo);
    }
    add_terms(message);
}

void MessageRows::insert(MessageState& message, Undo& undo)
{
    undo.remember(message.row);
    message.row = ++last_message_;
    insert_message_
        .bind(message.row, names_.number_of(message.instance), message.queue_id, names_.number_of(message.tenant), message.ticket,
              message.message_id, message.sender, message.client, message.began, message.changed, message.decided_at, message.size,
              message.recipients_expected, message.decided, message.opened, message.seen, message.ended, message.lost, message.refusal,
              message.notification_of, message.hop_of, names_.number_of(message.hop_instance))
        .run();
}

bool MessageRows::update(MessageState const& message)
{
    update_message_
        .bind(message.row, names_.number_of(message.instance), names_.number_of(message.tenant), message.ticket, message.message_id,
              message.sender, message.client, message.began, message.changed, message.decided_at, message.size,
              message.recipients_expected, message.decided, message.opened, message.seen, message.ended, message.lost, message.refusal,
              message.notification_of, message.hop_of, names_.number_of(message.hop_instance))
        .run();
    return database_.rows_changed() > 0;
}

void MessageRows::forget_rows(MessageState& message, Undo& undo)
{
    undo.remember(message.row);
    message.row = 0;
    for (auto& recipient : message.recipients) {
        undo.remember(recipient.row);
        recipient.row = 0;
        recipient.dirty = true;
    }
}

void MessageRows::write_recipient(MessageState const& message, RecipientState& recipient, Undo& undo)
{
    auto const former = recipient.row;
    undo.remember(recipient.row);
    recipient.row = ++last_change_;
    auto& statement = former == 0 ? insert_recipient_ : update_recipient_;
    statement.bind(recipient.row, message.row, names_.number_of(message.tenant), recipient.status, recipient.changed, recipient.attempts,
                   names_.number_of(recipient.provider), is_open(message, recipient), recipient.told, recipient.counted,
                   recipient.deferrals_counted, recipient.told_at, recipient.recipient, recipient.orig_to, recipient.relay,
                   recipient.dsn, recipient.reason, recipient.notification_id, recipient.via, recipient.told_dsn);
    if (former != 0) statement.bind_at(21, former);
    statement.run();
}

void MessageRows::add_terms(MessageState const& message)
{
    add_term(Term::QueueId, message.queue_id, message.row);
    add_term(Term::Ticket, message.ticket, message.row);
    add_term(Term::MessageId, message.message_id, message.row);
    for (auto const& recipient : message.recipients) {
        if (!recipient.dirty) continue;
        add_term(Term::Recipient, recipient.recipient, message.row);
        add_term(Term::Recipient, recipient.orig_to, message.row);
    }
}

void MessageRows::add_term(Term term, std::string_view text, std::int64_t message)
{
    if (!text.empty()) terms_.emplace_back(message >> kSliceBits, hash_of(term, text), message);
}

// Sorted, each page of the newest slice is visited once: half the time of the order in which they came.
void MessageRows::flush()
{
    std::sort(terms_.begin(), terms_.end());
    for (auto const& [slice, hash, message] : terms_) insert_term_.bind(slice, hash, message).run();
    terms_.clear();
    write_number_.bind(std::string_view{"message"}, last_message_).run();
    write_number_.bind(std::string_view{"change"}, last_change_).run();
}

// --- Reading

Recent MessageRows::recent(std::size_t most_open, std::size_t most_ended)
{
    Recent recent;
    find_open_.bind(most_open + 1);
    recent.messages = read_messages(find_open_);
    if (recent.messages.size() > most_open) {
        recent.messages.pop_back();
        recent.has_all_open = false;
    }
    find_ended_.bind(most_ended);
    for (auto& message : read_messages(find_ended_)) recent.messages.push_back(std::move(message));
    std::sort(recent.messages.begin(), recent.messages.end(), [](auto const& left, auto const& right) { return left.row < right.row; });
    for (auto const& message : recent.messages) {
        if (message.seen) recent.latest = std::max(recent.latest, message.changed);
    }
    return recent;
}

std::vector<MessageState> MessageRows::find(std::string_view queue_id, std::size_t most)
{
    find_messages_.bind(hash_of(Term::QueueId, queue_id), queue_id, most);
    return read_messages(find_messages_);
}

std::vector<MessageState> MessageRows::unseen(base::Time before, std::size_t most)
{
    find_unseen_.bind(before, most);
    return read_messages(find_unseen_);
}

bool MessageRows::has_refusal(MessageState const& refusal)
{
    auto const& recipient = refusal.recipients.front();
    Use row{find_refusal_};
    return row->bind(refusal.began, refusal.queue_id, refusal.tenant, refusal.sender, refusal.client, recipient.recipient, recipient.reason)
        .step();
}

std::optional<std::int64_t> MessageRows::newest(std::string_view instance, std::string_view queue_id)
{
    for (auto const& message : find(queue_id, 100)) {
        if (message.instance == instance) return message.row;
    }
    return std::nullopt;
}

std::vector<MessageState> MessageRows::read_messages(Statement& rows)
{
    std::vector<MessageState> messages;
    {
        Use row{rows};
        while (row->step()) messages.push_back(read_message(rows));
    }
    for (auto& message : messages) message.recipients = read_recipients(message.row);
    return messages;
}

MessageState MessageRows::read_message(Statement const& row)
{
    MessageState message;
    message.row = row.number(0);
    message.instance = names_.name_of(row.number(1));
    message.queue_id = row.text(2);
    message.tenant = names_.name_of(row.number(3));
    message.ticket = row.text(4);
    message.message_id = row.text(5);
    message.sender = row.text(6);
    message.client = row.text(7);
    message.began = row.time(8);
    message.changed = row.time(9);
    message.decided_at = row.time(10);
    message.size = static_cast<std::uint64_t>(row.number(11));
    message.recipients_expected = static_cast<std::uint32_t>(row.number(12));
    message.decided = row.number(13) != 0;
    message.opened = row.number(14) != 0;
    message.seen = row.number(15) != 0;
    message.ended = row.number(16) != 0;
    message.lost = row.number(17) != 0;
    message.refusal = row.number(18) != 0;
    message.notification_of = row.text(19);
    message.hop_of = row.text(20);
    message.hop_instance = names_.name_of(row.number(21));
    return message;
}

std::vector<RecipientState> MessageRows::read_recipients(std::int64_t message)
{
    std::vector<RecipientState> recipients;
    Use row{find_recipients_};
    row->bind(message);
    while (row->step()) {
        auto& recipient = recipients.emplace_back();
        recipient.row = row->number(0);
        recipient.dirty = false;
        recipient.recipient = row->text(1);
        recipient.orig_to = row->text(2);
        recipient.relay = row->text(3);
        recipient.provider = names_.name_of(row->number(4));
        recipient.dsn = row->text(5);
        recipient.reason = row->text(6);
        recipient.notification_id = row->text(7);
        recipient.status = static_cast<Status>(row->number(8));
        recipient.attempts = static_cast<std::uint32_t>(row->number(9));
        recipient.changed = row->time(10);
        recipient.via = row->text(11);
        recipient.told_dsn = row->text(12);
        recipient.told_at = row->time(13);
        recipient.told = row->number(14) != 0;
        recipient.counted = row->number(15) != 0;
        recipient.deferrals_counted = static_cast<std::uint32_t>(row->number(16));
    }
    return recipients;
}

}   // namespace mailcore::outcomes
