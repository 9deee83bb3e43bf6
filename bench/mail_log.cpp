#include "bench/mail_log.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <queue>
#include <vector>

#include "bench/options.hpp"
#include "bench/population.hpp"

namespace mailcore::bench {
namespace {

constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::uint64_t kDay = 86'400 * kSecond;
constexpr std::uint64_t kLinesOfAMessage = 7;   // about

struct Line {
    std::uint64_t at;       // microseconds since midnight
    std::uint64_t number;   // lines of one moment stay in their order
    std::string text;
};

struct Later {
    bool operator()(Line const& left, Line const& right) const
    {
        return left.at != right.at ? left.at > right.at : left.number > right.number;
    }
};

// Puts the lines of overlapping messages into the order of their times.
class Output {
public:
    explicit Output(std::string const& path) : file_{std::fopen(path.c_str(), "we"), &std::fclose}
    {
        if (!file_) give_up_errno("open " + path);
        std::setvbuf(file_.get(), nullptr, _IOFBF, 1 << 20);
    }
    void add(std::uint64_t at, std::string text) { pending_.push({at, count_++, std::move(text)}); }
    void write_up_to(std::uint64_t now)
    {
        for (; !pending_.empty() && pending_.top().at <= now; pending_.pop()) write(pending_.top());
    }
    std::uint64_t count() const { return count_; }
    void finish()
    {
        write_up_to(~std::uint64_t{0});
        if (std::fflush(file_.get()) != 0) give_up_errno("write the log");
    }

private:
    void write(Line const& line)
    {
        auto const seconds = line.at / kSecond;
        std::fprintf(file_.get(), "2026-11-%02uT%02u:%02u:%02u.%06u+01:00 relay %s\n", static_cast<unsigned>(21 + seconds / 86'400),
                     static_cast<unsigned>(seconds / 3600 % 24), static_cast<unsigned>(seconds / 60 % 60), static_cast<unsigned>(seconds % 60),
                     static_cast<unsigned>(line.at % kSecond), line.text.c_str());
    }
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
    std::priority_queue<Line, std::vector<Line>, Later> pending_;
    std::uint64_t count_ = 0;
};

struct Client {
    std::string where;   // "app17.shop3.example[10.3.0.17]"
    std::string login;
    std::string sender;
};

class Day {
public:
    Day(Output& output, std::uint64_t seed) : output_{output}, draw_{seed} {}

    void message(std::uint64_t at)
    {
        at_ = at;
        client_ = client();
        line("smtpd", "connect from " + client_.where);
        auto const kind = draw_.next() % 100;
        if (kind < 10) refused();
        else if (kind < 11) refused_at_end();
        else accepted(kind);
        line("smtpd", "disconnect from " + client_.where + " ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5");
    }

private:
    void line(std::string const& service, std::string const& text)
    {
        at_ += 500 + draw_.next() % 4000;
        output_.add(at_, "postfix/" + service + "[" + std::to_string(1000 + draw_.next() % 60) + "]: " + text);
    }

    std::string queue_id()   // long: seconds, microseconds, z, inode in base 52
    {
        constexpr char digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
        std::string id = "4jX";
        for (auto rest = ++messages_; id.size() < 10; rest /= 52) id += digits[rest % 52];
        return id + "z1Y" + digits[messages_ % 52] + digits[messages_ / 52 % 52];
    }

    Client client()
    {
        auto const shop = std::to_string(draw_.next() % 300);
        auto const host = std::to_string(draw_.next() % 20);
        auto const user = draw_.next() % 10 < 3 ? "tenant-" + shop : std::string{};
        return {"app" + host + ".shop" + shop + ".example[10." + shop + ".0." + host + "]", user, "orders" + std::to_string(draw_.next() % 7) + "@shop" + shop + ".example"};
    }

