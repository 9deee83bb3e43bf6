#include "vault-sync/vault/secret_json.hpp"

#include <gtest/gtest.h>
#include <string>

namespace mailcore::vault_sync {
namespace {

using base::Secret;

SecretJson parsed(std::string_view text)
{
    auto json = SecretJson::parse(Secret{text});
    EXPECT_TRUE(json) << text << ": " << json.error().message;
    return std::move(*json);
}

std::string complaint(std::string_view text)
{
    auto const json = SecretJson::parse(Secret{text});
    return json ? "parsed" : json.error().message;
}

std::string scalar(std::string_view text)
{
    auto const value = parsed(text).at("a").scalar();
    return value ? std::string{value->reveal()} : "(none)";
}

TEST(SecretJson, FindsWhatLiesDeep)
{
    auto const json =
        parsed(R"({"auth":{"client_token":"hvs.x","lease_duration":2764800,"renewable":true},"list":["a",2]})");
    EXPECT_EQ(json.at("auth", "client_token").text(), "hvs.x");
    EXPECT_EQ(json.at("auth", "lease_duration").number(), 2'764'800);
    EXPECT_EQ(json.at("auth", "renewable").boolean(), true);
    EXPECT_EQ(json.at("list").size(), 2u);
    EXPECT_EQ(json.at("list").item(0).text(), "a");
    EXPECT_EQ(json.at("list").item(1).number(), 2);
    EXPECT_FALSE(json.at("list").item(2).exists());
    EXPECT_TRUE(json.root().is_object());
}

TEST(SecretJson, AnswersWithNothingWhereThereIsNothing)
{
    auto const json = parsed(R"({"null":null,"text":"t"})");
    EXPECT_FALSE(json.at("absent").exists());
    EXPECT_FALSE(json.at("absent", "deeper", "still").exists());
    EXPECT_FALSE(json.at("text", "no object").exists());
    EXPECT_EQ(json.at("absent").text(), "");
    EXPECT_EQ(json.at("absent").size(), 0u);
    EXPECT_FALSE(json.at("absent").scalar());
    EXPECT_FALSE(json.at("absent").item(0).exists());
    EXPECT_TRUE(json.at("null").exists());
    EXPECT_TRUE(json.at("null").is_null());
    EXPECT_FALSE(json.at("absent").is_null());
}

// Operators store 587 and "587", true and "true": both are the same text, and digits stay as written.
TEST(SecretJson, GivesScalarsAsTheyWereWritten)
{
    EXPECT_EQ(scalar(R"({"a":"587"})"), "587");
    EXPECT_EQ(scalar(R"({"a":587})"), "587");
    EXPECT_EQ(scalar(R"({"a": 587 })"), "587");
    EXPECT_EQ(scalar(R"({"a":-0.50e+2,"b":1})"), "-0.50e+2");
    EXPECT_EQ(scalar(R"({"a":123456789012345678901234567890})"), "123456789012345678901234567890");
    EXPECT_EQ(scalar(R"({"a":true})"), "true");
    EXPECT_EQ(scalar(R"({"a":false})"), "false");
    EXPECT_EQ(scalar(R"({"a":""})"), "");
    EXPECT_EQ(scalar(R"({"a":null})"), "(none)");
    EXPECT_EQ(scalar(R"({"a":["x"]})"), "(none)");
    EXPECT_EQ(scalar(R"({"a":{"b":"c"}})"), "(none)");
}

TEST(SecretJson, TellsNumbersFromTexts)
{
    auto const json = parsed(R"({"n":587,"t":"587","list":[1,"1",  2 ,"\u0031"],"f":1.5,"big":99999999999999999999})");
    EXPECT_FALSE(json.at("n").is_text());
    EXPECT_EQ(json.at("n").text(), "");
    EXPECT_TRUE(json.at("t").is_text());
    EXPECT_FALSE(json.at("t").number());
    EXPECT_EQ(json.at("list").item(0).number(), 1);
    EXPECT_TRUE(json.at("list").item(1).is_text());
    EXPECT_EQ(json.at("list").item(2).number(), 2);
    EXPECT_EQ(json.at("list").item(3).text(), "1");
    EXPECT_FALSE(json.at("f").number()) << "whole numbers only";
    EXPECT_FALSE(json.at("big").number());
    EXPECT_FALSE(json.at("n").boolean());
}

TEST(SecretJson, UnescapesIncludingNul)
{
    using namespace std::string_view_literals;
    EXPECT_EQ(parsed(R"({"a":"x\u0000y\n\"\\\u00e9\ud83d\ude00"})").at("a").text(), "x\0y\n\"\\é😀"sv);
    EXPECT_EQ(parsed(R"({"a\u0000b":"1","a":"2"})").at("a\0b"sv).text(), "1");
}

TEST(SecretJson, TakesTheLastOfTwoEqualKeys)
{
    EXPECT_EQ(parsed(R"({"a":"first","a":"last"})").at("a").text(), "last");
    std::string order;
    parsed(R"({"a":"1","b":"2","a":"3"})").root().each_member([&](std::string_view key, JsonNode value) {
        order += std::string{key} + std::string{value.text()} + " ";
    });
    EXPECT_EQ(order, "a1 b2 a3 ");
}

TEST(SecretJson, RefusesWhatIsNoJson)
{
    EXPECT_EQ(complaint(""), "not JSON: the text is empty");
    EXPECT_EQ(complaint("   "), "not JSON: The document is empty (byte 4)");
    EXPECT_EQ(complaint("<html>"), "not JSON: Invalid value (byte 1)");
    EXPECT_EQ(complaint(R"({"a":1} x)"), "not JSON: The document root must not be followed by other values (byte 9)");
    EXPECT_EQ(complaint(R"({"a":"secret)"), "not JSON: Missing a closing quotation mark in string (byte 13)");
    EXPECT_EQ(complaint(R"({"a":1,})"), "not JSON: Missing a name for object member (byte 8)");
    EXPECT_EQ(complaint("42"), "not a JSON object or list");
    EXPECT_EQ(complaint("\"text\""), "not a JSON object or list");
    EXPECT_EQ(complaint("{\"a\":\"x\ny\"}"), "not JSON: Invalid escape character in string (byte 8)")
        << "a raw control character";
    EXPECT_EQ(complaint(R"({"a":1e999999})"), "not JSON: Number too big to be stored in double (byte 6)");
}

// A NUL ends the text for RapidJSON: what a sender hides behind it would go unseen.
TEST(SecretJson, RefusesANulByte)
{
    EXPECT_EQ(complaint(std::string_view{"{\"a\":1}\0{\"a\":2}", 15}), "not JSON: a NUL byte (byte 8)");
}

TEST(SecretJson, RefusesWhatIsNotUtf8)
{
    for (std::string_view const bytes : {"\xff", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
        EXPECT_EQ(complaint("{\"a\":\"" + std::string{bytes} + "\"}"), "not JSON: a byte that is not UTF-8 (byte 7)");
        EXPECT_EQ(complaint("{\"a\":\"" + std::string{bytes}), "not JSON: a byte that is not UTF-8 (byte 7)") << "at its very end";
    }
    EXPECT_TRUE(complaint(R"({"a":"\ud800"})").starts_with("not JSON: The surrogate pair in string is invalid"));
}

TEST(SecretJson, SurvivesDeepNesting)
{
    std::string const open(100'000, '[');
    EXPECT_EQ(complaint(open + std::string(100'000, ']')), "parsed");
    EXPECT_TRUE(complaint(open).starts_with("not JSON: "));
    std::string objects;
    for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
    EXPECT_TRUE(complaint(objects).starts_with("not JSON: "));
}

// The promise of the header: texts lie in the Secret that was given, nowhere else.
TEST(SecretJson, KeepsTextsInTheGivenMemory)
{
    Secret text{R"({"short":"s","password":"a long value that no small string holds","port":587})"};
    auto const* const begin = text.reveal().data();
    auto const* const end = begin + text.size();
    auto const json = SecretJson::parse(std::move(text)).value();
    for (auto const* key : {"short", "password"}) {
        auto const* const place = json.at(key).text().data();
        EXPECT_TRUE(begin <= place && place < end) << key;
    }
}

TEST(SecretJson, WritesTexts)
{
    using namespace std::string_view_literals;
    Secret out{"["};
    append_json_string(out, "plain \"quoted\" \\ \n\x1f é\0"sv);
    out.append("]");
    EXPECT_EQ(out.reveal(), "[\"plain \\\"quoted\\\" \\\\ \\u000a\\u001f é\\u0000\"]"sv);
    EXPECT_EQ(SecretJson::parse(std::move(out)).value().root().item(0).text(), "plain \"quoted\" \\ \n\x1f é\0"sv);
}

}   // namespace
}   // namespace mailcore::vault_sync
