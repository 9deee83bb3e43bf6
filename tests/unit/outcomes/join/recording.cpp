#include "recording.hpp"

#include <algorithm>
#include <random>

#include "story.hpp"

namespace mailcore::outcomes::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kFilter = "127.0.0.1[127.0.0.1]:10024";

class Recorder {
public:
    explicit Recorder(RecordingOptions const& options) : options_{options}, random_{options.seed} {}

    std::vector<Recorded> record()
    {
        for (int i = 0; i < options_.messages; ++i) {
            number_ = i;
            now_ = kMorning + seconds{i * 7} + milliseconds{upto(6'000)};
            message();
        }
        sort();
        if (options_.losses) look_for_losses();
        if (options_.displaced) displace();
        if (options_.doubled) double_lines();
        return std::move(lines_);
    }

private:
    // --- Chance

    int upto(int most) { return std::uniform_int_distribution{0, most}(random_); }
    bool one_in(int count) { return upto(count - 1) == 0; }

    // --- Lines

    void pass(milliseconds least = milliseconds{1}) { now_ += least + milliseconds{upto(400)}; }

    void postfix(std::string const& program, std::string const& text)
    {
        pass();
        lines_.push_back({Recorded::Log::Postfix, now_, postfix_line(now_, instance_ + "/" + program, text)});
    }
    void gate(std::string const& queue_id, Decided const& decided)
    {
        pass();
        auto const time = std::chrono::floor<milliseconds>(now_);
        lines_.push_back({Recorded::Log::Gate, time, decision_line(time, queue_id, decided)});
    }

    std::string long_id() { return "4jWY" + std::to_string(100'000 + ++ids_) + "z9Qn"; }
    std::string short_id() { return "A1B2C3D4E" + std::to_string(number_ % 4); }   // comes again after half a minute
    std::string message_id() const { return "<" + std::to_string(number_) + "@app.test>"; }
    std::string address(int i) const { return "user" + std::to_string(i) + "@example" + std::to_string(number_ % 5) + ".com"; }

    Decided decided(int recipients)
    {
        Decided decision;
        decision.tenant = one_in(8) ? "" : "tenant" + std::to_string(number_ % 3);
        decision.ticket = one_in(4) ? "" : "ticket_" + std::to_string(number_ / 2);
        decision.recipients = recipients;
        decision.recipient = recipients == 1 ? address(0) : "";
        decision.message_id = message_id();
        decision.client = "10.0.0." + std::to_string(1 + number_ % 3);
        return decision;
    }

    void arrive(std::string const& id, int recipients, bool is_decided = true)
    {
        postfix("smtpd", id + ": client=app[10.0.0." + std::to_string(1 + number_ % 3) + "]");
        postfix("cleanup", id + ": message-id=" + message_id());
        if (is_decided) gate(id, decided(recipients));
        queue(id, recipients);
    }
    void queue(std::string const& id, int recipients)
    {
        postfix("qmgr", id + ": from=<amazon@inbound.keybuzz.io>, size=2101, nrcpt=" + std::to_string(recipients) + " (queue active)");
    }
    void attempt(std::string const& id, std::string const& to, std::string const& dsn, std::string const& status, std::string const& reason,
                 std::string const& orig_to = "", std::string const& relay = "mx.example[192.0.2.1]:25")
    {
        postfix("smtp", id + ": to=<" + to + ">, " + (orig_to.empty() ? "" : "orig_to=<" + orig_to + ">, ") + "relay=" + relay +
                            ", delay=0." + std::to_string(upto(9)) + ", delays=0/0/0/0, dsn=" + dsn + ", status=" + status + " (" + reason + ")");
    }
    void put_off(std::string const& id, std::string const& to, std::string const& orig_to = "")
    {
        for (int i = upto(3); i > 0; --i) {
            attempt(id, to, one_in(3) ? "4.2.2" : "4.4.1", "deferred", "attempt " + std::to_string(i), orig_to);
            now_ += minutes{5};
            queue(id, 1);
        }
    }
    void finish(std::string const& id, std::string const& to, std::string const& orig_to = "")
    {
        put_off(id, to, orig_to);
        if (one_in(4)) attempt(id, to, "5.1.1", "bounced", "no such user", orig_to), bounced_ = true;
        else attempt(id, to, "2.0.0", "sent", one_in(2) ? "250 ok" : "250 2.0.0 Ok: queued as 5F1A2B3C4D", orig_to);
    }
    void notify(std::string const& id)
    {
        auto const bounce = long_id();
        bool const named_first = one_in(2);   // since 3.11
        auto const name = [&] { postfix("bounce", id + ": sender non-delivery notification: " + bounce); };
        if (named_first) name();
        postfix("cleanup", bounce + ": message-id=<" + bounce + "@mx>");
        if (!named_first) name();
        queue(bounce, 1);
        attempt(bounce, "amazon@inbound.keybuzz.io", "2.0.0", "sent", "250 ok");
        postfix("qmgr", bounce + ": removed");
    }
    void end(std::string const& id)
    {
        if (bounced_) notify(id);
        postfix("qmgr", id + ": removed");
    }

    // --- What may happen to a message

    void message()
    {
        instance_ = "postfix";
        bounced_ = false;
        switch (upto(15)) {
            case 0:
            case 1: goes_to(long_id(), 1); break;
            case 2: goes_to(long_id(), 1 + upto(3)); break;
            case 3:
            case 4: goes_at_once(); break;
            case 5: is_expanded(); break;
            case 6: expires(); break;
            case 7: goes_through_a_filter(); break;
            case 8: is_deleted(); break;
            case 9: is_put_back(); break;
            case 10: is_refused_early(); break;
            case 11: is_refused_at_its_end(); break;
            case 12: is_refused_by_others(); break;
            case 13: has_no_decision(); break;
            case 14: is_lost(); break;
            case 15: is_in_two_instances(); break;
            default: break;
        }
    }

    void goes_to(std::string const& id, int recipients)
    {
        arrive(id, recipients);
        for (int i = 0; i < recipients; ++i) finish(id, address(i));
        end(id);
    }
    void goes_at_once()   // so that its queue id is free again
    {
        auto const id = short_id();
        arrive(id, 1);
        attempt(id, address(0), "2.0.0", "sent", "250 ok");
        end(id);
    }
    void is_expanded()
    {
        auto const id = long_id();
        arrive(id, 1);
        for (int i = 1; i < 4; ++i) finish(id, address(i), address(0));
        end(id);
    }
    void expires()
    {
        auto const id = long_id();
        arrive(id, 2);
        attempt(id, address(0), "4.4.1", "deferred", "later");
        finish(id, address(1));
        postfix("qmgr", id + ": from=<amazon@inbound.keybuzz.io>, status=expired, returned to sender");
        bounced_ = true;
        end(id);
    }
    void goes_through_a_filter()
    {
        auto const id = long_id(), next = long_id();
        int const recipients = 1 + upto(2);
        arrive(id, recipients);
        if (one_in(3)) instance_ = "postfix-out";
        postfix("reinject/smtpd", next + ": client=localhost[127.0.0.1]" + (one_in(2) ? ", orig_queue_id=" + id : ""));
        postfix("cleanup", next + ": message-id=" + message_id());
        queue(next, recipients);
        auto const behind = instance_;
        bool const is_over_first = one_in(3);
        auto const deliver = [&] {
            instance_ = behind;
            for (int i = 0; i < recipients; ++i) finish(next, address(i));
            end(next);
        };
        if (is_over_first) deliver();
        instance_ = "postfix";
        for (int i = 0; i < recipients; ++i) attempt(id, address(i), "2.0.0", "sent", "250 2.0.0 Ok: queued as " + next, "", kFilter);
        postfix("qmgr", id + ": removed");
        if (!is_over_first) deliver();
    }
    void is_deleted()
    {
        auto const id = long_id();
        arrive(id, 1);
        put_off(id, address(0));
        postfix("postsuper", id + ": removed");
    }
    void is_put_back()
    {
        auto const id = long_id(), next = long_id();
        arrive(id, 2);
        finish(id, address(0));
        put_off(id, address(1));
        postfix("postsuper", id + ": requeued");
        postfix("pickup", next + ": uid=102 from=<amazon@inbound.keybuzz.io> orig_id=" + id);
        postfix("cleanup", next + ": message-id=" + message_id());
        queue(next, 1);
        finish(next, address(1));
        end(next);
    }
    void is_refused_early()
    {
        auto decision = decided(1);
        decision.action = "reject";
        decision.state = "RCPT";
        decision.daemon = one_in(2) ? "policy" : "milter";
        decision.reply = "554 5.7.1 Recipient not allowed (recipient_not_allowed)";
        gate(one_in(2) ? "" : long_id(), decision);
    }
    void is_refused_at_its_end()
    {
        auto const id = long_id();
        auto decision = decided(1 + upto(1));
        decision.action = one_in(3) ? "defer" : "reject";
        auto const code = decision.action == "defer" ? "4.7.1" : "5.7.1";
        decision.reply = std::string{decision.action == "defer" ? "450 " : "554 "} + code + " No (limit_exceeded)";
        postfix("smtpd", id + ": client=app[" + decision.client + "]");
        postfix("cleanup", id + ": message-id=" + message_id());
        gate(id, decision);
        postfix("cleanup", id + ": milter-reject: END-OF-MESSAGE from app[" + decision.client + "]: " + code +
                               " No (limit_exceeded); from=<a@b> to=<c@d> proto=ESMTP helo=<app>");
    }
    void is_refused_by_others()
    {
        auto const id = long_id();
        postfix("smtpd", id + ": client=app[10.0.0." + std::to_string(1 + number_ % 3) + "]");
        postfix("smtpd", id + ": reject: RCPT from app[10.0.0.1]: 550 5.1.1 <" + address(9) + ">: User unknown; from=<a@b> to=<" + address(9) + "> proto=ESMTP helo=<app>");
        if (one_in(2)) {
            gate(id, decided(1));
            queue(id, 1);
            finish(id, address(0));
            return end(id);
        }
        gate(id, decided(1));
        constexpr char const* kVerbs[] = {": milter-reject: END-OF-MESSAGE from app[10.0.0.1]: 5.7.1 Spam", ": milter-reject: END-OF-MESSAGE from app[10.0.0.1]: 4.7.1 Later",
                                          ": milter-discard: END-OF-MESSAGE from app[10.0.0.1]: milter triggers DISCARD action"};
        postfix("cleanup", id + kVerbs[upto(2)] + "; from=<a@b> to=<c@d> proto=ESMTP helo=<app>");
        if (one_in(2)) postfix("cleanup", id + ": removed (canceled)");
    }
    void has_no_decision()
    {
        auto const id = long_id();
        arrive(id, 1, false);
        finish(id, address(0));
        end(id);
    }
    void is_lost()
    {
        if (options_.losses) gate(long_id(), decided(1));
    }
    void is_in_two_instances()
    {
        auto const id = long_id();
        arrive(id, 1);
        instance_ = "postfix-out";
        number_ += 1'000;   // another message
        arrive(id, 1);
        finish(id, address(0));
        end(id);
        instance_ = "postfix";
        number_ -= 1'000;
        bounced_ = false;
        finish(id, address(0));
        end(id);
        number_ %= 1'000;
    }

    // --- The whole

    void sort()
    {
        std::stable_sort(lines_.begin(), lines_.end(), [](auto const& left, auto const& right) { return left.time < right.time; });
    }
    void look_for_losses()
    {
        std::vector<Recorded> all;
        for (auto& line : lines_) {
            auto const time = line.time;
            all.push_back(std::move(line));
            if (one_in(20)) all.push_back({Recorded::Log::LookForLosses, time, ""});
        }
        all.push_back({Recorded::Log::LookForLosses, all.back().time + minutes{30}, ""});
        lines_ = std::move(all);
    }
    void displace()
    {
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            if (lines_[i].log != Recorded::Log::Gate || one_in(2)) continue;
            auto const to = static_cast<std::size_t>(std::clamp(static_cast<int>(i) + upto(60) - 30, 0, static_cast<int>(lines_.size()) - 2));
            auto moved = std::move(lines_[i]);
            lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(i));
            lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(to), std::move(moved));
        }
    }
    void double_lines()
    {
        std::vector<Recorded> all;
        for (auto const& line : lines_) {
            all.push_back(line);
            if (line.log != Recorded::Log::LookForLosses && one_in(10)) all.push_back(line);
        }
        lines_ = std::move(all);
    }

    RecordingOptions options_;
    std::mt19937 random_;
    std::vector<Recorded> lines_;
    base::Time now_{};
    std::string instance_;
    int number_ = 0;
    int ids_ = 0;
    bool bounced_ = false;
};

}   // namespace

std::vector<Recorded> record(RecordingOptions const& options) { return Recorder{options}.record(); }

}   // namespace mailcore::outcomes::test
