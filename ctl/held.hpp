// Which messages `tenant suspend --hold` has put on hold, remembered beside main.cf in mailcore-held.json, so that
// `tenant resume --release` lets go these and not what a rule or somebody by hand has put there.
#pragma once

#include <set>
#include <string>

#include "core/base/result.hpp"
#include "ctl/postfix.hpp"

namespace mailcore::ctl {

using QueueIds = std::set<std::string>;

base::Result<QueueIds> read_held(Postfix const& postfix, std::string const& tenant);   // empty where nothing is remembered
base::Result<> write_held(Postfix const& postfix, std::string const& tenant, QueueIds const& ids);   // empty: forgets the tenant

}   // namespace mailcore::ctl
