// A relay as its settings and its secret together say: everything that rendering, verifying and showing need.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/secret.hpp"
#include "core/net/smtp_client.hpp"
#include "vault-sync/source/record.hpp"

namespace mailcore::vault_sync {

enum class Tls { None, StartTls, Wrapper };
std::string_view word(Tls tls);   // "none", "starttls", "wrapper"

struct Relay {
    std::string name;                        // as in vault-sync.yaml
    std::string kind;                        // smtp | ses
    std::string host;                        // lower case; an address without brackets
    std::uint16_t port = 0;
    Tls tls = Tls::StartTls;
    std::string ca_file;                     // "" = the system's store
    std::vector<std::string> fingerprints;   // 64 lower-case hex digits each; pins the certificate or its key
    std::string user;                        // user and password empty: no authentication
    base::Secret password;
    // For verify only:
    std::string from;
    std::string helo;
    std::chrono::milliseconds timeout{30'000};
    // Where the value came from:
    Source source = Source::Vault;
    std::string path;
    std::uint64_t version = 0;

    bool has_login() const { return !user.empty() || !password.empty(); }
    // For status, diff and logs: of a provider whose one token is user and password (Postmark) the user is no name.
    std::string shown_user() const;
    std::string nexthop() const;   // "[host]:port", exactly as every map names it
    Relay copy() const;
};

// Whether Postfix would talk to both in the same way: host, port, TLS, trust and login. Names and sources do not matter.
bool same_delivery(Relay const& left, Relay const& right);

}   // namespace mailcore::vault_sync
