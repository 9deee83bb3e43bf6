// render(): whole texts of the maps, and the regexp tables asked through a real postmap.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/base/child.hpp"
#include "vault-sync/maps/render.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr char const* kPin = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
constexpr char const* kPinAsPostfixHasIt =
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

Relay relay(std::string const& name, std::string const& host, std::uint16_t port, Tls tls = Tls::StartTls)
{
    Relay relay;
    relay.name = name;
    relay.kind = "smtp";
    relay.host = host;
    relay.port = port;
    relay.tls = tls;
    relay.user = name + "-user";
    relay.password = base::Secret{name + "-password"};
    return relay;
}

template <class... Relays>
std::vector<Relay> list(Relays... relays)
{
    std::vector<Relay> all;
    (all.push_back(std::move(relays)), ...);
    return all;
}

Routing routing(std::string const& active, std::vector<std::string> const& fallback = {})
{
    Routing routing;
    routing.active = active;
    routing.fallback = fallback;
    return routing;
}

MapTexts rendered(std::vector<Relay> const& relays, Routing const& routing)
{
    auto texts = render(relays, routing);
    EXPECT_TRUE(texts) << (texts ? "" : texts.error().message);
    return texts ? *std::move(texts) : MapTexts{};
}

std::string refused(std::vector<Relay> const& relays, Routing const& routing)
{
    auto const texts = render(relays, routing);
    return texts ? "rendered" : texts.error().message;
}

std::string text(MapLines const& lines) { return std::string{map_file(lines).reveal()}; }

TEST(Render, WritesTheContractsExample)
{
    auto primary = relay("primary", "10.0.0.160", 587);
    primary.fingerprints = {kPin};
    auto route = routing("primary", {"ses"});
    route.routes = {{"@inbound.keybuzz.io", "ses"}};
    route.transports = {{"example.net", "primary"}};
    auto const texts =
        rendered(list(std::move(primary), relay("ses", "email-smtp.eu-west-1.amazonaws.com", 587)), route);

    EXPECT_EQ(text(texts.sasl_passwd),
              "[10.0.0.160]:587 primary-user:primary-password\n"
              "[email-smtp.eu-west-1.amazonaws.com]:587 ses-user:ses-password\n");
    EXPECT_EQ(text(texts.tls_policy),
              "[10.0.0.160]:587 fingerprint match=" + std::string{kPinAsPostfixHasIt} +
                  "\n"
                  "[email-smtp.eu-west-1.amazonaws.com]:587 secure match=email-smtp.eu-west-1.amazonaws.com\n");
    EXPECT_EQ(map_file(texts.transport), "example.net smtp:[10.0.0.160]:587\n");
    EXPECT_EQ(texts.relayhost,
              "/@inbound\\.keybuzz\\.io$/ [email-smtp.eu-west-1.amazonaws.com]:587\n"
              "/^/ [10.0.0.160]:587, [email-smtp.eu-west-1.amazonaws.com]:587\n");
    EXPECT_EQ(texts.default_transport,
              "/@inbound\\.keybuzz\\.io$/ DUNNO\n"
              "/^/ DUNNO\n");
}

TEST(Render, WritesWrapperRelaysByTheirOwnService)
{
    auto route = routing("primary");
    route.routes = {{"@a.example", "w"}, {"u@a.example", "primary"}};
    route.transports = {{"example.net", "w"}, {"example.org", "primary"}};
    auto const texts =
        rendered(list(relay("primary", "p.example", 587), relay("w", "w.example", 465, Tls::Wrapper)), route);
    EXPECT_EQ(texts.relayhost,
              "/^u@a\\.example$/ [p.example]:587\n"
              "/@a\\.example$/ [w.example]:465\n"
              "/^/ [p.example]:587\n");
    EXPECT_EQ(texts.default_transport,
              "/^u@a\\.example$/ DUNNO\n"
              "/@a\\.example$/ mailcore-smtps:[w.example]:465\n"
              "/^/ DUNNO\n");
    EXPECT_EQ(map_file(texts.transport),
              "example.net mailcore-smtps:[w.example]:465\n"
              "example.org smtp:[p.example]:587\n");
    EXPECT_EQ(text(texts.tls_policy),
              "[p.example]:587 secure match=p.example\n"
              "[w.example]:465 secure match=w.example\n");
}

TEST(Render, ListsTheFallbacksOfAWrapperRelayInItsTransport)
{
    auto const texts =
        rendered(list(relay("a", "a.example", 465, Tls::Wrapper), relay("b", "b.example", 2465, Tls::Wrapper)),
                 routing("a", {"b"}));
    EXPECT_EQ(texts.relayhost, "/^/ [a.example]:465, [b.example]:2465\n");
    EXPECT_EQ(texts.default_transport, "/^/ mailcore-smtps:[a.example]:465, [b.example]:2465\n");
}

