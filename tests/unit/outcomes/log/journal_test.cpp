// The journal as a real journald writes it: a private one, which the system's does not know of.

#include "outcomes/log/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "core/base/fd.hpp"
#include "core/base/text.hpp"
#include "outcomes/log/line_buffer.hpp"
#include "tests/unit/outcomes/log/log_directory.hpp"

namespace mailcore::outcomes {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using testing::LogReader;
using testing::Texts;

constexpr auto kPatience = 60s;

// journald in a mount namespace of its own, with its sockets and files in our directory.
class PrivateJournald {
public:
    explicit PrivateJournald(std::string const& directory) : directory_{directory}
    {
        for (auto const* const name : {"/sockets", "/journal", "/etc"}) std::filesystem::create_directory(directory + name);
        std::ofstream{directory + "/etc/journald@test.conf"} << "[Journal]\nStorage=volatile\nSystemMaxUse=50M\n";
        std::string const script = "set -e; mount --make-rprivate /; mount -t tmpfs none /run;"
                                   "mkdir -p /run/systemd /run/log/journal;"
                                   "mount --bind " + directory + "/sockets /run/systemd;"
                                   "mount --bind " + directory + "/journal /run/log/journal;"
                                   "mount --bind " + directory + "/etc /etc/systemd;"
                                   "exec /lib/systemd/systemd-journald test";
        process_ = ::fork();
        if (process_ == 0) run(script);
        wait_for_start();
    }
    ~PrivateJournald()
    {
        if (process_ <= 0) return;
        ::kill(process_, SIGTERM);
        ::waitpid(process_, nullptr, 0);
    }
    PrivateJournald(PrivateJournald const&) = delete;
    PrivateJournald& operator=(PrivateJournald const&) = delete;

    bool is_running() const { return process_ > 0 && !files_.empty(); }
    std::string const& files() const { return files_; }   // the directory of the journal's files

    void syslog(std::string const& message) const { send("dev-log", message); }   // as syslog(3) does
    void native(std::string const& fields) const { send("socket", fields); }     // as sd_journal_send(3) does

    // The files of now become archives. Returns when there is an archive more.
    void rotate() const
    {
        auto const before = archives().size();
        ::kill(process_, SIGUSR2);
        for (auto const end = base::Stopwatch::now() + kPatience; archives().size() == before;) {
            if (base::Stopwatch::now() > end) throw std::runtime_error{"journald does not rotate"};
            std::this_thread::sleep_for(10ms);
        }
    }
    std::vector<std::filesystem::path> archives() const
    {
        std::vector<std::filesystem::path> found;
        for (auto const& entry : std::filesystem::directory_iterator{files()}) {
            if (entry.path().filename().string().find('@') != std::string::npos) found.push_back(entry.path());
        }
        return found;
    }

private:
    [[noreturn]] static void run(std::string const& script)
    {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (std::freopen("/dev/null", "w", stderr) != nullptr) {
            ::execlp("unshare", "unshare", "-m", "sh", "-c", script.c_str(), nullptr);
        }
        ::_exit(127);
    }

    void wait_for_start()
    {
        for (auto const end = base::Stopwatch::now() + kPatience; base::Stopwatch::now() < end;) {
            if (::waitpid(process_, nullptr, WNOHANG) == process_) process_ = 0;   // it may not do that here
            if (process_ == 0) return;
            if (std::filesystem::exists(directory_ + "/sockets/journal.test/dev-log")) {
                syslog("<30>a first word");   // the files are made when there is something to write
                if (find_files()) return;
            }
            std::this_thread::sleep_for(10ms);
        }
    }
    bool find_files()
    {
        for (auto const& entry : std::filesystem::directory_iterator{directory_ + "/journal"}) {
            if (std::filesystem::exists(entry.path() / "system.journal")) files_ = entry.path();
        }
        return !files_.empty();
    }

    void send(std::string const& name, std::string const& datagram) const
    {
        base::Fd const socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        auto const path = directory_ + "/sockets/journal.test/" + name;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        ::sendto(socket.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr const*>(&address),
                 sizeof address);
    }

