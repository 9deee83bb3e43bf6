#include "outcomes/log/journal.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <systemd/sd-journal.h>
#include <unistd.h>
#include <utility>

#include "core/base/text.hpp"
#include "outcomes/log/line_buffer.hpp"

namespace mailcore::outcomes {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstLook = 1h;   // without a position
constexpr std::string_view kCursor = "journal1:cursor:";
constexpr std::string_view kSince = "journal1:since:";   // microseconds

// sd-messages.h: SD_MESSAGE_JOURNAL_DROPPED, journald's own word that it threw lines away.
constexpr char kSuppressed[] = "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e";

std::string since(base::Time time) { return std::string{kSince} + std::to_string(time.time_since_epoch().count()); }

bool is_ours(std::string const& position) { return position.starts_with(kCursor) || position.starts_with(kSince); }

std::string words_of(int negative_errno)
{
    std::array<char, 256> buffer{};
    return ::strerror_r(-negative_errno, buffer.data(), buffer.size());
}

// "2026-11-22T05:00:01.123456+00:00"
std::string log_time(std::uint64_t micros)
{
    auto const seconds = base::format_time(base::Time{base::Time::duration{static_cast<std::int64_t>(micros)}});
    std::array<char, 16> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%06u", static_cast<unsigned>(micros % 1'000'000));
    return seconds.substr(0, seconds.size() - 1) + fraction.data() + "+00:00";
}

// Control characters as rsyslog writes them, so that an entry stays one line: #012.
void append_message(std::string& out, std::string_view message)
{
    for (auto const c : message) {
        auto const byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
            out += c;
            continue;
        }
        out += '#';
        for (int shift = 6; shift >= 0; shift -= 3) out += static_cast<char>('0' + ((byte >> shift) & 7));
    }
}

}   // namespace

void JournalLog::Close::operator()(sd_journal* journal) const { ::sd_journal_close(journal); }

JournalLog::JournalLog(std::string directory, std::string const& position)
    : directory_{std::move(directory)}, position_{is_ours(position) ? position : since(base::now() - kFirstLook)}
{
    if (!position.empty() && position_ != position) {
        count_gap("journal: the saved position is of another log or another version; it is read from the last hour");
    }
    open();
}

JournalLog::~JournalLog() = default;

int JournalLog::wake_descriptor() const { return journal_ ? ::sd_journal_get_fd(journal_.get()) : -1; }

// ---- Opening ----

bool JournalLog::open()
{
    sd_journal* opened = nullptr;
    auto const code = directory_.empty() ? ::sd_journal_open(&opened, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM)
                                         : ::sd_journal_open_directory(&opened, directory_.c_str(), 0);
    if (code < 0) return fail(directory_.empty() ? "open" : directory_, code) == Found::Entry;
    journal_.reset(opened);
    is_in_place_ = false;
    ::sd_journal_get_fd(opened);   // from now on it tells of changes
    ::sd_journal_set_data_threshold(opened, kLongestLine);
    return add_matches();
}

// There is no match by prefix for SYSLOG_IDENTIFIER=postfix/…, and syslog_name may be anything.
bool JournalLog::add_matches()
{
    for (auto const* const match : {"SYSLOG_FACILITY=2", "", "_SYSTEMD_UNIT=postfix@-.service",
                                    "_SYSTEMD_UNIT=postfix.service", "", kSuppressed}) {
        auto const code = *match == '\0' ? ::sd_journal_add_disjunction(journal_.get())
                                         : ::sd_journal_add_match(journal_.get(), match, 0);
        if (code < 0) return fail("match", code) == Found::Entry;
    }
    return true;
}

bool JournalLog::seek()
{
    auto const is_cursor = position_.starts_with(kCursor);
    auto const what = position_.substr(is_cursor ? kCursor.size() : kSince.size());
    auto const code = is_cursor ? ::sd_journal_seek_cursor(journal_.get(), what.c_str())
                                : ::sd_journal_seek_realtime_usec(journal_.get(), std::strtoull(what.c_str(), nullptr, 10));
    if (code >= 0) return true;
    count_gap("journal: the saved position is no cursor (" + words_of(code) + "); it is read from the last hour");
    position_ = since(base::now() - kFirstLook);
    return false;
}

// ---- Reading ----

Lines JournalLog::read(std::size_t most_bytes)
{
    Lines lines;
    lines.reference = base::now();
    text_.clear();
    if (!journal_ && !open()) return lines;
    ::sd_journal_process(journal_.get());
    for (;;) {
        auto const found = next();
        if (found == Found::Trouble) break;
        health_.trouble.clear();
        if (found == Found::Nothing) break;
        append_entry();
        note_position();
        lines.at_end = text_.size() < most_bytes;
        if (!lines.at_end) break;
    }
    give(lines);
    return lines;
}

