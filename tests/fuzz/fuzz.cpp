#include "tests/fuzz/fuzz.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/base/text.hpp"

namespace mailcore::fuzz {

void require(bool holds, std::string_view property, std::string_view shown)
{
    if (holds) return;
    auto const text = base::printable(shown);
    std::fprintf(stderr, "property violated: %.*s\n  %s\n", static_cast<int>(property.size()), property.data(), text.c_str());
    std::abort();
}

bool is_printable(std::string_view text) { return std::all_of(text.begin(), text.end(), base::is_printable_ascii); }

}   // namespace mailcore::fuzz
