#include "outcomes/log/file_log.hpp"

#include <algorithm>
#include <utility>

namespace mailcore::outcomes {
namespace {

using namespace std::chrono_literals;

constexpr auto kQuiet = 1s;             // so long after its last line a file that was rotated away is left for the new one
constexpr auto kLookAgain = 1s;         // where something is amiss, or a file has to be quiet for a time
constexpr auto kLookAnyway = 10s;       // where the file system tells of no changes, as NFS

}   // namespace

FileLog::FileLog(std::string path, std::string const& position)
    : FileLog{std::move(path), parse_position(position), position.empty()}
{
}

FileLog::FileLog(std::string path, std::optional<LogPosition> const& saved, bool is_first)
    : path_{std::move(path)}, watch_{directory_of_log(path_)}, left_{saved ? saved->left : std::vector<LogPlace>{}}
{
    watch_.wake_after(1ms);   // for the first read()
    if (saved) place_ = saved->place;
    if (!saved && !is_first) {
        count_gap(path_ + ": the saved position is of another log or another version; it is read from its beginning");
    }
}

Lines FileLog::read(std::size_t most_bytes)
{
    watch_.look();   // first: what changes from here on wakes again
    buffer_.forget_given();
    Lines lines;
    most_bytes = std::max<std::size_t>(1, most_bytes);
    if (read_left(most_bytes, lines)) {
        lines.at_end = false;
    } else {
        auto const done = current_ || find_place() ? step(most_bytes, lines) : Step::Nothing;
        lines.at_end = done == Step::Nothing;
        lines.reference = current_ ? current_->facts.changed : base::now();
    }
    health_.bytes_behind = bytes_behind();
    health_.cut = buffer_.cut() + left_.cut();
    bool const unsettled = !watch_.sees_changes() || !current_ || !health_.trouble.empty() || health_.bytes_behind > 0;
    watch_.wake_after(unsettled ? kLookAgain : kLookAnyway);
    return lines;
}

// The file that is read itself stands for what was read of it.
std::string FileLog::position() const
{
    if (!place_) return "";
    LogPosition position{*place_, left_.places()};
    std::erase_if(position.left, [this](LogPlace const& place) { return place.id == place_->id; });
    return to_text(position);
}

// Before what is in the new file: it was written earlier, mostly.
bool FileLog::read_left(std::size_t most_bytes, Lines& lines)
{
    if (left_.are_to_be_found()) {
        if (auto const members = members_of(path_)) left_.find(*members);
    }
    auto const place = left_.read(most_bytes, lines);
    if (auto words = left_.take_gap(); !words.empty()) count_gap(std::move(words));
    health_.lines += lines.lines.size();
    if (place && place_ && place_->id == place->id && !lines.lines.empty()) place_ = place;   // the new one gave none yet
    return place.has_value();
}

// ---- Where to go on ----

bool FileLog::find_place()
{
    auto const members = members_of(path_);
    if (!members) {
        health_.trouble = members.error().message;
        return false;
    }
    bool const has_live = !members->empty() && members->back().is_live;
    if (!place_ && has_live && members->back().facts.size > 0) return begin_first_of(*members, members->size() - 1);
    if (!place_) place_ = LogPlace{{}, 0, {}, base::now() - 1s};   // files tell time coarsely
    if (has_live) {   // one that may not be read is not taken for one that has gone
        if (auto const file = LogFile::open(path_, Packing::None); !file) {
            health_.trouble = file.error().message;
            return false;
        }
    }
    if (place_->head.size > 0) {
        if (auto match = find_read_file(*members)) {
            continue_at(std::move(*match));
            return true;
        }
    }
    auto const next = first_changed_later(*members, place_->changed);
    if (next == members->size()) {
        auto const opened = LogFile::open(path_, Packing::None);
        bool const is_no_log = !opened && file_facts_of(path_);
        health_.trouble = is_no_log ? opened.error().message
                                    : path_ + ": No such file or directory; nothing was written yet, or it is written elsewhere";
        return false;
    }
    if (place_->head.size > 0) {
        count_gap(path_ + ": what was read to byte " + std::to_string(place_->offset) +
                  " was removed or truncated; lines behind that may be lost");
        place_->head = {};   // counted once
    }
    health_.trouble.clear();
    return begin_first_of(*members, next);
}

// Where none did: the log itself, if it is there.
std::size_t FileLog::first_changed_later(Members const& members, base::Time time) const
{
    auto const found = std::find_if(members.begin(), members.end(), [&](LogMember const& member) {
        return member.is_live || member.facts.changed > time;
    });
    return static_cast<std::size_t>(found - members.begin());
}

std::optional<FileLog::Match> FileLog::find_read_file(Members const& members) const
{
    std::optional<Match> best;
    for (auto member = members.rbegin(); member != members.rend(); ++member) {   // the newest of equals
        auto match = examine(*member);
        if (match && (!best || match->likeness > best->likeness)) best = std::move(match);
    }
    return best;
}

// A copy has the same head, and logrotate makes one before it truncates: size and inode say which of them we read. A file
// may be shorter than what we read where it is a copy made before the last lines, or where a power failure took some.
std::optional<FileLog::Match> FileLog::examine(LogMember const& member) const
{
    auto file = LogFile::open(member.path, member.packing);
    auto const facts = file ? file->facts() : base::fail("");
    auto first_bytes = file ? file->read(0, Head::kMost) : base::fail("");
    if (!facts || !first_bytes) return std::nullopt;
    auto const beginning = compare(*first_bytes, place_->head);
    if (beginning == Beginning::Other) return std::nullopt;
    bool const is_long_enough = file->is_packed() || facts->size >= place_->offset;
    int const likeness =
        (beginning == Beginning::Same ? 4 : 0) + (is_long_enough ? 2 : 0) + (facts->id == place_->id ? 1 : 0);
    auto found = member;
    found.facts = *facts;
    return Match{std::move(*file), std::move(found), std::move(*first_bytes), likeness};
}

void FileLog::continue_at(Match match)
{
    auto const known = std::max(place_->offset, left_.take_back(match.member, match.first_bytes).value_or(0));
    auto const size = match.file.is_packed() ? known : match.member.facts.size;
    auto const offset = std::min(known, size);
    auto const before = offset > 0 ? match.file.read(offset - 1, 2) : std::string{"\n"};
    bool const within_line = before && before->size() == 2 && before->front() != '\n';
    if (within_line) {
        count_gap(match.member.path + ": was written anew behind its first lines; some may be lost");
    } else if (offset < known && match.member.is_live) {
        count_gap(match.member.path + ": shorter than it was, by " + std::to_string(known - offset) +
                  " bytes or more: lines were taken out of it");
    }
    left_.forget(match.member.facts.id);
    current_ = Current{.file = std::move(match.file), .facts = match.member.facts, .first_bytes = std::move(match.first_bytes),
                       .began = offset, .read = offset, .whole = offset, .begins_within_line = within_line};
    buffer_.clear();
    skipped_.clear();
    health_.trouble.clear();
    last_growth_ = std::chrono::steady_clock::now();
}

// What cannot be read of rotated files is passed over as a gap; the log itself is waited for.
bool FileLog::begin_first_of(Members const& members, std::size_t from)
{
    for (auto number = from; number < members.size(); ++number) {
        auto const& member = members[number];
        std::string words;
        auto const opened = begin(member, words);
        if (opened != Opened::Refused) return opened == Opened::Yes;
        if (member.is_live) {
            health_.trouble = words;
        } else if (std::find(skipped_.begin(), skipped_.end(), member.facts.id) == skipped_.end()) {
            skipped_.push_back(member.facts.id);
            count_gap(words);
        }
    }
    return false;
}

FileLog::Opened FileLog::begin(LogMember const& member, std::string& words)
{
    auto file = LogFile::open(member.path, member.packing);
    if (!file && !file_facts_of(member.path)) return Opened::NotYet;
    auto const facts = file ? file->facts() : base::fail(file.error());
    if (facts && facts->id != member.facts.id) return Opened::NotYet;   // renamed meanwhile: the next look tells
    auto const first_bytes = file ? file->read(0, Head::kMost) : base::fail(file.error());
    if (!facts || !first_bytes) {
        words = facts ? first_bytes.error().message : facts.error().message;
        return Opened::Refused;
    }
    // Without a first line it could not be told from what is there after a truncation.
    bool const has_line = first_bytes->size() == Head::kMost || first_bytes->find('\n') != std::string::npos;
    if (member.is_live && !has_line) return Opened::NotYet;
    auto const offset = left_.take_back(member, *first_bytes).value_or(0);
    if (current_ && !current_->file.is_packed()) {
        left_.add(std::move(current_->file), current_->facts, current_->first_bytes, current_->whole);
    }
    current_ = Current{.file = std::move(*file), .facts = *facts, .first_bytes = *first_bytes,
                       .began = offset, .read = offset, .whole = offset};
    buffer_.clear();
    skipped_.clear();
    health_.trouble.clear();
    last_growth_ = std::chrono::steady_clock::now();
    return Opened::Yes;
}

// ---- Reading on ----

FileLog::Step FileLog::step(std::size_t most_bytes, Lines& lines)
{
    auto const bytes = current_->file.read(current_->read, most_bytes);
    if (!bytes) return unreadable(bytes.error().message, lines);
    if (!current_->file.is_packed()) {
        if (!is_still_the_same(*bytes)) {
            stop_reading();   // what was copied away before it was truncated is looked for
            return Step::Moved;
        }
        if (bytes->empty() && current_->facts.size > current_->read) return Step::Moved;   // it grew just now
    }
    health_.trouble.clear();
    if (bytes->empty()) return at_end(lines);
    take(*bytes, lines);
    return Step::Read;
}

FileLog::Step FileLog::unreadable(std::string const& words, Lines& lines)
{
    if (!current_->file.is_packed()) {
        health_.trouble = words;
        return Step::Nothing;
    }
    if (std::find(skipped_.begin(), skipped_.end(), current_->facts.id) == skipped_.end()) {
        skipped_.push_back(current_->facts.id);
        count_gap(words);
    }
    return leave(lines);
}

// After the bytes were read, so that they are of the file that we know: it may be truncated and written anew at any
// moment.
bool FileLog::is_still_the_same(std::string_view bytes)
{
    auto& current = *current_;
    auto const facts = current.file.facts();
    auto first_bytes = current.file.read(0, Head::kMost);
    if (!facts || !first_bytes) return true;   // the disk's trouble, not a truncation
    auto const known = current.read == 0 ? bytes.substr(0, Head::kMost) : "";   // a rotated file that was empty has grown
    if (facts->size < current.read + bytes.size() || !first_bytes->starts_with(known) ||
        !first_bytes->starts_with(current.first_bytes)) {
        return false;
    }
    current.facts = *facts;
    current.first_bytes = std::move(*first_bytes);
    return true;
}

void FileLog::take(std::string const& bytes, Lines& lines)
{
    buffer_.append(bytes);
    current_->read += bytes.size();
    last_growth_ = std::chrono::steady_clock::now();
    buffer_.give_lines(lines.lines);
    current_->whole = current_->began + buffer_.given();
    note_given(lines);
}

void FileLog::note_given(Lines& lines)
{
    if (lines.lines.empty()) return;
    place_ = LogPlace{current_->facts.id, current_->began + buffer_.given(), head_of(current_->first_bytes),
                      current_->facts.changed};
    if (std::exchange(current_->begins_within_line, false)) lines.lines.erase(lines.lines.begin());
    health_.lines += lines.lines.size();
}

void FileLog::stop_reading()
{
    current_.reset();
    buffer_.clear();
}

// ---- From one file to the next ----

FileLog::Step FileLog::at_end(Lines& lines)
{
    auto const live = file_facts_of(path_);
    if (live && live->id == current_->facts.id) return Step::Nothing;
    // Postfix may write to the old file until it is told of the new one. Who is told later still is not waited for; what
    // is written there then is read as well.
    return is_quiet() ? leave(lines) : Step::Nothing;
}

bool FileLog::is_quiet() const
{
    auto const age = base::now() - current_->facts.changed;
    return current_->file.is_packed() || age >= kQuiet ||
           std::chrono::steady_clock::now() - last_growth_ >= kQuiet;   // the clock may have been set back
}

FileLog::Step FileLog::leave(Lines& lines)
{
    auto const members = members_of(path_);
    if (!members) {
        health_.trouble = members.error().message;
        return Step::Nothing;
    }
    auto const own = own_number(*members);
    bool const was_rewritten = own && (*members)[*own].is_live;          // as an editor does it
    bool const was_empty = !own && current_->first_bytes.empty();         // and is packed by now
    if (was_rewritten || was_empty) {
        stop_reading();   // our place tells where to go on
        return Step::Moved;
    }
    auto const next = number_after_current(*members, own);
    if (next == members->size() || ((*members)[next].is_live && (*members)[next].facts.size == 0)) return Step::Nothing;
    buffer_.give_rest(lines.lines);
    note_given(lines);
    if (!lines.lines.empty()) return Step::Moved;   // they live in the buffer; the next read() goes on
    return begin_first_of(*members, next) ? Step::Moved : Step::Nothing;
}

std::size_t FileLog::number_after_current(Members const& members, std::optional<std::size_t> own) const
{
    return own ? *own + 1 : first_changed_later(members, current_->facts.changed);
}

// By its inode, which is nobody else's while we hold it open; else it was packed, or copied and removed.
std::optional<std::size_t> FileLog::own_number(Members const& members) const
{
    auto const same = [&](LogMember const& member) { return member.facts.id == current_->facts.id; };
    auto const found = std::find_if(members.begin(), members.end(), same);
    if (found != members.end()) return static_cast<std::size_t>(found - members.begin());
    if (current_->first_bytes.empty()) return std::nullopt;
    auto const head = head_of(current_->first_bytes);
    for (auto number = members.size(); number-- > 0;) {
        auto file = LogFile::open(members[number].path, members[number].packing);
        auto const first_bytes = file ? file->read(0, Head::kMost) : base::fail("");
        if (first_bytes && compare(*first_bytes, head) == Beginning::Same) return number;
    }
    return std::nullopt;
}

// ---- What health() tells ----

void FileLog::count_gap(std::string words)
{
    ++health_.gaps;
    health_.gap = std::move(words);
}

std::uint64_t FileLog::bytes_behind()
{
    auto const live = file_facts_of(path_);
    if (!current_) return live ? live->size : 0;
    auto const given = current_->began + buffer_.given();
    bool const known = !current_->file.is_packed() && current_->facts.size > given;
    auto const bytes = left_.bytes_behind() + (known ? current_->facts.size - given : 0);
    if (!live || live->id == current_->facts.id) return bytes;
    return bytes + live->size + bytes_between(live->id);
}

// In the files that were rotated while nobody looked, between the one that is read and the log itself. They do not change;
// those that are packed hold more than this.
std::uint64_t FileLog::bytes_between(FileId live)
{
    if (between_ && between_->current == current_->facts.id && between_->live == live) return between_->bytes;
    auto const members = members_of(path_);
    if (!members) return 0;
    between_ = Between{current_->facts.id, live, 0};
    for (auto number = number_after_current(*members, own_number(*members)); number < members->size(); ++number) {
        auto const& member = (*members)[number];
        if (!member.is_live) between_->bytes += member.facts.size;
    }
    return between_->bytes;
}

}   // namespace mailcore::outcomes
