// Which provider a delivery went through, from the relay that Postfix logged.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "outcomes/log/postfix_line.hpp"

namespace mailcore::outcomes {

inline constexpr std::string_view kSmtp = "SMTP";     // any relay that no pattern names
inline constexpr std::string_view kLocal = "LOCAL";   // this host: mailboxes, pipes, sockets; and what Postfix or the gate refused

class Providers {
public:
    explicit Providers(std::map<std::string, std::string> patterns);   // shell pattern of the relay's host, whatever its case, to provider

    // Without a connection (relay=none) the host is in the reason: "connect to mx.example[192.0.2.1]:25: Connection timed out".
    std::string_view of(PostfixLine const& delivery);

private:
    std::string_view of_host(std::string_view host);

    std::vector<std::pair<std::string, std::string>> patterns_;
    std::string host_;                  // NUL-terminated, for fnmatch(); and the last one asked for
    std::string_view last_ = kSmtp;     // what it came to
};

}   // namespace mailcore::outcomes
