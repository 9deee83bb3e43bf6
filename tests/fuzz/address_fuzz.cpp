// Addresses, patterns, networks, sockets, durations and sizes: whatever parses prints to something that parses to the
// same, and what is comparable stays as it is.
#include "core/base/duration.hpp"
#include "core/mail/address.hpp"
#include "core/mail/address_pattern.hpp"
#include "core/mail/domain.hpp"
#include "core/net/address.hpp"
#include "core/net/ip.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace mailcore;
using fuzz::require;

std::string comparable(std::string_view name)
{
    std::string out;
    mail::append_comparable_domain(out, name);
    return out;
}

void check_address(std::string_view internal)
{
    mail::Address const address{internal};
    require(address.text() == internal, "an address keeps its text", internal);
    require(address.kind() != mail::Address::Kind::Absent, "an address that was set is not absent", internal);
    require((address.kind() == mail::Address::Kind::Null) == internal.empty(), "only the empty address is null", internal);
    if (address.kind() != mail::Address::Kind::Mailbox) {
        require(address.domain().empty(), "only a mailbox has a domain", internal);
        return;
    }
    require(!address.domain().empty(), "a mailbox has a domain", internal);
    require(address.extension().size() <= address.local().size(), "the extension is a part of the local part", internal);
    // What ends in a dot even now ("example.org..") is no domain, and equals no pattern.
    auto const again = std::string{address.local()} + "@" + std::string{address.domain()};
    require(mail::Address{again} == address || address.domain().ends_with('.'), "the comparable form compares equal", again);

    mail::Address reused{"somebody-else+extension@long.example.org"};
    reused.set(internal);
    require(reused == address && reused.extension() == address.extension(), "nothing of a former address stays", internal);
}

void check_pattern(std::string_view text)
{
    auto const pattern = mail::AddressPattern::parse(text);
    if (!pattern) return require(fuzz::is_printable(pattern.error().message), "a complaint is printable", pattern.error().message);
    auto const printed = pattern->to_string();
    auto const again = mail::AddressPattern::parse(printed);
    require(again && *again == *pattern, "a pattern parses from what it prints", printed);

    mail::AddressPatternSet set;
    set.insert(*pattern);
    auto const local = pattern->kind == mail::AddressPattern::Kind::Mailbox ? pattern->local : std::string{"anyone"};
    auto const below = pattern->kind == mail::AddressPattern::Kind::Subdomains ? "sub." : "";
    require(set.matches(mail::Address{local + "@" + below + pattern->domain}), "a pattern matches what it names", printed);
    require(set.matches(mail::Address{local + "+x@" + below + pattern->domain}), "and its plus-extensions", printed);
    require(!set.matches(mail::Address{local + "@not" + pattern->domain}), "but not a longer name", printed);
    require(!set.matches(mail::Address{""}) && !set.matches(mail::Address{local}), "nor the null address", printed);
}

void check_domain(std::string_view name)
{
    auto const once = comparable(name);
    // A name with two trailing dots or one that IDNA refuses is not a domain; only then another pass may change it.
    if (mail::is_valid_domain(once)) require(comparable(once) == once, "a comparable domain is its own comparable form", once);
}

void check_network(std::string_view text)
{
    if (auto const address = net::IpAddress::parse(text)) {
        require(net::IpAddress::parse(address->to_string()).value() == *address, "an IP address parses from what it prints", text);
    }
    auto const block = net::CidrBlock::parse(text);
    if (!block) return require(fuzz::is_printable(block.error().message), "a complaint is printable", block.error().message);
    auto const again = net::CidrBlock::parse(block->to_string());
    require(again && *again == *block, "a block parses from what it prints", block->to_string());
    require(block->contains(block->network), "a block holds its first address", text);
}

void check_socket(std::string_view text)
{
    auto const address = net::SocketAddress::parse(text);
    if (!address) return require(fuzz::is_printable(address.error().message), "a complaint is printable", address.error().message);
    auto const again = net::SocketAddress::parse(address->to_string());
    require(again && again->to_string() == address->to_string(), "a socket address parses from what it prints", text);
}

void check_quantities(std::string_view text)
{
    if (auto const duration = base::parse_duration(text)) {
        require(base::parse_duration(base::format_duration(*duration)).value() == *duration, "a duration parses from what it prints", text);
        require(duration->count() >= 0 && *duration <= base::kLongestDuration, "a duration is within its bounds", text);
    }
    if (auto const size = base::parse_size(text)) {
        require(base::parse_size(base::format_size(*size)).value() == *size, "a size parses from what it prints", text);
    }
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const text = fuzz::text_of(data, size);
    auto const internal = mail::internal_form_of_path(text);
    require(internal.size() <= text.size(), "the internal form is not longer than the path", internal);
    check_address(internal);
    check_address(text);
    check_pattern(text);
    check_domain(text);
    check_network(text);
    check_socket(text);
    check_quantities(text);
    return 0;
}
