#include "vault-sync/source/audit.hpp"

#include <filesystem>
#include <iterator>
#include <unistd.h>

#include "tests/unit/vault-sync/source/scoped_directory.hpp"
#include "vault-sync/vault/secret_json.hpp"

namespace mailcore::vault_sync {
namespace {

using namespace std::chrono;

AuditEntry read_entry()
{
    return {base::Time{sys_days{2026y / November / 21} + 1h + 123ms},
            "read",
            "secret/keybuzz/smtp",
            7,
            "relay primary",
            "ok"};
}

std::string contents(std::string const& path)
{
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

TEST(Audit, WritesOneJsonLine)
{
    EXPECT_EQ(
        audit_line(read_entry(), {0, "root", "anna", "vault-sync.service", 4711}),
        "{\"time\":\"2026-11-21T01:00:00.123Z\",\"uid\":0,\"user\":\"root\",\"sudo_user\":\"anna\",\"unit\":\"vault-"
        "sync.service\","
        "\"pid\":4711,\"action\":\"read\",\"path\":\"secret/keybuzz/smtp\",\"version\":7,\"purpose\":\"relay primary\","
        "\"result\":\"ok\"}\n");
}

TEST(Audit, StaysOneLineWhateverTheTextsHold)
{
    auto entry = read_entry();
    entry.result = "line one\nline \"two\"\xff";
    auto const line = audit_line(entry, {});
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    EXPECT_EQ(SecretJson::parse(base::Secret{line}).value().at("result").text(), "line one\nline \"two\"\xef\xbf\xbd");
}

TEST(Audit, FindsTheUnit)
{
    EXPECT_EQ(unit_of("0::/system.slice/vault-sync.service\n"), "vault-sync.service");
    EXPECT_EQ(unit_of("0::/user.slice/user-1000.slice/user@1000.service/app.slice/mine.service\n"), "mine.service");
    EXPECT_EQ(unit_of("12:pids:/system.slice/a.service\n0::/\n"), "a.service");
    EXPECT_EQ(unit_of("0::/user.slice/session-3.scope\n"), "");
    EXPECT_EQ(unit_of(""), "");
}

TEST(Audit, KnowsItsOwnProcess)
{
    auto const identity = own_identity();
    EXPECT_EQ(identity.uid, ::getuid());
    EXPECT_EQ(identity.pid, ::getpid());
}

TEST(Audit, AppendsToAFileOfItsOwn)
{
    ScopedDirectory const directory;
    auto const path = directory.path("audit.jsonl");
    ASSERT_TRUE(write_audit(path, read_entry()));
    std::filesystem::rename(path, path + ".1");   // logrotate
    ASSERT_TRUE(write_audit(path, read_entry()));
    ASSERT_TRUE(write_audit(path, read_entry()));
    auto const text = contents(path);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777u & ~0640u, 0u);
}

TEST(Audit, RefusesAnotherPlace)
{
    ScopedDirectory const directory;
    auto const link = directory.path("link");
    std::filesystem::create_symlink("/dev/null", link);
    EXPECT_EQ(write_audit(link, read_entry()).error().message,
              "audit_log: cannot open " + link + ": Too many levels of symbolic links");
    EXPECT_EQ(write_audit("/dev/null", read_entry()).error().message, "audit_log: /dev/null is not a regular file");
    auto const nowhere = directory.path("no/audit.jsonl");
    EXPECT_EQ(write_audit(nowhere, read_entry()).error().message,
              "audit_log: cannot open " + nowhere + ": No such file or directory");
    EXPECT_TRUE(write_audit("", read_entry())) << "no audit log wanted";
}

}   // namespace
}   // namespace mailcore::vault_sync
