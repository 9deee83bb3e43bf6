// Why would this mail pass or not? The same decide() as in the daemons, with its steps told.

#include <algorithm>
#include <array>
#include <iostream>
#include <optional>

#include "core/base/text.hpp"
#include "core/mail/header_block.hpp"
#include "core/mail/policy_attributes.hpp"
#include "core/rules/decide.hpp"
#include "core/rules/read.hpp"
#include "ctl/commands.hpp"
#include "ctl/explain_limits.hpp"
#include "ctl/print.hpp"

namespace mailcore::ctl {
namespace {

using mail::Request;
using mail::Stage;

struct Attribute {
    std::string_view name;
    std::string_view value;
};

base::Result<std::vector<Attribute>> split_attributes(std::vector<std::string> const& words)
{
    std::vector<Attribute> attributes;
    for (std::string_view const word : words) {
        auto const equals = word.find('=');
        auto const name = word.substr(0, equals);
        if (equals == std::string_view::npos) {
            return base::fail("\"" + std::string{word} + "\" is not KEY=VALUE, as in client_address=10.0.0.250", base::ErrorKind::Usage);
        }
        if (!mail::is_known_attribute(name)) {
            constexpr std::array<std::string_view, 9> usual{"client_address", "sender", "recipient", "sasl_username", "size",
                                                            "ccert_pubkey_fingerprint", "protocol_state", "helo_name", "server_port"};
            auto const near = base::nearest(name, usual);
            return base::fail("\"" + std::string{name} + "\" is no attribute of Postfix's policy protocol" +
                              (near.empty() ? "; usual ones are client_address, sender, recipient, sasl_username, size"
                                            : "; did you mean \"" + std::string{near} + "\"?"), base::ErrorKind::Usage);
        }
        attributes.push_back({name, word.substr(equals + 1)});
    }
    return attributes;
}

bool is_given(std::vector<Attribute> const& attributes, std::string_view name)
{
    return std::any_of(attributes.begin(), attributes.end(), [&](Attribute const& a) { return a.name == name; });
}

// The latest stage that what was given allows, unless one is named.
std::string_view likely_stage(std::vector<Attribute> const& attributes, bool has_message)
{
    if (has_message) return "END-OF-MESSAGE";
    if (is_given(attributes, "recipient")) return "RCPT";
    return is_given(attributes, "sender") ? "MAIL" : "CONNECT";
}

base::Result<> fill_request(Request& request, std::vector<Attribute> attributes, bool has_message)
{
    if (!is_given(attributes, "protocol_state")) attributes.push_back({"protocol_state", likely_stage(attributes, has_message)});
    if (!is_given(attributes, "request")) attributes.push_back({"request", "smtpd_access_policy"});
    mail::AttributeReader reader{request};
    for (auto const& [name, value] : attributes) {
        if (reader.set(name, value) == mail::AttributeUse::Malformed) {
            return base::fail(std::string{name} + ": \"" + base::printable(value) + "\" is not a value that Postfix sends",
                              base::ErrorKind::Usage);
        }
    }
    reader.finish();
    bool const needs_sender = request.stage != Stage::Connect && request.stage != Stage::Helo &&
                              request.stage != Stage::Vrfy && request.stage != Stage::Etrn;
    if (needs_sender && !is_given(attributes, "sender")) {
        return base::fail("the sender is missing; give sender=ADDRESS, or sender= for the null sender", base::ErrorKind::Usage);
    }
    return {};
}

// As the milter sees the whole message at its end.
base::Result<> add_message(Request& request, std::string const& path, mail::HeaderNames const& names)
{
    auto const text = read_input(path);
    if (!text) return base::fail(text.error());
    request.daemon = mail::Daemon::Milter;
    request.stage = Stage::EndOfMessage;
    request.message.emplace();
    mail::for_each_header(*text, [&](auto name, auto value) { request.message->add_header(name, value, names); });
    if (request.size == 0) request.size = text->size();
    return {};
}

nlohmann::json as_json(Request const& request, mail::Verdict const& verdict, rules::Trace const& trace)
{
    auto steps = nlohmann::json::array();
    for (auto const& step : trace.steps) steps.push_back({{"step", step.step}, {"text", step.text}});
    return {{"action", word(verdict.action)},
            {"reason", word(verdict.reason)},
            {"tenant", verdict.tenant},
            {"ticket", verdict.ticket},
            {"rule", verdict.rule},
            {"would", verdict.would == mail::Action::Pass ? "" : word(verdict.would)},
            {"reply", mail::to_string(verdict.reply)},
            {"daemon", word(request.daemon)},
            {"state", word(request.stage)},
            {"limit", verdict.limit},
            {"trace", steps}};
}

bool has_asked_limits(rules::Trace const& trace)
{
    return std::any_of(trace.steps.begin(), trace.steps.end(),
                       [](auto const& step) { return step.step == "limit" && !step.text.starts_with("not asked"); });
}

void print_steps(Request const& request, std::optional<base::Time> at, rules::Trace const& trace)
{
    std::cout << "state        " << word(request.stage) << ", as the " << word(request.daemon) << " sees it\n";
    if (at) std::cout << "time         " << base::format_time(*at) << (has_asked_limits(trace) ? ", with the counters of now\n" : "\n");
    constexpr std::size_t column = 13;
    auto const width = terminal_width();
    for (auto const& [step, text] : trace.steps) {
        std::cout << step << std::string(step.size() < column ? column - step.size() : 1, ' ') << wrapped(text, column, width) << '\n';
    }
}

}   // namespace

int explain(Common const& common, ExplainOptions const& options)
{
    auto const attributes = split_attributes(options.attributes);
    if (!attributes) return complain(attributes.error());
    std::optional<base::Time> at;
    if (!options.at.empty()) {
        auto const parsed = parse_at(options.at, base::now());
        if (!parsed) return complain(parsed.error());
        at = *parsed;
    }
    auto const configuration = rules::read_configuration(common.config);
    if (!configuration) return complain(configuration.error());

    Request request;
    auto const filled = fill_request(request, *attributes, !options.message.empty());
    if (!filled) return complain(filled.error());
    if (!options.message.empty()) {
        auto const added = add_message(request, options.message, configuration->ruleset->headers);
        if (!added) return complain(added.error());
    }
    Desk desk{common.config};
    auto const suspensions = current_suspensions(desk);
    rules::Trace trace;
    auto verdict = rules::decide(*configuration->ruleset, request, suspensions.value_or(rules::Suspensions{}), &trace);
    if (!suspensions && !verdict.tenant.empty()) add_before_verdict(trace, "suspension", "not asked: " + suspensions.error().message);
    verdict = with_limits(desk, *configuration->ruleset, request, verdict, at, trace);
    if (common.json) print_json(as_json(request, verdict, trace));
    else print_steps(request, at, trace);
    return 0;
}

}   // namespace mailcore::ctl
