// --print-config, the reference and the keys of the man page.
#include <filesystem>
#include <gtest/gtest.h>

#include "core/base/text.hpp"
#include "core/config/describe.hpp"
#include "core/config/yaml.hpp"
#include "tests/unit/core/config/files.hpp"
#include "vault-sync/config/load.hpp"
#include "vault-sync/config/settings_fields.hpp"

namespace mailcore::vault_sync {
namespace {

std::string const kAllKeys = std::string{TESTDATA} + "/vault-sync/all-keys.yaml";

std::string printed(std::string const& text)
{
    config::Diagnostics problems;
    auto const settings = load_settings_text("t.yaml", text, problems);
    EXPECT_FALSE(problems.has_errors()) << problems.text();
    return print_settings(settings);
}

// Every map that the path of a section names: "relays.NAME" are all relays.
std::vector<config::Node const*> sections_at(config::Node const& root, std::string_view path)
{
    std::vector<config::Node const*> found{&root};
    if (path.empty()) return found;
    for (auto const step : base::split(path, '.')) {
        std::vector<config::Node const*> next;
        for (auto const* node : found) {
            if (step == "NAME") {
                for (config::Node const& each : *node) next.push_back(&each);
            } else if (auto const* inner = node->find(step)) {
                next.push_back(inner);
            }
        }
        found = next;
    }
    return found;
}

TEST(AllKeys, AreInTheFileOfAllKeysWithAnotherValueThanTheDefault)
{
    config::Diagnostics problems;
    auto const text = config::contents(kAllKeys);
    auto const document = config::Document::parse(kAllKeys, text, problems);
    for (auto const& section : config::describe<Settings>()) {
        for (auto const& key : section.keys) {
            bool shown = false;
            for (auto const* node : sections_at(document.root(), section.path)) {
                auto const* value = node->find(key.key);
                shown = shown || (value && (value->kind != config::Node::Kind::Scalar || value->text != key.absent));
            }
            EXPECT_TRUE(shown) << section.path << ": " << key.key;
        }
    }
}

TEST(PrintConfig, LoadsToTheSameValue)
{
    for (auto const* file : {"/vault-sync/contract.yaml", "/vault-sync/all-keys.yaml"}) {
        auto text = config::contents(std::string{TESTDATA} + file);
        if (auto const wrapped = text.find("    wrapped: true\n"); wrapped != std::string::npos)
            text.erase(wrapped, 18);   // for approle only
        auto const once = printed(text);
        EXPECT_EQ(printed(once), once) << file;
    }
}

TEST(PrintConfig, FillsInTheDefaultsAndLeavesOutWhatDoesNotApply)
{
    auto const text = printed("relays: {primary: {secret: secret/smtp}}\nactive: primary");
    EXPECT_NE(
        text.find("relays:\n  primary:\n    secret: secret/smtp\n    source: vault\n    kind: smtp\n    tls: auto\n"
                  "    plaintext: refuse\n    region_check: on\n    timeout: 30s\n"),
        std::string::npos)
        << text;
    EXPECT_NE(text.find("output:\n  directory: /etc/postfix/mailcore\n  map_type: auto\n  keep: 5\n"),
              std::string::npos)
        << text;
    EXPECT_EQ(text.find("retries"), std::string::npos);
}

TEST(PrintConfig, MasksAPasswordInTheAddress)
{
    auto const text =
        printed("relays: {a: {secret: s/a}}\nactive: a\nvault: {address: \"https://u:hunter2@vault.example\"}");
    EXPECT_EQ(text.find("hunter2"), std::string::npos);
}

TEST(Reference, IsThePageInTheDocs)   // MAILCORE_REWRITE=1 writes it anew
{
    auto const page = std::filesystem::path{DOCS} / "vault-sync-reference.md";
    if (config::rewriting()) config::write(page, settings_reference());
    EXPECT_EQ(settings_reference(), config::contents(page));
}

TEST(Reference, TellsOfEveryKeyWithItsMeaning)
{
    for (auto const& section : config::describe<Settings>()) {
        for (auto const& key : section.keys) EXPECT_TRUE(key.meaning.ends_with('.')) << section.path << '.' << key.key;
    }
}

TEST(ManKeys, NameEveryKey)
{
    auto const page = settings_man_keys();
    EXPECT_NE(page.find("*environment\\_fallback* (true or false)\n"), std::string::npos);
    EXPECT_EQ(page.find('`'), std::string::npos);
}

}   // namespace
}   // namespace mailcore::vault_sync
