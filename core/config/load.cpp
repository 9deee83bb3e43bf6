#include "core/config/load.hpp"

#include <algorithm>
#include <unordered_map>

#include "core/base/text.hpp"
#include "core/config/include.hpp"
#include "core/config/read.hpp"
#include "core/config/settings_fields.hpp"
#include "core/config/yaml.hpp"

namespace mailcore::config {

// What an included file may hold.
struct IncludedSettings {
    std::vector<TenantSettings> tenants;
};

constexpr auto fields(Of<IncludedSettings>)
{
    return std::tuple{field("tenants", &IncludedSettings::tenants, "More tenants.", NamedSections{&kName})};
}

// A limit counts one thing. A burst with a unit makes sense for bytes only.
void check_section(Reader& reader, Path const& path, Node const& node, LimitSettings const&)
{
    auto const given = [&](std::string_view key) { return node.find(key) ? 1 : 0; };
    if (given("messages") + given("recipients") + given("bytes") != 1) {
        reader.error(node, path.before("a limit needs exactly one of messages, recipients and bytes"));
    }
    auto const* burst = node.find("burst");
    bool const has_unit = burst && burst->text.find_first_not_of("0123456789") != std::string_view::npos;
    if (has_unit && !given("bytes")) {
        reader.error(*burst, path.before("burst: a size is for limits of bytes; write a number"));
    }
}

void check_section(Reader& reader, Path const& path, Node const& node, StampSettings const& stamp)
{
    auto const same = [](Text const& left, Text const& right) { return base::equal_ignoring_case(left.value, right.value); };
    if (same(stamp.tenant_header, stamp.ticket_header) || same(stamp.tenant_header, stamp.signature_header) ||
        same(stamp.ticket_header, stamp.signature_header)) {
        reader.error(node, path.before("tenant, ticket and signature need a header each"));
    }
}

void check_section(Reader& reader, Path const& path, Node const& node, TicketSettings const& ticket)
{
    if (ticket.required && ticket.sources.empty()) {
        reader.error(node, path.before("a ticket is required, but there are no sources to find it in"));
    }
}

namespace {

Settings read_settings(Document const& document, Diagnostics& problems)
{
    Settings settings;
    Reader reader{document, problems};
    read(reader, Path{}, document.root(), settings, SectionForm{});
    return settings;
}

// Adds the tenants of one included file.
void read_included(IncludedFile const& file, std::vector<TenantSettings>& tenants, Diagnostics& problems)
{
    auto text = read_file(file.path, OnlyRegular::Yes);
    if (!text) return problems.error(file.named_at, "include: " + file.path + ": " + text.error().message);
    auto const document = Document::parse(file.path, problems.remember_source(file.path, *std::move(text)), problems);
    IncludedSettings included;
    Reader reader{document, problems};
    read(reader, Path{}, document.root(), included, SectionForm{});
    std::move(included.tenants.begin(), included.tenants.end(), std::back_inserter(tenants));
}

// Whether all tenants could be read: where not, what refers to one cannot be judged.
enum class Tenants { Complete, Incomplete };

Tenants read_includes(std::string const& path, Settings& settings, Diagnostics& problems)
{
    auto const problems_before = problems.all().size();
    for (auto const& included : included_files(path, settings.include, problems)) {
        read_included(included, settings.tenants, problems);
    }
    return problems.all().size() == problems_before ? Tenants::Complete : Tenants::Incomplete;
}

// Within one file the reader has seen to it; across files it is seen here. The first one stays.
void refuse_same_tenants(std::vector<TenantSettings> const& tenants, Diagnostics& problems)
{
    std::unordered_map<std::string_view, Position const*> seen;
    seen.reserve(tenants.size());
    for (auto const& tenant : tenants) {
        auto const [first, is_new] = seen.emplace(tenant.name.value, &tenant.name.position);
        if (is_new) continue;
        problems.error(tenant.name.position, "tenant " + in_quotes(tenant.name.value) + " is given twice; first at " + first->second->text());
    }
}

void warn_of_dumb_tenant(TenantSettings const& tenant, Diagnostics& problems)
{
    auto const warn = [&](std::string const& words) {
        problems.warning(tenant.name.position, "tenant " + in_quotes(tenant.name.value) + ' ' + words);
    };
    if (tenant.clients.empty() && tenant.logins.empty() && tenant.certificates.empty()) {
        warn("can never send: it has no clients, logins or certificates");
    } else if (tenant.senders.empty()) {
        warn(tenant.null_sender == "allow" ? "can send bounces only: it has no senders" : "can never send: it has no senders");
    }
}

void warn_of_same_rules(std::vector<RuleSettings> const& rules, Diagnostics& problems)
{
    std::unordered_map<std::string_view, Position const*> seen;
    for (auto const& rule : rules) {
        if (rule.name.value.empty()) continue;
        auto const [first, is_new] = seen.emplace(rule.name.value, &rule.name.position);
        if (is_new) continue;
        problems.warning(rule.name.position, "rule " + in_quotes(rule.name.value) + " is given twice; first at line " +
                                                 std::to_string(first->second->line));
    }
}

// A rule on a tenant that is not there would never hold, unnoticed.
class TenantNames {
public:
    explicit TenantNames(std::vector<TenantSettings> const& tenants)
    {
        for (auto const& tenant : tenants) names_.push_back(tenant.name.value);
        std::sort(names_.begin(), names_.end());
    }

