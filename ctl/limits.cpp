// What of the tenants' limits is used, and forgetting it.

#include "ctl/limits.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>

#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "ctl/client.hpp"
#include "ctl/commands.hpp"
#include "ctl/print.hpp"

namespace mailcore::ctl {
namespace {

using nlohmann::json;

constexpr std::size_t kMostRows = 1'000;   // for people; --all and --json have all

std::string text(json const& entry, std::string_view key) { return entry.value(key, std::string{}); }
std::uint64_t number(json const& entry, std::string_view key) { return entry.value(key, std::uint64_t{0}); }

std::string amount(json const& entry, std::string_view key, std::string (*bytes_in_words)(std::uint64_t))
{
    auto const value = number(entry, key);
    return text(entry, "unit") == "bytes" ? bytes_in_words(value) : std::to_string(value);
}

// "5 messages per 1h, 2 at once, each sender, with warm-up" by its parts.
struct LimitName {
    std::string rate;    // "5 messages per 1h, 2 at once"
    std::string apart;   // "each sender"
};

LimitName parts_of(json const& entry)
{
    LimitName name;
    auto const written = text(entry, "limit");
    for (auto const part : base::split(written, ',')) {
        auto const words = base::trim(part);
        if (words.starts_with("each ")) name.apart = words;
        else if (words != "with warm-up") name.rate += (name.rate.empty() ? "" : ", ") + std::string{words};
    }
    return name;
}

// What is counted apart stands in a column of its own; of a warm-up the number that counts today is told.
std::string limit_of(json const& entry)
{
    auto const rate = parts_of(entry).rate;
    bool const warming_up = number(entry, "number") < number(entry, "full_number");
    return warming_up ? rate + ", now " + amount(entry, "number", base::format_size) : rate;
}

// The sender, login or client; "each sender" where no one of them is meant; "" where the tenant is counted as a whole.
std::string counted_apart(json const& entry)
{
    auto const key = text(entry, "key");
    return key.empty() ? parts_of(entry).apart : base::printable(key);
}

bool is_apart_and_empty(json const& entry) { return text(entry, "key").empty() && !parts_of(entry).apart.empty(); }

std::vector<std::string> row_of(json const& entry, Asked asked, base::Time now)
{
    std::vector<std::string> row{text(entry, "tenant"), limit_of(entry), counted_apart(entry)};
    if (asked == Asked::AllTenants && is_apart_and_empty(entry)) {
        row.insert(row.end(), {"-", "-", "-"});
        return row;
    }
    // What is free within this very second is written as that second: not before now, though.
    auto const free_at = base::parse_time(text(entry, "free_at"));
    auto const next_free = free_at ? when(std::max(*free_at, now + std::chrono::seconds{1}), now) : "now";
    row.insert(row.end(), {amount(entry, "used", human_size), amount(entry, "left", human_size), next_free});
    return row;
}

// Entries of one limit stand together; within each the fullest first.
std::vector<json> fullest_first(json const& limits)
{
    std::vector<json> entries(limits.begin(), limits.end());
    auto const same_limit = [](json const& left, json const& right) {
        return text(left, "tenant") == text(right, "tenant") && text(left, "id") == text(right, "id");
    };
    for (auto first = entries.begin(); first != entries.end();) {
        auto const last = std::find_if(first, entries.end(), [&](json const& entry) { return !same_limit(*first, entry); });
        std::stable_sort(first, last, [](json const& left, json const& right) { return number(left, "used") > number(right, "used"); });
        first = last;
    }
    return entries;
}

void drop_column(Table& table, std::size_t column)
{
    auto const drop = [column](std::vector<std::string>& row) { row.erase(row.begin() + static_cast<std::ptrdiff_t>(column)); };
    drop(table.head);
    std::for_each(table.rows.begin(), table.rows.end(), drop);
}

bool has_unlooked(Table const& table)
{
    return std::any_of(table.rows.begin(), table.rows.end(), [](auto const& row) { return row.back() == "-"; });
}

void print_limits(json const& answer, LimitsOptions const& options)
{
    auto table = limits_table(answer["limits"], options.tenant.empty() ? Asked::AllTenants : Asked::OneTenant, base::now());
    if (table.rows.empty()) {
        std::cout << (options.tenant.empty() ? "No tenant has limits." : options.tenant + " has no limits.") << '\n';
        return;
    }
    auto const all = table.rows.size();
    if (!options.all) table.rows.resize(std::min(all, kMostRows));
    print_table(table.head, table.rows);
    if (has_unlooked(table)) std::cout << "\n-  not looked into here; mailcorectl limits TENANT shows each\n";
    if (table.rows.size() < all) {
        std::cerr << "mailcorectl: " << counted(all - kMostRows, "more row") << "; --all shows them, or name a tenant\n";
    }
}

// Whoever looks at the limits of a tenant wants to know that nothing of it passes anyway.
void print_suspension(Desk& desk, std::string const& tenant)
{
    auto const answer = desk.ask({{"command", "suspensions"}});
    if (!answer) return;
    for (auto const& entry : (*answer)["suspensions"]) {
        if (text(entry, "tenant") != tenant) continue;
        auto const reason = text(entry, "reason");
        auto const words = tenant + " is suspended by an operator since " + minute_of(text(entry, "since")) +
                           (reason.empty() ? "" : ": " + shown(reason));
        std::cout << '\n' << wrapped(words, 0, terminal_width()) << '\n';
    }
}

}   // namespace

Table limits_table(json const& limits, Asked asked, base::Time now)
{
    Table table{{"TENANT", "LIMIT", "KEY", "USED", "LEFT", "NEXT FREE"}, {}};
    for (auto const& entry : fullest_first(limits)) table.rows.push_back(row_of(entry, asked, now));
    constexpr std::size_t apart = 2;
    bool const any = std::any_of(table.rows.begin(), table.rows.end(), [](auto const& row) { return !row[apart].empty(); });
    if (!any) drop_column(table, apart);
    return table;
}

int limits(Common const& common, LimitsOptions const& options)
{
    Desk desk{common.config};
    json request{{"command", "limits"}};
    if (!options.tenant.empty()) request["tenant"] = options.tenant;
    auto const answer = desk.ask(request);
    if (!answer) return complain_of_tenant(desk, answer.error(), options.tenant);
    if (answer->value("on_fallback", false)) {
        complain(text(*answer, "store") + " is away: these are the counters of this host alone");
    }
    if (auto const left_out = number(*answer, "left_out"); left_out > 0) {
        complain("the answer leaves out " + counted(left_out, "counter") + ", none of them fuller than those it has");
    }
    if (common.json) {
        print_json((*answer)["limits"]);
        return 0;
    }
    print_limits(*answer, options);
    if (!options.tenant.empty()) print_suspension(desk, options.tenant);
    return 0;
}

int limits_reset(Common const& common, std::string const& tenant)
{
    Desk desk{common.config};
    auto const answer = desk.ask({{"command", "limits-reset"}, {"tenant", tenant}});
    if (!answer) return complain_of_tenant(desk, answer.error(), tenant);
    auto const forgotten = number(*answer, "forgotten");
    if (common.json) print_json({{"tenant", tenant}, {"forgotten", forgotten}});
    else if (forgotten == 0) std::cout << tenant << ": nothing was counted\n";
    else std::cout << tenant << ": " << counted(forgotten, "counter") << " forgotten; its limits are free again\n";
    return 0;
}

}   // namespace mailcore::ctl
