// The host's time zone while it lives.
#pragma once

#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>

namespace mailcore::outcomes::test {

class HostZone {
public:
    explicit HostZone(std::string const& name)
    {
        if (auto const* const before = std::getenv("TZ")) before_ = before;
        ::setenv("TZ", name.c_str(), 1);
        ::tzset();
    }
    HostZone(HostZone const&) = delete;
    HostZone& operator=(HostZone const&) = delete;
    ~HostZone()
    {
        if (before_) ::setenv("TZ", before_->c_str(), 1);
        else ::unsetenv("TZ");
        ::tzset();
    }

private:
    std::optional<std::string> before_;
};

}   // namespace mailcore::outcomes::test
