// What the options of the limits' store say, taken apart: for Limits::open(), and for whoever checks a configuration.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/store/limits.hpp"
#include "core/store/redis.hpp"

namespace mailcore::store {

inline constexpr std::string_view kLmdb = "lmdb:";
inline constexpr std::string_view kNoPassword = "a user without a password; set password_file";

base::Result<std::string> directory_of(std::string const& text);               // "lmdb:/DIR" as "/DIR"
base::Result<base::Secret> read_password(std::string const& path);             // not of a file that every user can read
base::Result<RedisAddress> redis_address(LimitsOptions const& options);        // with the password from its file

}   // namespace mailcore::store