    void check(WhenSettings const& when, Diagnostics& problems) const
    {
        for (auto const& tenant : when.tenant) {
            if (!std::binary_search(names_.begin(), names_.end(), tenant.value)) complain(tenant, problems);
        }
        for (auto const& negated : when.negated) check(negated, problems);
    }

private:
    void complain(Text const& tenant, Diagnostics& problems) const
    {
        auto const near = base::nearest(tenant.value, names_);
        auto const hint = near.empty() ? "" : "; did you mean " + in_quotes(near) + "?";
        problems.error(tenant.position, "there is no tenant " + in_quotes(tenant.value) + hint);
    }

    std::vector<std::string_view> names_;
};

void check_together(Settings const& settings, Document const& document, Tenants tenants, Diagnostics& problems)
{
    refuse_same_tenants(settings.tenants, problems);
    if (tenants == Tenants::Complete) {
        TenantNames const names{settings.tenants};
        for (auto const& rule : settings.rules) names.check(rule.when, problems);
    }
    if (problems.has_errors()) return;   // what follows could be mere consequences
    if (!document.root().find("tenants") && !document.root().find("include")) {
        problems.error(document.start(), "there are no tenants: the key \"tenants\" or \"include\" is missing");
    } else if (settings.tenants.empty() && tenants == Tenants::Complete) {
        problems.warning(document.start(), "there are no tenants: every client will be refused");
    }
    for (auto const& tenant : settings.tenants) warn_of_dumb_tenant(tenant, problems);
    warn_of_same_rules(settings.rules, problems);
}

}   // namespace

Settings load(std::string const& path, Diagnostics& problems)
{
    auto text = read_file(path, OnlyRegular::No);
    if (!text) {
        problems.error({std::make_shared<std::string const>(path)}, text.error().message);
        return {};
    }
    auto const document = Document::parse(path, problems.remember_source(path, *std::move(text)), problems);
    auto settings = read_settings(document, problems);
    auto const tenants = read_includes(path, settings, problems);
    check_together(settings, document, tenants, problems);
    return settings;
}

Settings load_text(std::string const& name, std::string_view text, Diagnostics& problems)
{
    auto const document = Document::parse(name, problems.remember_source(name, std::string{text}), problems);
    auto settings = read_settings(document, problems);
    auto const tenants = settings.include.empty() ? Tenants::Complete : Tenants::Incomplete;
    check_together(settings, document, tenants, problems);
    return settings;
}

}   // namespace mailcore::config
