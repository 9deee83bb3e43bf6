// Log files as they grow, rotate and go wrong.

#include "outcomes/log/follower.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>

#include "core/base/fd.hpp"
#include "outcomes/log/line_buffer.hpp"
#include "outcomes/log/standard_input.hpp"
#include "tests/unit/outcomes/log/log_directory.hpp"

namespace mailcore::outcomes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using testing::LogDirectory;
using testing::LogReader;
using testing::Texts;

class FileLogTest : public ::testing::Test {
protected:
    LogDirectory log_;
};

// ---- Lines ----

TEST_F(FileLogTest, GivesALineWhenItIsWhole)
{
    log_.append("one\ntw");
    LogReader reader{log_};
    EXPECT_THAT(reader.read(), ElementsAre("one"));
    log_.append("o\nthree");
    EXPECT_THAT(reader.read(), ElementsAre("two"));
    EXPECT_THAT(reader.read(), IsEmpty());
    log_.append("\n");
    EXPECT_THAT(reader.read(), ElementsAre("three"));
    EXPECT_EQ(reader.health().lines, 3u);
    EXPECT_EQ(reader.health().gaps, 0u);
}

TEST_F(FileLogTest, GoesOnWhereItsPositionSays)
{
    log_.append("one\ntwo\nthr");
    LogReader first{log_};
    EXPECT_THAT(first.read(), ElementsAre("one", "two"));
    log_.append("ee\nfour\n");
    LogReader second{log_, first.position()};
    EXPECT_THAT(second.read(), ElementsAre("three", "four"));
    EXPECT_EQ(second.health().gaps, 0u);
}

TEST_F(FileLogTest, ReadsInPiecesAndSaysWhatIsLeft)
{
    log_.append("one\ntwo\nthree\n");
    LogReader reader{log_};
    EXPECT_THAT(reader.read_once(5), ElementsAre("one"));
    EXPECT_EQ(reader.health().bytes_behind, 10u);   // the last whole line given counts
    LogReader other{log_, reader.position()};
    EXPECT_THAT(other.read(1), ElementsAre("two", "three"));
    EXPECT_EQ(other.health().bytes_behind, 0u);
}

TEST_F(FileLogTest, SaysWhenTheFileWasChangedLast)
{
    log_.append("one\n");
    log_.age("", 3600);
    LogReader reader{log_};
    auto const age = base::now() - reader.source().read(100).reference;
    EXPECT_GE(age, std::chrono::seconds{3600});
    EXPECT_LT(age, std::chrono::seconds{3900});
}

TEST_F(FileLogTest, GivesAnyBytes)
{
    log_.append(std::string_view{"a\0b\n\n\xff\xfe\n\r\n", 10});
    LogReader reader{log_};
    EXPECT_THAT(reader.read(), ElementsAre(std::string("a\0b", 3), "", "\xff\xfe", "\r"));
}

TEST_F(FileLogTest, CutsALineThatIsTooLongAndCountsIt)
{
    std::string const just_fits(kLongestLine, 'x');
    std::string const much(3'000'000, 'y');
    log_.append(just_fits + "\n" + just_fits + "z\n" + much + "\nlast\n");
    for (std::size_t const piece : {1'000u, 65'536u, 5'000'000u}) {
        LogReader reader{log_};
        EXPECT_THAT(reader.read(piece), ElementsAre(just_fits, just_fits, much.substr(0, kLongestLine), "last"));
        EXPECT_EQ(reader.health().cut, 2u);
        EXPECT_THAT(LogReader(log_, reader.position()).read(), IsEmpty());
    }
}

