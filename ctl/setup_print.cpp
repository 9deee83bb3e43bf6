#include "ctl/setup_print.hpp"

#include "ctl/postfix_syntax.hpp"

namespace mailcore::ctl {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::string_view kDim = "\033[2m";
constexpr std::string_view kPlain = "\033[0m";

// Up to the next place where a line may break: before a blank, or behind a comma.
std::string_view next_piece(std::string_view text)
{
    auto const end = text.find_first_of(" ,", 1);
    if (end == std::string_view::npos) return text;
    return text.substr(0, text[end] == ',' ? end + 1 : end);
}

// In single quotes; a long text in several pieces that follow each other without a blank, which sh takes as one word.
std::string quoted(std::string_view text, std::size_t column)
{
    constexpr std::size_t kBreak = 2;   // '\ at the end of a line
    std::string out = "'";
    bool is_first = true;
    for (++column; !text.empty(); is_first = false) {
        auto const piece = next_piece(text);
        if (!is_first && column + piece.size() + kBreak > kWidth) {
            out += "'\\\n'";
            column = 1;
        }
        for (char const c : piece) out += c == '\'' ? std::string{"'\\''"} : std::string{c};
        column += piece.size();
        text.remove_prefix(piece.size());
    }
    return out + "'";
}

std::string comment(std::string_view text, std::string_view prefix, PrintStyle const& style)
{
    auto const lines = wrapped(text, prefix);
    return style.colours ? std::string{kDim} + lines + std::string{kPlain} : lines;
}

std::string print_change(Change const& change, PrintStyle const& style)
{
    auto text = comment(change.why, "# ", style);
    if (!change.former.empty()) text += comment("was: " + one_line(change.former), "#     ", style);
    return text + print_command(change, style) + "\n";
}

}   // namespace

std::string wrapped(std::string_view text, std::string_view prefix)
{
    std::string out{prefix};
    std::size_t column = prefix.size();
    while (!text.empty()) {
        auto const end = text.find(' ');
        auto const word = text.substr(0, end);
        bool const first = column == prefix.size();
        if (!first && column + 1 + word.size() > kWidth) {
            out.append("\n").append(prefix);
            column = prefix.size();
        } else if (!first) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return out + "\n";
}

std::string print_command(Change const& change, PrintStyle const& style)
{
    std::string command = "postconf ";
    if (style.postfix_config_directory != "/etc/postfix") command += "-c " + quoted(style.postfix_config_directory, 0) + " ";
    command.append(postconf_option(change.kind)).append(" ");
    return command + quoted(postconf_argument(change), command.size()) + "\n";
}

std::string print_plan(Plan const& plan, PrintStyle const& style)
{
    std::string text;
    for (auto const& change : plan.changes) text += print_change(change, style);
    for (auto const& note : plan.notes) text += comment("NOTE: " + note, "# ", style) + "\n";
    return text;
}

}   // namespace mailcore::ctl
