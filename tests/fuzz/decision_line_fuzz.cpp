// Decision lines. What is read is UTF-8, a second reading finds the same, a complaint is printable; a line that the daemons
// write from the input's lines as values is read back as the same values.
#include <algorithm>
#include <array>
#include <tuple>

#include "core/base/text.hpp"
#include "core/observe/decision_line.hpp"
#include "outcomes/log/decision_record.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace mailcore;
using outcomes::DecisionRecord;
using fuzz::require;

auto fields(DecisionRecord const& record)
{
    return std::tie(record.time, record.from_milter, record.state, record.queue_id, record.instance, record.message_id, record.tenant, record.ticket, record.client,
                    record.login, record.sender, record.recipient, record.recipients, record.size, record.action, record.reason, record.reply);
}

void check_read(std::string_view line)
{
    DecisionRecord record;
    auto const result = parse_decision_line(line, record);
    if (!result) {
        require(fuzz::is_printable(result.error().message), "a complaint is printable", result.error().message);
        return;
    }
    for (auto const* text : {&record.state, &record.queue_id, &record.instance, &record.message_id, &record.tenant, &record.ticket, &record.client, &record.login,
                             &record.sender, &record.recipient, &record.action, &record.reason, &record.reply}) {
        require(base::find_not_utf8(*text) == std::string_view::npos, "what is read is UTF-8", *text);
    }
    require(!record.action.empty(), "a decision has an action", line);
    DecisionRecord again;
    again.tenant = again.reply = "what was there before";
    again.size = 1;
    require(parse_decision_line(line, again).has_value() && fields(again) == fields(record), "a second reading finds the same", line);
}

// The daemons cut long values and replace what is no UTF-8.
std::string as_written(std::string_view value)
{
    std::string text;
    for (auto rest = value.substr(0, 512); !rest.empty();) {
        auto const length = base::utf8_length(rest);
        text += length == 0 ? std::string_view{"\xEF\xBF\xBD"} : rest.substr(0, length);
        rest.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return text;
}

mail::Verdict verdict_of(std::string_view bytes)
{
    auto const byte = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u; };
    mail::Verdict verdict;
    verdict.action = static_cast<mail::Action>(byte(0) % mail::kActions);
    verdict.reason = static_cast<mail::Reason>(byte(1) % mail::kReasons);
    verdict.reply = mail::reply_for(verdict.action, verdict.reason);
    verdict.reply.retry_after = byte(2);
    return verdict;
}

void check_written(std::string_view input)
{
    std::array<std::string_view, 10> values;
    auto const lines = base::split(input, '\n');
    for (std::size_t i = 0; i < values.size() && i < lines.size(); ++i) values[i] = lines[i];

    mail::Request request;
    request.daemon = values[0].size() % 2 == 0 ? mail::Daemon::Milter : mail::Daemon::Policy;
    request.stage = mail::Stage::EndOfMessage;
    request.queue_id = values[1];
    request.instance = values[2];
    request.client = values[3];
    request.login = values[4];
    request.sender.set(values[5]);
    request.recipients.add().set(values[6]);
    request.recipient_count = static_cast<std::uint32_t>(input.size() * 65'537);
    request.size = input.size() * 0x0123'4567'89ab;
    request.message.emplace();
    request.message->message_id = values[7];
    auto verdict = verdict_of(values[0]);
    verdict.tenant = values[8];
    verdict.ticket = values[9];
    verdict.rule = values[1];

    std::string line;
    observe::append_decision_line(line, {.request = request, .verdict = verdict, .time = fuzz::kNow + std::chrono::milliseconds{input.size() % 1000}, .micros = 38, .forged_headers_removed = 2});
    require(line.ends_with('\n') && line.find('\n') == line.size() - 1, "a decision is one line", line);
    line.pop_back();
    DecisionRecord record;
    auto const result = parse_decision_line(line, record);
    require(result.has_value(), "what the daemons write is read", result ? "" : result.error().message + ": " + line);

    DecisionRecord expected;
    expected.time = fuzz::kNow + std::chrono::milliseconds{input.size() % 1000};
    expected.from_milter = request.daemon == mail::Daemon::Milter;
    expected.state = "END-OF-MESSAGE";
    expected.queue_id = as_written(values[1]);
    expected.instance = as_written(values[2]);
    expected.client = as_written(values[3]);
    expected.login = as_written(values[4]);
    expected.sender = as_written(request.sender.text());
    expected.recipient = as_written(request.recipients.back().text());
    expected.message_id = as_written(values[7]);
    expected.tenant = as_written(values[8]);
    expected.ticket = as_written(values[9]);
    expected.recipients = std::max<std::uint64_t>(request.recipient_count, 1);
    expected.size = request.size;
    expected.action = word(verdict.action);
    expected.reason = word(verdict.reason);
    expected.reply = mail::to_string(verdict.reply);
    require(fields(record) == fields(expected), "what the daemons write is read as they meant it", line);
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const input = fuzz::text_of(data, size);
    for (auto const line : base::split(input, '\n')) check_read(line);
    check_written(input);
    return 0;
}
