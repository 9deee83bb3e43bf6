#include "core/mail/header_from.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "core/base/text.hpp"
#include "core/mail/domain.hpp"
#include "core/mail/encoded_word.hpp"

namespace mailcore::mail {
namespace {

bool is_8bit(char c) { return static_cast<unsigned char>(c) >= 0x80; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; }

// RFC 5322 3.2.3, with RFC 6532's UTF-8.
bool is_atext(char c)
{
    constexpr std::string_view symbols = "!#$%&'*+-/=?^_`{|}~";
    return base::is_alnum(c) || is_8bit(c) || symbols.find(c) != std::string_view::npos;
}

// RFC 5322 3.2.3: atoms joined by single dots.
bool is_dot_atom(std::string_view text)
{
    char previous = '.';
    for (char const c : text) {
        if (c == '.' ? previous == '.' : !is_atext(c)) return false;
        previous = c;
    }
    return previous != '.';
}

// RFC 5321 4.1.3: [192.0.2.1], [IPv6:2001:db8::1]. RFC 5322 would allow nearly any text, brackets and "@" among it.
bool is_domain_literal(std::string_view text)
{
    if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
    auto const inside = text.substr(1, text.size() - 2);
    return std::all_of(inside.begin(), inside.end(), [](char c) {
        return base::is_alnum(c) || c == '.' || c == ':' || c == '-';
    });
}

// A quoted local part whose content some programs would take for the end of the address, or for another one.
bool is_treacherous_local_part(std::string_view internal)
{
    return internal.empty() || internal.find_first_of("@<>,;:()\"\\") != std::string_view::npos ||
           internal.find("=?") != std::string_view::npos;   // RFC 2047 5: no encoded word in an addr-spec
}

// RFC 5322 2.2.3: a line end before a blank goes. Nothing for any other control character.
std::optional<std::string> unfold(std::string_view value)
{
    std::string line;
    line.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
        bool const crlf = value[i] == '\r' && i + 1 < value.size() && value[i + 1] == '\n';
        auto const next = i + (crlf ? 2 : 1);
        bool const folds = (crlf || value[i] == '\n') && next < value.size() && is_blank(value[next]);
        if (folds) i = next - 1;
        else if (is_control(value[i]) && value[i] != '\t') return std::nullopt;
        else line += value[i];
    }
    return line;
}

// Is there an "@" with something on both sides?
bool resembles_address(std::string_view text)
{
    for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
        bool const glued_left = at > 0 && !is_blank(text[at - 1]);
        bool const glued_right = at + 1 < text.size() && !is_blank(text[at + 1]);
        if (glued_left && glued_right) return true;
    }
    return false;
}

// Does the text around the addr-spec hold what careless programs would take for the address? Some search for "<" or
// split at commas before they mind quotes and comments: `"<ceo@bank.example>" <me@example.org>`. Some decode before
// they parse: `=?utf-8?q?ceo=40bank.example?= <me@example.org>` is no quoted string then.
bool may_mislead(std::string_view around)
{
    auto const shown = decode_encoded_words(around, EncodedWordPlace::Anywhere);
    if (std::any_of(shown.begin(), shown.end(), [](char c) { return is_control(c) && c != '\t'; })) return true;
    bool const splits = shown.find_first_of("<,;") != std::string::npos;
    bool const has_encoded_words = shown != around;
    return (splits || has_encoded_words) && resembles_address(shown);
}

// A cursor over one unfolded field body. Each member function reads what its name says, or fails. The bare addr-spec
// is tried before the display name: that is the only going back, so the time is linear.
class Parser {
public:
    explicit Parser(std::string_view text) : text_{text} {}

    // RFC 5322 3.4: mailbox = name-addr / addr-spec, and nothing behind it. The address in internal form.
    std::optional<std::string> mailbox()
    {
        if (!skip_comments()) return std::nullopt;
        auto const start = at_;
        bool const bare = addr_spec();
        if (!bare) {
            at_ = start;
            if (!display_name() || !angle_address()) return std::nullopt;
        }
        if (!skip_comments() || !at_end()) return std::nullopt;
        if (bare && comment_holds_at_) return std::nullopt;   // which of the two is the address?
        if (may_mislead(around_address(bare))) return std::nullopt;
        return std::move(address_);
    }

private:
    bool at_end() const { return at_ == text_.size(); }
    bool sees(char c) const { return !at_end() && text_[at_] == c; }
    bool skip(char c)
    {
        if (!sees(c)) return false;
        ++at_;
        return true;
    }
    void skip_blanks()
    {
        while (!at_end() && is_blank(text_[at_])) ++at_;
    }