TEST(Render, LeavesTheActiveRelayOutOfItsOwnFallbacks)   // after `use ses`, with fallback: [ses, third]
{
    auto const texts = rendered(list(relay("ses", "s.example", 587), relay("third", "t.example", 587)),
                                routing("ses", {"ses", "third"}));
    EXPECT_EQ(texts.relayhost, "/^/ [s.example]:587, [t.example]:587\n");
}

TEST(Render, WritesNoLoginForARelayWithoutOne)
{
    auto open = relay("primary", "10.0.0.160", 25, Tls::None);
    open.user.clear();
    open.password.clear();
    auto const texts = rendered(list(std::move(open)), routing("primary"));
    EXPECT_TRUE(texts.sasl_passwd.empty());
    EXPECT_EQ(text(texts.tls_policy), "[10.0.0.160]:25 none\n");
}

TEST(Render, NamesTheAuthoritiesAndAllFingerprints)
{
    auto named = relay("a", "a.example", 587);
    named.ca_file = "/etc/ssl/relay.pem";
    auto pinned = relay("b", "b.example", 587);
    pinned.fingerprints = {kPin, std::string(64, 'f')};
    auto v6 = relay("c", "2001:db8::1", 587);   // its colons would separate patterns; nexthop is the same host
    auto const texts = rendered(list(std::move(named), std::move(pinned), std::move(v6)), routing("a"));
    std::string ff = "FF";
    for (int i = 1; i < 32; ++i) ff += ":FF";
    EXPECT_EQ(text(texts.tls_policy),
              "[2001:db8::1]:587 secure match=nexthop\n"
              "[a.example]:587 secure match=a.example tafile=/etc/ssl/relay.pem\n"
              "[b.example]:587 fingerprint match=" +
                  std::string{kPinAsPostfixHasIt} + '|' + ff + '\n');
}

TEST(Render, KeepsAWholePasswordBehindTheFirstColon)
{
    auto odd = relay("a", "a.example", 587);
    odd.password = base::Secret{"a:b #c \"d\" \\"};
    EXPECT_EQ(text(rendered(list(std::move(odd)), routing("a")).sasl_passwd),
              "[a.example]:587 a-user:a:b #c \"d\" \\\n");
}

TEST(Render, RefusesTwoLoginsForOneNexthop)
{
    EXPECT_EQ(refused(list(relay("a", "x.example", 587), relay("b", "x.example", 587)), routing("a")),
              "relays a and b have the same host and port, [x.example]:587, but different logins, and Postfix can keep "
              "one for it; give "
              "one of them another port, for example 2587");
}

TEST(Render, RefusesTwoKindsOfTlsForOneNexthop)
{
    auto left = relay("a", "x.example", 587);
    auto right = left.copy();
    right.name = "b";
    right.fingerprints = {kPin};
    EXPECT_EQ(refused(list(std::move(left), std::move(right)), routing("a")),
              "relays a and b have the same host and port, [x.example]:587, but different TLS, and Postfix can keep "
              "one for it; give one "
              "of them another port, for example 2587");
}

TEST(Render, TakesTwoNamesOfOneRelay)
{
    auto left = relay("a", "x.example", 587);
    auto right = left.copy();
    right.name = "b";
    EXPECT_EQ(rendered(list(std::move(left), std::move(right)), routing("a")).sasl_passwd.size(), 1u);
}

TEST(Render, RefusesFallbacksOfAnotherTransport)
{
    EXPECT_EQ(
        refused(list(relay("a", "a.example", 587), relay("b", "b.example", 465, Tls::Wrapper)), routing("a", {"b"})),
        "relay b cannot be a fallback of a: b begins with TLS (wrapper, port 465) and a does not, so Postfix reaches "
        "them by "
        "different transports; give b a port with STARTTLS, for example 587 or 2587, or take it out of the list");
}

TEST(Render, RefusesRelaysThatItDoesNotHave)
{
    auto const relays = list(relay("a", "a.example", 587));
    EXPECT_EQ(refused(relays, routing("b")), "active names the relay b, of which no value is known");
    EXPECT_EQ(refused(relays, routing("a", {"c"})), "fallback names the relay c, of which no value is known");
    auto route = routing("a");
    route.routes = {{"@x.example", "d"}};
    EXPECT_EQ(refused(relays, route), "routes: @x.example names the relay d, of which no value is known");
    route.routes.clear();
    route.transports = {{"x.example", "e"}};
    EXPECT_EQ(refused(relays, route), "transports: x.example names the relay e, of which no value is known");
}

// ---- carried lines

TEST(CarryLines, KeepsTheFormersLinesForNexthopsThatAreGone)
{
    auto texts = rendered(list(relay("a", "new.example", 587)), routing("a"));
    auto const former = rendered(list(relay("a", "old.example", 587)), routing("a"));
    EXPECT_EQ(carry_lines(texts, former), std::vector<std::string>{"[old.example]:587"});
    EXPECT_EQ(text(texts.sasl_passwd), "[new.example]:587 a-user:a-password\n[old.example]:587 a-user:a-password\n");
    EXPECT_EQ(text(texts.tls_policy),
              "[new.example]:587 secure match=new.example\n[old.example]:587 secure match=old.example\n");
}

