// The tables, and how a file of an older version gets them: each version is one step, done in one transaction.
// To change the schema, append a step to kSteps and put a dump of a file of the version before into the test.
#pragma once

#include <span>
#include <string_view>

#include "outcomes/store/database.hpp"

namespace mailcore::outcomes {

// Step N makes version N out of version N - 1; version 0 is an empty file.
std::span<std::string_view const> schema_steps();

// Brings the file up to the last step. Throws DatabaseError for a file that a newer version of mailcore wrote, and for one
// that is not ours at all.
void upgrade_schema(Database& database, std::span<std::string_view const> steps);

// Numbers of Status as the indices below spell them.
inline constexpr int kSentInSchema = 2;

// Messages of one slice stand together in the table `terms`.
inline constexpr int kSliceBits = 15;

}   // namespace mailcore::outcomes
