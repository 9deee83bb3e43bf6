// How one daemon tells the other a message's client certificate.

#include "core/store/certificate_notes.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sys/wait.h>
#include <unistd.h>

namespace mailcore::store {
namespace {

constexpr base::Time kNow{std::chrono::seconds{1'795'000'000}};

class CertificateNotesTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/mailcore-notes-test-XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    CertificateNotes open() const
    {
        auto notes = CertificateNotes::open(directory_);
        EXPECT_TRUE(notes) << notes.error().message;
        return std::move(*notes);
    }
    std::string directory_;
};

TEST_F(CertificateNotesTest, AreTakenOnce)
{
    auto notes = open();
    ASSERT_TRUE(notes.put("4jWYs717qcz8lWc", "abc", kNow));
    EXPECT_EQ(notes.take("4jWYs717qcz8lWc").value(), "abc");
    EXPECT_EQ(notes.take("4jWYs717qcz8lWc").value(), std::nullopt);
    EXPECT_EQ(notes.take("other").value(), std::nullopt);
}

TEST_F(CertificateNotesTest, OfAnEarlierMessageWithTheSameQueueIdGoWhenTheNextHasNoCertificate)
{
    auto notes = open();
    ASSERT_TRUE(notes.put("A1B2C3", "abc", kNow));
    ASSERT_TRUE(notes.put("A1B2C3", "", kNow));
    EXPECT_EQ(notes.take("A1B2C3").value(), std::nullopt);
}

TEST_F(CertificateNotesTest, ReachAnotherProcess)
{
    auto const child = ::fork();
    if (child == 0) {   // LMDB wants each process to open its own
        auto notes = CertificateNotes::open(directory_);
        ::_exit(notes && notes->put("Q1", "from the child", kNow) ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    EXPECT_EQ(open().take("Q1").value(), "from the child");
}

TEST_F(CertificateNotesTest, OfMessagesThatNeverEndedAreSweptAfterADay)
{
    auto notes = open();
    for (int i = 0; i < 10'002; ++i) ASSERT_TRUE(notes.put("old" + std::to_string(i), "abc", kNow));
    EXPECT_EQ(notes.size(), 10'002u);
    ASSERT_TRUE(notes.put("new", "abc", kNow + std::chrono::hours{25}));
    EXPECT_EQ(notes.size(), 1u);
}

TEST_F(CertificateNotesTest, SayWhatTheyCannotOpen)
{
    auto const notes = CertificateNotes::open("/proc/no/such/place");
    ASSERT_FALSE(notes);
    EXPECT_EQ(notes.error().message.substr(0, 66), "certificate notes: cannot make /proc/no/such/place/certificate-not");
}

}   // namespace
}   // namespace mailcore::store
