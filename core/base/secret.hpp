// Text that must not be seen: wiped when it goes, and it has no way to be printed by accident.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace mailcore::base {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_{std::move(value)} {}
    Secret(Secret&& other) noexcept : value_{std::move(other.value_)} { other.wipe(); }
    Secret& operator=(Secret&& other) noexcept
    {
        if (this == &other) return *this;
        wipe();
        value_ = std::move(other.value_);
        other.wipe();
        return *this;
    }
    Secret(Secret const&) = delete;
    Secret& operator=(Secret const&) = delete;
    ~Secret() { wipe(); }

    std::string_view reveal() const { return value_; }   // the one way out; grep for it to see every use
    bool empty() const { return value_.empty(); }

private:
    void wipe();
    std::string value_;
};

}   // namespace mailcore::base
