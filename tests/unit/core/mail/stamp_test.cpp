#include "core/mail/stamp.hpp"

#include <algorithm>
#include <gtest/gtest.h>

#include "core/base/text.hpp"

namespace mailcore::mail {
namespace {

using namespace std::chrono_literals;

std::string key_bytes()
{
    std::string bytes;
    for (int i = 0; i < 32; ++i) bytes += static_cast<char>(i);
    return bytes;
}

StampKeys keys()
{
    StampKeys made;
    made.active = "k1";
    made.keys.emplace("k1", base::Secret{key_bytes()});
    made.keys.emplace("k0", base::Secret{std::string(16, 'o')});
    return made;
}

constexpr StampFields kFields{.queue_id = "4jWYs717qcz8lWc",
                              .tenant = "kbz_test",
                              .ticket = "ticket_smtp_test_001",
                              .sender = "amazon@inbound.keybuzz.io",
                              .message_id = "<20261121.1@keybuzz.io>"};
base::Time const kNow{1'795'222'800s};
// Computed with Python's hmac and base64 modules over
// "1\nk1\n1795222800\n4jWYs717qcz8lWc\nkbz_test\nticket_smtp_test_001\namazon@inbound.keybuzz.io\n<20261121.1@keybuzz.io>\n"
// and the key 00 01 … 1f.
constexpr std::string_view kStamp =
    "v=1; k=k1; t=1795222800; q=4jWYs717qcz8lWc; s=4H5YLRlSOP9tpx2II1g0wHhINsufQp4bSLLWeIkPj/w=";

std::string verdict(std::string_view stamp, StampFields const& fields = kFields, base::Time now = kNow,
                    std::chrono::seconds max_age = 30 * 24h)
{
    auto const verified = verify_stamp(keys(), stamp, fields, now, max_age);
    return verified ? "valid" : verified.error().message;
}

std::string signing_failure(StampFields const& fields)
{
    auto const stamp = sign_stamp(keys(), fields, kNow);
    return stamp ? "signed" : stamp.error().message;
}

TEST(Stamp, IsTheKnownVector) { EXPECT_EQ(sign_stamp(keys(), kFields, kNow).value(), kStamp); }

TEST(Stamp, IsTheKnownVectorWithEmptyFields)
{
    auto const stamp = sign_stamp(keys(), {.queue_id = "4jWYs717qcz8lWc", .tenant = "kbz_test", .ticket = "", .sender = "", .message_id = ""}, kNow);
    EXPECT_EQ(stamp.value(), "v=1; k=k1; t=1795222800; q=4jWYs717qcz8lWc; s=yc/h1niTPhssHzSCYJEf/H6eyCKLC82Qc0MSHqnfl2U=");
}

TEST(Stamp, IsPrintableAsciiOfOneLine)
{
    auto const stamp = sign_stamp(keys(), {.queue_id = "q", .tenant = "t", .ticket = "", .sender = "jörg@example.org", .message_id = "<ü@x>"}, kNow).value();
    EXPECT_TRUE(std::all_of(stamp.begin(), stamp.end(), base::is_printable_ascii)) << stamp;
    EXPECT_LT(stamp.size(), 200u);
}

TEST(Stamp, CountsWholeSeconds)
{
    EXPECT_EQ(sign_stamp(keys(), kFields, kNow + 999'999us).value(), kStamp);
    EXPECT_NE(sign_stamp(keys(), kFields, kNow + 1s).value(), kStamp);
}

TEST(Stamp, VerifiesWhatItSigned)
{
    EXPECT_EQ(verdict(kStamp), "valid");
    EXPECT_EQ(verdict(sign_stamp(keys(), kFields, kNow).value(), kFields, kNow + 1h), "valid");
}

TEST(Stamp, VerifiesOldKeys)
{
    auto old = keys();
    old.active = "k0";
    EXPECT_EQ(verdict(sign_stamp(old, kFields, kNow).value()), "valid");
}

TEST(Stamp, TakesTheQueueIdFromItself)
{
    auto fields = kFields;
    fields.queue_id = "another";
    EXPECT_EQ(verdict(kStamp, fields), "valid");
}

TEST(Stamp, VerifiesThroughFolds)
{
    EXPECT_EQ(verdict(" v=1; k=k1;\r\n\tt=1795222800; q=4jWYs717qcz8lWc;\n s=4H5YLRlSOP9tpx2II1g0wHhINsufQp4bSLLWeIkPj/w= "), "valid");
}

TEST(Stamp, NoticesEveryAlteredField)
{
    std::string const altered = "the signature does not fit: tenant, ticket, sender, queue id or Message-ID was altered";
    auto const with = [](auto change) {
        auto fields = kFields;
        change(fields);
        return verdict(kStamp, fields);
    };
    EXPECT_EQ(with([](auto& f) { f.tenant = "kbz_prod"; }), altered);
    EXPECT_EQ(with([](auto& f) { f.ticket = "ticket_smtp_test_002"; }), altered);
    EXPECT_EQ(with([](auto& f) { f.ticket = ""; }), altered);
    EXPECT_EQ(with([](auto& f) { f.sender = "Amazon@inbound.keybuzz.io"; }), altered);
    EXPECT_EQ(with([](auto& f) { f.sender = ""; }), altered);
    EXPECT_EQ(with([](auto& f) { f.message_id = "<20261121.2@keybuzz.io>"; }), altered);
    EXPECT_EQ(verdict("v=1; k=k1; t=1795222800; q=4jWYs717qcz8lWd; s=4H5YLRlSOP9tpx2II1g0wHhINsufQp4bSLLWeIkPj/w="), altered);
    EXPECT_EQ(verdict("v=1; k=k1; t=1795222801; q=4jWYs717qcz8lWc; s=4H5YLRlSOP9tpx2II1g0wHhINsufQp4bSLLWeIkPj/w="), altered);
    EXPECT_EQ(verdict("v=1; k=k0; t=1795222800; q=4jWYs717qcz8lWc; s=4H5YLRlSOP9tpx2II1g0wHhINsufQp4bSLLWeIkPj/w="), altered);
    EXPECT_EQ(verdict("v=1; k=k1; t=1795222800; q=4jWYs717qcz8lWc; s=5H5YLRlSOP9tpx2II1g0wHhINsufQp4bSLLWeIkPj/w="), altered);
    EXPECT_EQ(verdict("v=1; k=k1; t=1795222800; q=4jWYs717qcz8lWc; s=4H5YLRlSOP9tpx2II1g0wHhINsufQp4bSLLWeIkPj/w"), altered);
    EXPECT_EQ(verdict("v=1; k=k1; t=1795222800; q=4jWYs717qcz8lWc; s="), altered);
}

TEST(Stamp, FieldsCannotFlowIntoEachOther)
{
    auto const one = sign_stamp(keys(), {.queue_id = "q", .tenant = "t", .ticket = "", .sender = "a", .message_id = "b"}, kNow).value();
    auto const two = sign_stamp(keys(), {.queue_id = "q", .tenant = "t", .ticket = "a", .sender = "", .message_id = "b"}, kNow).value();
    EXPECT_NE(one, two);
}

TEST(Stamp, RefusesToSignWhatIsAmbiguous)
{
    auto const with = [](auto change) {
        auto fields = kFields;
        change(fields);
        return signing_failure(fields);
    };
    EXPECT_EQ(with([](auto& f) { f.message_id = "<1\n2>"; }), "the Message-ID holds a line end or NUL");
    EXPECT_EQ(with([](auto& f) { f.message_id = "<1\r2>"; }), "the Message-ID holds a line end or NUL");
    EXPECT_EQ(with([](auto& f) { f.message_id = std::string_view{"<\0>", 3}; }), "the Message-ID holds a line end or NUL");
    EXPECT_EQ(with([](auto& f) { f.message_id = "<1\t2>"; }), "signed") << "a folded Message-ID keeps its tab";
    EXPECT_EQ(with([](auto& f) { f.sender = "a\nb@example.org"; }), "the sender holds a line end or NUL");
    EXPECT_EQ(with([](auto& f) { f.tenant = "a\nb"; }), "the tenant is not printable ASCII");
    EXPECT_EQ(with([](auto& f) { f.tenant = "ü"; }), "the tenant is not printable ASCII");
    EXPECT_EQ(with([](auto& f) { f.tenant = ""; }), "a stamp needs a tenant");
    EXPECT_EQ(with([](auto& f) { f.ticket = "T\r\nBcc: x"; }), "the ticket is not printable ASCII");
    EXPECT_EQ(with([](auto& f) { f.ticket = "T\t1"; }), "the ticket is not printable ASCII");
    EXPECT_EQ(with([](auto& f) { f.queue_id = ""; }), "the queue id \"\" cannot be stamped");
    EXPECT_EQ(with([](auto& f) { f.queue_id = "a; s=x"; }), "the queue id \"a; s=x\" cannot be stamped");
    EXPECT_EQ(with([](auto& f) { f.queue_id = "a\nb"; }), "the queue id \"a?b\" cannot be stamped");
}

TEST(Stamp, RefusesToSignWithoutAUsableKey)
{
    auto other = keys();
    other.active = "k9";
    EXPECT_EQ(sign_stamp(other, kFields, kNow).error().message, "key \"k9\" is not in the keys file");
    other.active = "k;";
    EXPECT_EQ(sign_stamp(other, kFields, kNow).error().message, "the key id \"k;\" cannot stand in a stamp");
    other.active = "short";
    other.keys.emplace("short", base::Secret{"fifteen bytes.."});
    EXPECT_EQ(sign_stamp(other, kFields, kNow).error().message, "key \"short\" has fewer than 16 bytes");
}

TEST(Stamp, NamesAKeyItDoesNotHold)
{
    EXPECT_EQ(verdict("v=1; k=k9; t=1795222800; q=4jWYs717qcz8lWc; s=4H5YLRlSOP9tpx2II1g0wHhINsufQp4bSLLWeIkPj/w="),
              "signed with key \"k9\", which the keys file does not hold");
    EXPECT_EQ(verdict("v=1; k=\x1b[2J; t=1795222800; q=4jWYs717qcz8lWc; s=x"),
              "signed with key \"?[2J\", which the keys file does not hold");
}

TEST(Stamp, MindsItsAge)
{
    EXPECT_EQ(verdict(kStamp, kFields, kNow + 30 * 24h), "valid");
    EXPECT_EQ(verdict(kStamp, kFields, kNow + 30 * 24h + 1s), "the stamp is older than 30d");
    EXPECT_EQ(verdict(kStamp, kFields, kNow + 61min, 1h), "the stamp is older than 1h");
    EXPECT_EQ(verdict(kStamp, kFields, kNow - kStampClockSkew), "valid") << "two hosts' clocks may differ a little";
    EXPECT_EQ(verdict(kStamp, kFields, kNow - kStampClockSkew - 1s), "the stamp is from the future");
}

TEST(Stamp, TellsOfForgeryRatherThanOfAge)
{
    EXPECT_EQ(verdict("v=1; k=k1; t=1; q=4jWYs717qcz8lWc; s=4H5YLRlSOP9tpx2II1g0wHhINsufQp4bSLLWeIkPj/w="),
              "the signature does not fit: tenant, ticket, sender, queue id or Message-ID was altered");
}

TEST(Stamp, ReadsItsOwnFormOnly)
{
    auto const malformed = [](std::string_view stamp) {
        auto const answer = verdict(stamp);
        return answer.starts_with("the stamp is malformed: ") ? answer.substr(24) : "?? " + answer;
    };
    EXPECT_EQ(malformed(""), "v= is expected where it says \"\"");
    EXPECT_EQ(malformed("anything"), "v= is expected where it says \"anything\"");
    EXPECT_EQ(malformed("v=1"), "k= is expected where it says \"\"");
    EXPECT_EQ(malformed("k=k1; v=1; t=1; q=q; s=s"), "v= is expected where it says \"k=k1\"");
    EXPECT_EQ(malformed("v=1; t=1; k=k1; q=q; s=s"), "k= is expected where it says \"t=1\"");
    EXPECT_EQ(malformed("v=1; v=1; k=k1; t=1; q=q; s=s"), "k= is expected where it says \"v=1\"");
    EXPECT_EQ(malformed("v=1; k=k1; k=k0; t=1; q=q; s=s"), "t= is expected where it says \"k=k0\"");
    EXPECT_EQ(malformed("v=1; k=k1; t=1; q=q; s=s; s=s"), "something follows s=");
    EXPECT_EQ(malformed("v=1; k=k1; t=1; q=q; s=s;"), "something follows s=");
    EXPECT_EQ(malformed("v=1; k=k1; t=1; q=q"), "s= is expected where it says \"\"");
    EXPECT_EQ(malformed("v=1; k=k1; t=; q=q; s=s"), "\"\" is not a time");
    EXPECT_EQ(malformed("v=1; k=k1; t=-1; q=q; s=s"), "\"-1\" is not a time");
    EXPECT_EQ(malformed("v=1; k=k1; t=01; q=q; s=s"), "\"01\" is not a time");
    EXPECT_EQ(malformed("v=1; k=k1; t=1x; q=q; s=s"), "\"1x\" is not a time");
    EXPECT_EQ(malformed("v=1; k=k1; t=99999999999999999999; q=q; s=s"), "\"99999999999999999999\" is not a time");
    EXPECT_EQ(malformed("v=1; k=k1; t=9223372036854775807; q=q; s=s"), "\"9223372036854775807\" is not a time");
    EXPECT_EQ(malformed("v=1; k=k1; t=1; q=; s=s"), "\"\" is no queue id");
    EXPECT_EQ(malformed("v=1; k=k1; t=1; q=a b; s=s"), "\"a b\" is no queue id");
    EXPECT_EQ(malformed("V=1; k=k1; t=1; q=q; s=s"), "v= is expected where it says \"V=1\"");
    EXPECT_EQ(verdict("v=2; whatever follows"), "the stamp has version \"2\"; only 1 is known");
    EXPECT_EQ(verdict("v=; k=k1"), "the stamp has version \"\"; only 1 is known");
}

TEST(StampSender, HasItsDomainInLowerCase)
{
    EXPECT_EQ(stamp_sender("Amazon+X@Inbound.KeyBuzz.IO"), "Amazon+X@inbound.keybuzz.io");
    EXPECT_EQ(stamp_sender("A@B@C.D"), "A@B@c.d");
    EXPECT_EQ(stamp_sender("Postmaster"), "Postmaster");
    EXPECT_EQ(stamp_sender(""), "");
    EXPECT_EQ(stamp_sender("a@BÜCHER.Example"), "a@bÜcher.example") << "ASCII letters only";
}

TEST(StampToken, IsShortAndPlain)
{
    EXPECT_TRUE(is_stamp_token("k1"));
    EXPECT_TRUE(is_stamp_token("2026-11_a.b"));
    EXPECT_FALSE(is_stamp_token(""));
    EXPECT_FALSE(is_stamp_token("a b"));
    EXPECT_FALSE(is_stamp_token("a;b"));
    EXPECT_FALSE(is_stamp_token("ü"));
    EXPECT_FALSE(is_stamp_token(std::string(65, 'a')));
}

}   // namespace
}   // namespace mailcore::mail
