#include "core/mail/domain.hpp"

#include <algorithm>
#include <idn2.h>
#include <memory>

#include "core/base/text.hpp"

namespace mailcore::mail {
namespace {

bool is_ascii(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string_view without_trailing_dot(std::string_view name)
{
    if (name.size() > 1 && name.back() == '.') name.remove_suffix(1);
    return name;
}

bool append_a_labels(std::string& out, std::string_view name)
{
    std::string const terminated{name};
    if (terminated.find('\0') != std::string::npos) return false;
    std::uint8_t* looked_up = nullptr;
    int const status = ::idn2_lookup_u8(reinterpret_cast<std::uint8_t const*>(terminated.c_str()), &looked_up,
                                        IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    std::unique_ptr<std::uint8_t, decltype(&::idn2_free)> const guard{looked_up, &::idn2_free};
    if (status != IDN2_OK) return false;
    // UTS 46 maps whatever has an ASCII form: U+FF20 becomes "@", which no domain may hold.
    auto const mapped = without_trailing_dot(reinterpret_cast<char const*>(looked_up));
    if (!is_valid_domain(mapped)) return false;
    out += mapped;
    return true;
}

}   // namespace

void append_comparable_domain(std::string& out, std::string_view name)
{
    bool const ascii = is_ascii(name);
    if (!ascii && append_a_labels(out, name)) return;
    base::append_lower(out, ascii ? without_trailing_dot(name) : name);
}

bool is_valid_domain(std::string_view comparable)
{
    if (comparable.empty() || comparable.size() > 253) return false;
    for (auto const& label : base::split(comparable, '.')) {
        bool const letters = std::all_of(label.begin(), label.end(),
                                         [](char c) { return base::is_alnum(c) || c == '-' || c == '_'; });
        if (label.empty() || label.size() > 63 || !letters || label.front() == '-' || label.back() == '-') return false;
    }
    return true;
}

}   // namespace mailcore::mail
