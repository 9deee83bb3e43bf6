#include "tests/unit/outcomes/log/postfix_corpus.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

namespace mailcore::outcomes::test {
namespace {

using Kind = PostfixLine::Kind;

constexpr std::string_view kIndent = "    ";

std::string_view word(Kind kind)
{
    switch (kind) {
        case Kind::Other: return "Other";
        case Kind::Client: return "Client";
        case Kind::Pickup: return "Pickup";
        case Kind::MessageId: return "MessageId";
        case Kind::Queued: return "Queued";
        case Kind::Delivery: return "Delivery";
        case Kind::Expired: return "Expired";
        case Kind::Removed: return "Removed";
        case Kind::Canceled: return "Canceled";
        case Kind::Deleted: return "Deleted";
        case Kind::Requeued: return "Requeued";
        case Kind::Held: return "Held";
        case Kind::Released: return "Released";
        case Kind::Notification: return "Notification";
        case Kind::Reject: return "Reject";
        case Kind::LostConnection: return "LostConnection";
    }
    return "";
}

std::string_view word(PostfixLine::Status status)
{
    constexpr std::array<std::string_view, 6> words{"", "Sent", "Deferred", "Bounced", "Expired", "Undelivered"};
    return words[static_cast<std::size_t>(status)];
}

std::string time_of(base::Time time)
{
    auto const micros = std::to_string(time.time_since_epoch() % std::chrono::seconds{1} / std::chrono::microseconds{1});
    return base::format_time(time).substr(0, 19) + "." + std::string(6 - micros.size(), '0') + micros + "Z";
}

std::string written(double seconds)
{
    char text[32];
    return {text, static_cast<std::size_t>(std::snprintf(text, sizeof text, "%g", seconds))};
}

Case read_case(std::filesystem::path const& path)
{
    Case one{.path = path.string(), .notes = {}, .lines = {}};
    std::ifstream file{path, std::ios::binary};
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("# ")) one.notes.push_back(line);
        else if (!line.starts_with(kIndent)) one.lines.push_back({line, ""});
        else if (!one.lines.empty()) one.lines.back().expected += line.substr(kIndent.size());
    }
    return one;
}

}   // namespace

std::string describe(PostfixLine const& line, bool with_time)
{
    std::string text{word(line.kind)};
    auto const add = [&text](std::string_view name, std::string_view value) {
        if (value.empty()) return;
        text += " | ";
        if (!name.empty()) text.append(name).append(" ");
        text += value;
    };
    auto const number = [](std::uint64_t value) { return value == 0 ? std::string{} : std::to_string(value); };
    if (with_time) add("", time_of(line.time));
    add("", std::string{line.instance} + " " + std::string{line.service});
    add("", line.queue_id);
    add("verb", line.verb);
    add("stage", line.stage);
    add("client", line.client);
    add("name", line.client_name);
    add("login", line.login);
    add("orig_queue_id", line.orig_queue_id);
    add("message_id", line.message_id);
    add("sender", line.has_sender ? "<" + std::string{line.sender} + ">" : std::string{line.sender});
    add("size", number(line.size));
    add("recipients", number(line.recipients));
    add("to", line.to);
    add("orig_to", line.orig_to);
    add("relay", line.relay);
    add("delay", line.delay == 0 ? std::string{} : written(line.delay));
    add("dsn", line.dsn);
    add("", word(line.status));
    add("status", line.status_word);
    add("", line.returned ? "returned" : "");
    add("reason", line.reason);
    add("notification", line.notification);
    add("next", line.next_queue_id);
    add("text", line.text);
    return text;
}

std::optional<std::string> Case::setting(std::string_view name) const
{
    auto const prefix = "# " + std::string{name} + " ";
    auto const found = std::find_if(notes.begin(), notes.end(), [&](auto const& note) { return note.starts_with(prefix); });
    return found == notes.end() ? std::nullopt : std::optional{found->substr(prefix.size())};
}

std::string Case::as_file() const
{
    std::string text;
    for (auto const& note : notes) text += note + "\n";
    for (auto const& line : lines) text += line.text + "\n" + std::string{kIndent} + line.expected + "\n";
    return text;
}

std::vector<Case> read_cases()
{
    std::vector<Case> cases;
    for (auto const& entry : std::filesystem::directory_iterator{std::filesystem::path{TESTDATA} / "postfix-logs"}) {
        if (entry.path().extension() == ".log") cases.push_back(read_case(entry.path()));
    }
    std::sort(cases.begin(), cases.end(), [](auto const& a, auto const& b) { return a.path < b.path; });
    return cases;
}

}   // namespace mailcore::outcomes::test
