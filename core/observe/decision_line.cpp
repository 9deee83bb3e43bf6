#include "core/observe/decision_line.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <vector>

#include "core/base/text.hpp"

namespace mailcore::observe {
namespace {

constexpr std::size_t kMaxValue = 512;
constexpr std::size_t kMostFields = 24;
constexpr std::size_t kMostBytesOfField = 6 * kMaxValue + 64;   // every byte escaped as \u00XX, and the key

void append_padded(std::string& out, unsigned number, int width)
{
    char digits[10];
    for (int i = width - 1; i >= 0; --i, number /= 10) digits[i] = static_cast<char>('0' + number % 10);
    out.append(digits, static_cast<std::size_t>(width));
}

// Writes by pointer into a buffer that holds any line; this is the hottest code of the daemons after the rules.
// Keys are literals with all their punctuation: `,"sender":"`.
class Line {
public:
    Line() : start_{buffer()}, end_{start_} {}

    std::string_view view() const { return {start_, static_cast<std::size_t>(end_ - start_)}; }

    void raw(std::string_view text)
    {
        end_ += text.copy(end_, text.size());
    }
    void text(std::string_view key, std::string_view value)
    {
        raw(key);
        value = value.substr(0, kMaxValue);
        if (base::is_plain_json(value)) raw(value);
        else raw_escaped(value);
        *end_++ = '"';
    }
    void number(std::string_view key, std::uint64_t value)
    {
        raw(key);
        end_ = std::to_chars(end_, end_ + 20, value).ptr;
    }

private:
    void raw_escaped(std::string_view value)
    {
        std::string escaped;
        base::append_json_string(escaped, value);
        raw(std::string_view{escaped}.substr(1, escaped.size() - 2));   // the quotes are there already
    }
    static char* buffer()
    {
        thread_local std::vector<char> bytes(kMostFields * kMostBytesOfField);
        return bytes.data();
    }
    char* start_;
    char* end_;
};

void add_reply(Line& line, mail::SmtpReply const& reply)
{
    line.raw(",\"reply\":\"");   // codes and texts are plain ASCII without quotes or backslashes: see compile.cpp
    if (!reply.code.empty()) {
        line.raw(reply.code);
        line.raw(" ");
        line.raw(reply.enhanced);
        line.raw(" ");
        thread_local std::string words;   // keeps its memory
        words.clear();
        mail::append_text(words, reply);
        line.raw(words);
    }
    line.raw("\"");
}

// Most decisions of a batch share their time; it is written out once.
std::string_view written_time(base::Time time)
{
    thread_local base::Time last;
    thread_local std::string text;
    if (time != last || text.empty()) {
        text.clear();
        append_time(text, time);
        last = time;
    }
    return text;
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
    Line line;
    line.text("{\"time\":\"", written_time(decision.time));
    line.text(",\"daemon\":\"", word(request.daemon));
    line.text(",\"state\":\"", word(request.stage));
    line.text(",\"queue_id\":\"", request.queue_id);
    line.text(",\"instance\":\"", request.instance);
    line.text(",\"message_id\":\"", request.message ? std::string_view{request.message->message_id} : std::string_view{});
    line.text(",\"tenant\":\"", verdict.tenant);
    line.text(",\"ticket\":\"", verdict.ticket);
    line.text(",\"client\":\"", request.client);
    line.text(",\"login\":\"", request.login);
    line.number(",\"port\":", request.server_port);
    line.text(",\"sender\":\"", request.sender.text());
    line.text(",\"recipient\":\"", recipient_of(request));
    line.number(",\"recipients\":", std::max<std::uint64_t>(request.recipient_count, request.recipients.size()));
    line.number(",\"size\":", request.size);
    line.text(",\"action\":\"", word(verdict.action));
    line.text(",\"reason\":\"", word(verdict.reason));
    line.text(",\"rule\":\"", verdict.rule);
    line.text(",\"limit\":\"", verdict.limit);
    line.text(",\"would\":\"", verdict.would == mail::Action::Pass ? std::string_view{} : word(verdict.would));
    add_reply(line, verdict.reply);
    line.number(",\"forged_headers_removed\":", decision.forged_headers_removed);
    line.number(",\"micros\":", decision.micros);
    line.raw("}\n");
    out += line.view();
}

}   // namespace mailcore::observe