TEST_F(FileLogTest, PassesOverAHoleThatTruncationLeft)
{
    log_.write("before\n");
    std::filesystem::resize_file(log_.path(), 5'000'000);   // reads as NULs
    log_.append("after\n");
    LogReader reader{log_};
    EXPECT_THAT(reader.read(10'000), ElementsAre("before", "after"));
    EXPECT_EQ(reader.health().cut, 0u);
    EXPECT_THAT(LogReader(log_, reader.position()).read(), IsEmpty());
}

// ---- What is not there, or may not be read ----

TEST_F(FileLogTest, WaitsForALogThatIsNotThereYet)
{
    LogReader reader{log_};
    EXPECT_THAT(reader.read(), IsEmpty());
    EXPECT_EQ(reader.trouble(),
              log_.path() + ": No such file or directory; nothing was written yet, or it is written elsewhere");
    log_.write("");
    EXPECT_THAT(reader.read(), IsEmpty());
    EXPECT_EQ(reader.trouble(), "");
    log_.append("one\n");
    EXPECT_THAT(reader.read(), ElementsAre("one"));
    EXPECT_EQ(reader.health().gaps, 0u);
}

TEST_F(FileLogTest, WaitsForADirectoryThatIsNotThereYet)
{
    auto const directory = log_.directory() + "/later";
    LogReader reader{directory + "/mail.log"};
    EXPECT_THAT(reader.read(), IsEmpty());
    EXPECT_EQ(reader.trouble(), directory + ": No such file or directory");
    std::filesystem::create_directory(directory);
    std::ofstream{directory + "/mail.log"} << "one\n";
    EXPECT_THAT(reader.read(), ElementsAre("one"));
    EXPECT_EQ(reader.trouble(), "");
}

TEST_F(FileLogTest, ReadsWhatWasWrittenAndRotatedWhileItWasDownFromTheFirstLineOn)
{
    LogReader first{log_};
    EXPECT_THAT(first.read(), IsEmpty());   // there is no log yet
    log_.write("one\n");
    log_.shift();
    log_.rename("", ".1");
    log_.write("two\n");
    LogReader second{log_, first.position()};
    log_.age(".1", -60);   // a clock that was set back: the second of quiet is counted on another
    EXPECT_THAT(second.read(), ElementsAre("one"));
    log_.age(".1", 60);
    EXPECT_THAT(second.read(), ElementsAre("two"));
    EXPECT_EQ(second.health().gaps, 0u);
}

// For the time of a test root is nobody, or the tests are not run by root at all.
class AsNobody {
public:
    AsNobody() : was_root_{::geteuid() == 0}
    {
        if (was_root_ && (::setegid(65'534) != 0 || ::seteuid(65'534) != 0)) throw std::runtime_error{"seteuid"};
    }
    ~AsNobody()
    {
        if (was_root_ && (::seteuid(0) != 0 || ::setegid(0) != 0)) std::abort();
    }

private:
    bool was_root_;
};

struct Permission {
    char const* note;
    mode_t directory, file;
    char const* group;
    char const* words;   // DIR is the log's directory
};

void PrintTo(Permission const& one, std::ostream* out) { *out << one.note; }

class PermissionTest : public FileLogTest, public ::testing::WithParamInterface<Permission> {};

TEST_P(PermissionTest, TellsTheCure)
{
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    auto const& permission = GetParam();
    log_.append("one\n");
    auto const* const group = ::getgrnam(permission.group);
    ASSERT_NE(group, nullptr);
    ASSERT_EQ(::chown(log_.path().c_str(), 0, group->gr_gid), 0);
    ASSERT_EQ(::chown(log_.directory().c_str(), 0, group->gr_gid), 0);
    ::chmod(log_.path().c_str(), permission.file);
    ::chmod(log_.directory().c_str(), permission.directory);
    LogReader reader{log_};
    {
        AsNobody const nobody;
        EXPECT_THAT(reader.read(), IsEmpty());
    }
    auto words = reader.trouble();
    if (auto const at = words.find(log_.directory()); at != std::string::npos) {
        words.replace(at, log_.directory().size(), "DIR");
    }
    EXPECT_EQ(words, permission.words);
    EXPECT_THAT(reader.read(), ElementsAre("one"));   // as soon as it may
    EXPECT_EQ(reader.trouble(), "");
    EXPECT_EQ(reader.health().gaps, 0u);
}

constexpr Permission kPermissions[] = {
    {"as rsyslog makes it", 0755, 0640, "adm", "DIR/mail.log: Permission denied; add mailcore to group adm"},
    {"as Postfix makes its maillog_file", 0755, 0600, "adm",
     "DIR/mail.log: Permission denied; make it readable for group adm, and add mailcore to it"},
    {"nobody should be in group root", 0755, 0640, "root",
     "DIR/mail.log: Permission denied; make it readable for group adm, and add mailcore to it"},
    {"the directory may not be listed", 0750, 0640, "adm", "DIR: Permission denied; add mailcore to group adm"},
};
INSTANTIATE_TEST_SUITE_P(Permissions, PermissionTest, ::testing::ValuesIn(kPermissions));

TEST_F(FileLogTest, TakesALogThatMayNotBeReadForNoGap)
{
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    log_.append("one\n");
    LogReader first{log_};
    first.read();
    ::chmod(log_.path().c_str(), 0600);
    ::chmod(log_.directory().c_str(), 0755);
    LogReader second{log_, first.position()};
    {
        AsNobody const nobody;
        EXPECT_THAT(second.read(), IsEmpty());
    }
    EXPECT_EQ(second.health().gaps, 0u);
    log_.append("two\n");
    EXPECT_THAT(second.read(), ElementsAre("two"));
}

TEST_F(FileLogTest, WantsAFileThatIsOne)
{
    std::filesystem::create_directory(log_.path());
    LogReader reader{log_};
    EXPECT_THAT(reader.read(), IsEmpty());
    EXPECT_EQ(reader.trouble(), log_.path() + ": is no regular file");
}

TEST(OpenLog, RefusesWhatIsNoLog)
{
    for (std::string const what : {"", "mail.log", "syslog", "Journal"}) {
        auto const opened = open_log(what, "");
        ASSERT_FALSE(opened) << what;
        EXPECT_EQ(opened.error().message,
                  "\"" + what + "\" is no log; write /path, journal, or - for standard input");
    }
}

TEST_F(FileLogTest, BeginsAnewWhereThePositionIsOfSomethingElse)
{
    log_.append("one\n");
    LogReader first{log_};
    first.read();
    auto const good = first.position();
    EXPECT_THAT(good, MatchesRegex("file1:[0-9]+:[0-9]+:4:4:[0-9a-f]+::[0-9]+"));
    for (auto const& position : {std::string{"journal1:cursor:s=1"}, "file2" + good.substr(5), good + ":1",
                                       good.substr(0, good.rfind(':')), std::string{"file1:1:1:-4:4:ab::1"},
                                       std::string{"file1:1:1:4:999999:ab::1"}, std::string{"file1:1:1:4:4:ab:123:1"}, good + " ?",
                                       std::string{"?"}}) {
        LogReader reader{log_, position};
        EXPECT_THAT(reader.read(), ElementsAre("one")) << position;
        EXPECT_EQ(reader.health().gaps, 1u);
        EXPECT_EQ(reader.health().gap, log_.path() + ": the saved position is of another log or another version; it is "
                                                     "read from its beginning");
    }
}

// ---- Renamed ----

TEST_F(FileLogTest, ReadsARenamedFileToItsEndFirst)
{
    log_.append("one\n");
    LogReader reader{log_};
    EXPECT_THAT(reader.read(), ElementsAre("one"));
    log_.append("two\n");
    log_.rotate();
    log_.append("three\n");
    EXPECT_THAT(reader.read(), ElementsAre("two", "three"));
    EXPECT_EQ(reader.health().gaps, 0u);
}

TEST_F(FileLogTest, LooksAtARenamedFileUntilItIsQuietAndTheNewOneHasGrown)
{
    log_.append("one\n");
    LogReader reader{log_};
    reader.read();
    log_.rename("", ".1");
    EXPECT_THAT(reader.read(), IsEmpty());   // there is no new one
    EXPECT_EQ(reader.trouble(), "");
    log_.append("two\n", ".1");
    EXPECT_THAT(reader.read(), ElementsAre("two"));
    log_.write("");
    log_.age(".1", 60);
    EXPECT_THAT(reader.read(), IsEmpty());   // the new one is empty
    log_.append("three\n", ".1");
    EXPECT_THAT(reader.read(), ElementsAre("three"));
    log_.age(".1", -60);
    log_.append("five\n");
    EXPECT_THAT(reader.read(), IsEmpty());   // the old one was not quiet for a second
    log_.append("four\n", ".1");
    EXPECT_THAT(reader.read(), ElementsAre("four"));
    log_.age(".1", 60);
    EXPECT_THAT(reader.read(), ElementsAre("five"));
}

TEST_F(FileLogTest, GoesOnInARenamedFileAfterARestart)
{
    log_.append("one\ntwo\n");
    LogReader first{log_};
    EXPECT_THAT(first.read_once(4), ElementsAre("one"));
    log_.rotate();
    log_.append("three\n");
    EXPECT_THAT(LogReader(log_, first.position()).read(), ElementsAre("two", "three"));
}

TEST_F(FileLogTest, GivesTheLastLineOfARotatedFileWithoutItsNewline)
{
    log_.append("one\ntwo");
    LogReader reader{log_};
    EXPECT_THAT(reader.read(), ElementsAre("one"));
    log_.rotate();
    EXPECT_THAT(reader.read(), IsEmpty());
    log_.append("three\n");
    EXPECT_THAT(reader.read(), ElementsAre("two", "three"));
    EXPECT_THAT(LogReader(log_, reader.position()).read(), IsEmpty());
}

TEST_F(FileLogTest, StaysInTheOldFileUntilTheNewOneGaveALine)
{
    log_.append("one\n");
    LogReader first{log_};
    first.read();
    auto const in_old = first.position();
    log_.rotate();
    EXPECT_THAT(first.read(), IsEmpty());
    EXPECT_EQ(first.position(), in_old);   // so that a rotation of the empty file loses nothing
    log_.rotate();
    log_.append("two\n");
    log_.rotate();
    log_.append("three\n");
    EXPECT_THAT(LogReader(log_, in_old).read(), ElementsAre("two", "three"));
    EXPECT_THAT(first.read(), ElementsAre("two", "three"));
}

TEST_F(FileLogTest, ReadsAllThatWasRotatedWhileItWasDownInOrder)
{
    log_.append("1\n");
    LogReader first{log_};
    first.read();
    Texts expected;
    for (int number = 2; number < 15; ++number) {   // "mail.log.9" stands behind "mail.log.10"
        log_.append(std::to_string(number) + "\n");
        expected.push_back(std::to_string(number));
        log_.rotate();
        if (number % 3 == 0) log_.gzip(".2");
    }
    EXPECT_THAT(LogReader(log_, first.position()).read(), ::testing::ElementsAreArray(expected));
    log_.append("15\n");
    expected.push_back("15");
    EXPECT_THAT(first.read(), ::testing::ElementsAreArray(expected));   // it held the first file open
}

struct Names {
    char const* note;
    std::vector<std::string> endings;   // oldest first
};

void PrintTo(Names const& one, std::ostream* out) { *out << one.note; }

class NamesTest : public FileLogTest, public ::testing::WithParamInterface<Names> {};

TEST_P(NamesTest, AreReadInTheirOrder)
{
    log_.append("0\n");
    LogReader first{log_};
    first.read();
    Texts expected;
    int number = 0;
    auto const& endings = GetParam().endings;
    for (auto ending : endings) {
        bool const packed = ending.ends_with(".gz");
        if (packed) ending.resize(ending.size() - 3);
        log_.rename("", ending);
        if (packed) log_.gzip(ending);
        log_.age(ending + (packed ? ".gz" : ""), static_cast<int>(endings.size()) * 60 - 60 * number);
        ++number;
        log_.write(std::to_string(number) + "\n");
        expected.push_back(std::to_string(number));
    }
    EXPECT_THAT(LogReader(log_, first.position()).read(), ::testing::ElementsAreArray(expected));
}

Names const kNames[] = {
    {"numbers", {".3", ".2", ".1"}},
    {"numbers, some packed", {".12.gz", ".11.gz", ".2.gz", ".1"}},
    {"logrotate's dateext", {"-20261119", "-20261120.gz", "-20261121", "-20261122"}},
    {"dateformat with hours", {"-2026112101", "-2026112102.gz", "-2026112113"}},
    {"dateformat with dashes", {"-2026-09-30", "-2026-10-01"}},
    {"dateformat %s", {"-1795000000.gz", "-1795003600", "-1795007200"}},
    {"postfix logrotate", {".20261119-050000.gz", ".20261120-050000.gz", ".20261121-050000"}},
    {"several kinds: by their last change", {".2.gz", "-20200101", ".1", "-20261121"}},
    {"days first: by their last change", {"-30112026", "-01122026", "-02122026"}},
};
INSTANTIATE_TEST_SUITE_P(Names, NamesTest, ::testing::ValuesIn(kNames));

TEST_F(FileLogTest, LeavesFilesAloneThatAreNotOfItsRotation)
{
    log_.append("0\n");
    LogReader first{log_};
    first.read();
    for (std::string const other : {".old", ".save", "2", "-", ".1.swp", "-new", ".a1"}) log_.write("no\n", other);
    std::filesystem::create_directory(log_.path(".3"));
    log_.rotate();
    log_.append("1\n");
    // ".1.swp" begins like a rotated file: it is one that changed before, and nothing follows from it.
    log_.age(".1.swp", 90'000);
    EXPECT_THAT(LogReader(log_, first.position()).read(), ElementsAre("1"));
}

TEST_F(FileLogTest, FollowsALinkToWhereTheLogsLie)
{
    std::filesystem::create_directory(log_.directory() + "/data");
    auto const real = log_.directory() + "/data/postfix";
    std::ofstream{real} << "one\n";
    std::filesystem::create_symlink(real, log_.path());
    LogReader first{log_};
    EXPECT_THAT(first.read(), ElementsAre("one"));
    std::ofstream{real, std::ios::app} << "two\n";
    std::filesystem::rename(real, real + ".1");
    std::ofstream{real} << "three\n";
    EXPECT_THAT(LogReader(log_, first.position()).read_once(100), ElementsAre("two"));
}

// ---- Written to after it was left ----

TEST_F(FileLogTest, ReadsWhatIsWrittenToARotatedFileAfterItWasLeft)
{
    log_.append("one\n");
    LogReader reader{log_};
    reader.read();
    log_.rotate();
    log_.append("two\n");
    EXPECT_THAT(reader.read(), ElementsAre("two"));
    log_.append("late\n", ".1");   // a daemon was not told of the rotation
    EXPECT_THAT(reader.read(), ElementsAre("late"));
    log_.append("three\n");
    log_.append("later\n", ".1");
    EXPECT_THAT(reader.read(), ElementsAre("later", "three"));
    log_.rotate();
    log_.append("four\n");
    EXPECT_THAT(reader.read(), ElementsAre("four"));
    log_.append("latest\n", ".2");
    EXPECT_THAT(reader.read(), ElementsAre("latest"));
    EXPECT_EQ(reader.health().gaps, 0u);
    EXPECT_EQ(reader.health().bytes_behind, 0u);
    EXPECT_EQ(reader.health().lines, 7u);
}

TEST_F(FileLogTest, ReadsLateLinesInPieces)
{
    log_.append("one\n");
    LogReader reader{log_};
    reader.read();
    log_.rotate();
    log_.append("two\n");
    reader.read();
    log_.append("a late line\nand ano", ".1");
    log_.append("three\n");
    EXPECT_THAT(reader.read(3), ElementsAre("a late line", "three"));
    log_.append("ther\n", ".1");
    EXPECT_THAT(reader.read(3), ElementsAre("and another"));
}

TEST_F(FileLogTest, NeitherLosesNorDoublesLateLinesAtARestart)
{
    log_.append("one\n");
    LogReader first{log_};
    first.read();
    log_.rotate();
    log_.append("two\n");
    first.read();
    auto const before_late = first.position();
    log_.append("late\n", ".1");
    EXPECT_THAT(first.read(), ElementsAre("late"));
    EXPECT_NE(first.position(), before_late);   // else it would not be stored
    EXPECT_THAT(LogReader(log_, first.position()).read(), IsEmpty());
    LogReader second{log_, before_late};
    EXPECT_THAT(second.read(), ElementsAre("late"));
    log_.append("later\n", ".1");
    EXPECT_THAT(second.read(), ElementsAre("later"));
    EXPECT_THAT(LogReader(log_, second.position()).read(), IsEmpty());
    EXPECT_EQ(second.health().gaps, 0u);
}

TEST_F(FileLogTest, FindsLateLinesThatArePackedByNow)
{
    log_.append("one\n");
    LogReader first{log_};
    first.read();
    log_.rotate();
    log_.append("two\n");
    first.read();
    log_.append("late\n", ".1");
    log_.rotate();
    log_.gzip(".2");
    log_.append("three\n");
    LogReader second{log_, first.position()};
    EXPECT_THAT(second.read(2), ElementsAre("late", "three"));
    EXPECT_THAT(LogReader(log_, second.position()).read(), IsEmpty());
    EXPECT_EQ(second.health().gaps, 0u);
}

TEST_F(FileLogTest, ReadsOnInALeftFileThatWasPackedWhileItsWriterHoldsItOpen)
{
    log_.append("one\n");
    LogReader reader{log_};
    reader.read();
    std::ofstream writer{log_.path(), std::ios::app};
    log_.rotate();
    log_.append("two\n");
    reader.read();
    log_.gzip(".1");
    writer << "late" << std::endl;
    EXPECT_THAT(reader.read(), ElementsAre("late"));
    EXPECT_THAT(LogReader(log_, reader.position()).read(), IsEmpty());
}

TEST_F(FileLogTest, KeepsThePlaceInALeftFileWhileTheNewOneHasGivenNoLine)
{
    log_.append("one\n");
    LogReader first{log_};
    first.read();
    log_.rotate();
    log_.append("a long line\n");
    EXPECT_THAT(first.read_once(1), IsEmpty());   // at the end of the old one
    EXPECT_THAT(first.read_once(1), IsEmpty());   // within the first line of the new one
    log_.append("late\n", ".1");
    EXPECT_THAT(first.read_once(100), ElementsAre("late"));
    LogReader second{log_, first.position()};
    log_.age(".1", 60);
    EXPECT_THAT(second.read(), ElementsAre("a long line"));
}

TEST_F(FileLogTest, GivesALineThatIsEndedAfterItsFileWasLeft)
{
    log_.append("one\ntw");
    LogReader reader{log_};
    reader.read();
    log_.rotate();
    log_.append("three\n");
    EXPECT_THAT(reader.read(), ElementsAre("tw", "three"));
    log_.append("o\n", ".1");
    EXPECT_THAT(reader.read(), ElementsAre("two"));
}

TEST_F(FileLogTest, GoesOnInALeftFileThatWasEmptied)
{
    log_.append("one\n");
    LogReader reader{log_};
    reader.read();
    log_.rotate();
    log_.append("two\n");
    reader.read();
    log_.write("", ".1");   // by hand, to make room
    EXPECT_THAT(reader.read(), IsEmpty());
    log_.append("late, and longer than what was read before\n", ".1");
    EXPECT_THAT(reader.read(), ElementsAre("late, and longer than what was read before"));
    log_.write("x\n", ".1");
    EXPECT_THAT(reader.read(), ElementsAre("x"));
    log_.append("a line\n", ".1");
    EXPECT_THAT(reader.read(), ElementsAre("a line"));
    std::filesystem::resize_file(log_.path(".1"), 4);   // "x\na "
    EXPECT_THAT(reader.read(), IsEmpty());
    log_.append("rest\nwhole\n", ".1");
    EXPECT_THAT(reader.read(), ElementsAre("whole"));
}

TEST_F(FileLogTest, LooksAtAFileThatGrowsHoweverManyWereLeftAfterIt)
{
    log_.append("one\n");
    LogReader reader{log_};
    reader.read();
    for (int rotation = 1; rotation < 8; ++rotation) {
        log_.rotate();
        log_.append("new\n");
        EXPECT_THAT(reader.read(), ElementsAre("new"));
        log_.append("late\n", "." + std::to_string(rotation));
        EXPECT_THAT(reader.read(), ElementsAre("late")) << rotation;
    }
}

TEST_F(FileLogTest, DoublesNothingWhereARotationIsUndone)
{
    log_.append("one\n");
    LogReader reader{log_};
    reader.read();
    log_.rotate();
    log_.append("two\n");
    reader.read();
    log_.age("", 60);
    log_.rename(".1", "");
    log_.append("three\n");
    EXPECT_THAT(reader.read(), ElementsAre("three"));
    log_.append("four\n");
    EXPECT_THAT(reader.read(), ElementsAre("four"));
    EXPECT_THAT(LogReader(log_, reader.position()).read(), IsEmpty());
}

TEST_F(FileLogTest, CountsTheFilesBetweenAsBehind)
{
    log_.append("one\n");
    LogReader first{log_};
    first.read();
    log_.append("two\nthree\n");
    log_.rotate();
    log_.append("four\n");
    log_.rotate();
    log_.append("five and six\n");
    log_.rotate();
    log_.append("seven\n");
    LogReader second{log_, first.position()};
    EXPECT_THAT(second.read_once(4), ElementsAre("two"));
    EXPECT_EQ(second.health().bytes_behind, 6u + 5u + 13u + 6u);
    second.read();
    EXPECT_EQ(second.health().bytes_behind, 0u);
}

// ---- Copied and truncated ----

TEST_F(FileLogTest, FindsWhatWasCopiedAwayBeforeItWasTruncated)
{
    log_.append("one\n");
    LogReader reader{log_};
    EXPECT_THAT(reader.read(), ElementsAre("one"));
    log_.append("two\nthree\n");
    log_.copy_and_truncate();
    log_.append("four\n");
    EXPECT_THAT(reader.read(), ElementsAre("two", "three", "four"));
    EXPECT_EQ(reader.health().gaps, 0u);
}

TEST_F(FileLogTest, FindsItAfterSeveralTruncationsAndPacked)
{
    log_.append("one\ntw");
    LogReader running{log_};
    EXPECT_THAT(running.read(), ElementsAre("one"));
    auto const position = running.position();
    log_.append("o\n");
    log_.copy_and_truncate();
    log_.gzip(".1");
    log_.append("three\n");
    log_.copy_and_truncate();
    log_.append("four, and grown beyond what was read\n");
    LogReader restarted{log_, position};
    for (auto* const reader : {&running, &restarted}) {
        EXPECT_THAT(reader->read(), ElementsAre("two", "three", "four, and grown beyond what was read"));
        EXPECT_EQ(reader->health().gaps, 0u);
    }
}

TEST_F(FileLogTest, IsNotMisledByACopyBeforeTheTruncation)
{
    log_.append("one of sixteen bytes or more\n");
    LogReader first{log_};
    first.read();
    std::filesystem::copy_file(log_.path(), log_.path(".1"));   // logrotate is at work
    log_.age(".1", 60);
    log_.append("two\n");
    LogReader second{log_, first.position()};
    EXPECT_THAT(second.read(), ElementsAre("two"));   // which the copy does not have
    std::filesystem::resize_file(log_.path(), 0);
    log_.append("three\n");
    EXPECT_THAT(second.read(), ElementsAre("three"));
    EXPECT_EQ(second.health().gaps, 0u);
}

TEST_F(FileLogTest, CountsWhatWasTruncatedWithoutACopyAsAGap)
{
    log_.append("one\ntwo\n");
    LogReader reader{log_};
    EXPECT_THAT(reader.read_once(4), ElementsAre("one"));
    log_.write("three\n");
    EXPECT_THAT(reader.read(), ElementsAre("three"));
    EXPECT_EQ(reader.health().gaps, 1u);
    EXPECT_EQ(reader.health().gap,
              log_.path() + ": what was read to byte 4 was removed or truncated; lines behind that may be lost");
    EXPECT_EQ(reader.trouble(), "");
    EXPECT_THAT(LogReader(log_, reader.position()).read(), IsEmpty());
}

TEST_F(FileLogTest, KnowsAnInodeThatIsUsedAgainByItsFirstLine)
{
    log_.append("one of the old file\n");
    LogReader first{log_};
    first.read();
    log_.write("one of a new file, which has the inode of the old one\n");   // as on ext4 after rm and touch
    LogReader second{log_, first.position()};
    EXPECT_THAT(second.read(), ElementsAre("one of a new file, which has the inode of the old one"));
    EXPECT_EQ(second.health().gaps, 1u);
}

TEST_F(FileLogTest, CountsAGapOnceHoweverLongTheNewFileIsAwaited)
{
    log_.append("one\n");
    LogReader first{log_};
    first.read();
    log_.remove("");
    log_.write("older\n", ".1");
    log_.age(".1", 3600);
    LogReader second{log_, first.position()};
    for (int i = 0; i < 3; ++i) EXPECT_THAT(second.read(), IsEmpty());
    EXPECT_EQ(second.health().gaps, 0u);   // it may still come back
    log_.write("two\n");
    EXPECT_THAT(second.read(), ElementsAre("two"));
    EXPECT_EQ(second.health().gaps, 1u);
}

TEST_F(FileLogTest, ReadsWhatChangedLaterWhereItsOwnFileWasRemoved)
{
    log_.append("1\n");
    log_.age("", 600);
    LogReader first{log_};
    first.read();
    for (int number = 2; number < 6; ++number) {
        log_.rotate();
        log_.age(".1", 600 - 100 * number);
        log_.append(std::to_string(number) + "\n");
    }
    log_.remove(".4");
    log_.age(".3", 350);
    log_.age(".2", 250);
    LogReader second{log_, first.position()};
    EXPECT_THAT(second.read(), ElementsAre("2", "3", "4", "5"));
    EXPECT_EQ(second.health().gaps, 1u);
}

TEST_F(FileLogTest, GoesOnInAFileThatAnEditorWroteAnew)
{
    log_.append("one\ntwo\n");
    LogReader reader{log_};
    reader.read();
    std::filesystem::copy_file(log_.path(), log_.path("-edited"));
    log_.age("", 60);
    log_.rename("-edited", "");   // another inode
    log_.append("three\n");
    EXPECT_THAT(reader.read(), ElementsAre("three"));
    EXPECT_EQ(reader.health().gaps, 0u);
}

TEST_F(FileLogTest, DoublesNothingWhereAPowerFailureTookTheLastLines)
{
    log_.append("one of sixteen bytes\ntwo\nthree\n");
    LogReader first{log_};
    first.read();
    std::filesystem::resize_file(log_.path(), 23);   // ends in "tw"
    {
        LogReader second{log_, first.position()};
        EXPECT_THAT(second.read(), IsEmpty());
        EXPECT_EQ(second.health().gaps, 1u);
        EXPECT_EQ(second.health().gap,
                  log_.path() + ": shorter than it was, by 8 bytes or more: lines were taken out of it");
    }
    EXPECT_THAT(first.read(), IsEmpty());   // one that runs sees it, too
    EXPECT_EQ(first.health().gaps, 1u);
}

TEST_F(FileLogTest, GoesOnWithAWholeLineWhereThePositionLiesWithinOne)
{
    std::string const much(2'000, 'x');
    log_.append("one\n" + much + "\ntwo\n" + much + "\n");
    LogReader first{log_};
    first.read();
    std::filesystem::resize_file(log_.path(), 2'007);   // a power failure left "tw", and other lines came
    log_.append("four" + much + much + "\nthree\n");
    LogReader second{log_, first.position()};
    EXPECT_THAT(second.read(), ElementsAre("three"));
    EXPECT_EQ(second.health().gaps, 1u);
    EXPECT_EQ(second.health().gap, log_.path() + ": was written anew behind its first lines; some may be lost");
}

// ---- Packed ----

TEST_F(FileLogTest, GoesOnInAFileThatIsPackedByNow)
{
    log_.append("one\ntwo\n");
    LogReader first{log_};
    EXPECT_THAT(first.read_once(4), ElementsAre("one"));
    log_.rotate();
    log_.gzip(".1");
    log_.append("three\n");
    LogReader second{log_, first.position()};
    EXPECT_THAT(second.read_once(100), ElementsAre("two"));
    auto const within_packed = second.position();
    EXPECT_THAT(second.read(), ElementsAre("three"));
    log_.rotate();
    LogReader third{log_, within_packed};
    EXPECT_THAT(third.read(1), ElementsAre("three"));
    EXPECT_EQ(third.health().gaps, 0u);
}

TEST_F(FileLogTest, PrefersAFileToItsCopyThatIsBeingPacked)
{
    log_.append("one\ntwo\n");
    LogReader first{log_};
    EXPECT_THAT(first.read_once(4), ElementsAre("one"));
    log_.rotate();
    log_.write("half a gzip file", ".1.gz");
    log_.append("three\n");
    LogReader second{log_, first.position()};
    EXPECT_THAT(second.read(), ElementsAre("two", "three"));
    EXPECT_EQ(second.health().gaps, 0u);
}

TEST_F(FileLogTest, CountsAFileInAFormItDoesNotReadAsAGap)
{
    log_.append("one\n");
    LogReader first{log_};
    first.read();
    log_.rotate();
    log_.append("two\n");
    log_.rotate();
    LogDirectory::run({"xz", log_.path(".1")});
    log_.append("three\n");
    LogReader second{log_, first.position()};
    EXPECT_THAT(second.read(), ElementsAre("three"));
    EXPECT_EQ(second.health().gaps, 1u);
    EXPECT_EQ(second.health().gap, log_.path(".1.xz") + ": packed in a form that is not read; only .gz is");
}

TEST_F(FileLogTest, CountsADamagedFileAsAGapAndGoesOn)
{
    log_.append("one\n");
    LogReader first{log_};
    first.read();
    std::string many;
    std::uint64_t random = 1;
    for (int i = 0; i < 20'000; ++i) many += std::to_string(random = random * 6'364'136'223'846'793'005u + 1) + "\n";
    log_.append(many);
    log_.rotate();
    log_.gzip(".1");
    std::filesystem::resize_file(log_.path(".1.gz"), std::filesystem::file_size(log_.path(".1.gz")) / 2);
    log_.append("last\n");
    LogReader second{log_, first.position()};
    auto const lines = second.read();
    EXPECT_GT(lines.size(), 1'000u);
    EXPECT_EQ(lines.back(), "last");
    EXPECT_EQ(second.health().gaps, 1u);
    EXPECT_THAT(second.health().gap, HasSubstr(log_.path(".1.gz") + ": damaged: "));
    EXPECT_THAT(LogReader(log_, second.position()).read(), IsEmpty());
}

// ---- Waking ----

bool wakes(LogReader& reader, int milliseconds)
{
    pollfd ready{reader.source().wake_descriptor(), POLLIN, 0};
    return ::poll(&ready, 1, milliseconds) == 1;
}

TEST_F(FileLogTest, WakesWhenTheLogGrowsAndSleepsUntilThen)
{
    log_.append("one\n");
    LogReader reader{log_};
    reader.read();
    EXPECT_FALSE(wakes(reader, 0));
    log_.append("two\n");
    EXPECT_TRUE(wakes(reader, 60'000));
    EXPECT_THAT(reader.read(), ElementsAre("two"));
    EXPECT_FALSE(wakes(reader, 0));
}

TEST_F(FileLogTest, WakesForARotationAndForTheEndOfTheSecondOfQuiet)
{
    log_.append("one\n");
    LogReader reader{log_};
    reader.read();
    log_.rename("", ".1");
    log_.write("two\n");
    log_.age(".1", -60);
    Texts lines;
    while (lines.empty()) {
        ASSERT_TRUE(wakes(reader, 60'000));
        lines = reader.read();
    }
    EXPECT_THAT(lines, ElementsAre("two"));
}

TEST_F(FileLogTest, WakesForALateLine)
{
    log_.append("one\n");
    LogReader reader{log_};
    reader.read();
    log_.rotate();
    log_.append("two\n");
    reader.read();
    EXPECT_FALSE(wakes(reader, 0));
    log_.append("late\n", ".1");
    EXPECT_TRUE(wakes(reader, 60'000));
    EXPECT_THAT(reader.read(), ElementsAre("late"));
}

TEST_F(FileLogTest, WakesForADirectoryThatComes)
{
    auto const directory = log_.directory() + "/later";
    LogReader reader{directory + "/mail.log"};
    reader.read();
    std::filesystem::create_directory(directory);
    ASSERT_TRUE(wakes(reader, 60'000));   // within a second: nothing tells of it
    reader.read();
    std::filesystem::remove(directory);
    ASSERT_TRUE(wakes(reader, 60'000));
    reader.read();
    std::filesystem::create_directory(directory);
    std::ofstream{directory + "/mail.log"} << "one\n";
    ASSERT_TRUE(wakes(reader, 60'000));
    EXPECT_THAT(reader.read(), ElementsAre("one"));
}

// ---- Standard input ----

TEST(StandardInputLog, IsReadToItsEnd)
{
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    base::Fd const reading{ends[0]};
    base::Fd writing{ends[1]};
    LogReader reader{std::make_unique<StandardInput>(reading.get())};
    EXPECT_THAT(reader.read(), IsEmpty());   // does not wait
    ASSERT_EQ(::write(writing.get(), "one\ntwo\nthr", 11), 11);
    EXPECT_TRUE(wakes(reader, 0));
    EXPECT_THAT(reader.read_once(4), ElementsAre("one"));
    EXPECT_THAT(reader.read_once(100), ElementsAre("two"));
    EXPECT_FALSE(reader.source().read(100).has_ended);
    writing.reset();
    auto const last = reader.source().read(100);
    EXPECT_THAT(last.lines, ElementsAre("thr"));
    EXPECT_TRUE(last.has_ended);
    EXPECT_EQ(reader.source().wake_descriptor(), -1);
    EXPECT_TRUE(reader.source().read(100).has_ended);
    EXPECT_EQ(reader.position(), "");
    EXPECT_EQ(reader.health().lines, 3u);
}

}   // namespace
}   // namespace mailcore::outcomes
