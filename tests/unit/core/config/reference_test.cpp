#include <filesystem>
#include <gtest/gtest.h>
#include <set>

#include "core/config/describe.hpp"
#include "core/config/load.hpp"
#include "core/config/settings_fields.hpp"
#include "tests/unit/core/config/files.hpp"

namespace mailcore::config {
namespace {

TEST(Reference, IsThePageInTheDocs)   // MAILCORE_REWRITE=1 writes it anew
{
    auto const page = std::filesystem::path{DOCS} / "config-reference.md";
    if (rewriting()) write(page, print_reference());
    EXPECT_EQ(print_reference(), contents(page));
}

TEST(Reference, TellsOfEveryKeyWithItsMeaning)
{
    for (auto const& section : describe<Settings>()) {
        std::set<std::string> keys;
        for (auto const& key : section.keys) {
            EXPECT_TRUE(keys.insert(key.key).second) << section.path << '.' << key.key << " has two rows";
            EXPECT_TRUE(key.meaning.ends_with('.')) << section.path << '.' << key.key;
        }
    }
}

TEST(ManKeys, NameEveryKeyInBold)
{
    auto const page = print_man_keys();
    EXPECT_NE(page.find("*max\\_clients* (number, 1 to 1,000,000)\n\tConnections served at once. Default: 10000\n"),
              std::string::npos);
    for (auto const& section : describe<Settings>()) {
        EXPECT_NE(page.find("## "), std::string::npos);
        for (auto const& key : section.keys) {
            std::string bold;
            for (char const c : key.key) bold += c == '_' ? std::string{"\\_"} : std::string{c};
            EXPECT_NE(page.find("\n*" + bold + "* ("), std::string::npos) << key.key;
        }
    }
}

TEST(ManKeys, LeaveNoMarkupOfTheReferenceBehind)
{
    EXPECT_EQ(print_man_keys().find('`'), std::string::npos);
}

}   // namespace
}   // namespace mailcore::config
