#include "outcomes/log/standard_input.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace mailcore::outcomes {
namespace {

constexpr std::size_t kMostAtOnce = 1u << 20u;

bool has_something(int descriptor)
{
    pollfd ready{descriptor, POLLIN, 0};
    return ::poll(&ready, 1, 0) > 0;
}

}   // namespace

Lines StandardInput::read(std::size_t most_bytes)
{
    buffer_.forget_given();
    Lines lines;
    lines.reference = base::now();
    lines.has_ended = has_ended_;
    if (has_ended_ || !has_something(descriptor_)) return lines;
    std::string bytes(std::clamp<std::size_t>(most_bytes, 1, kMostAtOnce), '\0');
    auto const got = ::read(descriptor_, bytes.data(), bytes.size());
    if (got < 0) {
        if (errno == EINTR || errno == EAGAIN) return lines;
        health_.trouble = base::fail_errno("standard input").value().message;
        end(lines);
        return lines;
    }
    bytes.resize(static_cast<std::size_t>(got));
    buffer_.append(bytes);
    buffer_.give_lines(lines.lines);
    if (got == 0) end(lines);
    lines.at_end = has_ended_;
    health_.lines += lines.lines.size();
    health_.cut = buffer_.cut();
    return lines;
}

void StandardInput::end(Lines& lines)
{
    has_ended_ = lines.has_ended = true;
    buffer_.give_rest(lines.lines);   // its newline will not come
}

}   // namespace mailcore::outcomes
