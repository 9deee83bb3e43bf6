#include "core/config/load.hpp"

#include <algorithm>
#include <filesystem>
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

namespace {

// The number of the limit itself; 0 where it could not be read.
std::uint64_t number_of(LimitSettings const& limit)
{
    return std::max({limit.messages, limit.recipients, limit.bytes.value});
}

void refuse_size(Reader& reader, Path const& path, Node const& written)
{
    reader.error(written, path.before(std::string{written.key->text} + ": a size is for limits of bytes; write a number"));
}

void check_warmup_rate(Reader& reader, Path const& path, Node const& written, WrittenRate const& rate, Node const& limit_node,
                       LimitSettings const& limit)
{
    if (rate.has_unit && !limit_node.find("bytes")) refuse_size(reader, path, written);
    if (rate.number == 0 || limit.per.count() == 0 || rate.per == limit.per) return;   // 0: reported already
    auto const cure = "write it for " + base::format_duration(limit.per) + ", too";
    reader.error(written, path.before(std::string{written.key->text} + ": " + in_quotes(written.text) +
                                      " is not for the time of the limit; " + cure));
}

void check_warmup(Reader& reader, Path const& path, Node const& node, Node const& limit_node, LimitSettings const& limit)
{
    auto const* start = node.find("start");
    auto const* until = node.find("until");
    if (!start || !until) return;   // reported already
    auto const& warmup = *limit.warmup;
    check_warmup_rate(reader, path, *start, warmup.start, limit_node, limit);
    check_warmup_rate(reader, path, *until, warmup.until, limit_node, limit);

    auto const most = number_of(limit);
    if (warmup.start.number > warmup.until.number && warmup.until.number > 0) {
        reader.error(*start, path.before("start: " + in_quotes(start->text) + " is above until, " + in_quotes(until->text) +
                                         "; a warm-up grows"));
    } else if (warmup.until.number > most && most > 0) {
        reader.warning(*until, path.before("until: " + in_quotes(until->text) +
                                           " is above the limit's own number; the smaller one counts"));
    }
}

}   // namespace

// A limit counts one thing. A number with a unit makes sense for bytes only.
void check_section(Reader& reader, Path const& path, Node const& node, LimitSettings const& limit)
{
    auto const given = [&](std::string_view key) { return node.find(key) ? 1 : 0; };
    if (given("messages") + given("recipients") + given("bytes") != 1) {
        reader.error(node, path.before("a limit needs exactly one of messages, recipients and bytes"));
    }
    auto const* burst = node.find("burst");
    bool const has_unit = burst && burst->text.find_first_not_of("0123456789") != std::string_view::npos;
    if (has_unit && !given("bytes")) refuse_size(reader, path, *burst);
    if (limit.warmup) check_warmup(reader, Path{&path, "warmup"}, *node.find("warmup"), node, limit);
}

void check_section(Reader& reader, Path const& path, Node const& node, TicketSettings const& ticket)
{
    if (ticket.required && ticket.sources.empty()) {
        reader.error(node, path.before("a ticket is required, but there are no sources to find it in"));
    }
}

namespace {

// Adds the tenants of one included file.
void read_included(IncludedFile const& file, std::vector<TenantSettings>& tenants, Diagnostics& problems)
{
    auto text = read_file(file.path, OnlyRegular::Yes);
    if (!text) return problems.error(file.named_at, "include: " + file.path + ": " + text.error().message);
    auto const document = Document::parse(file.path, problems.remember_source(file.path, *std::move(text)), problems);
    auto included = read_document<IncludedSettings>(document, problems);
    std::move(included.tenants.begin(), included.tenants.end(), std::back_inserter(tenants));
}

// Within one file the reader has seen to it; across files it is seen here. The first one stays.
void refuse_same_tenants(std::vector<TenantSettings> const& tenants, Diagnostics& problems)
{
    std::unordered_map<std::string_view, Position const*> seen;
    seen.reserve(tenants.size());
    for (auto const& tenant : tenants) {
        auto const [first, is_new] = seen.emplace(tenant.name.value, &tenant.name.position);
        if (is_new) continue;
        problems.error(tenant.name.position,
                       "tenant " + in_quotes(tenant.name.value) + " is given twice; first at " + first->second->text());
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
        warn(tenant.null_sender == "allow" ? "can send bounces only: it has no senders"
                                           : "can never send: it has no senders");
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

// Where the file names no place, limits are kept in the state directory, wherever that is.
void place_limits(Settings& settings)
{
    auto const place = [&](Text& text, char const* name) {
        if (text.position.line == 0) text.value = "lmdb:" + settings.state_directory.value + '/' + name;
    };
    place(settings.limits.store, "limits");
    place(settings.limits.fallback, "limits-local");
}

// Or nothing would count while the first one is away.
void refuse_same_stores(LimitsSettings const& limits, Diagnostics& problems)
{
    auto const directory = [](Text const& text) { return std::filesystem::path{text.value + '/'}.lexically_normal(); };
    if (directory(limits.store) != directory(limits.fallback)) return;
    auto const& written = limits.fallback.position.line > 0 ? limits.fallback : limits.store;
    problems.error(written.position, "limits: store and fallback are the same; give the fallback a directory of its own");
}

void check_together(Settings const& settings, Document const& document, Diagnostics& problems)
{
    refuse_same_stores(settings.limits, problems);
    refuse_same_tenants(settings.tenants, problems);
    if (problems.has_errors()) return;   // what follows could be mere consequences
    if (!document.root().find("tenants") && !document.root().find("include")) {
        problems.error(document.start(), "there are no tenants: the key \"tenants\" or \"include\" is missing");
    } else if (settings.tenants.empty()) {
        problems.warning(document.start(), "there are no tenants: every client will be refused");
    }
    for (auto const& tenant : settings.tenants) warn_of_dumb_tenant(tenant, problems);
    warn_of_same_rules(settings.rules, problems);
}

}   // namespace

Settings load(std::string const& path, Diagnostics& problems)
{
    auto const document = open_document(path, problems);
    if (!document) return {};
    auto settings = read_document<Settings>(*document, problems);
    for (auto const& included : included_files(path, settings.include, problems)) {
        read_included(included, settings.tenants, problems);
    }
    place_limits(settings);
    check_together(settings, *document, problems);
    return settings;
}

Settings load_text(std::string const& name, std::string_view text, Diagnostics& problems)
{
    auto const document = open_text(name, text, problems);
    auto settings = read_document<Settings>(document, problems);
    place_limits(settings);
    check_together(settings, document, problems);
    return settings;
}

}   // namespace mailcore::config
