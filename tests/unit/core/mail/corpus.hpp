// Numbered cases below tests/testdata: NNN-name.INPUT, NNN-name.expected and NNN-name.readme, which says why the case
// exists. A new case is new files. With MAILCORE_REWRITE_EXPECTED=1 in the environment the tests write what they got
// to the .expected files, for review with `git diff`.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mailcore::test {

struct CorpusCase {
    std::string path;       // without extension
    std::string input;
    std::string expected;
};

// Runs `actual` over the input of each case below tests/testdata/FOLDER whose input file ends in `.INPUT`. Fails where
// the text it gives differs from the expected one, where there are fewer than `at_least` cases or one has no note.
void check_corpus(std::string const& folder, std::string const& input, std::size_t at_least,
                  std::function<std::string(std::string const&)> const& actual);

// One header field of a message, name and value as they stand on both sides of the colon.
struct RawField {
    std::string name;
    std::string value;   // folds included, without the last line end
};
std::vector<RawField> split_header(std::string_view header);

// Bytes other than printable ASCII as \xNN.
std::string escaped(std::string_view bytes);

}   // namespace mailcore::test
