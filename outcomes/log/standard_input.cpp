#include "outcomes/log/standard_input.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace mailcore::outcomes {
namespace {

constexpr std::size_t kMostAtOnce = 4u << 20u;
constexpr std::size_t kPiece = 64u << 10u;

bool has_something(int descriptor)
{
    pollfd ready{descriptor, POLLIN, 0};
    return ::poll(&ready, 1, 0) > 0;
}

}   // namespace

// A pipe gives 64 KiB at a time; all that is there makes one batch.
Lines StandardInput::read(std::size_t most_bytes)
{
    buffer_.forget_given();
    Lines lines;
    lines.reference = base::now();
    auto const most = std::clamp<std::size_t>(most_bytes, 1, kMostAtOnce);
    std::size_t taken = 0;
    while (!has_ended_ && taken < most && has_something(descriptor_)) {
        auto const got = take(most - taken);
        if (got == 0) break;
        taken += got;
    }
    buffer_.give_lines(lines.lines);
    if (has_ended_) buffer_.give_rest(lines.lines);   // its newline will not come
    lines.has_ended = has_ended_;
    lines.at_end = has_ended_ || taken == 0;
    health_.lines += lines.lines.size();
    health_.cut = buffer_.cut();
    return lines;
}

// Bytes read; 0 = nothing for now, or the end.
std::size_t StandardInput::take(std::size_t most)
{
    std::string bytes(std::min(most, kPiece), '\0');
    auto const got = ::read(descriptor_, bytes.data(), bytes.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return 0;
    if (got < 0) health_.trouble = base::fail_errno("standard input").value().message;
    if (got <= 0) {
        has_ended_ = true;
        return 0;
    }
    buffer_.append(std::string_view{bytes}.substr(0, static_cast<std::size_t>(got)));
    return static_cast<std::size_t>(got);
}

}   // namespace mailcore::outcomes
