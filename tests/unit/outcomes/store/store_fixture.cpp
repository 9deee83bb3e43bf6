#include "store_fixture.hpp"

#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "outcomes/store/sqlite_store.hpp"

namespace mailcore::outcomes::test {

StoreTest::StoreTest() : folder_{(std::filesystem::temp_directory_path() / "mailcore-store-test-XXXXXX").string()}
{
    if (::mkdtemp(folder_.data()) == nullptr) throw std::runtime_error{"cannot make " + folder_};
}

StoreTest::~StoreTest()
{
    store_.reset();
    std::filesystem::remove_all(folder_);
}

std::unique_ptr<OutcomeStore> StoreTest::open() const
{
    auto opened = open_sqlite_store(path());
    if (!opened) throw std::runtime_error{opened.error().message};
    return std::move(*opened);
}

std::string StoreTest::error_of_open() const
{
    auto const opened = open_sqlite_store(path());
    return opened ? "" : opened.error().message;
}

OutcomeStore& StoreTest::store()
{
    if (!store_) store_ = open();
    return *store_;
}

void StoreTest::apply(Batch& batch)
{
    auto const applied = store().apply(batch);
    ASSERT_TRUE(applied) << applied.error().message;
}

void StoreTest::store_message(MessageState& message)
{
    Batch batch;
    batch.messages = {&message};
    apply(batch);
}

MessageState message(std::string const& queue_id)
{
    MessageState message;
    message.instance = "postfix";
    message.queue_id = queue_id;
    message.tenant = "kbz_test";
    message.ticket = "ticket_1";
    message.message_id = "<" + queue_id + "@app.test>";
    message.sender = "amazon@inbound.keybuzz.io";
    message.client = "10.0.0.250";
    message.began = kMorning;
    message.changed = kMorning + std::chrono::seconds{2};
    message.decided_at = kMorning + std::chrono::seconds{1};
    message.size = 2'101;
    message.recipients_expected = 1;
    message.decided = message.opened = message.seen = message.ended = true;
    message.recipients = {recipient("anna@example.com")};
    return message;
}

RecipientState recipient(std::string const& address, Status status)
{
    RecipientState recipient;
    recipient.recipient = address;
    recipient.status = status;
    recipient.relay = "mx.example[192.0.2.1]:25";
    recipient.provider = "SMTP";
    recipient.dsn = "2.0.0";
    recipient.reason = "250 ok";
    recipient.attempts = 1;
    recipient.changed = kMorning + std::chrono::seconds{2};
    return recipient;
}

Outcome event(MessageState const& message, Status status, std::string const& dsn)
{
    Outcome outcome;
    outcome.event_id = message.queue_id + "-" + std::string{word(status)} + dsn;
    outcome.postfix_instance = message.instance;
    outcome.tenant_id = message.tenant;
    outcome.ticket_id = message.ticket;
    outcome.message_id = message.message_id;
    outcome.queue_id = message.queue_id;
    outcome.sender = message.sender;
    outcome.recipient = message.recipients.empty() ? "" : message.recipients.front().recipient;
    outcome.provider = "SES";
    outcome.relay = "email-smtp.eu-west-1.amazonaws.com[192.0.2.7]:587";
    outcome.status = status;
    outcome.dsn = dsn;
    outcome.reason = "as it was said";
    outcome.attempts = 3;
    outcome.sent_at = message.changed;
    return outcome;
}

std::vector<std::string> brief(std::vector<Outcome> const& outcomes)
{
    std::vector<std::string> lines;
    for (auto const& outcome : outcomes) lines.push_back(std::string{word(outcome.status)} + " " + outcome.recipient);
    return lines;
}

}   // namespace mailcore::outcomes::test
