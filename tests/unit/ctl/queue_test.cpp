// Whose is a message in Postfix's queue, and putting it on hold and back.

#include <gtest/gtest.h>

#include "core/base/clock.hpp"
#include "ctl/queue.hpp"
#include "ctl/tenant_queue.hpp"
#include "stub_postfix.hpp"

using namespace mailcore;
using namespace mailcore::ctl;
using Ids = std::vector<std::string>;

namespace {

TEST(QueueListing, TellsWhatIsOnHold)
{
    auto const entries = parse_queue("{\"queue_name\": \"deferred\", \"queue_id\": \"82F48A34711\", \"arrival_time\": 1795324000, \"sender\": \"MAILER-DAEMON\", "
                                     "\"recipients\": [{\"address\": \"a@example.com\"}, {\"address\": \"b@example.com\"}]}\n"
                                     "{\"queue_name\": \"hold\", \"queue_id\": \"85ABEA34710\"}\n"
                                     "{\"queue_name\": \"maildrop\", \"queue_id\": \"90000000000\"}\n");
    ASSERT_TRUE(entries) << entries.error().message;
    EXPECT_EQ(*entries, (std::vector<QueueEntry>{{"82F48A34711", "deferred", 1795324000, 2}, {"85ABEA34710", "hold"}}));
}

TEST(QueueListing, IsRefusedWhenItIsCutOff)
{
    auto const entries = parse_queue("{\"queue_name\": \"deferred\", \"queue_id\": \"82F4");
    ASSERT_FALSE(entries);
    EXPECT_EQ(entries.error().message, "postqueue printed a line that is no JSON object: {\"queue_name\": \"deferred\", \"queue_id\": \"82F4");
}

// As Postfix 3.7.11 prints it.
char const* const kPostcat =
    "*** ENVELOPE RECORDS deferred/8/85ABEA34710 ***\n"
    "message_size:             318             233               1               0             318               0\n"
    "message_arrival_time: Sun Nov 22 04:59:10 2026\n"
    "named_attribute: rewrite_context=local\n"
    "sender_fullname: root\n"
    "sender: \n"
    "original_recipient: b@y.example\n"
    "recipient: b@y.example\n"
    "*** MESSAGE CONTENTS deferred/8/85ABEA34710 ***\n"
    "Received: by relay.test (Postfix, from userid 0)\n"
    "\tid 85ABEA34710; Sun, 22 Nov 2026 04:59:10 +0000 (UTC)\n"
    "X-Trick: sender: x\n"
    "*** HEADER EXTRACTED deferred/8/85ABEA34710 ***\n"
    "named_attribute: encoding=7bit\n"
    "*** MESSAGE FILE END deferred/8/85ABEA34710 ***\n"
    "*** ENVELOPE RECORDS hold/4jWYs717qcz8lWc ***\n"
    "sender: a@x.example\n"
    "*** MESSAGE CONTENTS hold/4jWYs717qcz8lWc ***\n"
    "X-KeyBuzz-Tenant: kbz_test\n"
    "*** HEADER EXTRACTED hold/4jWYs717qcz8lWc ***\n"
    "*** MESSAGE FILE END hold/4jWYs717qcz8lWc ***\n"
    "*** ENVELOPE RECORDS active/4jWYs717qcz8lWd ***\n"
    "sender: a@x.example\n"
    "*** MESSAGE CONTENTS active/4jWYs717qcz8lWd ***\n"
    "X-KeyBuzz-Ten";

TEST(QueuedMessages, AreReadAsPostcatPrintsThemWhereTheyAreComplete)
{
    EXPECT_EQ(parse_messages(kPostcat),
              (std::vector<QueuedMessage>{{"85ABEA34710", "",
                                           "Received: by relay.test (Postfix, from userid 0)\n"
                                           "\tid 85ABEA34710; Sun, 22 Nov 2026 04:59:10 +0000 (UTC)\n"
                                           "X-Trick: sender: x\n"},
                                          {"4jWYs717qcz8lWc", "a@x.example", "X-KeyBuzz-Tenant: kbz_test\n"}}));
}

TEST(QueuedMessages, AreCountedAsPostsuperNamesThem)
{
    EXPECT_EQ(count_moved("postsuper: 85ABEA34710: placed on hold\npostsuper: Placed on hold: 1 message\n"), 1u);
    EXPECT_EQ(count_moved("postfix-out/postsuper: A: released from hold\npostfix-out/postsuper: B: released from hold\n"
                          "postfix-out/postsuper: Released from hold: 2 messages\n"), 2u);
    EXPECT_EQ(count_moved("postsuper: Placed on hold: 0 messages\n"), 0u);
}

class Stamped : public testing::Test {
protected:
    config::StampSettings const names;
    std::shared_ptr<mail::StampKeys const> const keys = make_keys();