JournalLog::Found JournalLog::next()
{
    if (!is_in_place_) return next_after_position();
    auto const code = ::sd_journal_next(journal_.get());
    if (code < 0) return fail("read", code);
    return code > 0 ? Found::Entry : Found::Nothing;
}

// The entry of the cursor was given. Where it is gone the journal offers the one after it.
JournalLog::Found JournalLog::next_after_position()
{
    if (!seek()) return Found::Nothing;
    auto const code = ::sd_journal_next(journal_.get());
    if (code < 0) return fail("read", code);
    if (code == 0) {
        bool const has_files = !directory_.empty() || ::sd_journal_has_persistent_files(journal_.get()) > 0 ||
                               ::sd_journal_has_runtime_files(journal_.get()) > 0;
        if (has_files) return Found::Nothing;
        health_.trouble = "journal: there is no file that mailcore may read; add mailcore to group systemd-journal";
        return Found::Trouble;
    }
    is_in_place_ = true;
    if (!position_.starts_with(kCursor)) return Found::Entry;
    if (::sd_journal_test_cursor(journal_.get(), position_.c_str() + kCursor.size()) > 0) return next();
    count_gap("journal: the entry that was read last is gone; lines behind it may be lost");
    return Found::Entry;
}

std::string_view JournalLog::field(char const* name) const
{
    void const* data = nullptr;
    std::size_t size = 0;
    if (::sd_journal_get_data(journal_.get(), name, &data, &size) < 0) return "";
    auto const whole = std::string_view{static_cast<char const*>(data), size};   // "NAME=value"
    return whole.substr(std::strlen(name) + 1);
}

// Views of fields live until the next field is asked for.
void JournalLog::append_entry()
{
    if (field("MESSAGE_ID") == std::string_view{kSuppressed}.substr(std::strlen("MESSAGE_ID="))) return note_suppressed();
    std::uint64_t micros = 0;
    ::sd_journal_get_realtime_usec(journal_.get(), &micros);
    // When the program spoke, not when journald found the time to write it down.
    if (auto const source = std::string{field("_SOURCE_REALTIME_TIMESTAMP")}; !source.empty()) {
        micros = std::strtoull(source.c_str(), nullptr, 10);
    }
    auto const or_else = [this](char const* name, char const* other) {
        std::string const text{field(name)};
        return text.empty() ? std::string{field(other)} : text;
    };
    auto const host = std::string{field("_HOSTNAME")};
    auto const program = or_else("SYSLOG_IDENTIFIER", "_COMM");
    auto const process = or_else("SYSLOG_PID", "_PID");
    text_ += log_time(micros) + " " + (host.empty() ? "localhost" : host) + " " + program;
    text_ += (process.empty() ? "" : "[" + process + "]") + ": ";
    append_message(text_, field("MESSAGE"));
    text_ += '\n';
}

// "Suppressed 1234 messages from postfix@-.service": Postfix lives with the rate limit, its log does not.
void JournalLog::note_suppressed()
{
    std::string const words{field("MESSAGE")};
    if (words.find("postfix") == std::string::npos) return;
    count_gap("journald: " + words + "; set LogRateLimitIntervalSec=0 for that unit");
}

void JournalLog::give(Lines& lines)
{
    for (std::string_view rest = text_; !rest.empty();) {
        auto const end = rest.find('\n');
        auto const line = rest.substr(0, end);
        if (line.size() > kLongestLine) ++health_.cut;
        lines.lines.push_back(line.substr(0, kLongestLine));
        rest.remove_prefix(end + 1);
    }
    health_.lines += lines.lines.size();
}

void JournalLog::note_position()
{
    char* cursor = nullptr;
    if (::sd_journal_get_cursor(journal_.get(), &cursor) < 0) return;
    position_.assign(kCursor).append(cursor);
    std::free(cursor);
}

// ---- What health() tells ----

JournalLog::Found JournalLog::fail(std::string const& doing, int negative_errno)
{
    health_.trouble = "journal: " + doing + ": " + words_of(negative_errno);
    journal_.reset();   // opened anew by the next read()
    return Found::Trouble;
}

void JournalLog::count_gap(std::string words)
{
    ++health_.gaps;
    health_.gap = std::move(words);
}

}   // namespace mailcore::outcomes
