#include "ctl/stamp_check.hpp"

#include "core/base/clock.hpp"
#include "core/base/text.hpp"
#include "core/mail/header_block.hpp"
#include "core/mail/message.hpp"

namespace mailcore::ctl {
namespace {

void take(StampedHeaders& found, std::optional<std::string>& slot, std::string value)
{
    found.ambiguous |= slot.has_value();
    slot = std::move(value);
}

}   // namespace

StampedHeaders read_stamped_headers(std::string_view message, config::StampSettings const& names)
{
    StampedHeaders found;
    mail::for_each_header(message, [&](std::string_view name, std::string_view value) {
        auto const is = [&](std::string_view wanted) { return base::equal_ignoring_case(name, wanted); };
        auto const plain = [&] { return std::string{base::trim(mail::unfolded(value))}; };
        if (is(names.tenant_header.value)) take(found, found.tenant, plain());
        else if (is(names.ticket_header.value)) take(found, found.ticket, plain());
        else if (is(names.signature_header.value)) take(found, found.signature, plain());
        else if (is("Message-ID") && !found.message_id) found.message_id = plain();   // the first counts
        else if (is("Return-Path") && !found.return_path) found.return_path = plain();
    });
    return found;
}

base::Result<> verify(StampedHeaders const& headers, mail::StampKeys const& keys, std::string const& sender,
                      std::chrono::milliseconds max_age)
{
    if (!headers.signature) return base::fail("the message carries no stamp");
    if (headers.ambiguous) return base::fail("a header of the stamp stands there more than once");
    auto const tenant = headers.tenant.value_or("");
    auto const ticket = headers.ticket.value_or("");
    auto const message_id = headers.message_id.value_or("");
    auto const from = mail::stamp_sender(sender);
    return mail::verify_stamp(keys, *headers.signature, {"", tenant, ticket, from, message_id}, base::now(),
                              std::chrono::duration_cast<std::chrono::seconds>(max_age));
}

}   // namespace mailcore::ctl