    static std::shared_ptr<mail::StampKeys const> make_keys()
    {
        auto made = std::make_shared<mail::StampKeys>();
        made->active = "k1";
        made->keys.emplace("k1", base::Secret{"0123456789abcdef0123456789abcdef"});
        return made;
    }
    std::string header(std::string const& tenant, std::string const& sender, std::string const& id = "4jWYs717qcz8lWc") const
    {
        auto const stamp = mail::sign_stamp(*keys, {id, tenant, "t1", mail::stamp_sender(sender), "<1@x>"}, base::now());
        EXPECT_TRUE(stamp);
        return "Message-ID: <1@x>\nX-KeyBuzz-Tenant: " + tenant + "\nX-KeyBuzz-Ticket: t1\nX-KeyBuzz-Stamp: " + *stamp + "\n";
    }
};

TEST_F(Stamped, AMessageIsTheTenantsWhoseStampItCarries)
{
    QueuedMessage const message{"4jWYs717qcz8lWc", "a@X.example", header("kbz_test", "a@x.example")};
    EXPECT_EQ(owner_of(message, "kbz_test", names, keys.get()), Owner::Tenant);
    EXPECT_EQ(owner_of(message, "kbz", names, keys.get()), Owner::Other);
    EXPECT_EQ(owner_of({"1", "a@x.example", "Subject: none\n"}, "kbz_test", names, keys.get()), Owner::Other);
}

TEST_F(Stamped, AMessageWithoutAValidStampIsNotTakenForTheTenants)
{
    auto const genuine = header("kbz_test", "a@x.example");
    for (auto const& [sender, text] : std::initializer_list<std::pair<std::string, std::string>>{
             {"other@x.example", genuine},
             {"a@x.example", "X-KeyBuzz-Tenant: kbz_test\n"},
             {"a@x.example", genuine + "X-KeyBuzz-Tenant: kbz_test\n"},
             {"a@x.example", "Message-ID: <2@x>\n" + genuine}}) {
        EXPECT_EQ(owner_of({"1", sender, text}, "kbz_test", names, keys.get()), Owner::Unproved) << text;
    }
}

TEST_F(Stamped, WithoutKeysTheNameIsAllThereIs)
{
    EXPECT_EQ(owner_of({"1", "", "X-KeyBuzz-Tenant: kbz_test\n"}, "kbz_test", names, nullptr), Owner::Tenant);
    EXPECT_EQ(owner_of({"1", "", "X-KeyBuzz-Tenant: shop\nX-KeyBuzz-Tenant: kbz_test\n"}, "kbz_test", names, nullptr), Owner::Unproved);
}

TEST(QueueReading, PassesOverWhatHasLeftTheQueueMeanwhile)
{
    StubPostfix const stub;
    Ids ids;
    for (int i = 0; i < 250; ++i) {   // more than one postcat takes
        ids.push_back("id" + std::to_string(i));
        if (i % 7 != 3) stub.put("deferred", ids.back(), "a@x.example", "X-Number: " + std::to_string(i) + "\n");
    }
    Ids read;
    auto const passed_over = Queue{stub.postfix()}.read(ids, [&](QueuedMessage const& message) { read.push_back(message.queue_id); });
    ASSERT_TRUE(passed_over) << passed_over.error().message;
    EXPECT_EQ(*passed_over, 36u);
    EXPECT_EQ(read.size(), 214u);
}

TEST(QueueMoving, TellsWhyPostsuperFailed)
{
    StubPostfix const stub;
    stub.program("postsuper", "echo 'postsuper: A: placed on hold' >&2\necho 'postsuper: fatal: disk full' >&2\nexit 1\n");
    auto const moved = Queue{stub.postfix()}.hold(Ids{"A", "B"});
    ASSERT_FALSE(moved);
    EXPECT_EQ(moved.error().message, "postsuper failed after 1 messages: postsuper: fatal: disk full");
}

class TenantsMail : public Stamped {
protected:
    StubPostfix stub;
    TenantQueue queue{stub.postfix(), "kbz_test", names, keys};

