// The stamp. The input's lines are: a signature header, then tenant, ticket, sender, queue id and Message-ID; "|" stands for
// a line end within a line. What is signed verifies, and with any field altered does not; nothing that was not signed does.
#include <array>
#include <cstdlib>

#include "core/base/text.hpp"
#include "core/mail/stamp.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace mailcore;
using fuzz::require;

mail::StampKeys make_keys()
{
    mail::StampKeys keys;
    keys.active = "k1";
    keys.keys.emplace("k1", base::Secret{std::string(32, 'n')});
    keys.keys.emplace("k0", base::Secret{std::string(16, 'o')});
    return keys;
}

mail::StampKeys const& keys()
{
    static mail::StampKeys const made = make_keys();
    return made;
}

bool is_valid(std::string_view stamp, mail::StampFields const& fields)
{
    auto const verified = mail::verify_stamp(keys(), stamp, fields, fuzz::kNow, std::chrono::hours{1});
    if (!verified) require(fuzz::is_printable(verified.error().message), "a complaint is printable", verified.error().message);
    return verified.has_value();
}

void check_signed(std::string const& stamp, mail::StampFields const& fields)
{
    require(fuzz::is_printable(stamp) && stamp.size() < 300, "a stamp is one short line of printable ASCII", stamp);
    require(is_valid(stamp, fields), "what is signed verifies", stamp);
    require(is_valid(" " + stamp.substr(0, 4) + "\n\t" + stamp.substr(4) + "\r\n", fields), "folds do not matter", stamp);

    for (auto const field : {&mail::StampFields::tenant, &mail::StampFields::ticket, &mail::StampFields::sender, &mail::StampFields::message_id}) {
        auto altered = fields;
        auto const longer = std::string{fields.*field} + "x";
        altered.*field = longer;
        require(!is_valid(stamp, altered), "an altered field is noticed", longer);
    }
    // Fields must not flow into each other.
    auto swapped = fields;
    std::swap(swapped.ticket, swapped.tenant);
    require(fields.ticket == fields.tenant || !is_valid(stamp, swapped), "swapped fields are noticed", stamp);
}

// Would we, with one of our keys, have signed just this?
bool is_ours(std::string_view header, mail::StampFields fields)
{
    std::array<std::string_view, 5> parts;
    auto const split = base::split(header, ';');
    for (std::size_t i = 0; i < parts.size() && i < split.size(); ++i) parts[i] = base::trim(split[i]).substr(2);
    fields.queue_id = parts[3];
    base::Time const then{std::chrono::seconds{std::atoll(std::string{parts[2]}.c_str())}};
    auto signing = make_keys();
    signing.active = parts[1];
    auto const ours = mail::sign_stamp(signing, fields, then);
    return ours && ours->ends_with("; s=" + std::string{parts[4]});
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const lines = base::split(fuzz::text_of(data, size), '\n');
    std::array<std::string, 6> values;
    for (std::size_t i = 0; i < values.size() && i < lines.size(); ++i) {
        values[i] = lines[i];
        for (auto& c : values[i]) c = c == '|' ? '\n' : c;
    }
    auto const sender = mail::stamp_sender(values[3]);
    require(sender.size() == values[3].size() && mail::stamp_sender(sender) == sender, "a stamp's sender is its own form", sender);

    mail::StampFields const fields{.queue_id = values[4], .tenant = values[1], .ticket = values[2], .sender = sender, .message_id = values[5]};
    auto const stamp = mail::sign_stamp(keys(), fields, fuzz::kNow);
    if (stamp) check_signed(*stamp, fields);
    else require(fuzz::is_printable(stamp.error().message), "a complaint is printable", stamp.error().message);

    // The header is the attacker's.
    if (is_valid(values[0], fields)) require(is_ours(values[0], fields), "nobody signs but we", values[0]);
    return 0;
}
