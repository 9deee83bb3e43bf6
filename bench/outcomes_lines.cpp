// How fast lines of Postfix's log are parsed and counted, in the same run with pflogsumm, the yardstick: both count the same
// generated day of a mail log, and both must come to the same totals. Prints one line of JSON.
//
//     bench-outcomes-lines [--lines 10000000] [--rounds 1] [--keep DIRECTORY]      a log that is kept there is taken again
//     bench-outcomes-lines --count /var/log/mail.log         what it does to a log, without comparing
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "bench/log_counts.hpp"
#include "bench/mail_log.hpp"
#include "bench/options.hpp"
#include "core/base/clock.hpp"
#include "core/base/fd.hpp"

namespace mailcore::bench {
namespace {

constexpr char kUsage[] = "bench-outcomes-lines [--lines N] [--rounds N] [--seed N] [--keep DIRECTORY] | --count FILE";

// --- Counting one file

// Gives whole lines of a file to `take`.
template <class Take>
void each_line(std::string const& path, Take take)
{
    base::Fd const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) give_up_errno("open " + path);
    std::vector<char> block(1 << 18);
    std::size_t kept = 0;   // the beginning of a line whose end is not read yet
    for (;;) {
        if (kept == block.size()) block.resize(2 * block.size());
        auto const got = ::read(file.get(), block.data() + kept, block.size() - kept);
        if (got < 0) give_up_errno("read " + path);
        if (got == 0) return;
        std::string_view rest{block.data(), kept + static_cast<std::size_t>(got)};
        for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
            take(rest.substr(0, end));
            rest.remove_prefix(end + 1);
        }
        kept = rest.size();
        std::memmove(block.data(), rest.data(), kept);
    }
}

std::uint64_t lines_of(std::string const& path)
{
    std::uint64_t lines = 0;
    each_line(path, [&](std::string_view) { ++lines; });
    return lines;
}

int count(std::string const& path)
{
    outcomes::LogClock clock{base::now()};
    outcomes::PostfixLine parsed;
    LogCounts counts;
    each_line(path, [&](std::string_view line) {
        if (parse_postfix_line(line, clock, parsed)) counts.take(parsed);
    });
    std::printf("Grand Totals\n%s\n%s", counts.grand_totals().c_str(), counts.reasons(20).c_str());
    return EXIT_SUCCESS;
}

// --- Measuring a program

struct Measured {
    std::string output;
    double seconds = 0;
    double cpu_seconds = 0;
    double peak_mib = 0;
};

double seconds_of(timeval time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; }

std::string read_all(int from)
{
    std::string text;
    std::array<char, 65'536> block;
    for (ssize_t got = 0; (got = ::read(from, block.data(), block.size())) > 0;) text.append(block.data(), static_cast<std::size_t>(got));
    return text;
}

Measured run(std::vector<std::string> const& command)
{
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (auto const& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) give_up_errno("make a pipe");
    auto const began = base::Stopwatch::now();
    auto const child = ::fork();
    if (child == 0) {
        ::dup2(pipe[1], STDOUT_FILENO);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    ::close(pipe[1]);
    Measured measured;
    measured.output = read_all(pipe[0]);
    ::close(pipe[0]);
    int status = 0;
    rusage used{};
    if (child < 0 || ::wait4(child, &status, 0, &used) != child) give_up_errno("run " + command[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) give_up(command[0] + " failed; is it installed? (apt-get install pflogsumm)");
    measured.seconds = std::chrono::duration<double>(base::Stopwatch::now() - began).count();
    measured.cpu_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    measured.peak_mib = static_cast<double>(used.ru_maxrss) / 1024;
    return measured;
}

// --- Comparing

// The lines of "Grand Totals", without the percentages that only pflogsumm has: " 12  rejected (3%)".
std::vector<std::string> totals_of(std::string_view output)
{
    std::vector<std::string> totals;
    for (auto line : base::split(output.substr(std::min(output.find("Grand Totals"), output.size())), '\n')) {
        if (line.ends_with("%)")) line = line.substr(0, line.rfind(" ("));
        if (line.starts_with(' ')) totals.emplace_back(base::trim(line));
        if (line.ends_with("recipient hosts/domains")) break;
    }
    return totals;
}

std::string joined(std::vector<std::string> const& lines)
{
    std::string text;
    for (auto const& line : lines) text.append("  ").append(line).append("\n");
    return text;
}

void require_same(Measured const& ours, Measured const& theirs)
{
    auto const our_totals = totals_of(ours.output);
    auto const their_totals = totals_of(theirs.output);
    if (our_totals != their_totals) give_up("the totals differ, first ours, then pflogsumm's:\n" + joined(our_totals) + "\n" + joined(their_totals));
    if (our_totals.size() != 15) give_up("totals are missing");
}

Measured fastest(std::vector<Measured> const& rounds)
{
    return *std::min_element(rounds.begin(), rounds.end(), [](auto const& a, auto const& b) { return a.seconds < b.seconds; });
}

void print(char const* name, Measured const& measured, std::uint64_t lines)
{
    std::printf(",\"%s\":{\"lines_per_second\":%.0f,\"seconds\":%.2f,\"cpu_seconds\":%.2f,\"peak_mib\":%.1f}", name, static_cast<double>(lines) / measured.seconds, measured.seconds,
                measured.cpu_seconds, measured.peak_mib);
}

int compare(std::string const& log, std::uint64_t lines, std::uint64_t rounds)
{
    std::vector<Measured> ours;
    std::vector<Measured> theirs;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        ours.push_back(run({"/proc/self/exe", "--count", log}));
        theirs.push_back(run({"pflogsumm", log}));
        require_same(ours.back(), theirs.back());
    }
    std::printf("{\"lines\":%llu,\"mib\":%.0f", static_cast<unsigned long long>(lines), static_cast<double>(std::filesystem::file_size(log)) / (1 << 20));
    print("mailcore", fastest(ours), lines);
    print("pflogsumm", fastest(theirs), lines);
    std::printf(",\"ratio\":%.1f,\"ratio_by_cpu\":%.1f,\"same_totals\":true}\n", fastest(theirs).seconds / fastest(ours).seconds,
                fastest(theirs).cpu_seconds / fastest(ours).cpu_seconds);
    return EXIT_SUCCESS;
}

}   // namespace
}   // namespace mailcore::bench

int main(int argc, char** argv)
{
    using namespace mailcore::bench;
    auto options = Options{argc, argv, kUsage};
    auto const counted = options.text("count", "");
    auto const lines = options.number("lines", 10'000'000);
    auto const rounds = std::max<std::uint64_t>(1, options.number("rounds", 1));
    auto const seed = options.number("seed", 1);
    auto const kept = options.text("keep", "");
    options.done();
    if (!counted.empty()) return count(counted);

    std::string made = (std::filesystem::temp_directory_path() / "outcomes-lines-XXXXXX").string();
    if (kept.empty() && ::mkdtemp(made.data()) == nullptr) give_up_errno("make " + made);
    auto const directory = kept.empty() ? made : kept;
    auto const log = directory + "/mail.log";
    auto const written = std::filesystem::exists(log) ? lines_of(log) : write_mail_log(log, lines, seed);
    auto const status = compare(log, written, rounds);
    if (kept.empty()) std::filesystem::remove_all(directory);
    return status;
}
