// Files of former versions, of later ones, and of others.

#include <gmock/gmock.h>

#include <array>
#include <fstream>
#include <sstream>

#include "outcomes/store/schema.hpp"
#include "store_fixture.hpp"

namespace mailcore::outcomes::test {
namespace {

using ::testing::ElementsAre;

class SchemaTest : public StoreTest {
protected:
    void make(std::string const& sql) const
    {
        std::ofstream{path()};   // SQLite opens what is there
        Database database{path(), Database::Access::Write};
        database.execute(sql);
    }
};

// One for each version there was: `sqlite3 outcomes.db .dump`, with application_id and user_version.
TEST_F(SchemaTest, AFileOfEachFormerVersionIsReadOn)
{
    for (int version = 1; version <= static_cast<int>(schema_steps().size()); ++version) {
        SCOPED_TRACE("version " + std::to_string(version));
        std::ifstream file{std::string{TESTDATA} + "/outcomes-store/version-" + std::to_string(version) + ".sql"};
        ASSERT_TRUE(file) << "each version has its dump";
        std::ostringstream dump;
        dump << file.rdbuf();
        make(dump.str());
        EXPECT_THAT(brief(store().query({}).value().outcomes), ElementsAre("BOUNCED berta@example.com", "DEFERRED anna@example.com"));
        EXPECT_EQ(store().query({.ticket = "ticket_smtp_test_001"}).value().outcomes.size(), 2u);
        EXPECT_EQ(store().query({.recipient = "team@example.com"}).value().outcomes.size(), 1u);
        EXPECT_EQ(store().positions().value().at("mail_log"), "inode 7 offset 4711");
        EXPECT_EQ(store().counters().value().at("failed|SES|kbz_test"), 1u);
        auto const due = store().take_due(kMorning, 10).value();
        ASSERT_EQ(due.size(), 1u);
        EXPECT_EQ(due[0].outcome.reason, "550 5.1.1 no such user");
        close();
        Database database{path(), Database::Access::Read};
        EXPECT_EQ(database.number("PRAGMA user_version"), static_cast<std::int64_t>(schema_steps().size()));
        EXPECT_EQ(database.number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    }
}

TEST_F(SchemaTest, StepsAreTakenOneByOne)
{
    constexpr std::array<std::string_view, 3> steps{"CREATE TABLE one (a)", "CREATE TABLE two (b); INSERT INTO one VALUES (7)",
                                                    "INSERT INTO two SELECT a + 1 FROM one"};
    make("");
    Database database{path(), Database::Access::Write};
    upgrade_schema(database, std::span{steps}.first(1));
    EXPECT_EQ(database.number("PRAGMA user_version"), 1);
    upgrade_schema(database, steps);
    EXPECT_EQ(database.number("PRAGMA user_version"), 3);
    EXPECT_EQ(database.number("SELECT b FROM two"), 8);
    upgrade_schema(database, steps);
    EXPECT_EQ(database.number("SELECT count(*) FROM two"), 1) << "each step once";
}

TEST_F(SchemaTest, AStepThatFailsLeavesTheVersionBefore)
{
    constexpr std::array<std::string_view, 2> steps{"CREATE TABLE one (a)", "CREATE TABLE two (b); CREATE TABLE one (a)"};
    make("");
    Database database{path(), Database::Access::Write};
    EXPECT_THROW(upgrade_schema(database, steps), DatabaseError);
    EXPECT_EQ(database.number("PRAGMA user_version"), 1);
    EXPECT_EQ(database.number("SELECT count(*) FROM sqlite_schema WHERE name = 'two'"), 0);
}

TEST_F(SchemaTest, AFileOfANewerVersionIsRefused)
{
    store();
    close();
    Database{path(), Database::Access::Write}.execute("PRAGMA user_version = 99");
    EXPECT_EQ(error_of_open(), "outcomes.store: " + path() + ": written by a newer mailcore (schema 99, this one knows " + std::to_string(schema_steps().size()) +
                               "); install that version again, or move the file away to begin anew");
}

TEST_F(SchemaTest, AnothersFileIsRefusedAndLeftAsItIs)
{
    make("CREATE TABLE accounts (id); PRAGMA user_version = 1");
    EXPECT_EQ(error_of_open(), "outcomes.store: " + path() + ": an SQLite file, but no store of outcomes; name another in outcomes.store");
    Database database{path(), Database::Access::Read};
    EXPECT_EQ(database.number("SELECT count(*) FROM sqlite_schema"), 1);
    EXPECT_EQ(database.number("SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'delete'"), 1);
}

TEST_F(SchemaTest, AFileThatIsStillEmptyIsMade)
{
    make("");
    EXPECT_EQ(store().query({}).value().outcomes.size(), 0u);
    close();
    Database database{path(), Database::Access::Read};
    EXPECT_EQ(database.number("PRAGMA auto_vacuum"), 2) << "incremental";
}

}   // namespace
}   // namespace mailcore::outcomes::test
