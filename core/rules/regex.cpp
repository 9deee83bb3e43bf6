#include "core/rules/regex.hpp"

#include <re2/re2.h>

namespace mailcore::rules {

base::Result<Regex> Regex::compile(std::string_view pattern)
{
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_encoding(re2::RE2::Options::EncodingLatin1);   // header bytes need not be UTF-8
    auto compiled = std::make_shared<re2::RE2>(re2::StringPiece{pattern.data(), pattern.size()}, options);
    if (!compiled->ok()) return base::fail("not a regular expression as RE2 reads it: " + compiled->error());
    return Regex{std::move(compiled)};
}

int Regex::groups() const { return compiled_->NumberOfCapturingGroups(); }

bool Regex::matches_whole(std::string_view text) const
{
    return re2::RE2::FullMatch({text.data(), text.size()}, *compiled_);
}

void Regex::for_each_group(std::string_view text, std::function<bool(std::string_view)> const& visit) const
{
    re2::StringPiece const whole{text.data(), text.size()};
    re2::StringPiece found[2];
    std::size_t start = 0;
    while (start <= whole.size() && compiled_->Match(whole, start, whole.size(), re2::RE2::UNANCHORED, found, 2)) {
        if (found[1].data() != nullptr && !visit({found[1].data(), found[1].size()})) return;
        auto const end = static_cast<std::size_t>(found[0].data() - whole.data()) + found[0].size();
        start = found[0].empty() ? end + 1 : end;   // an empty match must not be found for ever
    }
}

}   // namespace mailcore::rules
