// How fast a mail log and its decision log become outcomes in SQLite: parsed, joined, stored in transactions of 20,000 lines,
// in one process; in the same run with pflogsumm, which only counts. Then how long it takes to find a ticket. Prints one line
// of JSON.
//
//     bench-outcomes-store [--lines 10000000] [--batch 20000] [--events 1] [--keep DIRECTORY] [--pflogsumm 1]
//
// Every accepted message has a tenant and a ticket, so every end is an event for the webhook as well, and waits in its queue:
// the receiver is away all day. --events 0: no webhook is configured.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unordered_set>
#include <vector>

#include "bench/mail_log.hpp"
#include "bench/options.hpp"
#include "bench/population.hpp"
#include "core/base/clock.hpp"
#include "core/base/fd.hpp"
#include "outcomes/join/joiner.hpp"
#include "outcomes/store/sqlite_store.hpp"

namespace mailcore::bench {
namespace {

constexpr char kUsage[] =
    "bench-outcomes-store [--lines N] [--batch N] [--events 0|1] [--seed N] [--keep DIRECTORY] [--pflogsumm 0|1]";

using Seconds = std::chrono::duration<double>;

// --- Lines of a file

class LineReader {
public:
    explicit LineReader(std::string const& path) : file_{::open(path.c_str(), O_RDONLY | O_CLOEXEC)}, block_(1 << 20)
    {
        if (!file_) give_up_errno("open " + path);
    }
    // The view lives until the next call.
    bool next(std::string_view& line)
    {
        for (;;) {
            auto const end = rest_.find('\n');
            if (end != std::string_view::npos) {
                line = rest_.substr(0, end);
                rest_.remove_prefix(end + 1);
                return true;
            }
            if (!fill()) return false;
        }
    }

private:
    bool fill()
    {
        auto const kept = rest_.size();
        std::memmove(block_.data(), rest_.data(), kept);
        auto const got = ::read(file_.get(), block_.data() + kept, block_.size() - kept);
        if (got < 0) give_up_errno("read");
        rest_ = {block_.data(), kept + static_cast<std::size_t>(got)};
        return got > 0;
    }
    base::Fd file_;
    std::vector<char> block_;
    std::string_view rest_;
};

// --- The decision log that belongs to a mail log: the milter decides between Message-ID and the end of the message

std::string in_json(base::Time time)
{
    auto text = base::format_time(time);
    auto const millis = std::to_string(1'000 + time.time_since_epoch().count() / 1'000 % 1'000);
    return text.replace(text.size() - 1, 1, "." + millis.substr(1) + "Z");
}

void write_decision(std::ofstream& out, outcomes::PostfixLine const& line, std::string const& client, std::uint64_t number)
{
    auto const tenant = "shop" + std::to_string(number % 300);
    out << R"({"time":")" << in_json(line.time) << R"(","daemon":"milter","state":"END-OF-MESSAGE","queue_id":")" << line.queue_id
        << R"(","instance":"","message_id":")" << line.message_id << R"(","tenant":")" << tenant << R"(","ticket":"ticket_)" << number
        << R"(","client":")" << client << R"(","login":"","port":25,"sender":"orders@)" << tenant
        << R"(.example","recipient":"","recipients":1,"size":2101,"action":"pass","reason":"ok","rule":"","limit":"","would":"",)"
        << R"("reply":"","forged_headers_removed":0,"micros":38})" << '\n';
}

// Refused messages have no decision here: that would be one line more for nothing.
void write_decisions(std::string const& mail_log, std::string const& path)
{
    std::unordered_map<std::string, std::string> clients;   // of messages whose Message-ID has not come
    std::ofstream out{path};
    LineReader lines{mail_log};
    outcomes::LogClock clock{base::now()};
    outcomes::PostfixLine parsed;
    std::uint64_t number = 0;
    for (std::string_view line; lines.next(line);) {
        if (!parse_postfix_line(line, clock, parsed)) continue;
        if (parsed.kind == outcomes::PostfixLine::Kind::Client) clients.emplace(parsed.queue_id, parsed.client);
        if (parsed.kind != outcomes::PostfixLine::Kind::MessageId) continue;
        auto const client = clients.find(std::string{parsed.queue_id});
        if (client == clients.end()) continue;   // a bounce
        write_decision(out, parsed, client->second, ++number);
        clients.erase(client);
    }
    if (!out.flush()) give_up_errno("write " + path);
}

// --- What is measured

double resident_mib()
{
    std::ifstream status{"/proc/self/statm"};
    std::uint64_t size = 0, resident = 0;
    status >> size >> resident;
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double cpu_seconds(int who)
{
    rusage used{};
    ::getrusage(who, &used);
    auto const seconds = [](timeval time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

struct Stored {
    std::uint64_t lines = 0;
    std::uint64_t decisions = 0;
    std::uint64_t events = 0;
    double seconds = 0, cpu = 0, peak_mib = 0;
    double mib_at_a_tenth = 0, mib_at_the_end = 0;   // resident
    double slowest_commit = 0;
    double first_tenth = 0, last_tenth = 0;          // seconds
};

class Reader {
public:
    Reader(std::string const& directory, std::uint64_t batch, bool make_events)
        : mail_{directory + "/mail.log"}, decisions_{directory + "/decisions.jsonl"}, batch_{batch}
    {
        auto opened = outcomes::open_sqlite_store(directory + "/outcomes.db");
        if (!opened) give_up(opened.error().message);
        store_ = std::move(*opened);
        joiner_ = std::make_unique<outcomes::Joiner>(*store_, outcomes::JoinOptions{.providers = {{"email-smtp.*.amazonaws.com", "SES"}, {"mx.gmail.*", "Gmail"}},
                                                                                     .make_events = make_events});
    }

    Stored run(std::uint64_t lines)
    {
        auto const began = base::Stopwatch::now();
        for (bool more = true; more;) {
            more = take_batch();
            commit();
            auto const passed = Seconds{base::Stopwatch::now() - began}.count();
            if (stored_.first_tenth == 0 && stored_.lines * 10 >= lines) stored_.first_tenth = passed, stored_.mib_at_a_tenth = resident_mib();
            if (nine_tenths_ == 0 && stored_.lines * 10 >= lines * 9) nine_tenths_ = passed;
            stored_.seconds = passed;
        }
        stored_.last_tenth = stored_.seconds - nine_tenths_;
        stored_.mib_at_the_end = resident_mib();
        stored_.cpu = cpu_seconds(RUSAGE_SELF);
        return stored_;
    }

private:
    bool take_batch()
    {
        std::string_view line;
        std::uint64_t count = 0;
        for (; count < batch_ && mail_.next(line); ++count) {
            if (!parse_postfix_line(line, clock_, parsed_)) continue;
            while (decision_.time <= parsed_.time && next_decision()) {
            }
            joiner_->take(parsed_);
        }
        stored_.lines += count;
        return count == batch_;
    }
    // The one that is held is taken; the next is held.
    bool next_decision()
    {
        if (!decision_.queue_id.empty()) joiner_->take(decision_), ++stored_.decisions;
        std::string_view line;
        if (!decisions_.next(line) || !parse_decision_line(line, decision_)) {
            decision_.clear();
            decision_.time = base::Time::max();
        }
        return decision_.time != base::Time::max();
    }
    void commit()
    {
        auto const began = base::Stopwatch::now();
        auto& batch = joiner_->batch();
        batch.positions["mail_log"] = std::to_string(stored_.lines);
        stored_.events += batch.events.size();
        if (auto const applied = store_->apply(batch); !applied) give_up(applied.error().message);
        joiner_->committed();
        stored_.slowest_commit = std::max(stored_.slowest_commit, Seconds{base::Stopwatch::now() - began}.count());
    }

    LineReader mail_, decisions_;
    std::uint64_t batch_;
    std::unique_ptr<outcomes::OutcomeStore> store_;
    std::unique_ptr<outcomes::Joiner> joiner_;
    outcomes::LogClock clock_{base::now()};
    outcomes::PostfixLine parsed_;
    outcomes::DecisionRecord decision_;
    Stored stored_;
    double nine_tenths_ = 0;
};

// In a process of its own: its memory and time are those of the work alone.
Stored measure(std::string const& directory, std::uint64_t lines, std::uint64_t batch, bool make_events)
{
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) give_up_errno("make a pipe");
    auto const child = ::fork();
    if (child == 0) {
        auto const stored = Reader{directory, batch, make_events}.run(lines);
        ::_exit(::write(pipe[1], &stored, sizeof stored) == static_cast<ssize_t>(sizeof stored) ? 0 : 1);
    }
    ::close(pipe[1]);
    Stored stored;
    auto const got = ::read(pipe[0], &stored, sizeof stored);
    ::close(pipe[0]);
    int status = 0;
    rusage used{};
    if (child < 0 || ::wait4(child, &status, 0, &used) != child || got != static_cast<ssize_t>(sizeof stored)) give_up("the run failed");
    stored.peak_mib = static_cast<double>(used.ru_maxrss) / 1024;
    return stored;
}

// What an operator waits for: one ticket of the store, drawn at random.
struct Asked {
    double median_ms = 0, worst_ms = 0;
};

Asked ask_for_tickets(std::string const& path, std::uint64_t tickets)
{
    constexpr std::size_t kTimes = 200;
    auto store = outcomes::open_sqlite_store(path);
    if (!store) give_up(store.error().message);
    auto draw = Draw{7};
    std::vector<double> took;
    while (took.size() < kTimes) {
        outcomes::Query query;
        query.ticket = "ticket_" + std::to_string(1 + draw.next() % tickets);
        auto const began = base::Stopwatch::now();
        auto const found = (*store)->query(query);
        took.push_back(std::chrono::duration<double, std::milli>(base::Stopwatch::now() - began).count());
        if (!found || found->outcomes.empty()) give_up(*query.ticket + " was not found");
    }
    std::sort(took.begin(), took.end());
    return {took[kTimes / 2], took.back()};
}

struct Counted {
    double seconds = 0, cpu = 0;
};

Counted run_pflogsumm(std::string const& log)
{
    auto const began = base::Stopwatch::now();
    auto const before = cpu_seconds(RUSAGE_CHILDREN);
    auto const child = ::fork();
    if (child == 0) {
        auto const nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
        ::dup2(nowhere, STDOUT_FILENO);
        ::execlp("pflogsumm", "pflogsumm", log.c_str(), static_cast<char*>(nullptr));
        ::_exit(127);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) give_up_errno("run pflogsumm");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) give_up("pflogsumm failed; is it installed? (apt-get install pflogsumm) --pflogsumm 0 goes without");
    return {Seconds{base::Stopwatch::now() - began}.count(), cpu_seconds(RUSAGE_CHILDREN) - before};
}

void print(Stored const& stored, std::filesystem::path const& store)
{
    auto const lines = static_cast<double>(stored.lines);
    auto const bytes = static_cast<double>(std::filesystem::file_size(store));
    std::printf("\"lines\":%.0f,\"decisions\":%llu,\"events\":%llu,\"lines_per_second\":%.0f,\"lines_per_cpu_second\":%.0f,\"seconds\":%.1f,"
                "\"cpu_seconds\":%.1f,\"store_mib\":%.0f,\"store_bytes_per_line\":%.0f,\"peak_mib\":%.0f,\"mib_at_a_tenth\":%.0f,\"mib_at_the_end\":%.0f,"
                "\"first_tenth_seconds\":%.1f,\"last_tenth_seconds\":%.1f,\"slowest_commit_seconds\":%.2f",
                lines, static_cast<unsigned long long>(stored.decisions), static_cast<unsigned long long>(stored.events), lines / stored.seconds,
                lines / stored.cpu, stored.seconds, stored.cpu, bytes / (1 << 20), bytes / lines, stored.peak_mib, stored.mib_at_a_tenth,
                stored.mib_at_the_end, stored.first_tenth, stored.last_tenth, stored.slowest_commit);
}

}   // namespace
}   // namespace mailcore::bench