    void put(std::string const& where, std::string const& id, std::string const& tenant = "kbz_test") const
    {
        stub.put(where, id, "a@x.example", header(tenant, "a@x.example", id));
    }
    static void at_once() {}
};

TEST_F(TenantsMail, GoesOnHoldFromEveryQueueAndComesBack)
{
    put("incoming", "A1");
    put("active", "B2");
    put("deferred", "C3");
    put("deferred", "D4", "shop");
    auto const held = queue.hold(at_once);
    ASSERT_TRUE(held) << held.error().message;
    EXPECT_EQ(held->held, 3u);
    EXPECT_EQ(stub.in("hold"), (Ids{"A1", "B2", "C3"}));
    EXPECT_EQ(stub.in("deferred"), Ids{"D4"});
    EXPECT_EQ(queue.count_held().value(), 3u);

    auto const released = queue.release();
    ASSERT_TRUE(released) << released.error().message;
    EXPECT_EQ(released->released, 3u);
    EXPECT_EQ(released->left, 0u);
    EXPECT_EQ(stub.in("deferred"), (Ids{"A1", "B2", "C3", "D4"}));
    EXPECT_FALSE(stub.has_notes());
}

TEST_F(TenantsMail, StaysOnHoldWhereARuleOrSomebodyHadPutIt)
{
    put("hold", "QUARANTINED");
    put("hold", "FOREIGN", "shop");
    put("deferred", "A1");
    ASSERT_TRUE(queue.hold(at_once));
    auto const released = queue.release();
    ASSERT_TRUE(released);
    EXPECT_EQ(released->released, 1u);
    EXPECT_EQ(released->left, 1u);
    EXPECT_EQ(stub.in("hold"), (Ids{"FOREIGN", "QUARANTINED"}));
}

TEST_F(TenantsMail, ThatWasOnItsWayIntoTheQueueIsHeldByTheSecondLook)
{
    put("deferred", "A1");
    auto const held = queue.hold([this] { put("incoming", "B2"); });
    ASSERT_TRUE(held);
    EXPECT_EQ(held->held, 2u);
    EXPECT_EQ(stub.in("hold"), (Ids{"A1", "B2"}));
}

TEST_F(TenantsMail, ThatSlippedThroughIsHeldByTheSecondLook)
{
    put("deferred", "A1");
    // Moved from one queue to the other behind postsuper's back: it is found nowhere.
    stub.program("postsuper", "exit 0\n");
    auto const held = queue.hold([this] {
        stub.program("postsuper", "cd \"$2/queue\"\nread id\nmv */$id hold/$id\necho \"postsuper: $id: placed on hold\" >&2\n");
    });
    ASSERT_TRUE(held) << held.error().message;
    EXPECT_EQ(held->held, 1u);
    EXPECT_EQ(stub.in("hold"), Ids{"A1"});
}

TEST_F(TenantsMail, ThatCannotBeProvedIsLeftAloneAndCounted)
{
    stub.put("deferred", "A1", "b@x.example", header("kbz_test", "a@x.example"));
    auto const held = queue.hold(at_once);
    ASSERT_TRUE(held);
    EXPECT_EQ(held->held, 0u);
    EXPECT_EQ(held->unproved, 1u);
    EXPECT_EQ(stub.in("deferred"), Ids{"A1"});
}

TEST_F(TenantsMail, IsReleasedThoughItsKeyIsGone)
{
    put("deferred", "A1");
    ASSERT_TRUE(queue.hold(at_once));
    auto const others = std::make_shared<mail::StampKeys>();
    TenantQueue later{stub.postfix(), "kbz_test", names, others};
    EXPECT_EQ(later.release().value().released, 1u);
}

TEST_F(TenantsMail, HeldTwiceIsReleasedAtOnce)
{
    put("deferred", "A1");
    ASSERT_TRUE(queue.hold(at_once));
    put("deferred", "B2");
    TenantQueue again{stub.postfix(), "kbz_test", names, keys};
    ASSERT_TRUE(again.hold(at_once));
    EXPECT_EQ(nlohmann::json::parse(stub.notes()), (nlohmann::json{{"kbz_test", {"A1", "B2"}}}));
    EXPECT_EQ(again.release().value().released, 2u);
}

TEST_F(TenantsMail, OfAnotherTenantStaysRemembered)
{
    put("deferred", "A1");
    put("deferred", "B2", "shop");
    TenantQueue shop{stub.postfix(), "shop", names, keys};
    ASSERT_TRUE(queue.hold(at_once));
    ASSERT_TRUE(shop.hold(at_once));
    ASSERT_TRUE(queue.release());
    EXPECT_EQ(nlohmann::json::parse(stub.notes()), (nlohmann::json{{"shop", {"B2"}}}));
    EXPECT_EQ(stub.in("hold"), Ids{"B2"});
}

TEST_F(TenantsMail, IsRememberedEvenWherePostsuperFails)
{
    put("deferred", "A1");
    stub.program("postsuper", "exit 1\n");
    EXPECT_FALSE(queue.hold(at_once));
    EXPECT_EQ(nlohmann::json::parse(stub.notes()), (nlohmann::json{{"kbz_test", {"A1"}}}));
}

TEST_F(TenantsMail, IsNotTouchedWhileTheNotesAreDamaged)
{
    put("deferred", "A1");
    auto const notes = stub.directory() + "/mailcore-held.json";
    std::ofstream{notes} << "{\"kbz_test\": [\"X";
    auto const held = queue.hold(at_once);
    ASSERT_FALSE(held);
    EXPECT_EQ(held.error().message, notes + " is damaged; it tells which messages suspend --hold has put on hold. Move it away");
    EXPECT_EQ(stub.in("deferred"), Ids{"A1"});
}

}   // namespace
