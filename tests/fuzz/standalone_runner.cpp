// Replays files, and all files of directories, through a fuzz target: how ctest runs the corpora without libFuzzer.
//
//     header_from_replay [--cut=N] FILE|DIRECTORY...
//
// With --cut each file is also replayed cut short in N places (at every byte if it has no more), as a stream that ends
// early would show it. Names go to standard output before each run, so that the last one is the culprit.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz.hpp"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(fs::path const& path)
{
    if (!fs::is_directory(path)) return {path};
    std::vector<fs::path> files;
    for (auto const& entry : fs::recursive_directory_iterator{path}) {
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

// In memory of exactly its size, so that a read behind the end is seen.
void run(std::string_view bytes)
{
    std::vector<std::uint8_t> const exact(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

bool replay(fs::path const& path, std::size_t cuts)
{
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);
    std::ifstream file{path, std::ios::binary};
    if (!file) return false;
    std::string const bytes{std::istreambuf_iterator<char>{file}, {}};
    run(bytes);
    if (cuts == 0) return true;
    std::size_t const step = bytes.size() / cuts + 1;
    for (std::size_t size = 0; size < bytes.size(); size += step) run(std::string_view{bytes}.substr(0, size));
    return true;
}

}   // namespace

int main(int argc, char** argv)
{
    std::size_t cuts = 0;
    std::size_t files = 0;
    for (int i = 1; i < argc; ++i) {
        if (std::string_view{argv[i]}.starts_with("--cut=")) {
            cuts = std::strtoul(argv[i] + 6, nullptr, 10);
            continue;
        }
        for (auto const& file : files_of(argv[i])) {
            if (!replay(file, cuts)) {
                std::fprintf(stderr, "cannot read %s\n", file.c_str());
                return 1;
            }
            ++files;
        }
    }
    std::printf("%zu files replayed\n", files);
    return files > 0 ? 0 : 1;   // an empty corpus proves nothing
}