int main(int argc, char** argv)
{
    using namespace mailcore::bench;
    auto options = Options{argc, argv, kUsage};
    auto const lines = options.number("lines", 10'000'000);
    auto const batch = std::max<std::uint64_t>(1, options.number("batch", 20'000));
    bool const make_events = options.number("events", 1) != 0;
    auto const seed = options.number("seed", 1);
    auto const kept = options.text("keep", "");
    bool const with_pflogsumm = options.number("pflogsumm", 1) != 0;
    options.done();

    std::string made = (std::filesystem::temp_directory_path() / "outcomes-store-XXXXXX").string();
    if (kept.empty() && ::mkdtemp(made.data()) == nullptr) give_up_errno("make " + made);
    auto const directory = kept.empty() ? made : kept;
    auto const log = directory + "/mail.log";
    auto const decisions = directory + "/decisions.jsonl";   // --keep: the next run takes the same
    if (!std::filesystem::exists(log)) write_mail_log(log, lines, seed);
    if (!std::filesystem::exists(decisions)) write_decisions(log, decisions);
    for (auto const* name : {"/outcomes.db", "/outcomes.db-wal", "/outcomes.db-shm"}) std::filesystem::remove(directory + name);

    auto const stored = measure(directory, lines, batch, make_events);
    std::printf("{");
    print(stored, directory + "/outcomes.db");
    auto const asked = ask_for_tickets(directory + "/outcomes.db", stored.decisions);
    std::printf(",\"ticket_query_ms\":%.3f,\"ticket_query_worst_ms\":%.3f", asked.median_ms, asked.worst_ms);
    if (with_pflogsumm) {
        auto const counted = run_pflogsumm(log);
        std::printf(",\"pflogsumm_lines_per_second\":%.0f,\"ratio\":%.2f,\"ratio_by_cpu\":%.2f", static_cast<double>(stored.lines) / counted.seconds,
                    counted.seconds / stored.seconds, counted.cpu / stored.cpu);
    }
    std::printf("}\n");
    if (kept.empty()) std::filesystem::remove_all(directory);
    return EXIT_SUCCESS;
}
