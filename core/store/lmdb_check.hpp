// Whether a table is sound, by its pages: LMDB trusts what it maps, and a page that is none (of a table that was being
// written when the power failed) would crash whoever meets it, again after each restart.
#pragma once

#include <cstdint>
#include <string>

namespace mailcore::store::lmdb {

// The file's head alone: what must hold before LMDB opens it. "" = sound, or an empty file.
std::string find_damage_in_head(int file);

// All pages of one commit that a read transaction holds, by its number. "" = sound.
std::string find_damage(int file, std::uint64_t commit);

}   // namespace mailcore::store::lmdb
