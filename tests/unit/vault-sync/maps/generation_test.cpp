// Generations on a real disk with the real postmap: killed and failed at each step.

#include "vault-sync/maps/generation.hpp"

#include <algorithm>
#include <csignal>

#include "scratch.hpp"

namespace mailcore::vault_sync {
namespace {

Relay relay(std::string const& name, std::string const& host, std::string const& password)
{
    Relay made;
    made.name = name;
    made.kind = "smtp";
    made.host = host;
    made.port = 587;
    made.tls = Tls::StartTls;
    if (!password.empty()) {
        made.user = "user of " + name;
        made.password = base::Secret{password};
    }
    return made;
}

// One relay "primary" with this password, and "open" without a login.
Generation generation(std::uint64_t number, std::string const& password, std::string const& host = "smtp.test")
{
    Generation made;
    made.number = number;
    made.created = base::Time{std::chrono::seconds{1'795'000'000 + static_cast<std::int64_t>(number)}};
    made.routing.active = "primary";
    made.routing.routes = {{"@routed.test", "open"}};
    made.relays.push_back(relay("primary", host, password));
    made.relays.push_back(relay("open", "open.test", ""));
    return made;
}

class GenerationTest : public ::testing::TestWithParam<std::string> {
protected:
    void SetUp() override
    {
        if (!postfix_knows(GetParam())) GTEST_SKIP() << "this Postfix has no " << GetParam() << " maps";
    }
    GenerationStore open() const
    {
        auto store = GenerationStore::open(scratch_.path("mailcore"), GetParam(), scratch_.postfix());
        EXPECT_TRUE(store) << store.error().message;
        return std::move(*store);
    }
    // Builds it with the lines of what is current and makes it current: a pass. "" = fine.
    static std::string switch_to(GenerationStore& store, Generation const& next)
    {
        std::optional<Generation> former;
        if (auto const number = store.current(); number && *number) {
            auto loaded = store.load(**number);
            if (!loaded) return loaded.error().message;
            former = std::move(*loaded);
        }
        auto done = store.build(next, former).and_then([&] { return store.make_current(next.number); });
        return done ? "" : done.error().message;
    }
    static std::string damage(GenerationStore const& store)   // "" = all are whole
    {
        std::string words;
        auto const summaries = store.list();
        for (auto const& summary : *summaries) words += summary.damage;
        return words;
    }
    static std::string leftovers(Scratch const& scratch)
    {
        std::string found;
        for (auto const* below : {"mailcore", "mailcore/generations"}) {
            auto const directory = Directory::open(scratch.path(below));
            for (auto const& name : directory->names()) found += name.starts_with('.') ? name + " " : "";
        }
        return found;
    }
    // What Postfix finds through `current`.
    std::string asked(std::string const& key, std::string const& map = "sasl_passwd") const
    {
        auto const found = base::run_child({"postmap", "-c", scratch_.postfix(), "-q", "-",
                                            GetParam() + ":" + scratch_.path("mailcore/current/" + map)},
                                           {.input = key + "\n"});
        EXPECT_EQ(found->err, "");
        auto const tab = found->out.find('\t');
        return tab == std::string::npos ? "" : found->out.substr(tab + 1, found->out.size() - tab - 2);
    }
    std::vector<std::string> names(std::string const& below = "generations") const
    {
        return Directory::open(scratch_.path("mailcore/" + below))->names();
    }
    Scratch scratch_;
};

using Names = std::vector<std::string>;

TEST_P(GenerationTest, IsBuiltAndFoundByPostfix)
{
    auto store = open();
    EXPECT_EQ(store.current().value(), std::nullopt);
    EXPECT_EQ(store.next_number(), 1U);
    ASSERT_EQ(switch_to(store, generation(1, "p:w #1")), "");
    EXPECT_EQ(store.current().value(), 1U);
    EXPECT_EQ(store.next_number(), 2U);
    EXPECT_EQ(std::filesystem::read_symlink(scratch_.path("mailcore/current")), "generations/0001");
    EXPECT_EQ(asked("[smtp.test]:587"), "user of primary:p:w #1");
    EXPECT_EQ(asked("[open.test]:587"), "");
    EXPECT_NE(asked("[smtp.test]:587", "tls_policy"), "");
    EXPECT_EQ(asked("nobody.test", "transport"), "");   // empty, and there
}

TEST_P(GenerationTest, IsRootsAlone)
{
    auto const before = ::umask(0);
    auto store = open();
    ASSERT_EQ(switch_to(store, generation(1, "one")), "");
    ::umask(before);
    EXPECT_EQ(scratch_.mode("mailcore"), 0755U);
    EXPECT_EQ(scratch_.mode("mailcore/generations"), 0700U);
    EXPECT_EQ(scratch_.mode("mailcore/generations/0001"), 0700U);
    auto const files = names("generations/0001");
    EXPECT_EQ(files.size(), 9U);   // three maps, each with its index, two regexp tables, the manifest
    for (auto const& file : files) EXPECT_EQ(scratch_.mode("mailcore/generations/0001/" + file), 0600U) << file;
}

TEST_P(GenerationTest, ComesBackWithItsPasswords)
{
    auto store = open();
    ASSERT_TRUE(store.build(generation(4, "one:two"), std::nullopt));
    auto const loaded = store.load(4);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->number, 4U);
    EXPECT_EQ(loaded->created, generation(4, "").created);
    EXPECT_EQ(loaded->map_type, GetParam());
    EXPECT_EQ(loaded->relays.at(0).user, "user of primary");
    EXPECT_EQ(loaded->relays.at(0).password.reveal(), "one:two");
    EXPECT_FALSE(loaded->relays.at(1).has_login());
    EXPECT_EQ(loaded->routing, generation(4, "").routing);
}

TEST_P(GenerationTest, CarriesTheFormerOnesOwnLines)
{
    auto store = open();
    ASSERT_EQ(switch_to(store, generation(1, "one", "one.test")), "");
    ASSERT_EQ(switch_to(store, generation(2, "two", "two.test")), "");
    EXPECT_EQ(asked("[one.test]:587"), "user of primary:one");
    EXPECT_NE(asked("[one.test]:587", "tls_policy"), "");
    EXPECT_EQ(store.load(2)->carried, Names{"[one.test]:587"});
    ASSERT_EQ(switch_to(store, generation(3, "three", "three.test")), "");
    EXPECT_EQ(asked("[one.test]:587"), "") << "what was carried is dropped by the next";
    EXPECT_EQ(asked("[two.test]:587"), "user of primary:two");
    EXPECT_EQ(asked("[three.test]:587"), "user of primary:three");
}

TEST_P(GenerationTest, IsBuiltAnewUnderItsOwnNumberForARollback)
{
    auto store = open();
    ASSERT_EQ(switch_to(store, generation(1, "one", "one.test")), "");
    ASSERT_EQ(switch_to(store, generation(2, "two", "two.test")), "");
    auto const old = store.load(1);
    ASSERT_TRUE(old);
    ASSERT_EQ(switch_to(store, *old), "");
    EXPECT_EQ(store.current().value(), 1U);
    EXPECT_EQ(asked("[one.test]:587"), "user of primary:one");
    EXPECT_EQ(asked("[two.test]:587"), "user of primary:two") << "carried, so that nothing bounces before the reload";
    EXPECT_EQ(names(), (Names{"0001", "0002"}));
    EXPECT_EQ(store.next_number(), 3U);
}

TEST_P(GenerationTest, ChangesAPasswordUnderTheSameKey)
{
    auto store = open();
    ASSERT_EQ(switch_to(store, generation(1, "one")), "");
    ASSERT_EQ(switch_to(store, generation(2, "two")), "");
    EXPECT_EQ(asked("[smtp.test]:587"), "user of primary:two");
    EXPECT_TRUE(store.load(2)->carried.empty());
}

TEST_P(GenerationTest, HealsAfterAKillAtEachStep)
{
    for (auto const fault : kGenerationFaults) {
        Scratch const scratch;
        auto store = GenerationStore::open(scratch.path("mailcore"), GetParam(), scratch.postfix());
        ASSERT_TRUE(store);
        ASSERT_EQ(switch_to(*store, generation(1, "one")), "");
        ASSERT_EQ(switch_to(*store, generation(2, "two")), "");
        bool const replaces = fault == "generation.replaced";
        auto const next = generation(replaces ? 1 : 3, "next");
        auto const signal = signal_that_ends([&] {
            Fault const dies{std::string{fault}};
            switch_to(*store, next);
        });
        EXPECT_EQ(signal, SIGKILL) << fault << " was not reached";

        auto const number = store->current();
        ASSERT_TRUE(number && *number) << fault;
        auto const loaded = store->load(**number);
        ASSERT_TRUE(loaded) << fault << ": " << loaded.error().message;
        std::string const expected = fault == "current.renamed" ? "next" : "two";
        EXPECT_EQ(loaded->relays.at(0).password.reveal(), expected) << fault;
        EXPECT_EQ(damage(*store), "") << fault << ": whatever is there is whole";

        store->remove_leftovers();
        EXPECT_EQ(leftovers(scratch), "") << fault;
        ASSERT_EQ(switch_to(*store, generation(store->next_number(), "after")), "") << fault;
        EXPECT_EQ(store->load(store->current()->value())->relays.at(0).password.reveal(), "after") << fault;
    }
}

TEST_P(GenerationTest, LeavesNothingHalfMadeWhenAStepFails)
{
    for (auto const fault : kGenerationFaults) {
        if (fault == "generation.replaced") continue;   // the way of a rollback
        for (auto const& [name, words] : {std::pair{"ENOSPC", "No space left on device"},
                                          {"EACCES", "Permission denied"},
                                          {"EROFS", "Read-only file system"}}) {
            Scratch const scratch;
            auto opened = GenerationStore::open(scratch.path("mailcore"), GetParam(), scratch.postfix());
            auto& store = *opened;
            ASSERT_EQ(switch_to(store, generation(1, "one")), "");
            Fault const fails{std::string{fault} + ":" + name};
            auto const failed = switch_to(store, generation(2, "hunter2"));
            EXPECT_NE(failed.find(words), std::string::npos) << fault << ": " << failed;
            EXPECT_EQ(failed.find("hunter2"), std::string::npos) << fault;
            EXPECT_EQ(leftovers(scratch), "") << fault;
            EXPECT_EQ(damage(store), "") << fault;
            // After the rename it is switched; whether the disk knows is what failed.
            EXPECT_EQ(store.current()->value(), fault == "current.renamed" ? 2U : 1U) << fault;
        }
    }
}

TEST_P(GenerationTest, SaysWhatPostmapCannotDo)
{
    auto store = open();
    // A line that postmap drops: relay/credentials.hpp would have refused it.
    auto const refused = store.build(generation(1, "hunter2\xff"), std::nullopt);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().message.starts_with("generation 1: postmap complained about sasl_passwd: 1 line; "))
        << refused.error().message;
    EXPECT_EQ(refused.error().message.find("hunter2"), std::string::npos) << refused.error().message;
    auto const injected = store.build(generation(1, "p\n[evil.test]:25 x:hunter2"), std::nullopt);
    ASSERT_FALSE(injected);
    EXPECT_TRUE(injected.error().message.starts_with(
        "generation 1: postmap did not keep every line of sasl_passwd as it was given: [smtp.test]:587"))
        << injected.error().message;
    EXPECT_EQ(names(), Names{});
}

TEST_P(GenerationTest, IsRefusedWhenItIsNotWhole)
{
    auto store = open();
    auto const damaged = [&](std::string const& file) {
        EXPECT_TRUE(store.build(generation(1, "one"), std::nullopt));
        std::filesystem::remove(scratch_.path("mailcore/generations/0001/" + file));
        EXPECT_NE(store.list()->at(0).damage, "") << file;
        return store.load(1).error().message;
    };
    auto const path = scratch_.path("mailcore/generations/0001/");
    auto const index = GetParam() == "lmdb" ? "transport.lmdb" : GetParam() == "cdb" ? "transport.cdb" : "transport.db";
    for (std::string const file : {"sasl_passwd", "relayhost", "default_transport", "tls_policy", index}) {
        EXPECT_EQ(damaged(file), "generation 1 is not whole: " + path + file + " is missing");
    }
    EXPECT_EQ(damaged("manifest.json"),
              "generation 1 is not whole: " + path + "manifest.json: No such file or directory");

    ASSERT_TRUE(store.build(generation(1, "one"), std::nullopt));
    scratch_.write("mailcore/generations/0001/sasl_passwd", "");
    EXPECT_EQ(store.load(1).error().message, "generation 1 is not whole: sasl_passwd has no line for [smtp.test]:587");
    ASSERT_TRUE(store.build(generation(2, "two"), std::nullopt));
    std::filesystem::copy_file(path + "manifest.json", scratch_.path("mailcore/generations/0002/manifest.json"),
                               std::filesystem::copy_options::overwrite_existing);
    EXPECT_EQ(store.load(2).error().message,
              "generation 2 is not whole: " + scratch_.path("mailcore/generations/0002/") +
                  "manifest.json is that of generation 1");
    EXPECT_EQ(
        store.load(9).error().message,
        "generation 9 is not whole: " + scratch_.path("mailcore/generations/0009") + ": No such file or directory");
}

TEST_P(GenerationTest, IsPrunedOldestFirstAndNeverWhileCurrent)
{
    auto store = open();
    for (std::uint64_t number = 1; number <= 5; ++number) ASSERT_EQ(switch_to(store, generation(number, "x")), "");
    ASSERT_TRUE(store.make_current(2));
    store.prune(3);
    EXPECT_EQ(names(), (Names{"0002", "0004", "0005"}));
    store.prune(0);
    EXPECT_EQ(names(), Names{"0002"});
    EXPECT_EQ(store.next_number(), 3U);
    EXPECT_EQ(store.list()->at(0).active, "primary");
    EXPECT_EQ(store.list()->at(0).relays, (Names{"primary", "open"}));
    EXPECT_TRUE(store.list()->at(0).current);
}

TEST_P(GenerationTest, IsPrunedWholeEvenWhenKilled)
{
    for (auto const fault : kPruneFaults) {
        Scratch const scratch;
        auto opened = GenerationStore::open(scratch.path("mailcore"), GetParam(), scratch.postfix());
        auto& store = *opened;
        for (std::uint64_t number = 1; number <= 3; ++number) ASSERT_EQ(switch_to(store, generation(number, "x")), "");
        EXPECT_EQ(signal_that_ends([&] {
                      Fault const dies{std::string{fault}};
                      store.prune(1);
                  }),
                  SIGKILL);
        EXPECT_EQ(damage(store), "") << fault;
        store.remove_leftovers();
        store.prune(1);
        EXPECT_EQ(Directory::open(scratch.path("mailcore/generations"))->names(), Names{"0003"});
    }
}

TEST_P(GenerationTest, CountsBeyondFourDigits)
{
    auto store = open();
    ASSERT_TRUE(store.build(generation(9999, "x"), std::nullopt));
    EXPECT_EQ(store.next_number(), 10000U);
    ASSERT_EQ(switch_to(store, generation(10000, "y")), "");
    EXPECT_EQ(store.current().value(), 10000U);
    EXPECT_EQ(store.next_number(), 10001U);
    store.prune(1);
    EXPECT_EQ(names(), Names{"10000"});
}

TEST_P(GenerationTest, DoesNotFollowACurrentThatIsNoneOfOurs)
{
    auto store = open();
    std::filesystem::create_symlink("/etc", scratch_.path("mailcore/current"));
    EXPECT_EQ(store.current().error().message,
              scratch_.path("mailcore/current") + " leads to /etc, which is no generation: remove the link");
    std::filesystem::remove(scratch_.path("mailcore/current"));
    std::filesystem::create_directory(scratch_.path("mailcore/current"));
    ASSERT_TRUE(store.build(generation(1, "x"), std::nullopt));
    EXPECT_EQ(store.make_current(1).error().message,
              scratch_.path("mailcore/current") + " is not a symbolic link: move it away");
    EXPECT_EQ(store.make_current(7).error().message, scratch_.path("mailcore/generations/0007") + " is missing");
}

TEST_P(GenerationTest, DirectoryIsRefusedWhereOthersCouldPutTheirs)
{
    open();
    ::chmod(scratch_.path("mailcore").c_str(), 0777);
    auto const store = GenerationStore::open(scratch_.path("mailcore"), GetParam(), scratch_.postfix());
    EXPECT_EQ(store.error().message, "others than root can write to " + scratch_.path("mailcore") + ": chmod go-w " +
                                         scratch_.path("mailcore"));
}

INSTANTIATE_TEST_SUITE_P(EachType, GenerationTest, ::testing::Values("hash", "lmdb", "cdb"),
                         [](auto const& type) { return type.param; });

}   // namespace
}   // namespace mailcore::vault_sync
