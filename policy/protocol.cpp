#include "policy/protocol.hpp"

#include "core/base/text.hpp"
#include "core/mail/policy_attributes.hpp"

namespace mailcore::policy {
namespace {

tl::unexpected<base::Error> fail_line(std::string_view line)
{
    auto const equals = line.find('=');
    if (equals == std::string_view::npos) return base::fail("a line without \"=\": \"" + base::printable(line.substr(0, 80)) + "\"");
    return base::fail("attribute " + base::printable(line.substr(0, equals)) + " has a value that Postfix never sends");
}

}   // namespace

std::size_t request_length(std::string_view buffer, std::size_t from)
{
    if (buffer.starts_with('\n')) return 1;   // an empty request, which the parser refuses
    auto const found = buffer.find("\n\n", from > 0 ? from - 1 : 0);
    return found == std::string_view::npos ? 0 : found + 2;
}

base::Result<> parse_policy_request(std::string_view text, mail::Request& request)
{
    if (text.size() > kMaxRequest) return base::fail("a request longer than " + std::to_string(kMaxRequest) + " bytes");
    if (text.find('\0') != std::string_view::npos) return base::fail("a NUL byte");
    request.clear();
    mail::AttributeReader reader{request};
    int attributes = 0;
    for (auto end = text.find('\n'); end != 0 && end != std::string_view::npos; end = text.find('\n')) {
        auto const line = text.substr(0, end);
        if (++attributes > kMaxAttributes) return base::fail("more than " + std::to_string(kMaxAttributes) + " attributes");
        if (line.size() > kMaxLine) return base::fail("a line longer than " + std::to_string(kMaxLine) + " bytes");
        if (reader.set_line(line) == mail::AttributeUse::Malformed) return fail_line(line);
        text.remove_prefix(end + 1);
    }
    if (!reader.finish()) return base::fail("request, protocol_state or sender is missing");
    return {};
}

void append_policy_reply(std::string& out, mail::Verdict const& verdict)
{
    switch (verdict.action) {
        case mail::Action::Pass: out += "action=DUNNO\n\n"; return;
        case mail::Action::Hold:   // the whole message, whichever recipient asked: as the milter's quarantine does
            out.append("action=HOLD held by rule ").append(verdict.rule).append("\n\n");
            return;
        case mail::Action::Reject:
        case mail::Action::Defer:
            out.append("action=").append(verdict.reply.code).append(" ").append(verdict.reply.enhanced).append(" ");
            mail::append_text(out, verdict.reply);
            out.append("\n\n");
            return;
    }
}

}   // namespace mailcore::policy