    std::string const directory_;
    std::string files_;
    pid_t process_ = 0;
};

class JournalLogTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        if (::geteuid() != 0) GTEST_SKIP() << "a private journald needs root";
        if (!std::filesystem::exists("/lib/systemd/systemd-journald")) GTEST_SKIP() << "there is no journald here";
        journald_ = std::make_unique<PrivateJournald>(directory_.directory());
        if (!journald_->is_running()) GTEST_SKIP() << "journald cannot be run here: no private mounts are allowed";
    }
    std::string what() const { return "journal:" + journald_->files(); }

    // Messages alone, as they come: journald takes its time.
    static Texts read(LogReader& reader, std::size_t count)
    {
        Texts texts;
        for (auto const end = base::Stopwatch::now() + kPatience; base::Stopwatch::now() < end;) {
            for (auto const& line : reader.read(1'000)) texts.push_back(line.substr(line.find("]: ") + 3));
            if (texts.size() >= count) break;
            pollfd ready{reader.source().wake_descriptor(), POLLIN, 0};
            ::poll(&ready, 1, 1'000);
        }
        return texts;
    }

    testing::LogDirectory directory_;
    std::unique_ptr<PrivateJournald> journald_;
};

TEST_F(JournalLogTest, GivesLinesAsASyslogFileHasThem)
{
    LogReader reader{what()};
    auto const before = base::now();
    journald_->syslog("<22>Nov 22 05:00:01 postfix/smtp[123]: 4jWYs717qcz8lWc: to=<a@b.test>, status=sent (250 ok)");
    Texts lines;
    for (auto const end = base::Stopwatch::now() + kPatience; lines.empty() && base::Stopwatch::now() < end;) {
        lines = reader.read();
    }
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_THAT(lines[0], MatchesRegex("20..-..-..T..:..:..[.]......[+]00:00 [^ ]+ postfix/smtp.123.: "
                                       "4jWYs717qcz8lWc: to=<a@b.test>, status=sent .250 ok."));
    auto const time = base::parse_time(lines[0].substr(0, lines[0].find(' ')));
    ASSERT_TRUE(time);
    EXPECT_GE(*time, before);   // when it was logged, not what the message says
    EXPECT_LE(*time, base::now());
    EXPECT_EQ(reader.trouble(), "");
    EXPECT_EQ(reader.health().lines, 1u);
}

TEST_F(JournalLogTest, GivesMailOnlyAndEachEntryAsOneLine)
{
    LogReader reader{what()};
    journald_->syslog("<30>other[1]: not of facility mail");
    journald_->syslog("<22>postfix-out/qmgr[7]: tab\tand \x01 control");
    LogReader first{what()};
    EXPECT_THAT(read(first, 1), ElementsAre("tab#011and #001 control"));   // its two sockets have no order
    journald_->native("SYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=dovecot\nMESSAGE\n" +
                      std::string("\x07\0\0\0\0\0\0\0two\nrow", 15) + "\n");
    LogReader second{what(), first.position()};
    EXPECT_THAT(read(second, 1), ElementsAre("two#012row"));
    journald_->syslog("<22>postfix/smtp[8]: last");
    EXPECT_THAT(read(reader, 3), ElementsAre("tab#011and #001 control", "two#012row", "last"));
}

TEST_F(JournalLogTest, GoesOnBehindItsCursor)
{
    LogReader first{what()};
    journald_->syslog("<22>postfix/smtp[1]: one");
    journald_->syslog("<22>postfix/smtp[1]: two");
    EXPECT_THAT(read(first, 2), ElementsAre("one", "two"));
    EXPECT_THAT(first.position(), HasSubstr("journal1:cursor:s="));
    journald_->syslog("<22>postfix/smtp[1]: three");
    LogReader second{what(), first.position()};
    EXPECT_THAT(read(second, 1), ElementsAre("three"));
    EXPECT_EQ(second.health().gaps, 0u);
    EXPECT_THAT(read(first, 1), ElementsAre("three"));
    EXPECT_EQ(first.position(), second.position());
}

TEST_F(JournalLogTest, ReadsInPieces)
{
    for (int i = 0; i < 50; ++i) journald_->syslog("<22>postfix/smtp[1]: line " + std::to_string(i));
    LogReader reader{what()};
    EXPECT_EQ(read(reader, 50).size(), 50u);
    std::string position;
    for (int i = 0; i < 50; ++i) {   // a restart after every line
        LogReader one{what(), position};
        auto const lines = one.read_once(1);
        ASSERT_EQ(lines.size(), 1u);
        EXPECT_THAT(lines[0], ::testing::EndsWith("line " + std::to_string(i)));
        position = one.position();
    }
    EXPECT_THAT(LogReader(what(), position).read(), IsEmpty());
}

TEST_F(JournalLogTest, FollowsItsRotation)
{
    LogReader running{what()};
    journald_->syslog("<22>postfix/smtp[1]: one");
    EXPECT_THAT(read(running, 1), ElementsAre("one"));
    auto const position = running.position();
    journald_->syslog("<22>postfix/smtp[1]: two");
    journald_->rotate();
    journald_->syslog("<22>postfix/smtp[1]: three");
    journald_->rotate();
    journald_->syslog("<22>postfix/smtp[1]: four");
    EXPECT_THAT(read(running, 3), ElementsAre("two", "three", "four"));
    LogReader restarted{what(), position};
    EXPECT_THAT(read(restarted, 3), ElementsAre("two", "three", "four"));
    EXPECT_EQ(restarted.health().gaps, 0u);
}

TEST_F(JournalLogTest, CountsACursorThatIsGoneAsAGap)
{
    LogReader first{what()};
    journald_->syslog("<22>postfix/smtp[1]: one");
    EXPECT_THAT(read(first, 1), ElementsAre("one"));
    journald_->syslog("<22>postfix/smtp[1]: lost");
    EXPECT_THAT(read(first, 1), ElementsAre("lost"));
    auto const position = first.position();
    journald_->rotate();
    journald_->syslog("<22>postfix/smtp[1]: kept");
    EXPECT_THAT(read(first, 1), ElementsAre("kept"));
    for (auto const& archive : journald_->archives()) std::filesystem::remove(archive);   // as its vacuum does
    LogReader second{what(), position};
    EXPECT_THAT(read(second, 1), ElementsAre("kept"));
    EXPECT_EQ(second.health().gaps, 1u);
    EXPECT_EQ(second.health().gap, "journal: the entry that was read last is gone; lines behind it may be lost");
}

TEST_F(JournalLogTest, KeepsTheTimeOfItsFirstLookWhereNothingCame)
{
    LogReader first{what()};
    EXPECT_THAT(first.read(), IsEmpty());
    auto const position = first.position();
    EXPECT_THAT(position, MatchesRegex("journal1:since:[0-9]+"));
    journald_->syslog("<22>postfix/smtp[1]: one");
    LogReader second{what(), position};
    EXPECT_THAT(read(second, 1), ElementsAre("one"));
    EXPECT_EQ(second.health().gaps, 0u);
}

TEST_F(JournalLogTest, CountsWhatJournaldSuppressedAsAGap)
{
    LogReader reader{what()};
    // What journald writes about a unit; there is no unit here, so that we say it.
    journald_->native("MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\nMESSAGE=Suppressed 7 messages from other.service\n");
    journald_->native("MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\n"
                      "MESSAGE=Suppressed 1234 messages from postfix@-.service\n");
    journald_->native("SYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=postfix/smtp\nSYSLOG_PID=1\nMESSAGE=one\n");
    EXPECT_THAT(read(reader, 1), ElementsAre("one"));
    EXPECT_EQ(reader.health().gaps, 1u);
    EXPECT_EQ(reader.health().gap,
              "journald: Suppressed 1234 messages from postfix@-.service; set LogRateLimitIntervalSec=0 for that unit");
}

TEST_F(JournalLogTest, CutsALineThatIsTooLong)
{
    LogReader reader{what()};
    journald_->native("SYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=postfix/smtp\nMESSAGE=" + std::string(100'000, 'x') + "\n");
    journald_->native("SYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=postfix/smtp\nSYSLOG_PID=1\nMESSAGE=last\n");
    auto const lines = read(reader, 2);
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_LE(lines[0].size(), kLongestLine);
    EXPECT_GT(lines[0].size(), std::size_t{60'000});
    EXPECT_EQ(lines[1], "last");
    EXPECT_EQ(reader.health().cut, 1u);
}

// ---- Without a journald ----

TEST(JournalLogAlone, WaitsForADirectoryThatIsNotThere)
{
    LogReader reader{"journal:/nonexistent/journal"};
    EXPECT_THAT(reader.read(), IsEmpty());
    EXPECT_EQ(reader.trouble(), "journal: /nonexistent/journal: No such file or directory");
    EXPECT_EQ(reader.source().wake_descriptor(), -1);
}

TEST(JournalLogAlone, ReadsAnEmptyDirectoryAsAnEmptyJournal)
{
    testing::LogDirectory const directory;
    LogReader reader{"journal:" + directory.directory()};
    EXPECT_THAT(reader.read(), IsEmpty());
    EXPECT_EQ(reader.trouble(), "");
    EXPECT_GE(reader.source().wake_descriptor(), 0);
}

TEST(JournalLogAlone, BeginsAnewWhereThePositionIsOfSomethingElse)
{
    testing::LogDirectory const directory;
    for (std::string const position : {"file1:1:2:3", "journal2:cursor:s=1", "?"}) {
        LogReader reader{"journal:" + directory.directory(), position};
        EXPECT_THAT(reader.read(), IsEmpty());
        EXPECT_EQ(reader.health().gaps, 1u);
        EXPECT_THAT(reader.position(), MatchesRegex("journal1:since:[0-9]+"));
    }
    LogReader reader{"journal:" + directory.directory(), "journal1:cursor:no cursor"};
    EXPECT_THAT(reader.read(), IsEmpty());
    EXPECT_EQ(reader.health().gap,
              "journal: the saved position is no cursor (Invalid argument); it is read from the last hour");
}

}   // namespace
}   // namespace mailcore::outcomes
