// The header From. Besides not crashing: the one address found is the one that every sloppy reader would find too, and it is
// found again when it stands alone.
#include <optional>

#include "core/base/text.hpp"
#include "core/mail/encoded_word.hpp"
#include "core/mail/header_from.hpp"
#include "core/mail/message.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace mailcore;
using fuzz::require;

// As a program writes an address: the local part in quotes if it is no dot-atom.
std::string written(std::string_view internal)
{
    auto const at = internal.rfind('@');
    auto const local = internal.substr(0, at);
    bool plain = !local.starts_with('.') && !local.ends_with('.') && local.find("..") == std::string_view::npos;
    for (char const c : local) {
        plain = plain && (base::is_alnum(c) || static_cast<unsigned char>(c) >= 0x80 || std::string_view{"!#$%&'*+-/=?^_`{|}~."}.find(c) != std::string_view::npos);
    }
    return plain ? std::string{internal} : "\"" + std::string{local} + "\"" + std::string{internal.substr(at)};
}

// Does this look like an address to somebody who does not parse?
bool looks_like_address(std::string_view text)
{
    auto const at = text.find('@');
    return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.find_first_of(" \t\"()<>,;:") == std::string_view::npos;
}

// Programs that search instead of parsing. Each gives what it would show as the author, or nothing.
std::optional<std::string_view> first_brackets(std::string_view text)
{
    auto const open = text.find('<');
    auto const close = text.find('>', open == std::string_view::npos ? 0 : open);
    if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
    return text.substr(open + 1, close - open - 1);
}

std::optional<std::string_view> last_brackets(std::string_view text)
{
    auto const open = text.rfind('<');
    auto const close = text.find('>', open == std::string_view::npos ? 0 : open);
    if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
    return text.substr(open + 1, close - open - 1);
}

void check_sloppy_readers(std::string_view line, mail::HeaderFrom const& from)
{
    auto const agrees = [&](std::optional<std::string_view> found, std::string_view property) {
        if (!found) return;
        auto const address = base::trim(*found);
        if (looks_like_address(address)) require(address == from.address.text(), property, line);
    };
    agrees(first_brackets(line), "who takes the first brackets finds the same author");
    agrees(last_brackets(line), "who takes the last brackets finds the same author");
    for (auto const part : base::split(line, ',')) {
        agrees(part, "who splits at commas finds the same author");
        agrees(first_brackets(part), "who splits at commas and takes brackets finds the same author");
    }
}

void check_found(std::string_view value, mail::HeaderFrom const& from)
{
    auto const text = std::string{from.address.text()};
    auto const line = mail::unfolded(base::trim(value));
    require(from.address.kind() == mail::Address::Kind::Mailbox, "the author has a domain", value);
    require(text.find_first_of(std::string_view{"\r\n\0", 3}) == std::string::npos, "the author holds no line end", text);

    mail::HeaderFrom alone;
    alone.add_field("Name <" + written(text) + ">");
    require(alone.state == mail::HeaderFrom::State::One && alone.address == from.address, "the author is found again alone", text);

    check_sloppy_readers(line, from);
    check_sloppy_readers(mail::decode_encoded_words(line, mail::EncodedWordPlace::Anywhere), from);

    auto twice = from;
    twice.add_field(value);
    require(twice.state == mail::HeaderFrom::State::Malformed, "a second field is malformed", value);
}

}   // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto value = fuzz::text_of(data, size);
    if (value.starts_with("From:")) value.remove_prefix(5);   // the unit tests' corpus
    mail::HeaderFrom from;
    from.add_field(value);
    require(from.state != mail::HeaderFrom::State::None, "a field that was seen is not none", value);
    if (from.state == mail::HeaderFrom::State::One) check_found(value, from);
    else require(from.address.kind() == mail::Address::Kind::Absent, "a malformed field has no address", value);
    return 0;
}
