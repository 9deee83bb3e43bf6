#include "tests/unit/core/mail/corpus.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "core/base/text.hpp"

namespace mailcore::test {
namespace {

std::string read_file(std::filesystem::path const& path)
{
    std::ifstream file{path, std::ios::binary};
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
}

std::vector<CorpusCase> read_corpus(std::string const& folder, std::string const& input)
{
    std::vector<CorpusCase> cases;
    for (auto const& entry : std::filesystem::directory_iterator{std::filesystem::path{TESTDATA} / folder}) {
        auto path = entry.path();
        if (path.extension() != "." + input) continue;
        auto const bytes = read_file(path);
        path.replace_extension();
        cases.push_back({path.string(), bytes, read_file(path.string() + ".expected")});
    }
    std::sort(cases.begin(), cases.end(), [](auto const& a, auto const& b) { return a.path < b.path; });
    return cases;
}

}   // namespace

void check_corpus(std::string const& folder, std::string const& input, std::size_t at_least,
                  std::function<std::string(std::string const&)> const& actual)
{
    bool const rewrite = std::getenv("MAILCORE_REWRITE_EXPECTED") != nullptr;
    auto const cases = read_corpus(folder, input);
    EXPECT_GE(cases.size(), at_least) << folder;
    for (auto const& one : cases) {
        auto const note = read_file(one.path + ".readme");
        EXPECT_FALSE(note.empty()) << one.path << " has no .readme";
        auto const got = actual(one.input);
        if (rewrite) std::ofstream{one.path + ".expected", std::ios::binary} << got;
        else EXPECT_EQ(got, one.expected) << one.path << ": " << note;
    }
}

std::vector<RawField> split_header(std::string_view header)
{
    std::vector<RawField> fields;
    for (std::size_t start = 0; start < header.size();) {
        auto end = header.find('\n', start);
        while (end != std::string_view::npos && end + 1 < header.size() && (header[end + 1] == ' ' || header[end + 1] == '\t')) {
            end = header.find('\n', end + 1);
        }
        auto line = header.substr(start, end == std::string_view::npos ? end : end - start);
        start = end == std::string_view::npos ? header.size() : end + 1;
        if (line.ends_with('\r')) line.remove_suffix(1);
        auto const colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        fields.push_back({std::string{line.substr(0, colon)}, std::string{line.substr(colon + 1)}});
    }
    return fields;
}

std::string escaped(std::string_view bytes)
{
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string text;
    for (char const c : bytes) {
        if (base::is_printable_ascii(c)) {
            text += c;
        } else {
            text += "\\x";
            text += hex[static_cast<unsigned char>(c) >> 4u];
            text += hex[static_cast<unsigned char>(c) & 15u];
        }
    }
    return text;
}

}   // namespace mailcore::test
