#include "core/config/include.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <glob.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.hpp"
#include "core/config/encoding.hpp"

namespace mailcore::config {
namespace {

using base::fail;

constexpr std::size_t kLargestFile = 256u << 20u;
constexpr std::string_view kWildcards = "*?[";

std::string directory_of(std::string const& path)
{
    auto const slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

// The directory stands for itself even where its name holds a wildcard.
std::string escaped(std::string_view path)
{
    std::string out;
    for (char const c : path) {
        if (kWildcards.find(c) != std::string_view::npos || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

bool same_file(std::string const& left, std::string const& right)
{
    struct stat a {};
    struct stat b {};
    return ::stat(left.c_str(), &a) == 0 && ::stat(right.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

// glob(3) tells of directories it cannot read through a function without an argument of ours.
thread_local std::string unreadable_directory;

int note_unreadable(char const* path, int failure)
{
    if (failure != ENOENT && failure != ENOTDIR) {
        unreadable_directory = std::string{"cannot read "} + path + ": " + std::strerror(failure);
    }
    return 0;   // go on
}

struct Matches {
    std::vector<std::string> files;
    std::string problem;
};

// A pattern without wildcard names its file whether it is there or not: reading it will tell.
Matches match(std::string const& directory, std::string const& pattern)
{
    Matches matches;
    if (pattern.find_first_of(kWildcards) == std::string::npos) {
        matches.files = {directory + pattern};
        return matches;
    }
    glob_t found{};
    unreadable_directory.clear();
    int const result = ::glob((escaped(directory) + pattern).c_str(), GLOB_NOSORT, note_unreadable, &found);
    for (std::size_t i = 0; i < found.gl_pathc; ++i) matches.files.emplace_back(found.gl_pathv[i]);
    ::globfree(&found);
    std::sort(matches.files.begin(), matches.files.end());   // by bytes: the same order whatever the locale
    matches.problem = result == GLOB_NOSPACE ? "out of memory" : unreadable_directory;
    return matches;
}

base::Result<> refuse_kind(int file, std::string const& path, OnlyRegular only_regular)
{
    struct stat status {};
    if (::fstat(file, &status) != 0) return base::fail_errno("cannot read " + path);
    if (S_ISDIR(status.st_mode)) return fail("cannot read: it is a directory");
    if (only_regular == OnlyRegular::Yes && !S_ISREG(status.st_mode)) {
        return fail("cannot read: it is not a regular file");
    }
    return {};
}

}   // namespace

base::Result<std::string> read_file(std::string const& path, OnlyRegular only_regular)
{
    // A FIFO in a directory of includes must not make a reload wait for its writer.
    int const wait = only_regular == OnlyRegular::Yes ? O_NONBLOCK : 0;
    base::Fd const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | wait)};
    if (!file) return base::fail_errno("cannot read");
    if (auto const kind = refuse_kind(file.get(), path, only_regular); !kind) return fail(kind.error());

    std::string text;
    std::array<char, 65'536> chunk{};
    for (;;) {
        auto const got = ::read(file.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return base::fail_errno("cannot read");
        if (got == 0) break;
        text.append(chunk.data(), static_cast<std::size_t>(got));
        if (text.size() > kLargestFile) return fail("cannot read: it is larger than 256 MiB");
    }
    if (auto const start = text.size() - without_byte_order_mark(text).size(); start > 0) text.erase(0, start);
    return text;
}

std::optional<Document> open_document(std::string const& path, Diagnostics& problems)
{
    auto text = read_file(path, OnlyRegular::No);
    if (!text) {
        problems.error({std::make_shared<std::string const>(path)}, text.error().message);
        return std::nullopt;
    }
    return Document::parse(path, problems.remember_source(path, *std::move(text)), problems);
}

Document open_text(std::string const& name, std::string_view text, Diagnostics& problems)
{
    auto const kept = problems.remember_source(name, std::string{without_byte_order_mark(text)});
    return Document::parse(name, kept, problems);
}

std::vector<IncludedFile> included_files(std::string const& including, TextList const& patterns, Diagnostics& problems)
{
    std::vector<IncludedFile> files;
    std::set<std::string> known;
    for (auto const& pattern : patterns) {
        auto const matches = match(pattern.value.starts_with('/') ? "" : directory_of(including), pattern.value);
        auto const complain = [&](std::string const& words) { problems.error(pattern.position, "include: " + words); };
        if (!matches.problem.empty()) complain(matches.problem);
        for (auto const& file : matches.files) {
            if (same_file(file, including)) {
                complain(in_quotes(pattern.value) + " names this file itself");
            } else if (known.insert(file).second) {
                files.push_back({file, pattern.position});
            }
        }
    }
    return files;
}

}   // namespace mailcore::config
