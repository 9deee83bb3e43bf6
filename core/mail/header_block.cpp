#include "core/mail/header_block.hpp"

#include "core/base/text.hpp"

namespace mailcore::mail {
namespace {

// The length of the field at the start of text: its first line and all that begin with a blank.
std::size_t field_length(std::string_view text)
{
    std::size_t length = 0;
    do {
        auto const end = text.find('\n', length);
        if (end == std::string_view::npos) return text.size();
        length = end + 1;
    } while (length < text.size() && (text[length] == ' ' || text[length] == '\t'));
    return length;
}

}   // namespace

std::size_t for_each_header(std::string_view message,
                            std::function<void(std::string_view name, std::string_view value)> const& visit)
{
    std::size_t position = 0;
    while (position < message.size()) {
        auto const rest = message.substr(position);
        auto const empty_line = rest.starts_with("\r\n") ? 2u : rest.starts_with('\n') ? 1u : 0u;
        if (empty_line > 0) return position + empty_line;   // even if the body begins with a blank, like a fold
        auto const length = field_length(rest);
        auto field = rest.substr(0, length);
        position += length;
        while (!field.empty() && (field.back() == '\n' || field.back() == '\r')) field.remove_suffix(1);
        auto const colon = field.find(':');
        if (colon == std::string_view::npos || field.substr(0, colon).find(' ') < base::trim(field.substr(0, colon)).size()) continue;
        auto value = field.substr(colon + 1);
        if (value.starts_with(' ')) value.remove_prefix(1);
        visit(base::trim(field.substr(0, colon)), value);
    }
    return position;
}

}   // namespace mailcore::mail
