#include "outcomes/store/search.hpp"

#include <algorithm>

#include "outcomes/store/message_rows.hpp"
#include "outcomes/store/schema.hpp"

namespace mailcore::outcomes {
namespace {

constexpr int kMostHops = 8;

// In the order of read_outcome().
constexpr std::string_view kColumns =
    "SELECT r.change, r.status, r.at, r.attempts, r.told_at, r.recipient, r.orig_to, r.relay, r.dsn, r.reason, r.notification_id, "
    "m.queue_id, m.ticket, m.message_id, m.sender, (SELECT name FROM names WHERE id = r.provider), "
    "(SELECT name FROM names WHERE id = m.tenant), (SELECT name FROM names WHERE id = m.instance)";

Outcome read_outcome(Statement const& row)
{
    Outcome outcome;
    outcome.status = static_cast<Status>(row.number(1));
    outcome.sent_at = row.time(2);
    outcome.attempts = static_cast<std::uint32_t>(row.number(3));
    outcome.recipient = row.text(5);
    outcome.original_recipient = row.text(6);
    outcome.relay = row.text(7);
    outcome.dsn = row.text(8);
    outcome.reason = row.text(9);
    outcome.notification_id = row.text(10);
    outcome.queue_id = row.text(11);
    outcome.ticket_id = row.text(12);
    outcome.message_id = row.text(13);
    outcome.sender = row.text(14);
    outcome.provider = row.text(15);
    outcome.tenant_id = row.text(16);
    outcome.postfix_instance = row.text(17);
    // A deferral that was told keeps its id while only the number of attempts grows.
    auto const told_at = row.time(4);
    bool const is_told_deferral = outcome.status == Status::Deferred && told_at != base::Time{};
    outcome.event_id = event_id_of(outcome, is_told_deferral ? told_at : outcome.sent_at);
    return outcome;
}

// Builds the statement: where to look first, then what else must hold.
class Builder {
public:
    Builder(Database& database, Query const& query) : database_{database}, query_{query}
    {
        if (query.queue_id) find_originals_of(*query.queue_id);
    }

    SearchText build()
    {
        if (query_.after_change > 0) from_changes();
        else if (query_.ticket) from_terms(Term::Ticket, {*query_.ticket});
        else if (query_.message_id) from_terms(Term::MessageId, {*query_.message_id});
        else if (query_.queue_id) from_terms(Term::QueueId, queue_ids_);
        else if (query_.recipient) from_terms(Term::Recipient, {*query_.recipient});
        else from_recipients(index_of_recipients());
        add_conditions();
        text_.sql += query_.after_change > 0 ? " ORDER BY r.change" : " ORDER BY r.at DESC, r.change DESC";
        text_.sql += " LIMIT ?";
        value(static_cast<std::int64_t>(query_.most));
        return std::move(text_);
    }

private:
    void value(std::int64_t number) { text_.values.emplace_back(number); }
    void value(std::string const& text) { text_.values.emplace_back(text); }
    void value(base::Time time) { value(std::int64_t{time.time_since_epoch().count()}); }

    static std::string places_for(std::vector<std::string> const& texts)   // " IN (?, ?)"
    {
        std::string places = " IN (?";
        for (std::size_t number = 1; number < texts.size(); ++number) places += ", ?";
        return places + ")";
    }

    void from_terms(Term term, std::vector<std::string> const& texts)
    {
        text_.sql.append(MAILCORE_WITH_SLICES).append(kColumns);
        text_.sql.append(" FROM slices CROSS JOIN terms t ON t.slice = slices.n AND t.hash").append(places_for(texts));
        text_.sql += " CROSS JOIN messages m ON m.id = t.message "
                     "CROSS JOIN recipients r INDEXED BY recipients_message ON r.message = m.id WHERE 1";
        for (auto const& text : texts) value(hash_of(term, text));
    }

