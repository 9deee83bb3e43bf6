// How the policy daemon tells the milter which client certificate a message came with: Postfix has no milter macro for
// the fingerprint. The policy daemon notes it under the queue id at DATA; the milter takes it at the message's end.
// A small LMDB table in <state_directory>/certificate-notes that both daemons open. The one door to LMDB.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"

namespace mailcore::store {

// Safe from many threads and processes.
class CertificateNotes {
public:
    static base::Result<CertificateNotes> open(std::string const& state_directory);
    CertificateNotes(CertificateNotes&&) noexcept;
    ~CertificateNotes();

    // An empty digest removes what an earlier message with a reused queue id may have left.
    base::Result<> put(std::string_view queue_id, std::string_view digest, base::Time now);

    // The digest noted, which is forgotten by this; nothing if there is none.
    base::Result<std::optional<std::string>> take(std::string_view queue_id);

    std::size_t size() const;   // notes not taken: messages under way or broken off

    // Notes older than this are swept when the table has grown: their message never came to its end.
    static constexpr std::chrono::hours kMaxAge{24};

private:
    struct Environment;
    explicit CertificateNotes(std::unique_ptr<Environment> environment);
    std::unique_ptr<Environment> environment_;
};

}   // namespace mailcore::store