    std::string recipient()
    {
        constexpr char const* large[] = {"gmail.example", "outlook.example", "yahoo.example", "orange.example"};
        auto const is_large = draw_.next() % 10 < 6;
        auto const domain = is_large ? std::string{large[draw_.next() % 4]} : "company" + std::to_string(draw_.next() % 5000) + ".example";
        return "customer" + std::to_string(draw_.next() % (is_large ? 40'000 : 12)) + "@" + domain;
    }

    void accepted(std::uint64_t kind)
    {
        auto const id = received();
        auto const recipients = kind < 20 ? 2 + draw_.next() % 4 : 1;
        queued(id, recipients);
        if (kind < 28) deferred(id, recipients);
        else if (kind < 32) return bounced(id, recipients);
        for (std::uint64_t i = 0; i < recipients; ++i) delivered(id, recipient());
        line("qmgr", id + ": removed");
    }

    std::string received()
    {
        auto id = queue_id();
        auto const login = client_.login.empty() ? std::string{} : ", sasl_method=PLAIN, sasl_username=" + client_.login;
        line(login.empty() ? "smtpd" : "submission/smtpd", id + ": client=" + client_.where + login);
        line("cleanup", id + ": message-id=<" + std::to_string(messages_) + ".1795298400@shop.example>");
        size_ = 1500 + draw_.next() % 60'000;
        return id;
    }

    void queued(std::string const& id, std::uint64_t recipients)
    {
        line("qmgr", id + ": from=<" + client_.sender + ">, size=" + std::to_string(size_) + ", nrcpt=" + std::to_string(recipients) + " (queue active)");
    }

    std::string attempt(std::string const& id, std::string const& to, std::string const& end)
    {
        auto const domain = to.substr(to.find('@') + 1);
        return id + ": to=<" + to + ">, relay=mx." + domain + "[192.0.2." + std::to_string(domain.size()) + "]:25, delay=0.42, delays=0.02/0.01/0.21/0.18, " + end;
    }

    void delivered(std::string const& id, std::string const& to)
    {
        if (draw_.next() % 3 == 0) line("smtp", "Trusted TLS connection established to mx.example[192.0.2.7]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)");
        line("smtp", attempt(id, to, "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 7D2A4" + std::to_string(10'000 + draw_.next() % 90'000) + ")"));
    }

    void deferred(std::string const& id, std::uint64_t recipients)
    {
        auto const to = recipient();
        for (auto tries = 1 + draw_.next() % 3; tries > 0; --tries) {
            line("smtp", attempt(id, to, "dsn=4.2.1, status=deferred (host mx." + to.substr(to.find('@') + 1) + "[192.0.2.9] said: 450 4.2.1 The user you are trying to contact is receiving mail too quickly (in reply to RCPT TO command))"));
            at_ += 300 * kSecond;
            queued(id, recipients);
        }
    }

    void bounced(std::string const& id, std::uint64_t recipients)
    {
        for (std::uint64_t i = 0; i < recipients; ++i) line("smtp", attempt(id, recipient(), "dsn=5.1.1, status=bounced (host mx.example[192.0.2.9] said: 550 5.1.1 The account does not exist; https://help.example/?p=NoSuchUser&hl=en (in reply to RCPT TO command))"));
        auto const notification = queue_id();
        line("cleanup", notification + ": message-id=<" + notification + "@relay.example>");
        line("bounce", id + ": sender non-delivery notification: " + notification);
        line("qmgr", notification + ": from=<>, size=" + std::to_string(size_ + 2000) + ", nrcpt=1 (queue active)");
        line("qmgr", id + ": removed");
        delivered(notification, client_.sender);
        line("qmgr", notification + ": removed");
    }

    void refused()
    {
        auto const to = recipient();
        line("smtpd", "NOQUEUE: reject: RCPT from " + client_.where + ": 554 5.7.1 <" + to + ">: Recipient address rejected: Sender not allowed for this client (sender_not_allowed); from=<" + client_.sender +
                          "> to=<" + to + "> proto=ESMTP helo=<app.example>");
    }

    void refused_at_end()
    {
        auto const id = received();
        line("cleanup", id + ": milter-reject: END-OF-MESSAGE from " + client_.where + ": 5.7.1 Ticket is not well-formed (ticket_malformed); from=<" + client_.sender + "> to=<" + recipient() +
                            "> proto=ESMTP helo=<app.example>");
    }

    Output& output_;
    Draw draw_;
    Client client_;
    std::uint64_t at_ = 0;
    std::uint64_t messages_ = 0;
    std::uint64_t size_ = 0;
};

}   // namespace

std::uint64_t write_mail_log(std::string const& path, std::uint64_t lines, std::uint64_t seed)
{
    auto output = Output{path};
    auto day = Day{output, seed};
    auto const between = std::max<std::uint64_t>(1, kDay * kLinesOfAMessage / std::max<std::uint64_t>(lines, 1));
    for (std::uint64_t at = 0; output.count() < lines; at += between) {
        output.write_up_to(at);
        day.message(at);
    }
    output.finish();
    return output.count();
}

}   // namespace mailcore::bench
