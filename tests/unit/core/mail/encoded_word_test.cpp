#include "core/mail/encoded_word.hpp"

#include <gtest/gtest.h>

#include "tests/unit/core/mail/corpus.hpp"

namespace mailcore::mail {
namespace {

TEST(EncodedWord, Corpus)
{
    test::check_corpus("encoded-words", "text", 50, [](std::string const& text) {
        return test::escaped(decode_encoded_words(text)) + "\n";
    });
}

TEST(EncodedWord, MayStandAnywhereIfAsked)
{
    auto const lenient = [](std::string_view text) { return decode_encoded_words(text, EncodedWordPlace::Anywhere); };
    EXPECT_EQ(lenient("x=?utf-8?q?a?=y"), "xay");
    EXPECT_EQ(lenient("\"=?utf-8?q?a?=\""), "\"a\"");
    EXPECT_EQ(lenient("=?utf-8?q?a?==?utf-8?q?b?="), "ab");
    EXPECT_EQ(lenient("=?utf-8?q?a?= =?utf-8?q?b?="), "ab");
    EXPECT_EQ(lenient("=?utf-8?q?a b?="), "=?utf-8?q?a b?=");
}

TEST(EncodedWord, TakesLinearTime)
{
    // Each of these makes a decoder that starts over at every "=?" go over the rest again.
    for (std::string_view const piece : {"=?", "=?a?q?", " =?a?q?b", "=?a?b?AAAA", "=?a?q?x?= ", "=?a?b?YWFh?="}) {
        std::string text;
        while (text.size() < 2'000'000) text += piece;
        EXPECT_LE(decode_encoded_words(text).size(), text.size());
    }
}

}   // namespace
}   // namespace mailcore::mail
