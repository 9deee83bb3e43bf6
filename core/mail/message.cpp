#include "core/mail/message.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/mail/encoded_word.hpp"

namespace mailcore::mail {
namespace {

bool holds_name(std::vector<std::string> const& names, std::string_view name)
{
    return std::any_of(names.begin(), names.end(), [&](auto const& one) { return base::equal_ignoring_case(one, name); });
}

void add_claim(std::vector<std::string>& claims, std::string_view value)
{
    auto claim = decoded_header_value(value);
    bool const known = std::find(claims.begin(), claims.end(), claim) != claims.end();
    if (!claim.empty() && !known && claims.size() < Message::kMaxClaims) claims.push_back(std::move(claim));
}

void add_joined(std::string& joined, std::string_view value)
{
    auto const line = unfolded(value);
    auto const trimmed = base::trim(line);
    if (trimmed.empty()) return;
    if (!joined.empty()) joined += ' ';
    joined += trimmed;
    if (joined.size() > Message::kMaxValue) joined.resize(Message::kMaxValue);
}

}   // namespace

void Message::add_header(std::string_view name, std::string_view value, HeaderNames const& names)
{
    name = header_name(name);
    if (base::equal_ignoring_case(name, "From")) from.add_field(value);   // measures for itself

    value = value.substr(0, kMaxValue);
    if (base::equal_ignoring_case(name, "References")) add_joined(references, value);
    if (base::equal_ignoring_case(name, "In-Reply-To")) add_joined(in_reply_to, value);
    if (base::equal_ignoring_case(name, "Subject") && !has_subject) {
        subject = decoded_header_value(value);
        has_subject = true;
    }
    if (base::equal_ignoring_case(name, "Message-ID") && !has_message_id) {
        message_id = base::trim(unfolded(value));
        has_message_id = true;
    }
    if (holds_name(names.tenant_claims, name)) add_claim(tenant_claims, value);
    if (holds_name(names.ticket_claims, name)) add_claim(ticket_claims, value);
}

void Message::clear()
{
    from.clear();
    tenant_claims.clear();
    ticket_claims.clear();
    subject.clear();
    references.clear();
    in_reply_to.clear();
    message_id.clear();
    has_subject = false;
    has_message_id = false;
}

std::string_view header_name(std::string_view written)
{
    auto const last = written.find_last_not_of(" \t\r\n");
    return last == std::string_view::npos ? std::string_view{} : written.substr(0, last + 1);
}

std::string decoded_header_value(std::string_view value)
{
    auto decoded = decode_encoded_words(base::trim(unfolded(value)));
    // Blanks only: a line end that was encoded stays, so that whoever checks the value sees it.
    decoded.erase(0, decoded.find_first_not_of(" \t"));
    decoded.erase(decoded.find_last_not_of(" \t") + 1);
    return decoded;
}

std::string unfolded(std::string_view value)
{
    std::string line;
    line.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
        bool const crlf = value[i] == '\r' && i + 1 < value.size() && value[i + 1] == '\n';
        auto const next = i + (crlf ? 2 : 1);
        bool const folds = (crlf || value[i] == '\n') && next < value.size() && (value[next] == ' ' || value[next] == '\t');
        if (folds) i = next - 1;
        else line += value[i];
    }
    return line;
}

}   // namespace mailcore::mail
