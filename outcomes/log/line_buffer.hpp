// Cuts a stream of bytes into lines, in bounded memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailcore::outcomes {

inline constexpr std::size_t kLongestLine = 64u << 10u;   // what a line has beyond it is dropped

class LineBuffer {
public:
    void forget_given();                  // the views given before are of no use then
    void append(std::string_view bytes);
    void give_lines(std::vector<std::string_view>& lines);   // the whole ones; the rest waits for its end
    void give_rest(std::vector<std::string_view>& lines);    // a last line whose newline will not come
    void clear();                         // what waits is thrown away; given() begins anew

    std::uint64_t given() const { return given_; }    // bytes of the stream up to behind the last line given
    std::uint64_t cut() const { return cut_; }        // lines longer than kLongestLine, since the beginning

private:
    void give(std::size_t size, std::vector<std::string_view>& lines);
    void bound_what_waits();

    std::string text_;
    std::size_t begin_ = 0;       // of the line that waits
    std::size_t searched_ = 0;    // bytes of it that hold no newline
    std::uint64_t dropped_ = 0;   // bytes of it that were not kept
    std::uint64_t given_ = 0;
    std::uint64_t cut_ = 0;
    bool waiting_is_cut_ = false;
};

}   // namespace mailcore::outcomes
