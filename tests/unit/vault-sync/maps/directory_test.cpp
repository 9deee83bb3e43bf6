// Files that hold secrets: where they may lie, and whose they are.

#include "vault-sync/maps/directory.hpp"

#include "scratch.hpp"

namespace mailcore::vault_sync {
namespace {

class DirectoryTest : public ::testing::Test {
protected:
    Directory open(std::string const& name = "") const
    {
        auto directory = Directory::open(scratch_.path(name));
        EXPECT_TRUE(directory) << directory.error().message;
        return std::move(*directory);
    }
    std::string refusal(std::string const& path) const
    {
        auto const directory = Directory::open(path);
        return directory ? "opened" : directory.error().message;
    }
    Scratch scratch_;
};

TEST_F(DirectoryTest, WritesForRootAloneWhateverTheUmask)
{
    auto const before = ::umask(0);
    ASSERT_TRUE(open().write("secret", "value"));
    ASSERT_TRUE(open().make_child("inner", 0700));
    ::umask(before);
    EXPECT_EQ(scratch_.mode("secret"), 0600U);
    EXPECT_EQ(scratch_.mode("inner"), 0700U);
    EXPECT_EQ(open().read("secret").value(), "value");
}

TEST_F(DirectoryTest, WritesNoFileThatExists)
{
    // Nor through a link that somebody laid.
    std::filesystem::create_symlink("elsewhere", scratch_.path("secret"));
    EXPECT_EQ(open().write("secret", "value").error().message, "create " + scratch_.path("secret") + ": File exists");
    EXPECT_FALSE(scratch_.has("elsewhere"));
}

TEST_F(DirectoryTest, FollowsNoLinkInTheLastPlace)
{
    std::filesystem::create_directory(scratch_.path("real"));
    std::filesystem::create_directory_symlink("real", scratch_.path("link"));
    for (auto const* slash : {"", "/"}) {
        EXPECT_EQ(refusal(scratch_.path("link") + slash),
                  scratch_.path("link") +
                      " is not a directory (a symbolic link is none either): move it away, or name the real directory");
    }
    EXPECT_FALSE(open().child("link"));
}

TEST_F(DirectoryTest, IsNobodyElsesToWrite)
{
    ::mkdir(scratch_.path("open").c_str(), 0700);
    std::filesystem::create_directory(scratch_.path("open/inner"));
    for (mode_t const mode : {0770U, 0707U, 01777U}) {   // sticky lets others add names: no place for secrets
        ::chmod(scratch_.path("open").c_str(), mode);
        EXPECT_EQ(refusal(scratch_.path("open")),
                  "others than root can write to " + scratch_.path("open") + ": chmod go-w " + scratch_.path("open"));
    }
    ::chmod(scratch_.path("open").c_str(), 0770);
    EXPECT_EQ(refusal(scratch_.path("open/inner")),
              "others than root can write to " + scratch_.path("open") + ": chmod go-w " + scratch_.path("open"));
}

TEST_F(DirectoryTest, IsNobodyElses)
{
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
    std::filesystem::create_directory(scratch_.path("theirs"));
    ASSERT_EQ(::chown(scratch_.path("theirs").c_str(), 65534, 65534), 0);
    EXPECT_EQ(
        refusal(scratch_.path("theirs")),
        scratch_.path("theirs") + " belongs to user id 65534, not to root: chown root:root " + scratch_.path("theirs"));
}

TEST_F(DirectoryTest, ReadsRegularFilesOnly)
{
    ASSERT_EQ(::mkfifo(scratch_.path("pipe").c_str(), 0600), 0);
    EXPECT_EQ(open().read("pipe").error().message, scratch_.path("pipe") + " is not a regular file of root's");
    EXPECT_EQ(open().read("none").error().message, scratch_.path("none") + ": No such file or directory");
    EXPECT_FALSE(Directory::open("etc"));
}

TEST_F(DirectoryTest, SwitchesALinkByOneRename)
{
    auto const directory = open();
    EXPECT_EQ(directory.link_target("current").value(), std::nullopt);
    ASSERT_TRUE(directory.link("one", "current"));
    ASSERT_TRUE(directory.link("two", "current"));
    EXPECT_EQ(directory.link_target("current").value(), "two");
    EXPECT_FALSE(scratch_.has(".current.building"));
    std::filesystem::create_directory(scratch_.path("taken"));
    EXPECT_EQ(directory.link("one", "taken").error().message,
              scratch_.path("taken") + " is not a symbolic link: move it away");
    EXPECT_EQ(directory.link_target("taken").error().message,
              scratch_.path("taken") + " is not a symbolic link: move it away");
}

TEST_F(DirectoryTest, RemovesATreeWithoutFollowingLinks)
{
    std::filesystem::create_directories(scratch_.path("tree/inner"));
    scratch_.write("tree/inner/file", "x");
    scratch_.write("kept", "x");
    std::filesystem::create_symlink(scratch_.path(), scratch_.path("tree/inner/up"));
    open().remove("tree");
    EXPECT_FALSE(scratch_.has("tree"));
    EXPECT_TRUE(scratch_.has("kept"));
}

}   // namespace
}   // namespace mailcore::vault_sync
