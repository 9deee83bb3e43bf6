// How the policy daemon tells the milter something about a message by its queue id: it notes it at DATA, the milter takes
// the note at the message's end. A small LMDB table in <state_directory>/NAME that both daemons open.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/rules/limit.hpp"

namespace mailcore::store {

// Safe from many threads and processes.
class Notes {
public:
    // `name` is the folder and, with blanks for hyphens, what errors call the table: "certificate-notes".
    static base::Result<Notes> open(std::string const& state_directory, std::string const& name);
    Notes(Notes&&) noexcept;
    ~Notes();

    // An empty text removes what an earlier message with a reused queue id may have left.
    base::Result<> put(std::string_view queue_id, std::string_view text, base::Time now);

    // The text noted, which is forgotten by this; nothing if there is none.
    base::Result<std::optional<std::string>> take(std::string_view queue_id);

    // The texts of what was noted before `time`, at most so many, which are forgotten by this.
    base::Result<std::vector<std::string>> take_older(base::Time time, std::size_t most);

    std::size_t size() const;   // notes not taken: messages under way or broken off

    // Of so many, or where they fill the table, the older half is forgotten: their messages never came to their end, or no
    // milter asks for notes. So is what is older than a day.
    static constexpr std::size_t kMost = 20'000;

private:
    struct Environment;
    explicit Notes(std::unique_ptr<Environment> environment);
    std::unique_ptr<Environment> environment_;
};

// A receipt as a note, for limits.count_at: policy.
std::string receipt_as_note(rules::Receipt const& receipt);
std::optional<rules::Receipt> receipt_of_note(std::string_view note);   // nothing: it is damaged

}   // namespace mailcore::store
