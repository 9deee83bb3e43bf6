#include "outcomes/log/decision_record.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/text.hpp"

namespace mailcore::outcomes {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::string_view kBegin = "{\"time\":";   // of each line that the daemons write
constexpr int kMostDepth = 16;   // of values under keys that we do not know

struct Field {
    std::string_view key;
    std::string DecisionRecord::*text = nullptr;
    std::uint64_t DecisionRecord::*count = nullptr;   // neither: time and daemon, or of no use here
};

// In the order in which the daemons write them: see field_of().
constexpr std::array<Field, 23> kFields{{
    {"time"},
    {"daemon"},
    {"state", &DecisionRecord::state},
    {"queue_id", &DecisionRecord::queue_id},
    {"instance", &DecisionRecord::instance},
    {"message_id", &DecisionRecord::message_id},
    {"tenant", &DecisionRecord::tenant},
    {"ticket", &DecisionRecord::ticket},
    {"client", &DecisionRecord::client},
    {"login", &DecisionRecord::login},
    {"port"},
    {"sender", &DecisionRecord::sender},
    {"recipient", &DecisionRecord::recipient},
    {"recipients", nullptr, &DecisionRecord::recipients},
    {"size", nullptr, &DecisionRecord::size},
    {"action", &DecisionRecord::action},
    {"reason", &DecisionRecord::reason},
    {"rule"},
    {"limit"},
    {"would"},
    {"reply", &DecisionRecord::reply},
    {"forged_headers_removed"},
    {"micros"},
}};

// --- Strings with escapes: rare

bool take_code_unit(std::string_view& raw, unsigned& unit)   // the four digits behind \u
{
    auto const digits = raw.substr(0, 4);
    auto const [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    if (digits.size() < 4 || failure != std::errc{} || end != digits.data() + 4) return false;
    raw.remove_prefix(4);
    return true;
}

void append_utf8(std::string& out, unsigned point)
{
    auto const continuation = [](unsigned bits) { return static_cast<char>(0x80u | (bits & 0x3Fu)); };
    if (point < 0x80) {
        out += static_cast<char>(point);
        return;
    }
    if (point < 0x800) {
        out += static_cast<char>(0xC0u | (point >> 6u));
    } else if (point < 0x10000) {
        out += static_cast<char>(0xE0u | (point >> 12u));
        out += continuation(point >> 6u);
    } else {
        out += static_cast<char>(0xF0u | (point >> 18u));
        out += continuation(point >> 12u);
        out += continuation(point >> 6u);
    }
    out += continuation(point);
}

bool append_code_point(std::string& out, std::string_view& raw)
{
    unsigned unit = 0;
    if (!take_code_unit(raw, unit)) return false;
    bool const is_pair = unit >= 0xD800 && unit <= 0xDBFF;
    if (is_pair) {
        unsigned low = 0;
        if (!raw.starts_with("\\u")) return false;
        raw.remove_prefix(2);
        if (!take_code_unit(raw, low) || low < 0xDC00 || low > 0xDFFF) return false;
        unit = 0x10000 + ((unit - 0xD800) << 10u) + (low - 0xDC00);
    }
    if (unit >= 0xDC00 && unit <= 0xDFFF) return false;
    append_utf8(out, unit);
    return true;
}

// `raw` begins behind the backslash.
bool append_escaped(std::string& out, std::string_view& raw)
{
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
    char const letter = raw.front();
    raw.remove_prefix(1);
    if (letter == 'u') return append_code_point(out, raw);
    auto const at = letters.find(letter);
    if (at == npos) return false;
    out += meant[at];
    return true;
}

// --- One line

// A strict scanner of one object (RFC 8259). Functions give false once something is wrong; the first complaint stays.
class Scanner {
public:
    Scanner(std::string_view text, DecisionRecord& record) : text_{text}, record_{record} {}

    base::Result<> read()
    {
        if (read_object([this](std::string_view key) { return read_member(key); }) && (next(), at_ < text_.size())) complain("more stands behind it");
        if (!problem_.empty()) return base::fail("no decision line: " + std::string{problem_} + " at byte " + std::to_string(at_ + 1));
        if (!has_time_) return base::fail("no decision line: time is missing");
        if (record_.action.empty()) return base::fail("no decision line: action is missing");
        return {};
    }

private:
    bool complain(std::string_view problem)
    {
        if (problem_.empty()) problem_ = problem;
        return false;
    }

    // The next byte that is no blank; NUL at the end, and NUL is legal nowhere.
    char next()
    {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' || text_[at_] == '\n')) ++at_;
        return at_ < text_.size() ? text_[at_] : '\0';
    }
    bool take(char c)
    {
        if (next() != c) return false;
        ++at_;
        return true;
    }

    template <class ReadMember>
    bool read_object(ReadMember read)
    {
        if (!take('{')) return complain("{ expected");
        if (take('}')) return true;
        std::string decoded;
        do {
            std::string_view key;
            if (!read_string(key, decoded)) return false;
            if (!take(':')) return complain(": expected");
            if (!read(key)) return false;
        } while (take(','));
        return take('}') || complain(", or } expected");
    }

    bool read_member(std::string_view key)
    {
        auto const& field = field_of(key);
        if (field.text != nullptr) return keep_text(record_.*field.text);
        if (field.count != nullptr) return read_count(record_.*field.count);
        if (field.key == "time") return read_time();
        if (field.key == "daemon") return read_daemon();
        return skip_value(0);
    }

    // Lines have their keys in one order: the key behind the last one is asked first.
    Field const& field_of(std::string_view key)
    {
        static constexpr Field unknown{};
        for (std::size_t tried = 0; tried < kFields.size(); ++tried) {
            auto const& field = kFields[expected_];
            expected_ = expected_ + 1 == kFields.size() ? 0 : expected_ + 1;
            if (field.key == key) return field;
        }
        return unknown;
    }

    bool keep_text(std::string& member)
    {
        std::string_view value;
        if (!read_string(value, member)) return false;
        if (value.data() != member.data()) member = value;
        return true;
    }

    bool read_time()
    {
        std::string decoded;
        std::string_view value;
        if (!read_string(value, decoded)) return false;
        auto const time = base::parse_time(value);
        if (!time) return complain("no time");
        record_.time = *time;
        has_time_ = true;
        return true;
    }

    bool read_daemon()
    {
        std::string decoded;
        std::string_view value;
        if (!read_string(value, decoded)) return false;
        record_.from_milter = value == "milter";
        return true;
    }

    bool read_count(std::uint64_t& count)
    {
        std::string_view digits;
        if (!read_number(digits)) return false;
        auto const [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
        return (failure == std::errc{} && end == digits.data() + digits.size()) || complain("no count");
    }

    // `value` is a piece of the line or, where it had to be decoded, of `decoded`.
    bool read_string(std::string_view& value, std::string& decoded)
    {
        if (!take('"')) return complain("\" expected");
        auto const rest = text_.substr(at_);
        value = rest.substr(0, rest.find('"'));
        if (value.size() < rest.size() && base::is_plain_json(value)) {
            at_ += value.size() + 1;
            return true;
        }
        auto const size = raw_size(rest);
        if (size == npos) return complain("a string that does not end");
        if (!decode(rest.substr(0, size), decoded)) return false;
        value = decoded;
        at_ += size + 1;
        return true;
    }

    static std::size_t raw_size(std::string_view text)   // up to the quote that ends the string
    {
        for (std::size_t at = 0; at < text.size(); ++at) {
            if (text[at] == '"') return at;
            if (text[at] == '\\') ++at;
        }
        return npos;
    }

    bool decode(std::string_view raw, std::string& out)
    {
        out.clear();
        if (std::any_of(raw.begin(), raw.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; })) return complain("a control character");
        while (!raw.empty()) {
            auto const slash = raw.find('\\');
            out.append(raw.substr(0, slash));
            if (slash == npos) break;
            raw.remove_prefix(slash + 1);
            if (!append_escaped(out, raw)) return complain("an unknown escape");
        }
        return base::find_not_utf8(out) == npos || complain("bytes that are no UTF-8");
    }

    bool read_number(std::string_view& value)
    {
        next();
        auto const start = at_;
        auto const digits = [this] {
            auto const first = at_;
            while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
            return at_ - first;
        };
        auto const here = [this](std::string_view any) { return at_ < text_.size() && any.find(text_[at_]) != npos; };
        if (here("-")) ++at_;
        bool const zero_first = here("0");
        auto const whole = digits();
        if (whole == 0 || (zero_first && whole > 1)) return complain("a value expected");
        if (here(".") && (++at_, digits() == 0)) return complain("a value expected");
        if (here("eE")) {
            ++at_;
            if (here("+-")) ++at_;
            if (digits() == 0) return complain("a value expected");
        }
        value = text_.substr(start, at_ - start);
        return true;
    }

    bool skip_value(int depth)
    {
        std::string decoded;
        std::string_view value;
        if (depth > kMostDepth) return complain("values within values too deep");
        switch (next()) {
            case '"': return read_string(value, decoded);
            case '{': return read_object([this, depth](std::string_view) { return skip_value(depth + 1); });
            case '[': return skip_array(depth);
            case 't': return skip_word("true");
            case 'f': return skip_word("false");
            case 'n': return skip_word("null");
            default: return read_number(value);
        }
    }

    bool skip_array(int depth)
    {
        take('[');
        if (take(']')) return true;
        do {
            if (!skip_value(depth + 1)) return false;
        } while (take(','));
        return take(']') || complain(", or ] expected");
    }

    bool skip_word(std::string_view word)
    {
        if (!text_.substr(at_).starts_with(word)) return complain("a value expected");
        at_ += word.size();
        return true;
    }

    std::string_view text_;
    DecisionRecord& record_;
    std::size_t at_ = 0;
    std::size_t expected_ = 0;
    bool has_time_ = false;
    std::string_view problem_;
};

}   // namespace

void DecisionRecord::clear()
{
    time = {};
    from_milter = false;
    recipients = size = 0;
    for (auto const& field : kFields) {
        if (field.text != nullptr) (this->*field.text).clear();
    }
}

base::Result<> parse_decision_line(std::string_view line, DecisionRecord& record)
{
    record.clear();
    return Scanner{line, record}.read();
}

base::Result<> parse_behind_torn_line(std::string_view line, DecisionRecord& record)
{
    auto const begin = line.rfind(kBegin);
    if (begin == npos || begin == 0) return base::fail("no decision line stands behind it");
    return parse_decision_line(line.substr(begin), record);
}

}   // namespace mailcore::outcomes
