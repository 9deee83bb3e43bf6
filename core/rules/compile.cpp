#include "core/rules/compile.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <tuple>

#include "core/net/address.hpp"
#include "core/rules/compile_limits.hpp"

namespace mailcore::rules {
namespace {

using config::Diagnostics;
using config::Settings;
using config::TenantSettings;
using config::Text;
using config::TextList;

constexpr std::size_t kMaxRuleText = 300;

template <class T>
std::vector<T> sorted(std::vector<T> list)
{
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    return list;
}

// A block as a list of networks has it; `10.0.0.0/8` included, `!10.9.0.0/16` excluded.
struct NetworkItem {
    net::CidrBlock block;
    bool included = true;
};

// Headers that mail programs rely on (RFC 5322 3.6, 2045, 6376, 8617, 2369, 8601): a slip here would cost every message its
// subject or its author.
bool is_known_header(std::string_view name)
{
    constexpr std::array<std::string_view, 20> names{"from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id",
        "in-reply-to", "references", "received", "return-path", "mime-version", "comments", "keywords", "auto-submitted",
        "dkim-signature", "authentication-results", "delivered-to"};
    constexpr std::array<std::string_view, 4> families{"content-", "list-", "resent-", "arc-"};
    auto const lowered = base::lower(name);
    return std::find(names.begin(), names.end(), lowered) != names.end() ||
           std::any_of(families.begin(), families.end(), [&](auto family) { return lowered.starts_with(family); });
}

class Compiler {
public:
    Compiler(Settings const& settings, Diagnostics& problems) : settings_{settings}, problems_{problems} {}

    Ruleset compile(std::shared_ptr<mail::StampKeys const> keys);

private:
    void compile_general();
    void compile_tenant(TenantSettings const& settings);
    TermsId terms_of(TenantSettings const& settings);
    void fill_terms(Terms& terms, TenantSettings const& settings);
    std::optional<TicketTerms> compile_ticket(config::TicketSettings const& settings);
    mail::AddressPatternSet compile_patterns(TextList const& texts);
    std::vector<std::string> compile_certificates(TextList const& texts);
    LimitsId limits_of(std::vector<config::LimitSettings> const& settings);
    std::optional<Regex> compile_regex(Text const& text, int groups);

    NetworksId networks_of(TextList const& texts);
    std::vector<NetworkItem> resolve_networks(TextList const& texts);
    std::vector<NetworkItem> resolve_network(Text const& text);
    std::vector<NetworkItem> const& named_network(std::string const& name, TextList const& texts);
    void complain_of_unknown_network(Text const& text, std::string const& name);

    void compile_rule(config::RuleSettings const& settings);
    Condition compile_condition(config::WhenSettings const& settings);
    void complain_of_unknown_tenant(Text const& text);
    void name_tenants(Condition const& condition);

    void index_terms();
    void choose_representatives();
    void refuse_unclaimable();
    void check_header_names();
    void check_listeners();

