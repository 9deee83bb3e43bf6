#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/config/load.hpp"
#include "tests/unit/core/config/files.hpp"

namespace mailcore::config {
namespace {

std::string tenant(std::string const& name)
{
    return "tenants:\n  " + name + ": {clients: [192.0.2.1], senders: [\"@" + name + ".example\"]}\n";
}

struct Loaded {
    Diagnostics problems;
    Settings settings;
    explicit Loaded(std::string const& path) : settings{load(path, problems)} {}

    std::string names() const
    {
        std::string names;
        for (auto const& each : settings.tenants) names += each.name.value + ' ';
        return names;
    }
};

TEST(Include, BringsTheTenantsInOrderOfPatternsAndNames)
{
    ScopedDirectory const directory;
    directory.file("tenants.d/b.yaml", tenant("b"));
    directory.file("tenants.d/a.yaml", tenant("a"));
    directory.file("more/z.yaml", tenant("z"));
    Loaded const loaded{directory.file("mailcore.yaml", "include: [more/z.yaml, tenants.d/*.yaml]\n" + tenant("own"))};
    EXPECT_EQ(loaded.problems.text(), "");
    EXPECT_EQ(loaded.names(), "own z a b ");
}

TEST(Include, ReadsAFileOnceWhenTwoPatternsNameIt)
{
    ScopedDirectory const directory;
    directory.file("tenants.d/a.yaml", tenant("a"));
    Loaded const loaded{directory.file("mailcore.yaml", "include: [tenants.d/a.yaml, tenants.d/*.yaml]\n")};
    EXPECT_EQ(loaded.problems.text(), "");
    EXPECT_EQ(loaded.names(), "a ");
}

TEST(Include, TakesAnAbsolutePattern)
{
    ScopedDirectory const directory;
    auto const absolute = directory.file("elsewhere/a.yaml", tenant("a"));
    Loaded const loaded{directory.file("etc/mailcore.yaml", "include: [" + absolute + "]\n")};
    EXPECT_EQ(loaded.names(), "a ");
}

TEST(Include, IsRelativeToTheFileEvenWhereItsDirectoryHoldsAWildcard)
{
    ScopedDirectory const directory;
    directory.file("odd[1]*/tenants.d/a.yaml", tenant("a"));
    Loaded const loaded{directory.file("odd[1]*/mailcore.yaml", "include: [tenants.d/*.yaml]\n")};
    EXPECT_EQ(loaded.problems.text(), "");
    EXPECT_EQ(loaded.names(), "a ");
}

TEST(Include, IgnoresHiddenFilesAndBackups)
{
    ScopedDirectory const directory;
    directory.file("tenants.d/a.yaml", tenant("a"));
    directory.file("tenants.d/.a.yaml.swp", "broken [");
    directory.file("tenants.d/.#a.yaml", "broken [");
    directory.file("tenants.d/a.yaml~", "broken [");
    Loaded const loaded{directory.file("mailcore.yaml", "include: [tenants.d/*.yaml]\n")};
    EXPECT_EQ(loaded.problems.text(), "");
    EXPECT_EQ(loaded.names(), "a ");
}

TEST(Include, MayFindNothingWithAWildcard)
{
    ScopedDirectory const directory;
    Loaded const loaded{directory.file("mailcore.yaml", "include: [tenants.d/*.yaml]\n" + tenant("own"))};
    EXPECT_EQ(loaded.problems.text(), "");
}

TEST(Include, RefusesAnOpenPipe)   // else a reload would wait for a writer
{
    ScopedDirectory const directory;
    auto const main = directory.file("mailcore.yaml", "include: [pipe.yaml]\n");
    ASSERT_EQ(::mkfifo((directory.path() / "pipe.yaml").c_str(), 0600), 0);
    Loaded const loaded{main};
    EXPECT_NE(loaded.problems.text().find("it is not a regular file"), std::string::npos);
}

TEST(Include, ReportsADirectoryItMayNotRead)   // silence would mean: those tenants are gone
{
    ScopedDirectory const directory;
    directory.file("tenants.d/a.yaml", tenant("a"));
    auto const main = directory.file("mailcore.yaml", "include: [tenants.d/*.yaml]\n" + tenant("own"));
    std::filesystem::permissions(directory.path() / "tenants.d", std::filesystem::perms::none);
    std::string said;
    {
        AsNobody const nobody;
        ASSERT_TRUE(nobody.worked());
        said = Loaded{main}.problems.text();
    }
    std::filesystem::permissions(directory.path() / "tenants.d", std::filesystem::perms::owner_all);
    EXPECT_NE(said.find("include: cannot read " + (directory.path() / "tenants.d").string()), std::string::npos)
        << said;
    EXPECT_NE(said.find("Permission denied"), std::string::npos) << said;
}

TEST(Include, KeepsThePlaceWithinTheIncludedFile)
{
    ScopedDirectory const directory;
    auto const path = directory.file("tenants.d/a.yaml", tenant("a"));
    Loaded const loaded{directory.file("mailcore.yaml", "include: [tenants.d/*.yaml]\n")};
    EXPECT_EQ(loaded.settings.tenants.at(0).clients.at(0).position.text(), path + ":2:17");
}

}   // namespace
}   // namespace mailcore::config
