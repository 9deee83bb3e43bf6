// Every question an operator may ask is answered, and from an index.

#include <gmock/gmock.h>

#include <functional>

#include "outcomes/store/message_rows.hpp"
#include "outcomes/store/schema.hpp"
#include "outcomes/store/search.hpp"
#include "store_fixture.hpp"

namespace mailcore::outcomes::test {
namespace {

using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SearchTest : public StoreTest {
protected:
    void fill()
    {
        put("4jWYs1aaaaaz9Qn1", "one", "ticket_a", Status::Sent, "anna@example.com", 1);
        put("4jWYs2bbbbbz9Qn2", "one", "ticket_b", Status::Bounced, "berta@example.com", 2);
        put("4jWYs3cccccz9Qn3", "two", "ticket_a", Status::Deferred, "anna@example.com", 3);
        put("4jWYs4dddddz9Qn4", "two", "", Status::Sent, "carla@example.com", 4);
    }
    void put(std::string const& id, std::string const& tenant, std::string const& ticket, Status status, std::string const& to, int minute)
    {
        auto state = message(id);
        state.tenant = tenant;
        state.ticket = ticket;
        state.recipients = {recipient(to, status)};
        state.recipients.front().changed = kMorning + minutes{minute};
        store_message(state);
    }
    std::vector<std::string> found(Query const& query) { return brief(store().query(query).value().outcomes); }
};

TEST_F(SearchTest, AnswersEachQuestionNewestFirst)
{
    fill();
    EXPECT_THAT(found({}), ElementsAre("SENT carla@example.com", "DEFERRED anna@example.com", "BOUNCED berta@example.com", "SENT anna@example.com"));
    EXPECT_THAT(found({.ticket = "ticket_a"}), ElementsAre("DEFERRED anna@example.com", "SENT anna@example.com"));
    EXPECT_THAT(found({.tenant = "one"}), ElementsAre("BOUNCED berta@example.com", "SENT anna@example.com"));
    EXPECT_THAT(found({.queue_id = "4jWYs3cccccz9Qn3"}), ElementsAre("DEFERRED anna@example.com"));
    EXPECT_THAT(found({.message_id = "<4jWYs2bbbbbz9Qn2@app.test>"}), ElementsAre("BOUNCED berta@example.com"));
    EXPECT_THAT(found({.recipient = "anna@example.com"}), SizeIs(2));
    EXPECT_THAT(found({.recipient = "Anna@EXAMPLE.com"}), SizeIs(2)) << "as mail compares addresses";
    EXPECT_THAT(found({.status = Status::Sent}), ElementsAre("SENT carla@example.com", "SENT anna@example.com"));
    EXPECT_THAT(found({.status = Status::Bounced}), ElementsAre("BOUNCED berta@example.com"));
    EXPECT_THAT(found({.since = kMorning + minutes{3}}), ElementsAre("SENT carla@example.com", "DEFERRED anna@example.com"));
    EXPECT_THAT(found({.until = kMorning + minutes{2}}), ElementsAre("BOUNCED berta@example.com", "SENT anna@example.com"));
    EXPECT_THAT(found({.most = 1}), ElementsAre("SENT carla@example.com"));
}

TEST_F(SearchTest, AQueueIdIsLookedForAsAHopsAndAsAMessagesOwn)
{
    auto hop = message("2222222BBB");
    hop.recipients.clear();
    hop.hop_of = "1111111AAA";
    put("1111111AAA", "one", "ticket_a", Status::Sent, "anna@example.com", 1);
    store_message(hop);
    EXPECT_THAT(found({.queue_id = "2222222BBB"}), ElementsAre("SENT anna@example.com"));
    put("2222222BBB", "two", "ticket_b", Status::Sent, "berta@example.com", 2);   // the short id came again
    EXPECT_THAT(found({.queue_id = "2222222BBB"}), ElementsAre("SENT berta@example.com", "SENT anna@example.com"));
    EXPECT_THAT(found({.ticket = "ticket_b", .queue_id = "2222222BBB"}), ElementsAre("SENT berta@example.com"));
    EXPECT_THAT(found({.queue_id = "1111111AAA"}), ElementsAre("SENT anna@example.com"));
    EXPECT_EQ(store().query({.queue_id = "2222222BBB", .most = 1}).value().outcomes.at(0).tenant_id, "two");
}

TEST_F(SearchTest, IdsThatWereHopsOfEachOtherEndTheSearch)
{
    auto first = message("1111111AAA"), second = message("2222222BBB");
    first.hop_of = "2222222BBB";
    second.hop_of = "1111111AAA";
    for (auto* const one : {&first, &second}) store_message(*one);
    EXPECT_THAT(found({.queue_id = "1111111AAA"}), SizeIs(2));
}

TEST_F(SearchTest, AllConditionsHoldTogether)
{
    fill();
    EXPECT_THAT(found({.ticket = "ticket_a", .tenant = "two"}), ElementsAre("DEFERRED anna@example.com"));
    EXPECT_THAT(found({.ticket = "ticket_a", .queue_id = "4jWYs2bbbbbz9Qn2"}), IsEmpty());
    EXPECT_THAT(found({.tenant = "one", .recipient = "anna@example.com", .status = Status::Sent, .since = kMorning, .until = kMorning + minutes{1}}), SizeIs(1));
    EXPECT_THAT(found({.tenant = "one", .recipient = "anna@example.com", .status = Status::Bounced}), IsEmpty());
}

TEST_F(SearchTest, FindsNothingByWhatIsNotThere)
{
    EXPECT_THAT(found({.ticket = "none"}), IsEmpty()) << "in an empty store";
    fill();
    for (auto const& query : {Query{.ticket = "none"}, Query{.tenant = "none"}, Query{.queue_id = "none"}, Query{.message_id = "none"}, Query{.recipient = "none"},
                              Query{.ticket = ""}, Query{.ticket = "' OR 1=1 --"}, Query{.tenant = "one' --"}}) {
        EXPECT_THAT(found(query), IsEmpty());
    }
}

TEST_F(SearchTest, GivesWholeOutcomes)
{
    auto state = message("4jWYs717qcz8lWc");
    state.recipients.front().orig_to = "team@example.com";
    state.recipients.front().notification_id = "4jWYs80Gz8z9Qn1";
    store_message(state);
    auto const outcome = store().query({}).value().outcomes.at(0);
    EXPECT_EQ(to_json(outcome),
              R"({"eventId":")" + outcome.event_id + R"(","tenantId":"kbz_test","ticketId":"ticket_1","messageId":"<4jWYs717qcz8lWc@app.test>",)"
              R"("queueId":"4jWYs717qcz8lWc","sender":"amazon@inbound.keybuzz.io","recipient":"anna@example.com","provider":"SMTP",)"
              R"("relay":"mx.example[192.0.2.1]:25","status":"SENT","dsn":"2.0.0","reason":"250 ok","attempts":1,"sentAt":"2026-11-22T05:00:02.000Z",)"
              R"("notificationId":"4jWYs80Gz8z9Qn1","originalRecipient":"team@example.com","postfixInstance":"postfix"})");
    EXPECT_EQ(outcome.event_id, event_id_of(outcome, outcome.sent_at));
}

TEST_F(SearchTest, ADeferralKeepsTheIdUnderWhichItWasTold)
{
    auto state = message("4jWYs717qcz8lWc");
    auto& one = state.recipients.front();
    one.status = Status::Deferred;
    one.dsn = one.told_dsn = "4.4.1";
    one.told_at = one.changed;
    store_message(state);
    auto const told = store().query({}).value().outcomes.at(0).event_id;
    one.attempts = 2;
    one.changed += minutes{5};
    one.dirty = true;
    store_message(state);
    EXPECT_EQ(store().query({}).value().outcomes.at(0).event_id, told);
}

TEST_F(SearchTest, FollowsChangesInTheirOrder)
{
    fill();
    auto const begun = store().query({.most = 1}).value().last_change;
    EXPECT_THAT(store().query({.after_change = begun}).value().outcomes, IsEmpty());
    auto late = message("4jWYs5eeeeez9Qn5");
    late.recipients = {recipient("dora@example.com", Status::Deferred)};
    late.recipients.front().changed = kMorning - minutes{60};   // whatever time the log gave it
    store_message(late);
    put("4jWYs6fffffz9Qn6", "one", "ticket_c", Status::Bounced, "emil@example.com", 5);
    late.recipients.front().status = Status::Sent;
    late.recipients.front().dirty = true;
    store_message(late);
    auto const next = store().query({.after_change = begun}).value();
    EXPECT_THAT(brief(next.outcomes), ElementsAre("BOUNCED emil@example.com", "SENT dora@example.com"));
    EXPECT_THAT(store().query({.after_change = next.last_change}).value().outcomes, IsEmpty());
}

TEST_F(SearchTest, FollowsInPartsWithoutAGap)
{
    fill();
    std::vector<std::string> seen;
    std::int64_t after = 1;   // behind the first
    for (int i = 0; i < 10; ++i) {
        auto const part = store().query({.most = 1, .after_change = after}).value();
        for (auto const& one : brief(part.outcomes)) seen.push_back(one);
        after = part.last_change;
    }
    EXPECT_THAT(seen, ElementsAre("BOUNCED berta@example.com", "DEFERRED anna@example.com", "SENT carla@example.com"));
    auto const filtered = store().query({.tenant = "nobody", .most = 1, .after_change = 1}).value();
    EXPECT_EQ(filtered.last_change, after) << "what does not fit is not looked at again";
}

// --- The plans

std::vector<std::string> plan_of(Database& database, std::string const& sql)
{
    Statement statement{database, "EXPLAIN QUERY PLAN " + sql};
    std::vector<std::string> plan;
    while (statement.step()) plan.push_back(statement.string(3));
    return plan;
}

struct Question {
    Query query;
    char const* first;   // how the search begins
};

std::vector<Question> questions()
{
    auto const since = kMorning, until = kMorning + minutes{5};
    constexpr auto kTerms = "SEARCH t USING PRIMARY KEY (slice=? AND hash=?)";
    return {
        {{}, "SCAN r USING INDEX recipients_at"},   // the newest, from the index's end
        {{.since = since}, "SEARCH r USING INDEX recipients_at (at>?)"},
        {{.since = since, .until = until}, "SEARCH r USING INDEX recipients_at (at>? AND at<?)"},
        {{.ticket = "t"}, kTerms},
        {{.ticket = "t", .tenant = "x", .status = Status::Sent, .since = since}, kTerms},
        {{.ticket = "t", .queue_id = "q"}, kTerms},
        {{.message_id = "m"}, kTerms},
        {{.message_id = "m", .recipient = "r"}, kTerms},
        {{.recipient = "r"}, kTerms},
        {{.tenant = "x", .recipient = "r", .status = Status::Bounced, .until = until}, kTerms},
        {{.queue_id = "q"}, kTerms},
        {{.tenant = "x", .queue_id = "q", .recipient = "r"}, kTerms},
        {{.queue_id = "hop"}, kTerms},   // is looked for together with the original
        {{.tenant = "x"}, "SEARCH r USING INDEX recipients_tenant (tenant=?)"},
        {{.tenant = "x", .since = since, .until = until}, "SEARCH r USING INDEX recipients_tenant (tenant=? AND at>? AND at<?)"},
        {{.tenant = "x", .status = Status::Sent}, "SEARCH r USING INDEX recipients_tenant (tenant=?)"},
        {{.tenant = "x", .status = Status::Bounced}, "SEARCH r USING INDEX recipients_tenant_status (tenant=? AND status=?)"},
        {{.tenant = "x", .status = Status::Bounced, .since = since}, "SEARCH r USING INDEX recipients_tenant_status (tenant=? AND status=? AND at>?)"},
        {{.status = Status::Bounced}, "SEARCH r USING INDEX recipients_status (status=?)"},
        {{.status = Status::Deferred, .since = since}, "SEARCH r USING INDEX recipients_status (status=? AND at>?)"},
        {{.status = Status::Sent}, "SCAN r USING INDEX recipients_at"},   // most are: the newest are soon found
        {{.after_change = 1}, "SEARCH r USING INTEGER PRIMARY KEY (rowid>?)"},
        {{.ticket = "t", .status = Status::Bounced, .after_change = 1}, "SEARCH r USING INTEGER PRIMARY KEY (rowid>?)"},
    };
}

TEST_F(SearchTest, EveryQuestionBeginsWithAnIndexAndGoesOnByKeys)
{
    fill();
    auto hop = message("hop");
    hop.hop_of = "4jWYs1aaaaaz9Qn1";
    store_message(hop);
    close();
    Database database{path(), Database::Access::Read};
    for (auto const& [query, first] : questions()) {
        auto const sql = search_text(database, query).sql;
        SCOPED_TRACE(sql);
        auto const plan = plan_of(database, sql);
        EXPECT_THAT(plan, ::testing::Contains(first)) << ::testing::PrintToString(plan);
        for (auto const& step : plan) {
            bool const is_scan = step.starts_with("SCAN ") && step != first && step != "SCAN slices" && step != "SCAN CONSTANT ROW";
            EXPECT_FALSE(is_scan) << step;
        }
        bool const sorts = std::find(plan.begin(), plan.end(), "USE TEMP B-TREE FOR ORDER BY") != plan.end();
        bool const may_sort = query.after_change == 0 && (query.ticket || query.message_id || query.queue_id || query.recipient);
        EXPECT_EQ(sorts, may_sort) << "what may be many is read in order";
    }
}

// A million messages, made by SQL: what a look-up costs is told by the rows it steps over, not by a clock.
TEST_F(SearchTest, OneTicketIsFoundAmongAMillionMessages)
{
    constexpr int kMessages = 1'000'000;
    constexpr int kWanted = 417'113;
    Database database{":memory:", Database::Access::Write};
    upgrade_schema(database, schema_steps());
    auto const count = std::to_string(kMessages);
    database.execute("PRAGMA journal_mode = OFF; PRAGMA foreign_keys = OFF; BEGIN; "
                     "INSERT INTO names VALUES (1, 'postfix'), (2, 'kbz_test'), (3, 'SMTP'); "
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + count + ") "
                     "INSERT INTO messages SELECT i, 1, printf('4jW%08d', i), 2, 'ticket_' || i, 'm' || i, 's', 'c', i, i, i, 1, 1, 1, 1, 1, 1, 0, 0, '', '', 0 FROM n; "
                     "INSERT INTO recipients SELECT id, id, 2, iif(id % 1000, 2, 3), id * 1000, 1, 3, 0, 1, 1, 0, 0, 'r' || id, '', '', '', '', '', '', '' FROM messages; "
                     "INSERT INTO terms SELECT id >> " + std::to_string(kSliceBits) + ", id * 7919, id FROM messages; COMMIT");
    Statement term{database, "INSERT INTO terms VALUES (?, ?, ?)"};
    term.bind(kWanted >> kSliceBits, hash_of(Term::Ticket, "ticket_" + std::to_string(kWanted)), kWanted).run();
    term.bind(kWanted >> kSliceBits, hash_of(Term::QueueId, "4jW00417113"), kWanted).run();
    term.bind(0, hash_of(Term::Ticket, "ticket_" + std::to_string(kWanted)), 1).run();   // another text with the same number

    auto const steps = [&](Query const& query, std::size_t expected) {
        auto const text = search_text(database, query);
        Statement row{database, text.sql};
        int number = 0;
        for (auto const& value : text.values) {
            ++number;
            std::visit([&](auto const& one) { row.bind_at(number, one); }, value);
        }
        std::size_t rows = 0;
        while (row.step()) ++rows;
        EXPECT_EQ(rows, expected) << text.sql;
        return row.steps_of_full_scans();
    };
    int const slices = (kMessages >> kSliceBits) + 1;
    EXPECT_LE(steps({.ticket = "ticket_" + std::to_string(kWanted)}, 1), slices) << "one step a slice";
    EXPECT_LE(steps({.ticket = "none"}, 0), slices);
    EXPECT_LE(steps({.queue_id = "4jW00417113"}, 1), slices);
    EXPECT_EQ(steps({.tenant = "kbz_test", .most = 100}, 100), 0);
    EXPECT_EQ(steps({.status = Status::Bounced, .most = 50}, 50), 0);
    EXPECT_EQ(steps({.tenant = "kbz_test", .status = Status::Bounced, .since = base::Time{std::chrono::microseconds{999'000'000}}}, 2), 0);
    EXPECT_LE(steps({.most = 100}, 100), 100);
    EXPECT_EQ(steps({.after_change = kMessages - 10}, 10), 0);
}

TEST_F(SearchTest, HashesAreThoseThatAreInTheFile)
{
    EXPECT_EQ(hash_of(Term::Ticket, "ticket_smtp_test_001"), 3'372'411'806'388'147'593);
    EXPECT_EQ(hash_of(Term::Recipient, "Anna@Example.com"), hash_of(Term::Recipient, "anna@example.com"));
    EXPECT_NE(hash_of(Term::Ticket, "a"), hash_of(Term::MessageId, "a"));
    EXPECT_NE(hash_of(Term::Ticket, "A"), hash_of(Term::Ticket, "a")) << "tickets compare exactly";
}

}   // namespace
}   // namespace mailcore::outcomes::test
