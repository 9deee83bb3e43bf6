// Regular expressions as RE2 understands them: linear time whatever the sender writes. The one door to RE2.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace re2 {
class RE2;
}

namespace mailcore::rules {

class Regex {
public:
    static base::Result<Regex> compile(std::string_view pattern);

    int groups() const;
    bool matches_whole(std::string_view text) const;
    // Calls visit(group 1) for each match from left to right until it returns false.
    void for_each_group(std::string_view text, std::function<bool(std::string_view)> const& visit) const;

private:
    explicit Regex(std::shared_ptr<re2::RE2 const> compiled) : compiled_{std::move(compiled)} {}
    std::shared_ptr<re2::RE2 const> compiled_;   // shared: 100,000 tenants mostly use the same few patterns
};

}   // namespace mailcore::rules
