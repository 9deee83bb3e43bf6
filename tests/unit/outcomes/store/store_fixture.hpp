// A store in a folder that vanishes, and messages to put into it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "outcomes/store/outcome_store.hpp"

namespace mailcore::outcomes::test {

inline constexpr base::Time kMorning{std::chrono::seconds{1'795'323'600}};   // 2026-11-22T05:00:00Z

class StoreTest : public ::testing::Test {
protected:
    StoreTest();
    ~StoreTest() override;

    std::string path() const { return folder_ + "/outcomes.db"; }
    std::unique_ptr<OutcomeStore> open() const;
    std::string error_of_open() const;
    OutcomeStore& store();
    void close() { store_.reset(); }

    // Applies; fails the test where that fails.
    void apply(Batch& batch);
    void store_message(MessageState& message);

    std::string folder_;

private:
    std::unique_ptr<OutcomeStore> store_;
};

// A message of kbz_test that was sent to one recipient and has ended.
MessageState message(std::string const& queue_id);
RecipientState recipient(std::string const& address, Status status = Status::Sent);
Outcome event(MessageState const& message, Status status, std::string const& dsn = "");

// "SENT anna@example.com", in the order of the answer.
std::vector<std::string> brief(std::vector<Outcome> const& outcomes);

}   // namespace mailcore::outcomes::test
