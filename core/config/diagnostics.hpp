// Problems with a configuration, collected so that one run shows them all, each at its place:
//
//     /etc/mailcore/mailcore.yaml:41:14: unknown action "rejct"; did you mean "reject"?
//        41 |     action: rejct
//           |             ^
//
// A warning says so after the place: "mailcore.yaml:41:14: warning: …". Texts that come from the file are
// shown with their control characters replaced, so that a file cannot write to the operator's terminal.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mailcore::config {

// Where a value stands. Lines and columns (in bytes) count from 1; line 0 means "nowhere": a default, or a missing key.
struct Position {
    std::shared_ptr<std::string const> file;
    int line = 0;
    int column = 0;
    std::string text() const;   // "file:line:column", or "file" without a line
};

// A value that remembers where it was written, so that a later check can point at it.
template <class T>
struct Located {
    T value{};
    Position position;
    Located() = default;
    Located(T v, Position p = {}) : value{std::move(v)}, position{std::move(p)} {}
    bool operator==(Located const& other) const { return value == other.value; }   // the place does not matter
};

enum class Severity { Warning, Error };

struct Diagnostic {
    Severity severity = Severity::Error;
    Position position;
    std::string message;
};

class Diagnostics {
public:
    void error(Position position, std::string message);
    void warning(Position position, std::string message);

    // For showing the line with a caret. The view stays valid as long as this object.
    std::string_view remember_source(std::string const& file, std::string text);

    bool has_errors() const;
    std::vector<Diagnostic> const& all() const { return all_; }
    std::string text() const;   // every problem once, in order of file, line and column, as shown above

private:
    std::vector<Diagnostic const*> in_order() const;

    std::vector<Diagnostic> all_;
    std::map<std::string, std::string, std::less<>> sources_;   // file name to its text
};

// A text from the file as a message may show it: in quotes, without control characters, shortened when long.
std::string in_quotes(std::string_view text);

// The same without the quotes.
std::string shown(std::string_view text, std::size_t longest = 80);

}   // namespace mailcore::config
