// The policy daemon's input, end to end: bytes to requests, a decision, a reply. A reply is one line of printable ASCII that
// never permits; where requests end does not depend on how the bytes arrive.
#include "core/rules/decide.hpp"
#include "policy/protocol.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/gate.hpp"

namespace {

using namespace mailcore;
using fuzz::require;

// The same bytes, coming in pieces.
void check_split(std::string_view buffer, std::size_t length)
{
    std::size_t looked = 0;
    std::size_t found = 0;
    std::size_t const step = 1 + buffer.size() / 7;
    for (std::size_t have = step; found == 0 && have < buffer.size() + step; have += step) {
        auto const arrived = buffer.substr(0, have);
        found = policy::request_length(arrived, looked);
        looked = arrived.size();
    }
    require(found == length, "a request ends where it ends, however it arrives", buffer.substr(0, 200));
}

void check_reply(mail::Verdict const& verdict)
{
    std::string reply;
    policy::append_policy_reply(reply, verdict);
    require(reply.starts_with("action=") && reply.ends_with("\n\n"), "a reply has its form", reply);
    auto const action = std::string_view{reply}.substr(7, reply.size() - 9);
    require(!action.empty() && fuzz::is_printable(action), "a reply is one printable line", action);
    bool const refusal = (action.starts_with("554 5.") || action.starts_with("552 5.") || action.starts_with("450 4.") || action.starts_with("451 4.")) &&
                         action.size() > 12 && action.size() < 400;
    require(action == "DUNNO" || refusal || action.starts_with("HOLD "), "a reply never permits", action);
}

bool same(mail::Request const& left, mail::Request const& right)
{
    return left.stage == right.stage && left.client == right.client && left.client_address == right.client_address && left.helo == right.helo &&
           left.login == right.login && left.certificate.state == right.certificate.state && left.certificate.digest == right.certificate.digest &&
           left.tls == right.tls && left.server_port == right.server_port && left.instance == right.instance && left.queue_id == right.queue_id &&
           left.sender == right.sender && left.recipients.size() == right.recipients.size() && left.recipient_count == right.recipient_count &&
           left.size == right.size;
}

void check_request(mail::Request const& request)
{
    require(request.recipients.size() <= 1, "a policy request has at most one recipient");
    require(request.sender.kind() != mail::Address::Kind::Null || request.stage == mail::Stage::Mail || request.stage == mail::Stage::Rcpt ||
                request.stage == mail::Stage::Data || request.stage == mail::Stage::EndOfMessage,
            "before MAIL there is no null sender");
    check_reply(rules::decide(fuzz::gate(), request));
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    static mail::Request kept;   // as a worker keeps it from one request to the next
    auto buffer = fuzz::text_of(data, size);
    while (!buffer.empty()) {
        auto const length = policy::request_length(buffer);
        require(length <= buffer.size(), "a request lies within its buffer");
        check_split(buffer, length);
        if (length == 0) break;
        auto const text = buffer.substr(0, length);
        buffer.remove_prefix(length);

        mail::Request fresh;
        auto const parsed = policy::parse_policy_request(text, fresh);
        auto const again = policy::parse_policy_request(text, kept);
        require(parsed.has_value() == again.has_value(), "what came before does not matter", text.substr(0, 200));
        if (!parsed) {
            require(fuzz::is_printable(parsed.error().message) && parsed.error().message.size() < 10'000, "a complaint is printable", parsed.error().message);
            continue;
        }
        require(same(fresh, kept), "nothing of a former request stays", text.substr(0, 200));
        check_request(fresh);
    }
    return 0;
}
