#include "outcomes/log/line_buffer.hpp"

#include <algorithm>

namespace mailcore::outcomes {

void LineBuffer::forget_given()
{
    text_.erase(0, begin_);
    begin_ = 0;
}

void LineBuffer::append(std::string_view bytes) { text_.append(bytes); }

void LineBuffer::clear()
{
    text_.clear();
    begin_ = searched_ = 0;
    dropped_ = given_ = 0;
    waiting_is_cut_ = false;
}

void LineBuffer::give_lines(std::vector<std::string_view>& lines)
{
    for (;;) {
        auto const end = text_.find('\n', begin_ + searched_);
        if (end == std::string::npos) break;
        give(end - begin_, lines);
        begin_ += 1;
        given_ += 1;
    }
    searched_ = text_.size() - begin_;
    bound_what_waits();
}

void LineBuffer::give_rest(std::vector<std::string_view>& lines)
{
    if (text_.size() > begin_) give(text_.size() - begin_, lines);
}

void LineBuffer::give(std::size_t size, std::vector<std::string_view>& lines)
{
    auto line = std::string_view{text_}.substr(begin_, size);
    line.remove_prefix(std::min(line.find_first_not_of('\0'), line.size()));   // see bound_what_waits()
    if (waiting_is_cut_ || line.size() > kLongestLine) ++cut_;
    lines.push_back(line.substr(0, kLongestLine));
    given_ += size + dropped_;
    begin_ += size;
    searched_ = 0;
    dropped_ = 0;
    waiting_is_cut_ = false;
}

// A writer that does not append leaves a hole where its file was truncated: it reads as NULs, perhaps gigabytes of them.
void LineBuffer::bound_what_waits()
{
    auto const waiting = std::string_view{text_}.substr(begin_);
    auto const hole = std::min(waiting.find_first_not_of('\0'), waiting.size());
    begin_ += hole;
    searched_ -= hole;
    dropped_ += hole;
    if (waiting.size() - hole <= kLongestLine) return;
    auto const excess = waiting.size() - hole - kLongestLine;
    text_.resize(text_.size() - excess);   // shrinks in place: the views of lines stay
    searched_ -= excess;
    dropped_ += excess;
    waiting_is_cut_ = true;
}

}   // namespace mailcore::outcomes