TEST(CarryLines, NeverOverwritesANewValue)
{
    auto changed = relay("a", "a.example", 587);
    changed.password = base::Secret{"new"};
    auto texts = rendered(list(std::move(changed)), routing("a"));
    EXPECT_EQ(carry_lines(texts, rendered(list(relay("a", "a.example", 587)), routing("a"))),
              std::vector<std::string>{});
    EXPECT_EQ(text(texts.sasl_passwd), "[a.example]:587 a-user:new\n");
}

TEST(CarryLines, GivesNoLoginBackToARelayThatLostIt)
{
    auto open = relay("a", "a.example", 587);
    open.user.clear();
    open.password.clear();
    auto texts = rendered(list(std::move(open)), routing("a"));
    EXPECT_EQ(carry_lines(texts, rendered(list(relay("a", "a.example", 587)), routing("a"))),
              std::vector<std::string>{});
    EXPECT_TRUE(texts.sasl_passwd.empty());
}

// ---- what Postfix makes of the regexp tables

class RegexpTable {
public:
    explicit RegexpTable(std::string const& content)
    {
        auto pattern = (std::filesystem::temp_directory_path() / "mailcore-render-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        std::ofstream{folder_ / "main.cf"} << "compatibility_level = 3.6\n";
        std::ofstream{folder_ / "table"} << content;
    }
    ~RegexpTable() { std::filesystem::remove_all(folder_); }
    RegexpTable(RegexpTable const&) = delete;
    RegexpTable& operator=(RegexpTable const&) = delete;

    std::string lookup(std::string const& key) const
    {
        auto const done =
            base::run_child({"postmap", "-c", folder_.string(), "-q", key, "regexp:" + (folder_ / "table").string()});
        if (!done) return done.error().message;
        return done->out + done->err;
    }

private:
    std::filesystem::path folder_;
};

TEST(RegexpTables, AnswerAsTheRoutesSay)
{
    auto route = routing("everyone");
    route.routes = {{"user@dom.test", "one"},      {"@dom.test", "domain"},
                    {"@sub.dom.test", "sub"},      {"a.b+c/d@x-y.test", "odd"},
                    {"\"a b\"@dom.test", "blank"}, {"{x}$^*?|=~'`!#%&@dom.test", "signs"},
                    {"u@[192.0.2.1]", "literal"},  {"\"a\\\"b\\\\c\"@dom.test", "escapes"}};
    std::vector<Relay> relays;
    for (auto const* name : {"everyone", "one", "domain", "sub", "odd", "blank", "signs", "literal", "escapes"}) {
        relays.push_back(relay(name, std::string{name} + ".example", 587));
    }
    RegexpTable const table{rendered(relays, route).relayhost};
    struct {
        char const* sender;
        char const* relay;
    } const expected[] = {
        {"user@dom.test", "one"},
        {"USER@Dom.Test", "one"},
        {"xuser@dom.test", "domain"},
        {"user@dom.test.evil.test", "everyone"},
        {"user+x@dom.test", "domain"},
        {"any@dom.test", "domain"},
        {"any@domxtest", "everyone"},
        {"any@sub.dom.test", "sub"},
        {"any@other.dom.test", "everyone"},
        {"any@xsub.dom.test", "everyone"},
        {"a.b+c/d@x-y.test", "odd"},
        {"axb+c/d@x-y.test", "everyone"},
        {"\"a b\"@dom.test", "blank"},   // as Postfix asks first
        {"a b@dom.test", "blank"},       // and then
        {"{x}$^*?|=~'`!#%&@dom.test", "signs"},
        {"u@[192.0.2.1]", "literal"},
        {"u@[192a0.2.1]", "everyone"},
        {"\"a\\\"b\\\\c\"@dom.test", "escapes"},
        {"<>", "everyone"},
        {"postmaster", "everyone"},
    };
    for (auto const& [sender, name] : expected) {
        EXPECT_EQ(table.lookup(sender), "[" + std::string{name} + ".example]:587\n") << sender;
    }
}

TEST(RegexpTables, TakeBothTheSameDecision)
{
    auto route = routing("w");
    route.routes = {{"@plain.test", "p"}};
    auto const texts = rendered(list(relay("w", "w.example", 465, Tls::Wrapper), relay("p", "p.example", 587)), route);
    RegexpTable const relayhost{texts.relayhost};
    RegexpTable const transport{texts.default_transport};
    EXPECT_EQ(relayhost.lookup("a@plain.test"), "[p.example]:587\n");
    EXPECT_EQ(transport.lookup("a@plain.test"), "DUNNO\n");
    EXPECT_EQ(relayhost.lookup("<>"), "[w.example]:465\n");
    EXPECT_EQ(transport.lookup("<>"), "mailcore-smtps:[w.example]:465\n");
}

}   // namespace
}   // namespace mailcore::vault_sync
