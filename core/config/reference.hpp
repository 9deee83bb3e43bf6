// The pages about a configuration that its rows write: the reference below docs/ and the keys of a man page.
//
//     reference_page("# mailcore.yaml: every key\n", describe<Settings>())
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/describe.hpp"

namespace mailcore::config {

// Markdown: `start`, then a table a section.
std::string reference_page(std::string_view start, std::vector<SectionText> const& sections);

// How values are written, the same in every file that core/config reads; stands at the end of a page's start.
extern std::string_view const kHowValuesAreWritten;

// scdoc: a heading a section, its keys below.
std::string man_keys(std::vector<SectionText> const& sections);

}   // namespace mailcore::config