    // A message that a content filter re-injected is shown as the original. Short ids come again: what was a hop's id once
    // may be a message's own by now, and the other way round, so all of them are looked for.
    void find_originals_of(std::string const& queue_id)
    {
        Statement original{database_, MAILCORE_WITH_SLICES "SELECT m.hop_of" MAILCORE_FROM_TERMS
                                                           "WHERE m.queue_id = ?2 AND m.hop_of <> '' ORDER BY m.id DESC LIMIT 1"};
        queue_ids_ = {queue_id};
        for (int hop = 0; hop < kMostHops; ++hop) {
            Use row{original};
            if (!row->bind(hash_of(Term::QueueId, queue_ids_.back()), queue_ids_.back()).step()) break;
            auto next = row->string(0);
            if (std::find(queue_ids_.begin(), queue_ids_.end(), next) != queue_ids_.end()) break;
            queue_ids_.push_back(std::move(next));
        }
    }

    std::string_view index_of_recipients() const
    {
        bool const is_rare = query_.status && *query_.status != Status::Sent;
        if (query_.tenant) return is_rare ? "recipients_tenant_status" : "recipients_tenant";
        return is_rare ? "recipients_status" : "recipients_at";
    }

    void from_recipients(std::string_view index)
    {
        text_.sql.append(kColumns).append(" FROM recipients r INDEXED BY ").append(index);
        text_.sql += " CROSS JOIN messages m ON m.id = r.message WHERE 1";
    }

    void from_changes()
    {
        text_.sql.append(kColumns).append(" FROM recipients r NOT INDEXED CROSS JOIN messages m ON m.id = r.message WHERE r.change > ?");
        value(query_.after_change);
    }

    void condition(std::string_view sql, auto const& bound)
    {
        text_.sql.append(" AND ").append(sql);
        value(bound);
    }

    void add_conditions()
    {
        if (query_.tenant) condition("r.tenant = (SELECT id FROM names WHERE name = ?)", *query_.tenant);
        if (query_.status) condition("r.status = ?", static_cast<std::int64_t>(*query_.status));
        if (query_.status && *query_.status != Status::Sent) text_.sql += " AND r.status <> 2";   // as the partial indices have it
        if (query_.since) condition("r.at >= ?", *query_.since);
        if (query_.until) condition("r.at <= ?", *query_.until);
        if (query_.ticket) condition("m.ticket = ?", *query_.ticket);
        if (query_.message_id) condition("m.message_id = ?", *query_.message_id);
        if (query_.recipient) {
            condition("(r.recipient = ? COLLATE NOCASE", *query_.recipient);
            text_.sql += " OR r.orig_to = ? COLLATE NOCASE)";
            value(*query_.recipient);
        }
        if (!queue_ids_.empty()) text_.sql.append(" AND m.queue_id").append(places_for(queue_ids_));
        for (auto const& queue_id : queue_ids_) value(queue_id);
    }

    Database& database_;
    Query const& query_;
    std::vector<std::string> queue_ids_;   // the one that was asked for, and of what it was a hop
    SearchText text_;
};

void bind_all(Statement& statement, SearchText const& text)
{
    int number = 0;
    for (auto const& value : text.values) {
        ++number;
        std::visit([&](auto const& one) { statement.bind_at(number, one); }, value);
    }
}

}   // namespace

SearchText search_text(Database& database, Query const& query) { return Builder{database, query}.build(); }

Found search(Database& database, Query const& query)
{
    Found found;
    found.last_change = database.number("SELECT max(change) FROM recipients");
    auto const text = search_text(database, query);
    Statement row{database, text.sql};
    bind_all(row, text);
    std::int64_t last = 0;
    while (row.step()) {
        last = row.number(0);
        found.outcomes.push_back(read_outcome(row));
    }
    // Where the answer is cut, the next one goes on behind it.
    if (query.after_change > 0 && found.outcomes.size() >= query.most && last != 0) found.last_change = last;
    return found;
}

std::vector<OpenCount> open_recipients(Database& database, std::size_t most)
{
    std::vector<OpenCount> counts;
    Statement row{database,
                  "SELECT (SELECT name FROM names WHERE id = provider), (SELECT name FROM names WHERE id = tenant), count(*) AS number "
                  "FROM recipients INDEXED BY recipients_open WHERE open = 1 GROUP BY provider, tenant ORDER BY number DESC, 1, 2"};
    while (row.step()) {
        auto const count = static_cast<std::uint64_t>(row.number(2));
        if (counts.size() < most) counts.push_back({row.string(0), row.string(1), count});
        else if (counts.size() == most) counts.push_back({"other", "other", count});
        else counts.back().count += count;
    }
    return counts;
}

}   // namespace mailcore::outcomes
