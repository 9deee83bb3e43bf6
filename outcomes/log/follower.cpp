#include "outcomes/log/follower.hpp"

#include <unistd.h>

#include "outcomes/log/file_log.hpp"
#include "outcomes/log/journal.hpp"
#include "outcomes/log/standard_input.hpp"

namespace mailcore::outcomes {

base::Result<std::unique_ptr<LogSource>> open_log(std::string const& what, std::string const& position)
{
    constexpr std::string_view journal_in = "journal:";
    if (what == "-") return std::make_unique<StandardInput>(STDIN_FILENO);
    if (what == "journal") return std::make_unique<JournalLog>("", position);
    if (what.starts_with(journal_in)) return std::make_unique<JournalLog>(what.substr(journal_in.size()), position);
    if (what.starts_with('/')) return std::make_unique<FileLog>(what, position);
    return base::fail("\"" + what + "\" is no log; write /path, journal, or - for standard input");
}

}   // namespace mailcore::outcomes
