// A language for stories about mail: what Postfix logs and what the gate decides, one line a second, through the real
// parsers, joiner and store.
//
//     Story story;
//     story.gate("4jWYs717qcz8lWc", {.tenant = "kbz_test"});
//     story.postfix("smtp", "4jWYs717qcz8lWc: to=<anna@example.com>, … status=sent (250 ok)");
//     EXPECT_THAT(story.rows(), ElementsAre("SENT anna@example.com 2.0.0 x1 SMTP kbz_test/ticket_1 4jWYs717qcz8lWc: 250 ok"));
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "outcomes/join/joiner.hpp"
#include "outcomes/store/outcome_store.hpp"

namespace mailcore::outcomes::test {

inline constexpr base::Time kMorning{std::chrono::seconds{1'795'323'600}};   // 2026-11-22T05:00:00Z

// A folder that vanishes.
class Folder {
public:
    Folder();
    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;
    ~Folder();
    std::string file(std::string const& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

// What the gate says of a message, as its decision line has it.
struct Decided {
    std::string tenant = "kbz_test";
    std::string ticket = "ticket_1";
    std::string action = "pass";
    std::string reply = {};                     // of a refusal
    std::string state = "END-OF-MESSAGE";
    std::string daemon = "milter";
    std::string sender = "amazon@inbound.keybuzz.io";
    std::string recipient = "anna@example.com";   // "" where there are several
    std::string message_id = "<1@app.test>";
    std::string client = "10.0.0.250";
    int recipients = 1;
};
std::string decision_line(base::Time time, std::string const& queue_id, Decided const& decided);
std::string postfix_line(base::Time time, std::string const& identifier, std::string const& text);

// "BOUNCED bounce@example.com 5.1.1 x1 SES kbz_test/ticket_1 4jWYs717qcz8lWc bounce 4jWYs80Gz8z9Qn1: 550 5.1.1 no such user":
// state, recipient, dsn, attempts, provider, tenant and ticket, queue id, reason; "-" for what is empty.
std::string describe(Outcome const& outcome);

class Story {
public:
    explicit Story(JoinOptions options = default_options());
    static JoinOptions default_options();

    // Each at its own time, a second later than the one before.
    Story& postfix(std::string const& program, std::string const& text, std::string const& instance = "postfix");
    Story& gate(std::string const& queue_id, Decided const& decided = {});
    Story& again();                              // the line before, once more, of the same time
    Story& wait(std::chrono::microseconds time);

    // What nearly every story has, for a message to so many recipients.
    Story& arrives(std::string const& queue_id, int recipients = 1, std::string const& message_id = "<1@app.test>",
                   std::string const& client = "10.0.0.250", std::string const& instance = "postfix");
    Story& delivery(std::string const& queue_id, std::string const& to, std::string const& status, std::string const& dsn,
                    std::string const& reason, std::string const& relay = "mx.example[192.0.2.1]:25", std::string const& instance = "postfix");
    Story& sent(std::string const& queue_id, std::string const& to, std::string const& reason = "250 2.0.0 Ok");
    Story& removed(std::string const& queue_id, std::string const& instance = "postfix");

    void commit();
    void kill();                                 // what was not committed is gone, and a new process begins
    void roll_back() { joiner_->rolled_back(); }
    void look_for_losses() { joiner_->look_for_losses(now_); }
    base::Time now() const { return now_; }

    // After a commit: what an operator sees, sorted; what the webhook is given, in order; the counters.
    std::vector<std::string> rows(Query query = {});
    std::vector<std::string> events();
    std::map<std::string, std::uint64_t> counters();
    std::uint64_t counter(std::string const& name);
    OutcomeStore& store() { return *store_; }
    Joiner& joiner() { return *joiner_; }

private:
    void open();
    void take_postfix(std::string const& line);
    void take_decision(std::string const& line);

    Folder folder_;
    JoinOptions options_;
    std::unique_ptr<OutcomeStore> store_;
    std::unique_ptr<Joiner> joiner_;
    LogClock clock_{kMorning};
    base::Time now_ = kMorning;
    std::function<void()> again_;
};

}   // namespace mailcore::outcomes::test