    Settings const& settings_;
    Diagnostics& problems_;
    Ruleset ruleset_;
    std::map<std::string, TermsId> terms_by_text_;                        // the terms as text: equal terms are one
    std::map<std::string, LimitsId> limits_by_text_;
    std::map<std::string, NetworksId> networks_by_text_;
    std::map<std::string, std::vector<NetworkItem>> named_networks_;      // each resolved once
    std::set<std::string> networks_under_way_;                            // for finding one that holds itself
    NetworksId next_networks_ = 0;
    std::map<std::string, Regex, std::less<>> regexes_;                   // most tenants share their patterns
    std::set<std::string, std::less<>> tenants_in_rules_;
    std::vector<Text> tenant_places_;
    bool said_equal_tenants_ = false;   // thousands of equal tenants are one thing to say
};

void append(std::string& key, std::string_view part) { key.append(part) += '\n'; }
void append(std::string& key, TextList const& texts)
{
    for (auto const& text : texts) append(key, text.value);
    key += '\f';
}

// Everything about a tenant but its name and its limits, as text, so that equal terms can be found.
std::string terms_text(TenantSettings const& settings)
{
    std::string key;
    for (auto const* list : {&settings.clients, &settings.logins, &settings.certificates, &settings.senders,
                             &settings.recipients.allow, &settings.recipients.deny}) {
        append(key, *list);
    }
    for (auto const& part : {settings.null_sender, settings.from, settings.mode, std::to_string(settings.size),
                             settings.ticket.pattern.value, settings.ticket.subject.value, settings.ticket.references.value,
                             std::string{settings.ticket.required ? "required" : ""}}) {
        append(key, part);
    }
    for (auto const& source : settings.ticket.sources) append(key, source);
    return key;
}

Ruleset Compiler::compile(std::shared_ptr<mail::StampKeys const> keys)
{
    ruleset_.stamp_keys = std::move(keys);
    compile_general();
    for (auto const& [name, texts] : settings_.networks) named_network(name, texts);   // unused lists must be right, too
    for (auto const& tenant : settings_.tenants) compile_tenant(tenant);
    for (auto const& rule : settings_.rules) compile_rule(rule);
    index_terms();
    choose_representatives();
    refuse_unclaimable();
    return std::move(ruleset_);
}

void Compiler::compile_general()
{
    ruleset_.unknown_tenant_observed = settings_.unknown_tenant == "observe";
    ruleset_.on_error = settings_.on_error == "pass" ? OnError::Pass : OnError::Defer;
    auto& headers = ruleset_.headers;
    for (auto const& name : settings_.claims.tenant_headers) headers.tenant_claims.push_back(name.value);
    for (auto const& name : settings_.claims.ticket_headers) headers.ticket_claims.push_back(name.value);
    headers.stamp_tenant = settings_.stamp.tenant_header.value;
    headers.stamp_ticket = settings_.stamp.ticket_header.value;
    headers.stamp_signature = settings_.stamp.signature_header.value;
    check_header_names();
    check_listeners();
}

void Compiler::check_header_names()
{
    auto const& stamp = settings_.stamp;
    auto const check = [&](Text const& name) {
        if (!is_known_header(name.value)) return;
        problems_.error(name.position, "\"" + base::printable(name.value) + "\" has a meaning of its own in mail and would be "
                        "taken out of every message; name a header of yours, as in X-Tenant");
    };
    for (auto const* name : {&stamp.tenant_header, &stamp.ticket_header, &stamp.signature_header}) check(*name);
    for (auto const& name : settings_.claims.tenant_headers) check(name);
    for (auto const& name : settings_.claims.ticket_headers) check(name);

    auto const compare = [&](Text const& left, Text const& right) {
        if (!base::equal_ignoring_case(left.value, right.value)) return;
        auto const& written = right.position.line > 0 ? right : left;
        problems_.error(written.position, "the three headers of the stamp must have different names");
    };
    compare(stamp.tenant_header, stamp.ticket_header);
    compare(stamp.tenant_header, stamp.signature_header);
    compare(stamp.ticket_header, stamp.signature_header);
}

void Compiler::check_listeners()
{
    auto const check = [&](char const* key, Text const& text, auto allowed, char const* expected) {
        auto const address = net::SocketAddress::parse(text.value);
        if (!address) problems_.error(text.position, std::string{key} + ": " + address.error().message);
        else if (!allowed(address->kind)) problems_.error(text.position, std::string{key} + ": " + expected);
    };
    using Kind = net::SocketAddress::Kind;
    auto const check_metrics = [&](char const* key, Text const& text) {
        auto const address = net::parse_metrics_address(text.value);
        if (!address) problems_.error(text.position, std::string{key} + ": " + address.error().message);
    };
    check("policy.listen", settings_.policy.listen, [](Kind kind) { return kind != Kind::Off; },
          "a socket is needed; write unix:/path, inet:host:port or systemd");
    check("milter.listen", settings_.milter.listen, [](Kind kind) { return kind == Kind::Unix || kind == Kind::Inet; },
          "libmilter makes its socket itself; write unix:/path or inet:host:port");
    check_metrics("policy.metrics", settings_.policy.metrics);
    check_metrics("milter.metrics", settings_.milter.metrics);
    check_metrics("outcomes.metrics", settings_.outcomes.metrics);
}

void Compiler::compile_tenant(TenantSettings const& settings)
{
    auto const id = static_cast<TenantId>(ruleset_.tenants.size());
    auto const terms = terms_of(settings);
    ruleset_.tenants.push_back({settings.name.value, terms, limits_of(settings.limits)});
    ruleset_.terms[terms].tenants.push_back(id);
    ruleset_.tenant_by_name.emplace(settings.name.value, id);
    tenant_places_.push_back(settings.name);
}

TermsId Compiler::terms_of(TenantSettings const& settings)
{
    auto const key = terms_text(settings);
    if (auto const known = terms_by_text_.find(key); known != terms_by_text_.end()) return known->second;

    auto const id = static_cast<TermsId>(ruleset_.terms.size());
    auto const problems_before = problems_.all().size();
    Terms terms;
    fill_terms(terms, settings);
    ruleset_.terms.push_back(std::move(terms));
    if (problems_.all().size() == problems_before) terms_by_text_.emplace(key, id);   // as in networks_of()
    return id;
}

void Compiler::fill_terms(Terms& terms, TenantSettings const& settings)
{
    terms.mode = settings.mode == "observe" ? Mode::Observe : settings.mode == "suspended" ? Mode::Suspended : Mode::Enforce;
    terms.from = settings.from == "observe" ? FromCheck::Observe : settings.from == "off" ? FromCheck::Off : FromCheck::Enforce;
    terms.null_sender = settings.null_sender == "allow";
    terms.networks = networks_of(settings.clients);
    std::vector<std::string> logins;
    for (auto const& login : settings.logins) {
        if (login.value.empty()) problems_.error(login.position, "a login cannot be empty");
        logins.push_back(login.value);
    }
    terms.logins = sorted(std::move(logins));
    terms.certificates = compile_certificates(settings.certificates);
    terms.senders = compile_patterns(settings.senders);
    terms.recipients = {compile_patterns(settings.recipients.allow), compile_patterns(settings.recipients.deny)};
    terms.ticket = compile_ticket(settings.ticket);
    terms.size = settings.size;
    if (terms.size > 0) ruleset_.has_sizes = true;
    if (!terms.certificates.empty()) ruleset_.has_certificates = true;
    if (!terms.logins.empty() || !terms.certificates.empty()) ruleset_.has_logins_or_certificates = true;
}

std::vector<std::string> Compiler::compile_certificates(TextList const& texts)
{
    std::vector<std::string> digests;
    for (auto const& text : texts) {
        auto digest = mail::normalized_digest(text.value);
        if (digest.empty() || !text.value.starts_with("sha256:")) {
            problems_.error(text.position, "\"" + base::printable(text.value) +
                            "\" is not a certificate's digest; write sha256: and the 64 hex digits of its public key's SHA-256");
        }
        digests.push_back(std::move(digest));
    }
    return sorted(std::move(digests));
}

mail::AddressPatternSet Compiler::compile_patterns(TextList const& texts)
{
    mail::AddressPatternSet set;
    for (auto const& text : texts) {
        auto const pattern = mail::AddressPattern::parse(text.value);
        if (pattern) set.insert(*pattern);
        else problems_.error(text.position, pattern.error().message);
    }
    return set;
}

std::optional<Regex> Compiler::compile_regex(Text const& text, int groups)
{
    if (auto const known = regexes_.find(text.value); known != regexes_.end()) return known->second;
    auto const regex = Regex::compile(text.value);
    if (!regex) {
        problems_.error(text.position, "\"" + base::printable(text.value) + "\" is " + regex.error().message);
        return std::nullopt;
    }
    if (regex->groups() < groups) {
        problems_.error(text.position, "\"" + base::printable(text.value) + "\" needs a group in parentheses that is the ticket");
        return std::nullopt;
    }
    return regexes_.emplace(text.value, *regex).first->second;
}

std::optional<TicketTerms> Compiler::compile_ticket(config::TicketSettings const& settings)
{
    auto pattern = compile_regex(settings.pattern, 0);
    auto subject = compile_regex(settings.subject, 1);
    auto references = compile_regex(settings.references, 1);
    if (!pattern || !subject || !references) return std::nullopt;

    std::vector<TicketSource> sources;
    for (auto const& source : settings.sources) {
        if (source == "header") sources.push_back(TicketSource::Header);
        else if (source == "plus") sources.push_back(TicketSource::Plus);
        else if (source == "subject") sources.push_back(TicketSource::Subject);
        else sources.push_back(TicketSource::References);
    }
    return TicketTerms{settings.required, std::move(sources), *pattern, *subject, *references};
}

LimitsId Compiler::limits_of(std::vector<config::LimitSettings> const& settings)
{
    if (settings.empty()) return 0;
    auto const key = limits_text(settings);
    if (auto const known = limits_by_text_.find(key); known != limits_by_text_.end()) return known->second;

    auto const id = static_cast<LimitsId>(ruleset_.limits.size());
    auto const problems_before = problems_.all().size();
    auto const& limits = ruleset_.limits.emplace_back(compile_limits(settings, problems_));
    ruleset_.has_limits = true;
    for (auto const& limit : limits) ruleset_.has_sizes |= limit.unit == LimitUnit::Bytes;
    if (problems_.all().size() == problems_before) limits_by_text_.emplace(key, id);   // as in networks_of()
    return id;
}

// ---- networks

NetworksId Compiler::networks_of(TextList const& texts)
{
    std::string key;
    append(key, texts);
    if (auto const known = networks_by_text_.find(key); known != networks_by_text_.end()) return known->second;

    auto const id = next_networks_++;
    auto const problems_before = problems_.all().size();
    for (auto const& item : resolve_networks(texts)) {
        auto& entries = ruleset_.networks_by_address[item.block].entries;
        if (!entries.empty() && entries.back().networks == id) entries.back().included &= item.included;   // exclusion wins
        else entries.push_back({id, item.included});   // ids only grow, so entries stay sorted
    }
    // A list with a mistake is compiled anew where it stands again, so that each place is told.
    if (problems_.all().size() == problems_before) networks_by_text_.emplace(key, id);
    return id;
}

std::vector<NetworkItem> Compiler::resolve_networks(TextList const& texts)
{
    std::vector<NetworkItem> items;
    for (auto const& text : texts) {
        auto const resolved = resolve_network(text);
        items.insert(items.end(), resolved.begin(), resolved.end());
    }
    return items;
}

std::vector<NetworkItem> Compiler::resolve_network(Text const& text)
{
    std::string_view written{text.value};
    bool const excluded = written.starts_with('!');
    if (excluded) written.remove_prefix(1);
    if (!written.starts_with('$')) {
        auto const block = net::CidrBlock::parse(written);
        if (block) return {{*block, !excluded}};
        problems_.error(text.position, block.error().message);
        return {};
    }

    std::string const name{written.substr(1)};
    auto const named = settings_.networks.find(name);
    if (named == settings_.networks.end()) {
        complain_of_unknown_network(text, name);
        return {};
    }
    if (networks_under_way_.contains(name)) {
        problems_.error(text.position, "network \"$" + name + "\" holds itself");
        return {};
    }
    auto items = named_network(name, named->second);
    if (excluded) {
        for (auto& item : items) item.included = !item.included;   // !$name turns its inclusions and exclusions round
    }
    return items;
}

std::vector<NetworkItem> const& Compiler::named_network(std::string const& name, TextList const& texts)
{
    if (auto const known = named_networks_.find(name); known != named_networks_.end()) return known->second;
    networks_under_way_.insert(name);
    auto items = resolve_networks(texts);
    networks_under_way_.erase(name);
    return named_networks_.emplace(name, std::move(items)).first->second;
}

void Compiler::complain_of_unknown_network(Text const& text, std::string const& name)
{
    std::vector<std::string_view> names;
    for (auto const& [known, list] : settings_.networks) names.push_back(known);
    auto const near = base::nearest(name, names);
    problems_.error(text.position, "unknown network \"$" + base::printable(name) + "\"" +
                    (near.empty() ? "; define it under networks" : "; did you mean \"$" + std::string{near} + "\"?"));
}

// ---- rules

Condition Compiler::compile_condition(config::WhenSettings const& settings)
{
    Condition condition;
    for (auto const& tenant : settings.tenant) {
        if (!ruleset_.tenant_by_name.contains(tenant.value)) complain_of_unknown_tenant(tenant);
        condition.tenants.push_back(tenant.value);
    }
    condition.tenants = sorted(std::move(condition.tenants));

    auto const items = resolve_networks(settings.client);
    condition.has_clients = !settings.client.empty();
    for (auto const& item : items) condition.clients[item.block] = item.included;
    for (auto const& item : items) {
        if (!item.included) condition.clients[item.block] = false;   // at equal length the exclusion
    }

    for (auto const& login : settings.login) condition.logins.push_back(login.value);
    condition.logins = sorted(std::move(condition.logins));

    TextList senders;
    for (auto const& sender : settings.sender) {
        if (sender.value == "<>") condition.null_sender = true;
        else senders.push_back(sender);
    }
    condition.senders = compile_patterns(senders);
    condition.recipients = compile_patterns(settings.recipient);
    condition.from = compile_patterns(settings.from);
    for (auto const& helo : settings.helo) condition.helo.names.push_back(base::lower(helo.value));
    for (auto const& port : settings.port) {
        if (port.value == 0 || port.value > std::numeric_limits<std::uint16_t>::max()) {
            problems_.error(port.position, "a port is a number from 1 to 65535");
        }
        condition.ports.push_back(static_cast<std::uint16_t>(port.value));
    }
    if (!settings.tls.empty()) condition.tls = settings.tls.front();
    if (!settings.size_over.empty()) {
        condition.size_over = settings.size_over.front();
        ruleset_.has_sizes = true;
    }
    if (!settings.negated.empty()) {
        condition.negated = std::make_unique<Condition>(compile_condition(settings.negated.front()));
    }
    return condition;
}

void Compiler::complain_of_unknown_tenant(Text const& text)
{
    std::vector<std::string_view> names;
    for (auto const& known : ruleset_.tenants) names.push_back(known.name);
    auto const near = base::nearest(text.value, names);
    problems_.error(text.position, "unknown tenant \"" + base::printable(text.value) + "\"" +
                    (near.empty() ? "" : "; did you mean \"" + std::string{near} + "\"?"));
}

void Compiler::name_tenants(Condition const& condition)
{
    tenants_in_rules_.insert(condition.tenants.begin(), condition.tenants.end());
    if (condition.negated) name_tenants(*condition.negated);
}

void Compiler::compile_rule(config::RuleSettings const& settings)
{
    Rule rule;
    rule.name = settings.name.value;
    rule.position = settings.position.text();
    rule.when = compile_condition(settings.when);
    name_tenants(rule.when);
    rule.hits = std::make_unique<std::atomic<std::uint64_t>>(0);
    rule.action = settings.action == "reject"  ? mail::Action::Reject
                  : settings.action == "defer" ? mail::Action::Defer
                  : settings.action == "hold"  ? mail::Action::Hold
                                               : mail::Action::Pass;

    bool const plain = std::all_of(settings.text.value.begin(), settings.text.value.end(), [](char c) {
        return base::is_printable_ascii(c) && c != '"' && c != '\\';
    });
    if (!plain || settings.text.value.size() > kMaxRuleText) {
        problems_.error(settings.text.position, "the text of rule \"" + base::printable(rule.name) +
                        "\" must be printable ASCII without quotes or backslashes, at most 300 characters");
    }
    if (rule.action == mail::Action::Reject || rule.action == mail::Action::Defer) {
        rule.reply = mail::reply_for(rule.action, mail::Reason::Rule);
        if (!settings.text.value.empty()) {
            rule.reply_text = std::make_unique<std::string const>(settings.text.value + " (rule)");
            rule.reply.text = *rule.reply_text;
        }
    }
    ruleset_.rules.push_back(std::move(rule));
}

// ---- indices

void Compiler::index_terms()
{
    ruleset_.terms_of_networks.resize(next_networks_);
    for (TermsId id = 0; id < ruleset_.terms.size(); ++id) {   // in order, so that every list is sorted
        auto const& terms = ruleset_.terms[id];
        ruleset_.terms_of_networks[terms.networks].push_back(id);
        for (auto const& login : terms.logins) ruleset_.terms_by_login[login].push_back(id);
        for (auto const& certificate : terms.certificates) ruleset_.terms_by_certificate[certificate].push_back(id);
        for (auto const& [pattern, unused] : terms.senders) ruleset_.terms_by_sender[pattern].push_back(id);
        if (terms.null_sender) ruleset_.terms_with_null_sender.push_back(id);
    }
    ruleset_.networks_by_address.for_each([this](net::CidrBlock const&, NetworkNode& node) {
        for (auto const& entry : node.entries) {
            if (entry.included) node.weight += ruleset_.terms_of_networks[entry.networks].size();
        }
    });
}

void Compiler::choose_representatives()
{
    for (auto& terms : ruleset_.terms) {
        bool unnamed = false;
        for (auto const id : terms.tenants) {
            bool const named = tenants_in_rules_.contains(ruleset_.tenants[id].name);
            if (named || !unnamed) terms.representatives.push_back(id);
            if (!named) unnamed = true;
        }
    }
}

// Two tenants that nothing but a claim can tell apart: an error where no claim is taken, a warning where one is.
void Compiler::refuse_unclaimable()
{
    using Key = std::tuple<NetworksId, std::vector<std::string>, std::vector<std::string>, std::vector<std::string>>;
    std::map<Key, TenantId> first_by_key;
    for (TenantId id = 0; id < ruleset_.tenants.size(); ++id) {
        auto const& terms = ruleset_.terms[ruleset_.tenants[id].terms];
        std::vector<std::string> senders;
        for (auto const& [pattern, unused] : terms.senders) senders.push_back(pattern.to_string());
        auto const [first, is_new] = first_by_key.try_emplace({terms.networks, terms.logins, terms.certificates, sorted(senders)}, id);
        if (is_new) continue;
        auto const& other = tenant_places_[first->second];
        auto message = "tenants \"" + other.value + "\" (" + other.position.text() + ") and \"" + tenant_places_[id].value +
                       "\" have equal evidence and senders";
        if (settings_.claims.tenant_headers.empty()) {
            problems_.error(tenant_places_[id].position, message + "; nothing tells them apart: give them different senders, or set claims.tenant_headers");
        } else if (!said_equal_tenants_) {
            said_equal_tenants_ = true;
            problems_.warning(tenant_places_[id].position, message + "; only mail that claims its tenant will pass");
        }
    }
}

}   // namespace

Ruleset compile(config::Settings const& settings, std::shared_ptr<mail::StampKeys const> keys,
                config::Diagnostics& problems)
{
    return Compiler{settings, problems}.compile(std::move(keys));
}

}   // namespace mailcore::rules
