// A receipt as text: "1 5:redis 20:kbz_test messages/1m 100 60000000 50 1 100 1795000000000000 3". The format's number; the
// store; then for each part its key, the rate (number, per, burst) and what was taken (cost, number, run, taken). Texts are
// preceded by their length, so that they may hold anything.
#include <charconv>
#include <concepts>

#include "core/store/notes.hpp"

namespace mailcore::store {
namespace {

constexpr char kFormat = '1';

void append_text(std::string& note, std::string_view text)
{
    note.append(" ").append(std::to_string(text.size())).append(":").append(text);
}

void append_count(std::string& note, std::integral auto number) { note.append(" ").append(std::to_string(number)); }

class Reader {
public:
    explicit Reader(std::string_view rest) : rest_{rest} {}

    bool at_end() const { return rest_.empty(); }
    bool skip(char wanted)
    {
        if (rest_.empty() || rest_.front() != wanted) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool digits(std::integral auto& number)
    {
        auto const [end, status] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
        if (status != std::errc{}) return false;
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return true;
    }
    bool count(std::integral auto& number) { return skip(' ') && digits(number); }
    bool text(std::string& into)
    {
        std::size_t size = 0;
        if (!count(size) || !skip(':') || size > rest_.size()) return false;
        into = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return true;
    }

private:
    std::string_view rest_;
};

// What a limit could have said and passed: nothing else may reach the arithmetic of rates.
bool is_sound(rules::Rate const& rate, rules::Taken const& taken)
{
    if (rate.number < 1 || rate.number > rules::kMaxNumber || rate.per.count() < 1 || rate.burst < 1) return false;
    __extension__ using Wide = unsigned __int128;
    auto const refill = Wide{rate.burst} * static_cast<std::uint64_t>(rate.per.count()) / rate.number;
    return refill <= static_cast<std::uint64_t>(rules::kLongestRefill.count()) && taken.cost <= rate.burst;
}

bool read_part(Reader& reader, rules::Receipt::Part& part)
{
    std::int64_t per = 0;
    auto& [key, rate, taken] = part;
    bool const complete = reader.text(key) && reader.count(rate.number) && reader.count(per) && reader.count(rate.burst) &&
                          reader.count(taken.cost) && reader.count(taken.number) && reader.count(taken.run) &&
                          reader.count(taken.taken);
    rate.per = std::chrono::microseconds{per};
    return complete && is_sound(rate, taken);
}

}   // namespace

std::string receipt_as_note(rules::Receipt const& receipt)
{
    std::string note{kFormat};
    append_text(note, receipt.store);
    for (auto const& [key, rate, taken] : receipt.parts) {
        append_text(note, key);
        append_count(note, rate.number);
        append_count(note, rate.per.count());
        append_count(note, rate.burst);
        append_count(note, taken.cost);
        append_count(note, taken.number);
        append_count(note, taken.run);
        append_count(note, taken.taken);
    }
    return note;
}

std::optional<rules::Receipt> receipt_of_note(std::string_view note)
{
    Reader reader{note};
    rules::Receipt receipt;
    if (!reader.skip(kFormat) || !reader.text(receipt.store)) return std::nullopt;
    while (!reader.at_end()) {
        if (!read_part(reader, receipt.parts.emplace_back())) return std::nullopt;
    }
    return receipt;
}

}   // namespace mailcore::store
