#include "ctl/queue.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "ctl/stamp_check.hpp"

namespace mailcore::ctl {
namespace {

using base::fail;
using base::Result;

constexpr std::size_t kAtOnce = 100;                    // messages for one postcat
constexpr std::size_t kMostOutput = 1u << 30u;          // a line of postqueue for each message

// postcat: "*** ENVELOPE RECORDS deferred/8/85ABEA34710 ***". A header line cannot look like it: names have no blanks.
std::optional<std::string_view> path_in(std::string_view line, std::string_view title)
{
    if (!line.starts_with("*** ") || !line.ends_with(" ***")) return std::nullopt;
    line = line.substr(4, line.size() - 8);
    if (!line.starts_with(title)) return std::nullopt;
    return line.substr(title.size());
}

// Takes postcat's lines one by one.
class MessageReader {
public:
    void take(std::string_view line)
    {
        if (auto const path = path_in(line, "ENVELOPE RECORDS ")) {
            part_ = Part::Envelope;
            message_ = {std::string{path->substr(path->rfind('/') + 1)}, "", ""};
        } else if (path_in(line, "MESSAGE CONTENTS ")) {
            part_ = Part::Header;
        } else if (path_in(line, "HEADER EXTRACTED ")) {
            part_ = Part::None;
        } else if (path_in(line, "MESSAGE FILE END ")) {
            if (!message_.queue_id.empty()) messages_.push_back(std::move(message_));
            message_ = {};
            part_ = Part::None;
        } else {
            take_content(line);
        }
    }
    std::vector<QueuedMessage> messages() && { return std::move(messages_); }

private:
    enum class Part { None, Envelope, Header };

    void take_content(std::string_view line)
    {
        constexpr std::string_view sender = "sender: ";
        if (part_ == Part::Envelope && line.starts_with(sender)) message_.sender = line.substr(sender.size());
        if (part_ == Part::Header) message_.header.append(line).append("\n");
    }

    Part part_ = Part::None;
    QueuedMessage message_;
    std::vector<QueuedMessage> messages_;
};

std::string lines_of(std::span<std::string const> ids)
{
    std::string lines;
    for (auto const& id : ids) lines += id + "\n";
    return lines;
}

}   // namespace

Result<std::vector<QueueEntry>> parse_queue(std::string_view json_lines)
{
    std::vector<QueueEntry> entries;
    for (auto const line : base::split(json_lines, '\n')) {
        if (line.empty()) continue;
        auto const entry = nlohmann::json::parse(line, nullptr, false);
        if (!entry.is_object()) return fail("postqueue printed a line that is no JSON object: " + base::printable(line.substr(0, 80)));
        auto const name = entry.value("queue_name", "");
        if (name == "maildrop") continue;
        auto const recipients = entry.find("recipients");
        entries.push_back({entry.value("queue_id", ""), name, entry.value("arrival_time", std::int64_t{0}),
                           recipients == entry.end() ? 0 : recipients->size()});
    }
    return entries;
}

std::vector<QueuedMessage> parse_messages(std::string_view text)
{
    MessageReader reader;
    for (auto const line : base::split(text, '\n')) reader.take(line);
    return std::move(reader).messages();
}

std::size_t count_moved(std::string_view text)
{
    auto const lines = base::split(text, '\n');
    return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [](std::string_view line) {
        return line.ends_with(": placed on hold") || line.ends_with(": released from hold");
    }));
}

Owner owner_of(QueuedMessage const& message, std::string_view tenant, config::StampSettings const& names, mail::StampKeys const* keys)
{
    auto const headers = read_stamped_headers(message.header, names);
    if (headers.tenant != tenant) return Owner::Other;
    if (headers.ambiguous) return Owner::Unproved;
    if (keys == nullptr) return Owner::Tenant;
    return verify(headers, *keys, message.sender, base::kLongestDuration) ? Owner::Tenant : Owner::Unproved;
}

Result<std::vector<QueueEntry>> Queue::list() const
{
    auto const printed = postfix_.run({"postqueue", "-j"}, "", kMostOutput);
    if (!printed) return fail(printed.error());
    return parse_queue(printed->out);
}

// postcat ends at the first message that it cannot open: what it printed counts, that one is passed over, and it is asked for
// the rest.
Result<std::size_t> Queue::read(std::span<std::string const> ids, std::function<void(QueuedMessage const&)> const& visit) const
{
    std::size_t passed_over = 0;
    while (!ids.empty()) {
        auto const batch = ids.first(std::min(kAtOnce, ids.size()));
        std::vector<std::string> command{"postcat", "-qeh"};
        command.insert(command.end(), batch.begin(), batch.end());
        auto const ran = postfix_.try_run(command, "", kMostOutput);
        if (!ran) return fail(ran.error());
        std::size_t done = 0;
        for (auto const& message : parse_messages(ran->out)) {
            if (done == batch.size() || message.queue_id != batch[done]) break;
            visit(message);
            ++done;
        }
        if (done < batch.size()) {
            ++done;
            ++passed_over;
        }
        ids = ids.subspan(done);
    }
    return passed_over;
}

Result<std::size_t> Queue::move(char const* option, std::span<std::string const> ids) const
{
    if (ids.empty()) return 0;
    auto const ran = postfix_.try_run({"postsuper", option, "-"}, lines_of(ids), kMostOutput);
    if (!ran) return fail(ran.error());
    auto const moved = count_moved(ran->err);
    if (ran->status == 0) return moved;
    auto const lines = base::split(base::trim(ran->err), '\n');
    return fail("postsuper failed after " + std::to_string(moved) + " messages: " + std::string{lines.back()});
}

}   // namespace mailcore::ctl
