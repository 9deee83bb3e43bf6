// The configuration: any bytes give settings or complaints, never an exception. What loads prints to text that loads to the
// same; what compiles decides.
#include <algorithm>

#include "core/config/load.hpp"
#include "core/rules/compile.hpp"
#include "core/rules/decide.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/gate.hpp"

namespace {

using namespace mailcore;
using fuzz::require;

// Complaints show source lines and a caret, so they have line ends and tabs; no other control character may reach the
// terminal.
bool may_be_shown(char c)
{
    return c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x80 || fuzz::is_printable({&c, 1});
}

void check_complaints(config::Diagnostics const& problems)
{
    auto const text = problems.text();
    require(std::all_of(text.begin(), text.end(), may_be_shown), "a complaint does not write to the terminal", text);
}

void check_printing(config::Settings const& settings)
{
    if (!settings.include.empty()) return;   // not followed here, so that the printed text lacks its tenants
    auto const printed = config::print_config(settings);
    config::Diagnostics problems;
    auto const again = config::load_text("printed.yaml", printed, problems);
    require(!problems.has_errors(), "a printed configuration loads", problems.text());
    require(config::print_config(again) == printed, "and prints the same again", printed);
}

// Whatever was let through can be counted with.
void check_limits(rules::Ruleset const& ruleset, mail::Request const& request)
{
    for (auto const& tenant : ruleset.tenants) {
        for (auto const& charge : rules::charges_for(ruleset, tenant, request, fuzz::kNow)) {
            rules::Bucket bucket;
            rules::take(bucket, charge.rate, charge.rate.burst, fuzz::kNow);
            auto const level = rules::level(bucket, charge.rate, fuzz::kNow);
            require(level.left == 0 && level.free_at > fuzz::kNow, "a burst that was taken is used up", charge.limit->name);
            require(fuzz::is_printable(charge.limit->reply), "a reply is printable", charge.limit->reply);
        }
    }
}

void check_deciding(config::Settings const& settings, config::Diagnostics& problems)
{
    auto const ruleset = rules::compile(settings, nullptr, problems);
    check_complaints(problems);
    if (problems.has_errors()) return;

    mail::Request request;
    request.stage = mail::Stage::EndOfMessage;
    request.client_address = net::IpAddress::parse("10.0.0.250").value();
    request.sender.set("amazon+4711@inbound.keybuzz.io");
    request.recipients.add().set("buyer@example.com");
    auto& message = request.message.emplace();
    message.add_header("From", "amazon@inbound.keybuzz.io", ruleset.headers);
    message.add_header("Subject", "Re: [#4711]", ruleset.headers);
    auto const verdict = rules::decide(ruleset, request);
    require(fuzz::is_printable(mail::to_string(verdict.reply)), "a reply is printable", mail::to_string(verdict.reply));
    require(fuzz::is_printable(verdict.ticket), "a ticket is printable", verdict.ticket);
    check_limits(ruleset, request);
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    config::Diagnostics problems;
    auto const settings = config::load_text("fuzz.yaml", fuzz::text_of(data, size), problems);
    check_complaints(problems);
    if (problems.has_errors()) return 0;
    check_printing(settings);
    check_deciding(settings, problems);
    return 0;
}
