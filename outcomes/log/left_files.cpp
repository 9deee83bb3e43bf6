#include "outcomes/log/left_files.hpp"

#include <algorithm>
#include <utility>

namespace mailcore::outcomes {
namespace {

using namespace std::chrono_literals;

constexpr auto kHeldOpen = 5min;   // so long after its last line the room of a file that was removed is given back

}   // namespace

LeftFiles::LeftFiles(std::vector<LogPlace> const& saved)
{
    for (auto const& place : saved) files_.emplace_back(place);
    keep_those_that_grew_last();
}

// ---- Which they are ----

bool LeftFiles::are_to_be_found() const
{
    return std::any_of(files_.begin(), files_.end(), [](Left const& left) { return !left.file; });
}

void LeftFiles::find(std::vector<LogMember> const& members)
{
    std::erase_if(files_, [&](Left& left) { return !left.file && !look_for(left, members); });
}

// True also where it is there and cannot be opened: the next look may be luckier.
bool LeftFiles::look_for(Left& left, std::vector<LogMember> const& members)
{
    bool is_there = false;
    for (auto const& member : members) {
        auto file = LogFile::open(member.path, member.packing);
        auto first_bytes = file ? file->read(0, Head::kMost) : base::fail("");
        if (!first_bytes) {
            is_there = is_there || member.facts.id == left.place.id;
        } else if (is_of(left, member, *first_bytes)) {
            left.file = std::move(*file);
            left.first_bytes = std::move(*first_bytes);
            return true;
        }
    }
    return is_there;
}

// A packed copy has another inode. Without a first line there is only the inode, which may be used again.
bool LeftFiles::is_of(Left const& left, LogMember const& member, std::string_view first_bytes) const
{
    bool const is_it = left.place.id == member.facts.id || member.packing != Packing::None;
    return is_it && left.place.head.size > 0 && compare(first_bytes, left.place.head) == Beginning::Same;
}

void LeftFiles::add(LogFile file, FileFacts const& facts, std::string const& first_bytes, std::uint64_t offset)
{
    forget(facts.id);
    auto& left = files_.emplace_back(LogPlace{facts.id, offset, head_of(first_bytes), facts.changed});
    left.file = std::move(file);
    left.first_bytes = first_bytes;
    keep_those_that_grew_last();
}

std::optional<std::uint64_t> LeftFiles::take_back(LogMember const& member, std::string_view first_bytes)
{
    auto const same = [&](Left const& left) { return is_of(left, member, first_bytes); };
    auto const found = std::find_if(files_.begin(), files_.end(), same);
    if (found == files_.end()) return std::nullopt;
    auto const offset = found->place.offset;
    files_.erase(found);
    return offset;
}

void LeftFiles::forget(FileId id)
{
    std::erase_if(files_, [&](Left const& left) { return left.place.id == id; });
}

void LeftFiles::keep_those_that_grew_last()
{
    auto const earlier = [](Left const& one, Left const& other) { return one.last_growth < other.last_growth; };
    while (files_.size() > kMost) files_.erase(std::min_element(files_.begin(), files_.end(), earlier));
}

void LeftFiles::drop_what_is_done() { std::erase_if(files_, [](Left const& left) { return left.is_done; }); }

// ---- What was written to them ----

std::optional<LogPlace> LeftFiles::read(std::size_t most_bytes, Lines& lines)
{
    drop_what_is_done();
    for (auto& left : files_) left.buffer.forget_given();
    for (auto& left : files_) {
        if (!left.file) continue;
        auto const before = left.read;
        if (left.file->is_packed()) unpack(left, lines, most_bytes);
        else follow(left, lines, most_bytes);
        if (left.read > before) return left.place;
    }
    drop_what_is_done();
    return std::nullopt;
}

void LeftFiles::follow(Left& left, Lines& lines, std::size_t most_bytes)
{
    auto const facts = left.file->facts();
    if (!facts) return;
    left.size = facts->size;
    if (facts->size == left.read) {
        left.is_done = facts->is_removed && std::chrono::steady_clock::now() - left.last_growth >= kHeldOpen;
        return;
    }
    stay_within(left, left.read);
    auto const bytes = left.file->read(left.read, most_bytes);
    // After the bytes were read, so that they are of the file that we know.
    if (bytes && !bytes->empty() && stay_within(left, left.read + bytes->size())) give(left, *bytes, facts->changed, lines);
}

// Somebody may empty it by hand, to make room, while its writer goes on. False: it was truncated, and is read from there.
bool LeftFiles::stay_within(Left& left, std::uint64_t known_bytes)
{
    auto first_bytes = left.file->read(0, Head::kMost);
    auto const facts = left.file->facts();
    if (!first_bytes || !facts) return true;   // the disk's trouble, not a truncation
    bool const begins_alike = first_bytes->starts_with(left.first_bytes) || left.first_bytes.starts_with(*first_bytes);
    bool const is_same = begins_alike && facts->size >= known_bytes;
    if (!is_same) begin_at(left, begins_alike ? facts->size : 0);
    left.first_bytes = std::move(*first_bytes);
    return is_same;
}

void LeftFiles::begin_at(Left& left, std::uint64_t offset)
{
    left.began = left.read = left.place.offset = offset;
    left.buffer.clear();
    auto const before = offset > 0 ? left.file->read(offset - 1, 1) : std::string{"\n"};
    left.begins_within_line = before && *before != "\n";
}

// To its end at once: what is packed does not grow.
void LeftFiles::unpack(Left& left, Lines& lines, std::size_t most_bytes)
{
    auto const bytes = left.file->read(left.read, most_bytes);
    auto const facts = left.file->facts();
    left.is_done = !bytes || !facts || bytes->empty();
    if (!bytes) gap_ = bytes.error().message;
    if (!left.is_done) give(left, *bytes, facts->changed, lines);
}

void LeftFiles::give(Left& left, std::string const& bytes, base::Time changed, Lines& lines)
{
    auto const cut_before = left.buffer.cut();
    left.buffer.append(bytes);
    left.read += bytes.size();
    left.last_growth = std::chrono::steady_clock::now();
    left.buffer.give_lines(lines.lines);
    lines.reference = changed;
    cut_ += left.buffer.cut() - cut_before;
    if (lines.lines.empty()) return;
    left.place = LogPlace{left.place.id, left.began + left.buffer.given(), head_of(left.first_bytes), changed};
    if (std::exchange(left.begins_within_line, false)) lines.lines.erase(lines.lines.begin());
}

// ---- What is told of them ----

std::vector<LogPlace> LeftFiles::places() const
{
    std::vector<LogPlace> places;
    for (auto const& left : files_) {
        if (left.place.head.size > 0 && !left.is_done) places.push_back(left.place);
    }
    return places;
}

std::uint64_t LeftFiles::bytes_behind() const
{
    std::uint64_t bytes = 0;
    for (auto const& left : files_) bytes += left.size > left.read ? left.size - left.read : 0;
    return bytes;
}

std::string LeftFiles::take_gap() { return std::exchange(gap_, {}); }

}   // namespace mailcore::outcomes
