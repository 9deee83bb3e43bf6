#include "core/config/diagnostics.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>
#include <tuple>

#include "core/base/text.hpp"

namespace mailcore::config {
namespace {

constexpr std::size_t kWidest = 160;       // of a shown source line; a longer one is cut around the caret
constexpr std::size_t kBeforeCaret = 100;  // how much of a cut line stands before the caret

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0u) == 0x80u; }

// The C1 control characters (C2 80 to C2 9F in UTF-8) drive some terminals as the ASCII ones do.
bool starts_control(std::string_view text, std::size_t i)
{
    auto const byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    return byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
}

// Steps back to the first byte of the character that holds byte i.
std::size_t character_start(std::string_view text, std::size_t i)
{
    while (i > 0 && i < text.size() && continues_character(text[i])) --i;
    return std::min(i, text.size());
}

void append_safely(std::string& out, std::string_view text)
{
    for (std::size_t i = 0; i < text.size();) {
        auto const length = base::utf8_length(text.substr(i));
        bool const shows = length > 0 && (text[i] == '\t' || !starts_control(text, i));
        if (shows) out += text.substr(i, length);
        else out += '?';
        i += std::max<std::size_t>(length, 1);
    }
}

// What stands under the text so that the caret fits: tabs stay tabs, each other character is one blank.
std::string blanks_under(std::string_view text)
{
    std::string blanks;
    for (char const c : text) {
        if (continues_character(c)) continue;
        blanks += c == '\t' ? '\t' : ' ';
    }
    return blanks;
}

// Hands out the lines of one text in rising order, so that many problems in a long file cost one walk.
class LineWalker {
public:
    explicit LineWalker(std::string_view text) : rest_{text} {}

    std::string_view line(int wanted)
    {
        while (number_ < wanted) {
            bool const is_last = length_ == rest_.size();
            rest_.remove_prefix(is_last ? length_ : length_ + 1);
            length_ = find_length();
            ++number_;
            if (is_last) break;
        }
        auto line = rest_.substr(0, length_);
        if (line.ends_with('\r')) line.remove_suffix(1);
        return line;
    }

private:
    std::size_t find_length() const { return std::min(rest_.find('\n'), rest_.size()); }

    std::string_view rest_;   // from the start of line number_
    std::size_t length_ = find_length();
    int number_ = 1;
};

// Where the value ends that holds the "://" at `mark`: with the quote that it began with, else at a blank. A password may hold
// whatever else ends a value.
std::size_t end_of_value(std::string_view line, std::size_t mark)
{
    auto const before = line.find_last_of(" \t\"'", mark);
    char const quote = before == std::string_view::npos ? ' ' : line[before];
    if (quote != '"' && quote != '\'') return std::min(line.find_first_of(" \t", mark), line.size());
    for (auto at = mark; at < line.size(); ++at) {
        bool const is_doubled = quote == '\'' && line.substr(at).starts_with("''");
        if (line[at] == '\\' || is_doubled) ++at;   // the next byte ends nothing
        else if (line[at] == quote) return at;
    }
    return line.size();
}

// What stands between "://" and the last "@" of an address may be a password. A star for each byte, so that the caret fits.
std::string with_passwords_hidden(std::string_view line)
{
    std::string shown{line};
    for (auto mark = shown.find("://"); mark != std::string::npos; mark = shown.find("://", mark + 3)) {
        auto const begin = mark + 3;
        auto const end = end_of_value(shown, mark);
        auto const at = std::string_view{shown}.substr(0, end).rfind('@');
        if (at != std::string_view::npos && at > begin) std::fill(shown.begin() + static_cast<std::ptrdiff_t>(begin), shown.begin() + static_cast<std::ptrdiff_t>(at), '*');
    }
    return shown;
}

void show_line(std::ostream& out, int number, std::string_view source, std::size_t column)
{
    auto const shown = with_passwords_hidden(source);
    std::string_view line{shown};
    std::size_t caret = character_start(line, std::min(column, line.size()));
    std::string before;
    if (line.size() > kWidest && caret > kBeforeCaret) {
        auto const cut = character_start(line, caret - kBeforeCaret);
        line.remove_prefix(cut);
        caret -= cut;
        before = "...";
    }
    auto const length = character_start(line, std::min(line.size(), kWidest));
    std::string const after = length < line.size() ? "..." : "";

    std::string safe;
    append_safely(safe, line.substr(0, length));
    out << std::setw(5) << number << " | " << before << safe << after << '\n';
    out << "      | " << std::string(before.size(), ' ') << blanks_under(line.substr(0, caret)) << "^\n";
}

}   // namespace

std::string Position::text() const
{
    std::string text = file ? *file : std::string{"configuration"};
    if (line > 0) text += ':' + std::to_string(line) + ':' + std::to_string(column);
    return text;
}

void Diagnostics::error(Position position, std::string message)
{
    all_.push_back({Severity::Error, std::move(position), std::move(message)});
}

void Diagnostics::warning(Position position, std::string message)
{
    all_.push_back({Severity::Warning, std::move(position), std::move(message)});
}

std::string_view Diagnostics::remember_source(std::string const& file, std::string text)
{
    return sources_.insert_or_assign(file, std::move(text)).first->second;
}

bool Diagnostics::has_errors() const
{
    return std::any_of(all_.begin(), all_.end(), [](auto const& each) { return each.severity == Severity::Error; });
}

std::vector<Diagnostic const*> Diagnostics::in_order() const
{
    static std::string const no_file;
    auto const key = [](Diagnostic const* each) {
        auto const& file = each->position.file ? *each->position.file : no_file;
        return std::tie(file, each->position.line, each->position.column);
    };
    auto const same = [&](Diagnostic const* left, Diagnostic const* right) {
        return key(left) == key(right) && left->message == right->message;
    };
    std::vector<Diagnostic const*> sorted;
    for (auto const& each : all_) sorted.push_back(&each);
    std::stable_sort(sorted.begin(), sorted.end(), [&](auto const* a, auto const* b) { return key(a) < key(b); });
    sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());
    return sorted;
}

std::string Diagnostics::text() const
{
    std::ostringstream out;
    std::string const* file = nullptr;
    LineWalker lines{""};
    for (auto const* each : in_order()) {
        auto const& position = each->position;
        out << shown(position.text(), std::string::npos) << ": ";
        out << (each->severity == Severity::Warning ? "warning: " : "") << shown(each->message, std::string::npos)
            << '\n';
        if (position.line == 0 || !position.file) continue;

        auto const source = sources_.find(*position.file);
        if (source == sources_.end()) continue;
        if (file != &source->first) {
            file = &source->first;
            lines = LineWalker{source->second};
        }
        show_line(out, position.line, lines.line(position.line),
                  static_cast<std::size_t>(std::max(position.column, 1) - 1));
    }
    return out.str();
}

std::string shown(std::string_view text, std::size_t longest)
{
    auto const length = character_start(text, std::min(text.size(), longest));
    std::string safe;
    append_safely(safe, text.substr(0, length));
    std::replace(safe.begin(), safe.end(), '\t', ' ');
    return length < text.size() ? safe + "..." : safe;
}

std::string in_quotes(std::string_view text) { return '"' + shown(text) + '"'; }

}   // namespace mailcore::config
