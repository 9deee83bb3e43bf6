#include "bench/message.hpp"

#include <algorithm>

namespace mailcore::bench {

void MessageWriter::write(Sender const& sender, Message& message)
{
    auto const number = std::to_string(++sequence_);
    auto const ticket = "ticket_" + number;
    message.queue_id = "4jX5lB" + std::string(7 - std::min<std::size_t>(7, number.size()), '0') + number + "z1SC";
    message.recipient = "user" + number + "@example.com";
    message.headers = {
        {"Received", "from app." + sender.tenant + ".example (app." + sender.tenant + ".example [" + sender.client +
                         "])\n\tby relay.bench.test with ESMTP id " + message.queue_id +
                         ";\n\tSat, 21 Nov 2026 22:00:00 +0000"},
        {"DKIM-Signature", "v=1; a=rsa-sha256; c=relaxed/simple; d=hosted.example;\n\ts=2026; t=1795298400;\n\t"
                           "bh=g3zLYH4xKxcPrHOD18z9YfpQcnk/GaJedfustWU5uGs=;\n\th=From:To:Subject:Date:Message-ID;\n\t"
                           "b=VnTz1Jc0nGbPwz7v4kH3q8bnvBv1rxvTD1yKJ0YxkP3YH3hWz2mJm0aYQdQ8fYtK"},
        {"Date", "Sat, 21 Nov 2026 22:00:00 +0000"},
        {"From", "\"Shop " + sender.tenant + "\" <" + sender.address + ">"},
        {"Reply-To", "<" + sender.address + ">"},
        {"To", "\"A customer\" <" + message.recipient + ">"},
        {"Message-ID", "<" + number + ".1795298400@" + sender.tenant + ".example>"},
        {"In-Reply-To", "<" + ticket + ".1@mail.example.com>"},
        {"References", "<" + ticket + ".0@mail.example.com>\n <" + ticket + ".1@mail.example.com>"},
        {"Subject", "=?UTF-8?Q?Votre_commande_est_en_route?= [#" + ticket + "]"},
        {"MIME-Version", "1.0"},
        {"Content-Type", "multipart/alternative;\n\tboundary=\"----=_Part_1795298400\""},
        {"X-Mailer", "Shop mailer 4.2"},
        {"List-Unsubscribe", "<https://hosted.example/unsubscribe?u=" + number + ">"},
    };
    if (!claim_) return;
    message.headers.emplace_back("X-KeyBuzz-Tenant", sender.tenant);
    message.headers.emplace_back("X-KeyBuzz-Ticket", ticket);
}

}   // namespace mailcore::bench