    template <class Predicate>
    std::string_view read_while(Predicate belongs)
    {
        auto const start = at_;
        while (!at_end() && belongs(text_[at_])) ++at_;
        return text_.substr(start, at_ - start);
    }

    // RFC 5322 3.2.2 CFWS.
    bool skip_comments()
    {
        for (skip_blanks(); sees('('); skip_blanks()) {
            if (!skip_comment()) return false;
        }
        return true;
    }

    bool skip_comment()
    {
        int depth = 0;
        do {
            if (at_end()) return false;
            char const c = text_[at_++];
            if (c == '(' && ++depth > HeaderFrom::kMaxCommentDepth) return false;
            if (c == ')') --depth;
            if (c == '\\' && !at_end()) ++at_;   // RFC 5322 3.2.1 quoted-pair
            if (c == '@') comment_holds_at_ = true;
        } while (depth > 0);
        return true;
    }

    // RFC 5322 3.2.4; appends the content to `content` if there is one to keep.
    bool quoted_string(std::string* content)
    {
        if (!skip('"')) return false;
        while (!at_end()) {
            char c = text_[at_++];
            if (c == '"') return true;
            if (c == '\\') {
                if (at_end()) return false;
                c = text_[at_++];
            }
            if (content != nullptr) *content += c;
        }
        return false;
    }

    // RFC 5322 3.2.5 phrase, with the dots of obs-phrase: "John Q. Public". Ends before the "<".
    bool display_name()
    {
        while (skip_comments() && !at_end() && !sees('<')) {
            bool const word = sees('"') ? quoted_string(nullptr)
                                        : !read_while([](char c) { return is_atext(c) || c == '.'; }).empty();
            if (!word) return false;
        }
        return sees('<');
    }

    // RFC 5322 3.4, without comments and without obs-route: both hide the address from simple programs.
    bool angle_address()
    {
        if (!skip('<')) return false;
        skip_blanks();
        if (!addr_spec()) return false;
        skip_blanks();
        return skip('>');
    }

    // RFC 5322 3.4.1, without blanks and comments around dots and "@".
    bool addr_spec()
    {
        address_.clear();
        spec_begin_ = at_;
        if (!local_part() || !skip('@')) return false;
        auto const domain = sees('[') ? literal() : read_while([](char c) { return is_atext(c) || c == '.'; });
        spec_end_ = at_;
        address_ += '@';
        address_ += domain;
        return is_dot_atom(domain) || is_domain_literal(domain);
    }

    bool local_part()
    {
        if (sees('"')) return quoted_string(&address_) && !is_treacherous_local_part(address_);
        address_ = read_while([](char c) { return is_atext(c) || c == '.'; });
        return is_dot_atom(address_) && !is_treacherous_local_part(address_);
    }

    std::string_view literal()
    {
        auto const end = text_.find(']', at_);
        auto const found = text_.substr(at_, end == std::string_view::npos ? 0 : end + 1 - at_);
        at_ += found.size();
        return found;
    }

    // All but the addr-spec and its brackets; a space keeps the two halves apart.
    std::string around_address(bool bare) const
    {
        auto const before = text_.substr(0, spec_begin_);
        auto const after = text_.substr(spec_end_);
        if (bare) return std::string{before} + " " + std::string{after};
        return std::string{before.substr(0, before.rfind('<'))} + " " + std::string{after.substr(after.find('>') + 1)};
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string address_;           // the addr-spec read last, in internal form
    std::size_t spec_begin_ = 0;    // where it stands
    std::size_t spec_end_ = 0;
    bool comment_holds_at_ = false;
};

std::optional<std::string> parse_mailbox(std::string_view value)
{
    if (value.size() > HeaderFrom::kMaxValue) return std::nullopt;
    auto const line = unfold(base::trim(value));
    return line ? Parser{*line}.mailbox() : std::nullopt;
}

}   // namespace

void HeaderFrom::add_field(std::string_view value)
{
    auto const mailbox = state == State::None ? parse_mailbox(value) : std::nullopt;   // RFC 5322 3.6: one field
    state = State::Malformed;
    address.clear();
    if (!mailbox) return;
    address.set(*mailbox);
    // Also refuses what IDNA would not map to a domain name.
    if (is_valid_domain(address.domain()) || address.has_domain_literal()) state = State::One;
    else address.clear();
}

void HeaderFrom::clear()
{
    state = State::None;
    address.clear();
}

}   // namespace mailcore::mail
