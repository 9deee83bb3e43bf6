// What vault-sync asks of Postfix: its settings, a reload, its deferred mail. By absolute paths, with a clean environment.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace mailcore::vault_sync {

struct DeferredRecipient {
    std::string queue_id, sender, recipient, delay_reason;
    bool for_authentication() const;   // 535, "SASL authentication failed", 530 …
};

class Postfix {
public:
    explicit Postfix(std::string config_directory) : directory_{std::move(config_directory)} {}

    bool is_running() const;                                          // postfix status
    base::Result<> reload() const;                                    // fails with Postfix's words
    base::Result<std::vector<DeferredRecipient>> deferred() const;    // postqueue -j
    base::Result<> flush() const;                                     // postqueue -f
    base::Result<std::map<std::string, std::string>> parameters(std::vector<std::string> const& names) const;   // postconf -x
    std::string const& config_directory() const { return directory_; }

private:
    std::string directory_;
};

}   // namespace mailcore::vault_sync
