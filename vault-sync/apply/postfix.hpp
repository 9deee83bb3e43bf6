// What vault-sync asks of Postfix: its settings, a reload, its deferred mail. By absolute paths, with a clean environment.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace mailcore::vault_sync {

struct DeferredRecipient {
    std::string queue_id, sender, recipient, delay_reason;
    // The relay refused the login, or none was offered where it wants one. Not 454 and the like: those tell nothing of
    // the login.
    bool for_authentication() const;
    bool operator==(DeferredRecipient const&) const = default;
};
std::vector<DeferredRecipient> parse_queue(std::string_view lines);   // of postqueue -j; those with a delay_reason

class Postfix {
public:
    explicit Postfix(std::string config_directory) : directory_{std::move(config_directory)} {}

    bool is_running() const;                                          // this instance's master holds its lock
    base::Result<> reload() const;                                    // by systemd where it runs Postfix; fails with its words
    base::Result<std::vector<DeferredRecipient>> deferred() const;    // postqueue -j
    base::Result<std::vector<DeferredRecipient>> waiting_for_authentication() const;   // those of them whose login was refused
    base::Result<> flush() const;                                     // postqueue -f
    // postconf -x: with $names expanded. Names that Postfix does not know are left out.
    base::Result<std::map<std::string, std::string>> parameters(std::vector<std::string> const& names) const;
    std::string const& config_directory() const { return directory_; }

private:
    std::string directory_;
};

}   // namespace mailcore::vault_sync
