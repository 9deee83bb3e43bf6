// --print-config, and all-keys.yaml, which the other tests of printing rest on.
#include <algorithm>
#include <gtest/gtest.h>

#include "core/base/text.hpp"
#include "core/config/describe.hpp"
#include "core/config/load.hpp"
#include "core/config/settings_fields.hpp"
#include "core/config/yaml.hpp"
#include "tests/unit/core/config/files.hpp"

namespace mailcore::config {
namespace {

std::string const kAllKeys = std::string{TESTDATA} + "/configs/all-keys.yaml";

Settings loaded_from(std::string const& path)
{
    Diagnostics problems;
    auto settings = load(path, problems);
    EXPECT_EQ(problems.text(), "");
    return settings;
}

std::string printed_again(std::string const& text)
{
    Diagnostics problems;
    auto const settings = load_text("printed.yaml", text, problems);
    EXPECT_FALSE(problems.has_errors()) << problems.text();
    return print_config(settings);
}

// A node as print_config would write it, to compare with a row's default.
std::string as_flow(Node const& node)
{
    std::string items;
    for (Node const& item : node) {
        items += (items.empty() ? "" : ", ") + (item.key ? yaml_text(item.key->text) + ": " : "") + as_flow(item);
    }
    switch (node.kind) {
        case Node::Kind::List: return '[' + items + ']';
        case Node::Kind::Map: return '{' + items + '}';
        case Node::Kind::Scalar: return node.plain ? std::string{node.text} : yaml_text(node.text);
        case Node::Kind::Nothing:
        case Node::Kind::Refused: break;
    }
    return "";
}

// Every map that the path of a section names: "tenants.NAME.limits" are all limits of all tenants.
std::vector<Node const*> sections_at(Node const& root, std::string_view path)
{
    std::vector<Node const*> found{&root};
    if (path.empty()) return found;
    for (auto const step : base::split(path, '.')) {
        std::vector<Node const*> next;
        for (auto const* node : found) {
            if (step == "NAME") {
                for (Node const& each : *node) next.push_back(&each);
                continue;
            }
            auto const* inner = node->find(step);
            if (!inner) continue;
            if (inner->kind == Node::Kind::List) {
                for (Node const& item : *inner) next.push_back(&item);
            } else {
                next.push_back(inner);
            }
        }
        found = next;
    }
    return found;
}

TEST(AllKeys, HoldEveryKeyWithAValueThatIsNotItsDefault)
{
    Diagnostics problems;
    auto const text = contents(kAllKeys);
    auto const document = Document::parse(kAllKeys, text, problems);
    for (auto const& section : describe<Settings>()) {
        auto const nodes = sections_at(document.root(), section.path);
        for (auto const& key : section.keys) {
            bool const shown = std::any_of(nodes.begin(), nodes.end(), [&](Node const* node) {
                auto const* value = node->find(key.key);
                return value && as_flow(*value) != key.absent;
            });
            EXPECT_TRUE(shown) << section.path << ": " << key.key << " is missing, or stands with its default "
                               << key.absent;
        }
    }
}

TEST(AllKeys, LoadWithoutProblems)
{
    auto const settings = loaded_from(kAllKeys);
    ASSERT_EQ(settings.tenants.size(), 2u);
    EXPECT_EQ(settings.tenants[1].name.value, "second");   // from the included file
    EXPECT_EQ(settings.tenants[0].limits[2].warmup->until, (WrittenRate{2ull << 30u, std::chrono::hours{1}, true}));
    EXPECT_EQ(settings.rules[0].when.negated[0].negated[0].port[0].value, 465u);
    EXPECT_EQ(settings.outcomes.alert.failure_rate, 0.075);
}

TEST(PrintConfig, LoadsToTheSameValue)
{
    auto const printed = print_config(loaded_from(kAllKeys));
    EXPECT_EQ(printed_again(printed), printed);
}

TEST(PrintConfig, FillsInTheDefaults)
{
    Diagnostics problems;
    auto const printed = print_config(load_text("t.yaml", "tenants: {}", problems));
    EXPECT_NE(printed.find("\nstate_directory: /var/lib/mailcore\n"), std::string::npos);
    EXPECT_NE(printed.find("\n  listen: unix:/var/spool/postfix/mailcore/policy.sock\n"), std::string::npos);
    EXPECT_EQ(printed_again(printed), printed);
}

TEST(PrintConfig, HoldsTheIncludedTenantsInsteadOfTheInclude)
{
    auto const printed = print_config(loaded_from(kAllKeys));
    EXPECT_NE(printed.find("include: []\n"), std::string::npos);
    EXPECT_NE(printed.find("  second:\n    clients: [\"203.0.113.0/24\"]\n"), std::string::npos);
}

TEST(PrintConfig, LeavesOutWhatWasNotGivenAndDoesNotApply)
{
    Diagnostics problems;
    auto const printed = print_config(load_text(
        "t.yaml", "tenants: {a: {limits: [{bytes: 1KiB, per: 1m}]}}\nrules: [{name: r, action: hold}]", problems));
    EXPECT_NE(printed.find("- {bytes: 1KiB, per: 1m, action: defer, key: tenant}\n"), std::string::npos);
    EXPECT_NE(printed.find("- {name: r, action: hold}\n"), std::string::npos);
}

TEST(PrintConfig, CarriesAWarmupThere)
{
    auto const printed = printed_again(
        "tenants: {a: {limits: [{bytes: 1GiB, per: 1h, burst: 10MiB, warmup: {from: 2026-11-01T08:00:00.25+01:00, start: 5MB/1h, "
        "double_every: 36h, until: 1GiB/60m}}]}}");
    EXPECT_NE(printed.find("- {bytes: 1GiB, per: 1h, burst: 10485760, action: defer, key: tenant, warmup: "
                           "{from: \"2026-11-01T07:00:00.250000Z\", start: 5000000/1h, double_every: 36h, until: 1GiB/1h}}\n"),
              std::string::npos) << printed;
    EXPECT_EQ(printed_again(printed), printed);
}

TEST(PrintConfig, CarriesAnyTextThere)
{
    for (auto const* text :
         {"a\\\\b", "a\\\"b", "  a  ", "# a", "a: b", "ü€😀", "'", "{}", "[]", "null", "1e3", "- a", "%", "\\u2028"}) {
        auto const first = printed_again("tenants: {a: {ticket: {pattern: \"" + std::string{text} + "\"}}}");
        EXPECT_EQ(printed_again(first), first) << text;
    }
}

TEST(PrintConfig, MasksPasswords)
{
    Diagnostics problems;
    auto const printed = print_config(load_text(
        "t.yaml", "tenants: {}\nlimits: {store: \"redis://user:hunter2@redis.example:6379/0\", password_file: /etc/mailcore/redis}", problems));
    EXPECT_EQ(printed.find("hunter2"), std::string::npos);
    EXPECT_NE(printed.find("  store: \"redis://***@redis.example:6379/0\"\n"), std::string::npos);
    EXPECT_NE(printed.find("  password_file: /etc/mailcore/redis\n"), std::string::npos) << "a path is no secret";
}

}   // namespace
}   // namespace mailcore::config
