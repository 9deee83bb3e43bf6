// Outcomes in one SQLite file (WAL). The one door to SQLite.
#pragma once

#include <memory>
#include <string>

#include "core/base/fd.hpp"
#include "outcomes/store/outcome_store.hpp"

namespace mailcore::outcomes {

// Makes the file, or brings an older schema up to date, each step in one transaction; refuses one from a newer version.
// Mode 0640. A damaged file is an error that says what to do.
base::Result<std::unique_ptr<OutcomeStore>> open_sqlite_store(std::string const& path);

// For the daemon, which joins and tells: a second one would count and tell everything twice. Until the descriptor is
// closed; fails at once where another process has the claim. Who only asks, or puts events back, needs none.
base::Result<base::Fd> claim_sqlite_store(std::string const& path);

}   // namespace mailcore::outcomes
