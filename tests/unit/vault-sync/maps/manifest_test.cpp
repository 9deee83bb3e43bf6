// What a generation says of itself.

#include "vault-sync/maps/manifest.hpp"

#include <gtest/gtest.h>

namespace mailcore::vault_sync {
namespace {

Generation generation()
{
    Generation made;
    made.number = 7;
    made.created = base::Time{std::chrono::milliseconds{1'795'000'000'123}};
    made.routing = {.active = "primary",
                    .fallback = {"ses"},
                    .routes = {{"@a.test", "ses"}},
                    .transports = {{"b.test", "primary"}}};
    Relay relay;
    relay.name = "primary";
    relay.kind = "smtp";
    relay.host = "smtp.test";
    relay.port = 465;
    relay.tls = Tls::Wrapper;
    relay.ca_file = "/etc/ca.pem";
    relay.fingerprints = {"ab", "cd"};
    relay.user = "the-user";
    relay.password = base::Secret{"hunter2"};
    relay.from = "a@a.test";
    relay.helo = "mail.test";
    relay.timeout = std::chrono::milliseconds{1500};
    relay.source = Source::Cache;
    relay.path = "secret/keybuzz/smtp";
    relay.version = 12;
    made.relays.push_back(std::move(relay));
    Relay open;
    open.name = "ses";
    open.tls = Tls::None;
    made.relays.push_back(std::move(open));
    return made;
}

TEST(Manifest, GivesBackWhatWasWritten)
{
    auto const read = read_manifest(write_manifest(generation(), {"[old.test]:25"}, "lmdb"));
    ASSERT_TRUE(read) << read.error().message;
    auto const written = generation();
    auto const& back = read->generation;
    EXPECT_EQ(back.number, 7U);
    EXPECT_EQ(back.created, written.created);
    EXPECT_EQ(back.routing, written.routing);
    EXPECT_EQ(back.map_type, "lmdb");
    EXPECT_EQ(back.carried, std::vector<std::string>{"[old.test]:25"});
    EXPECT_EQ(read->logins, std::vector<std::string>{"primary"});
    ASSERT_EQ(back.relays.size(), 2U);
    auto const& relay = back.relays[0];
    auto const& given = written.relays[0];
    EXPECT_EQ(std::tie(relay.name, relay.kind, relay.host, relay.port, relay.tls, relay.ca_file, relay.fingerprints,
                       relay.from),
              std::tie(given.name, given.kind, given.host, given.port, given.tls, given.ca_file, given.fingerprints,
                       given.from));
    EXPECT_EQ(std::tie(relay.helo, relay.timeout, relay.source, relay.path, relay.version),
              std::tie(given.helo, given.timeout, given.source, given.path, given.version));
}

TEST(Manifest, HoldsNeitherPasswordNorUser)
{
    // Postmark's user is its token, too.
    auto const text = write_manifest(generation(), {}, "hash");
    EXPECT_EQ(text.find("hunter2"), std::string::npos);
    EXPECT_EQ(text.find("the-user"), std::string::npos);
}

TEST(Manifest, SaysWhatItCannotRead)
{
    auto const changed = [](std::string const& from, std::string const& to) {
        auto text = write_manifest(generation(), {}, "hash");
        text.replace(text.find(from), from.size(), to);
        auto const read = read_manifest(text);
        return read ? std::string{"read"} : read.error().message;
    };
    EXPECT_EQ(changed("\"wrapper\"", "\"wrap\""), "\"wrap\" is unknown");
    EXPECT_EQ(changed("2026-11-", "2026-13-"), "\"2026-13-18T11:06:40.123Z\" is no time");
    EXPECT_EQ(changed("\"number\": 7", "\"number\": \"7\""),
              "[json.exception.type_error.302] type must be number, but is string");
    EXPECT_NE(changed("\"carried\"", "\"other\"").find("key 'carried' not found"), std::string::npos);
    EXPECT_FALSE(read_manifest(""));
    EXPECT_FALSE(read_manifest("{\"number\": 7"));
}

}   // namespace
}   // namespace mailcore::vault_sync
