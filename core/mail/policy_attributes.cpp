#include "core/mail/policy_attributes.hpp"

#include <array>
#include <charconv>

#include "core/base/text.hpp"

namespace mailcore::mail {
namespace {

// Each setter gets the value as received and says whether Postfix could have sent it.

// SMTPD_POLICY_README: what is not available may be unsent, empty or 0.
template <class Number>
bool read_number(Number& number, std::string_view value)
{
    number = 0;
    if (value.empty()) return true;
    auto const* const end = value.data() + value.size();
    auto const [stop, failure] = std::from_chars(value.data(), end, number);
    return failure == std::errc{} && stop == end;
}

bool set_request(Request&, std::string_view value) { return value == "smtpd_access_policy"; }

bool set_protocol_state(Request& request, std::string_view value)
{
    for (auto const stage : {Stage::Rcpt, Stage::Mail, Stage::Data, Stage::EndOfMessage, Stage::Connect, Stage::Helo,
                             Stage::Vrfy, Stage::Etrn}) {
        if (value != word(stage)) continue;
        request.stage = stage;
        return true;
    }
    if (value != "EHLO") return false;
    request.stage = Stage::Helo;
    return true;
}

bool set_helo_name(Request& request, std::string_view value)
{
    request.helo.assign(value);
    return true;
}

bool set_queue_id(Request& request, std::string_view value)
{
    request.queue_id.assign(value);
    return true;
}

bool set_sender(Request& request, std::string_view value)
{
    request.sender.set(value);   // an empty one is settled by finish()
    return true;
}

bool set_recipient(Request& request, std::string_view value)
{
    if (!value.empty()) request.recipients.add().set(value);
    return true;
}

bool set_recipient_count(Request& request, std::string_view value) { return read_number(request.recipient_count, value); }

bool set_client_address(Request& request, std::string_view value)
{
    request.client.assign(value);
    request.client_address.reset();
    if (value.empty() || value == "unknown") return true;
    // Any other family than IPv4 and IPv6 is in no network.
    if (auto const address = net::IpAddress::parse(value)) request.client_address = *address;
    return true;
}

bool set_instance(Request& request, std::string_view value)
{
    request.instance.assign(value);
    return true;
}

bool set_sasl_username(Request& request, std::string_view value)
{
    request.login.assign(value);
    return true;
}

bool set_size(Request& request, std::string_view value) { return read_number(request.size, value); }

// Where main.cf says smtpd_tls_fingerprint_digest = md5 or sha1 the digest stays as it is: it equals none that the
// configuration can name, and the daemon may tell the operator.
bool set_certificate(Request& request, std::string_view value)
{
    request.certificate.state = value.empty() ? Certificate::State::Absent : Certificate::State::Present;
    request.certificate.digest = normalized_digest(value);
    if (request.certificate.digest.empty()) request.certificate.digest = base::lower(value);
    return true;
}

bool set_encryption_protocol(Request& request, std::string_view value)
{
    request.tls = !value.empty();
    return true;
}

bool set_server_port(Request& request, std::string_view value) { return read_number(request.server_port, value); }

struct Row {
    std::string_view name;
    bool (*set)(Request&, std::string_view);   // null: known, but nothing here needs it
};

// Every attribute of Postfix 2.1 to 3.12.
// In the order in which Postfix sends them (smtpd_check.c), which makes the next one easy to guess.
constexpr std::array kRows{
    Row{"request", set_request},
    Row{"protocol_state", set_protocol_state},
    Row{"protocol_name", nullptr},
    Row{"client_address", set_client_address},
    Row{"client_name", nullptr},
    Row{"client_port", nullptr},
    Row{"reverse_client_name", nullptr},
    Row{"server_address", nullptr},
    Row{"server_port", set_server_port},
    Row{"helo_name", set_helo_name},
    Row{"sender", set_sender},
    Row{"recipient", set_recipient},
    Row{"recipient_count", set_recipient_count},
    Row{"queue_id", set_queue_id},
    Row{"instance", set_instance},
    Row{"size", set_size},
    Row{"etrn_domain", nullptr},
    Row{"stress", nullptr},
    Row{"sasl_method", nullptr},
    Row{"sasl_username", set_sasl_username},
    Row{"sasl_sender", nullptr},
    Row{"ccert_subject", nullptr},
    Row{"ccert_issuer", nullptr},
    Row{"ccert_fingerprint", nullptr},
    Row{"ccert_pubkey_fingerprint", set_certificate},
    Row{"encryption_protocol", set_encryption_protocol},
    Row{"encryption_cipher", nullptr},
    Row{"encryption_keysize", nullptr},
    Row{"policy_context", nullptr},
    Row{"compatibility_level", nullptr},
    Row{"mail_version", nullptr},
    Row{"tls_sni", nullptr},
};
static_assert(kRows.size() <= 32, "AttributeReader::seen_ has a bit for each");

constexpr std::size_t kRequest = 0, kProtocolState = 1, kSender = 10;
static_assert(kRows[kRequest].name == "request" && kRows[kProtocolState].name == "protocol_state" &&
              kRows[kSender].name == "sender");

// A perfect hash over the rows: no two share a slot, which the compiler checks. With a new attribute, other factors
// may be needed.
constexpr std::size_t kSlots = 64;

constexpr std::size_t slot_of(std::string_view name)
{
    std::size_t const first = static_cast<unsigned char>(name.front());
    std::size_t const last = static_cast<unsigned char>(name.back());
    return (name.size() + 18 * first + 31 * last) % kSlots;
}

struct Slots {
    std::array<unsigned char, kSlots> row{};   // its index; kRows.size() = none
    bool collide = false;
};

constexpr Slots fill_slots()
{
    Slots slots;
    slots.row.fill(kRows.size());
    for (std::size_t i = 0; i < kRows.size(); ++i) {
        auto& row = slots.row[slot_of(kRows[i].name)];
        slots.collide = slots.collide || row != kRows.size();
        row = static_cast<unsigned char>(i);
    }
    return slots;
}

constexpr Slots kSlotTable = fill_slots();
static_assert(!kSlotTable.collide);

constexpr std::size_t kNoRow = kRows.size();

std::size_t find_row(std::string_view name)
{
    if (name.empty()) return kNoRow;
    auto const row = kSlotTable.row[slot_of(name)];
    return row != kNoRow && kRows[row].name == name ? row : kNoRow;
}

constexpr std::uint32_t bit(std::size_t row) { return std::uint32_t{1} << row; }

bool is_before_mail(Stage stage)
{
    return stage == Stage::Connect || stage == Stage::Helo || stage == Stage::Vrfy || stage == Stage::Etrn;
}

}   // namespace

AttributeUse AttributeReader::set(std::string_view name, std::string_view value)
{
    auto const row = find_row(name);
    return row == kNoRow ? AttributeUse::Ignored : set_row(row, value);
}

AttributeUse AttributeReader::set_line(std::string_view line)
{
    if (next_ < kRows.size()) {
        auto const name = kRows[next_].name;
        if (line.size() > name.size() && line[name.size()] == '=' && line.starts_with(name)) {
            return set_row(next_, line.substr(name.size() + 1));
        }
    }
    auto const equals = line.find('=');
    if (equals == std::string_view::npos) return AttributeUse::Malformed;
    return set(line.substr(0, equals), line.substr(equals + 1));
}

AttributeUse AttributeReader::set_row(std::size_t row, std::string_view value)
{
    next_ = row + 1;
    if (kRows[row].set == nullptr || (seen_ & bit(row)) != 0) return AttributeUse::Ignored;
    seen_ |= bit(row);
    return kRows[row].set(request_, value) ? AttributeUse::Used : AttributeUse::Malformed;
}

bool AttributeReader::finish()
{
    bool const before_mail = is_before_mail(request_.stage);
    // Before MAIL there is no sender yet; from there on an empty one is <>.
    if (before_mail && request_.sender.kind() == Address::Kind::Null) request_.sender.clear();

    auto const needed = bit(kRequest) | bit(kProtocolState) | (before_mail ? 0 : bit(kSender));
    return (seen_ & needed) == needed;
}

bool is_known_attribute(std::string_view name) { return find_row(name) != kNoRow; }

}   // namespace mailcore::mail
