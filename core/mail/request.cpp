#include "core/mail/request.hpp"

#include "core/base/text.hpp"

namespace mailcore::mail {

std::string_view word(Daemon daemon)
{
    switch (daemon) {
        case Daemon::Policy: return "policy";
        case Daemon::Milter: return "milter";
    }
    return "";
}

std::string_view word(Stage stage)
{
    switch (stage) {
        case Stage::Connect: return "CONNECT";
        case Stage::Helo: return "HELO";
        case Stage::Mail: return "MAIL";
        case Stage::Rcpt: return "RCPT";
        case Stage::Data: return "DATA";
        case Stage::EndOfMessage: return "END-OF-MESSAGE";
        case Stage::Vrfy: return "VRFY";
        case Stage::Etrn: return "ETRN";
    }
    return "";
}

void Request::clear()
{
    daemon = Daemon::Policy;
    stage = Stage::Connect;
    client.clear();
    client_address.reset();
    helo.clear();
    login.clear();
    certificate.state = Certificate::State::Absent;
    certificate.digest.clear();
    tls = false;
    server_port = 0;
    local = false;
    instance.clear();
    queue_id.clear();
    sender.clear();
    recipients.clear();
    recipient_count = 0;
    size = 0;
    message.reset();
}

std::string normalized_digest(std::string_view written)
{
    if (written.size() > 7 && base::equal_ignoring_case(written.substr(0, 7), "sha256:")) written.remove_prefix(7);
    std::string digest;
    for (char const c : written) {
        if (c == ':') continue;
        char const lowered = base::to_lower(c);
        bool const hex = (lowered >= '0' && lowered <= '9') || (lowered >= 'a' && lowered <= 'f');
        if (!hex) return {};
        digest += lowered;
    }
    return digest.size() == 64 ? digest : std::string{};
}

}   // namespace mailcore::mail
