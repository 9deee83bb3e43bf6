// One milter connection as Postfix 3.7.11 speaks it (protocol 6), seen on the wire of a real one: what it offers, the
// macros before each step (also before a step that the filter asked to skip), commands without reply gathered into one
// write, an ABORT after every message.
//
//     auto session = MilterSession{server, sender, plan, messages, tally};
//     poller.add(session.descriptor());
//     session.hear();            // whenever readable
//     if (session.finished()) …  // it sent QUIT: the SMTP client is gone
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/latencies.hpp"
#include "bench/message.hpp"
#include "bench/population.hpp"
#include "core/base/fd.hpp"

namespace mailcore::bench {

using Clock = std::chrono::steady_clock;

struct SessionPlan {
    std::uint64_t messages = 0;              // then QUIT; 0 = none: connect, greet and stay
    bool claim = false;                      // the client names its tenant and ticket in headers
    std::uint64_t expected_additions = 0;    // headers the filter must add to each message
    std::uint64_t expected_deletions = 0;
};

// What all sessions of a run have seen.
struct Tally {
    Latencies latencies;   // from MAIL to the last reply
    std::uint64_t messages = 0;
    std::uint64_t unexpected = 0;
    std::string negotiated;   // what the filter asked for, in words that can be compared
    Clock::time_point deadline;
    Clock::time_point last;

    void complain(std::string const& what);   // counts, and prints the first
};

class MilterSession {
public:
    MilterSession(std::string const& server, Sender const& sender, SessionPlan const& plan, MessageWriter& messages,
                  Tally& tally);

    int descriptor() const { return socket_.get(); }
    void hear();
    bool finished() const { return !socket_; }

private:
    enum class Step { Negotiate, Connect, Helo, Mail, Recipient, Data, Header, EndOfHeaders, Body, EndOfMessage };
    enum class Reply { Awaited, None };
    struct StepRule;

    static StepRule const& rule_of(Step step);

    // Sending. Bytes gather in outgoing_ until a reply is awaited.
    void negotiate();
    void go_on();
    Reply take(Step step);
    Step after(Step step) const;
    void write_macros(Step step);
    void write_arguments(Step step);
    void begin_message();
    void begin_packet(char command);
    void end_packet();
    void write_text(std::string_view text);
    void write_number(std::uint32_t number);
    void write_empty(char command);
    void flush();
    std::string macro(std::string_view name) const;

    // Receiving.
    void take_packet(char reply, std::string_view data);
    void take_negotiation(std::string_view data);
    void take_edit_or_verdict(char reply, std::string_view data);
    void end_message();
    void quit();

    Sender const& sender_;
    SessionPlan plan_;
    MessageWriter& writer_;
    Tally& tally_;
    base::Fd socket_;

    std::uint32_t steps_ = 0;   // SMFIP_* the filter chose
    std::array<std::vector<std::string>, 7> macros_;

    Step step_ = Step::Negotiate;
    Message message_;
    bool queue_id_known_ = false;
    std::size_t header_ = 0;   // the next one to send
    std::uint64_t additions_ = 0, deletions_ = 0;
    std::uint64_t messages_done_ = 0;
    Clock::time_point began_;

    std::string outgoing_;
    std::size_t packet_start_ = 0;
    std::string incoming_;
};

}   // namespace mailcore::bench
