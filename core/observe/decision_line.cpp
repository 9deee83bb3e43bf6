#include "core/observe/decision_line.hpp"

#include <charconv>
#include <chrono>

#include "core/base/text.hpp"

namespace mailcore::observe {
namespace {

constexpr std::size_t kMaxValue = 512;

void append_number(std::string& out, std::uint64_t number)
{
    char digits[20];
    auto const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out.append(digits, static_cast<std::size_t>(end - digits));
}

void append_padded(std::string& out, unsigned number, int width)
{
    char digits[10];
    for (int i = width - 1; i >= 0; --i, number /= 10) digits[i] = static_cast<char>('0' + number % 10);
    out.append(digits, static_cast<std::size_t>(width));
}

class Line {
public:
    explicit Line(std::string& out) : out_{out} {}

    void text(std::string_view key, std::string_view value)
    {
        begin(key);
        base::append_json_string(out_, value.substr(0, kMaxValue));
    }
    void number(std::string_view key, std::uint64_t value)
    {
        begin(key);
        append_number(out_, value);
    }

private:
    void begin(std::string_view key)   // our own keys need no escaping
    {
        out_ += ",\"";
        out_ += key;
        out_ += "\":";
    }
    std::string& out_;
};

void append_reply(std::string& out, mail::SmtpReply const& reply)
{
    out += ",\"reply\":\"";   // codes and texts are plain ASCII without quotes or backslashes: see compile.cpp
    if (!reply.code.empty()) {
        out.append(reply.code).append(" ").append(reply.enhanced).append(" ").append(reply.text);
    }
    out += '"';
}

// The one recipient a verdict is about: at RCPT the one asked for, later the only one.
std::string_view recipient_of(mail::Request const& request)
{
    if (request.recipients.empty()) return {};
    bool const one = request.stage == mail::Stage::Rcpt || request.recipients.size() == 1;
    return one ? request.recipients.back().text() : std::string_view{};
}

}   // namespace

void append_time(std::string& out, base::Time time)
{
    using namespace std::chrono;
    auto const day = floor<days>(time);
    year_month_day const date{day};
    hh_mm_ss const clock{floor<milliseconds>(time - day)};
    append_padded(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    out += '-';
    append_padded(out, static_cast<unsigned>(date.month()), 2);
    out += '-';
    append_padded(out, static_cast<unsigned>(date.day()), 2);
    out += 'T';
    append_padded(out, static_cast<unsigned>(clock.hours().count()), 2);
    out += ':';
    append_padded(out, static_cast<unsigned>(clock.minutes().count()), 2);
    out += ':';
    append_padded(out, static_cast<unsigned>(clock.seconds().count()), 2);
    out += '.';
    append_padded(out, static_cast<unsigned>(clock.subseconds().count()), 3);
    out += 'Z';
}

void append_decision_line(std::string& out, Decision const& decision)
{
    auto const& request = decision.request;
    auto const& verdict = decision.verdict;
    out += "{\"time\":\"";
    append_time(out, decision.time);
    out += '"';

    Line line{out};
    line.text("daemon", word(request.daemon));
    line.text("state", word(request.stage));
    line.text("queue_id", request.queue_id);
    line.text("instance", request.instance);
    line.text("message_id", request.message ? std::string_view{request.message->message_id} : std::string_view{});
    line.text("tenant", verdict.tenant);
    line.text("ticket", verdict.ticket);
    line.text("client", request.client);
    line.text("login", request.login);
    line.number("port", request.server_port);
    line.text("sender", request.sender.text());
    line.text("recipient", recipient_of(request));
    line.number("recipients", std::max<std::uint64_t>(request.recipient_count, request.recipients.size()));
    line.number("size", request.size);
    line.text("action", word(verdict.action));
    line.text("reason", word(verdict.reason));
    line.text("rule", verdict.rule);
    line.text("would", verdict.would == mail::Action::Pass ? std::string_view{} : word(verdict.would));
    append_reply(out, verdict.reply);
    line.number("forged_headers_removed", decision.forged_headers_removed);
    line.number("micros", decision.micros);
    out += "}\n";
}

}   // namespace mailcore::observe
