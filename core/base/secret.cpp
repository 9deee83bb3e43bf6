#include "core/base/secret.hpp"

#include <cstring>

namespace mailcore::base {

void Secret::wipe()
{
    value_.resize(value_.capacity());   // a moved-from or shortened string may keep old bytes behind its end
    ::explicit_bzero(value_.data(), value_.size());
    value_.clear();
}

}   // namespace mailcore::base
