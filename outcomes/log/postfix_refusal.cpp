#include "outcomes/log/postfix_refusal.hpp"

#include <algorithm>
#include <array>

#include "outcomes/log/line_scan.hpp"

namespace mailcore::outcomes {
namespace {

using Kind = PostfixLine::Kind;
using namespace scan;

Kind kind_of_verb(std::string_view verb)
{
    if (verb.ends_with("reject") || verb.ends_with("discard")) return Kind::Reject;
    return verb.ends_with("hold") ? Kind::Held : Kind::Other;   // warn, reject_warning, filter, redirect, info, prepend, …
}

// What follows the reply: " from=<…> to=<…> proto=ESMTP helo=<…>", since 3.10 also " sasl_method=… sasl_username=…";
// postscreen's has commas. cleanup writes its reply behind it: ": 5.7.1 …".
struct Envelope {
    std::string_view sender, to, login;
    bool has_sender = false;
    std::string_view behind;
};

std::size_t end_of_value(std::string_view text, std::string_view key, std::string_view end)
{
    if (key != "sasl_username") return text.find_first_of(" ,:");
    return std::min(text.find(" sasl_sender="), end.empty() ? npos : text.find(end));   // a login may hold anything
}

// All of `text` is an envelope up to `end` ("" = to the line's end); or these are words of the reply that look like one.
bool read_envelope(std::string_view text, std::string_view end, Envelope& envelope)
{
    while (take(text, " ") || take(text, ", ")) {
        auto const key = take_size(text, text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"));
        if (!take(text, "=")) return false;
        auto const value = text.starts_with('<') ? take_address(text) : take_size(text, end_of_value(text, key, end));
        if (key == "to") envelope.to = value;
        else if (key == "sasl_username") envelope.login = value;
        else if (key == "from") envelope.sender = value;
        envelope.has_sender = envelope.has_sender || key == "from";
    }
    envelope.behind = text;
    return text.empty() || (!end.empty() && text.starts_with(end));
}

// Gives what stands before the envelope and its ";". A quoted address that is repeated there may hold the looks of one.
std::string_view split_off_envelope(std::string_view text, std::string_view end, Envelope& envelope)
{
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '<') {
            at += quoted_length(text.substr(at + 1));
        } else if (text[at] == ';') {
            envelope = Envelope{};
            if (read_envelope(text.substr(at + 1), end, envelope)) return text.substr(0, at);
        }
    }
    envelope = Envelope{};
    return text;
}

void keep(Envelope const& envelope, PostfixLine& parsed)
{
    parsed.sender = envelope.sender;
    parsed.has_sender = envelope.has_sender;
    parsed.to = envelope.to;
    parsed.login = envelope.login;
}

// header Subject: … from name[addr]; from=<…> to=<…> proto=ESMTP helo=<…>[: text]
void read_content_check(std::string_view text, PostfixLine& parsed)
{
    Envelope envelope;
    auto content = split_off_envelope(text, ": ", envelope);
    keep(envelope, parsed);
    parsed.text = envelope.behind.substr(std::min<std::size_t>(2, envelope.behind.size()));
    auto const from = content.rfind(" from ");
    if (from == npos) return;
    content.remove_prefix(from + 6);
    take_client(content, parsed);
}

}   // namespace

bool is_refusal(std::string_view text)
{
    constexpr std::array<std::string_view, 17> verbs{"bcc", "reject", "reject_warning", "warn", "warning", "info", "hold", "discard", "filter", "redirect",
                                                     "milter-reject", "milter-hold", "milter-discard", "proxy-reject", "prepend", "replace", "strip"};
    auto const word = text.substr(0, text.find(": "));
    return std::find(verbs.begin(), verbs.end(), word) != verbs.end() || word.starts_with("milter-header-") || word.starts_with("milter-body-");
}

// reject: STAGE from name[addr]: reply; envelope
Kind read_refusal(std::string_view text, PostfixLine& parsed)
{
    parsed.verb = take_until(text, ": ");
    auto const kind = kind_of_verb(parsed.verb);
    auto const end = text.find_first_of(" :");
    parsed.stage = take_size(text, end);
    if (parsed.stage == "header" || parsed.stage == "body" || parsed.stage == "content") {
        read_content_check(text, parsed);
        return kind;
    }
    if (take(text, " from ")) take_client(text, parsed);
    if (!take(text, ": ")) return Kind::Other;   // "hold: " and the like in words of no verb
    Envelope envelope;
    parsed.text = split_off_envelope(text, "", envelope);
    keep(envelope, parsed);
    return kind;
}

}   // namespace mailcore::outcomes
