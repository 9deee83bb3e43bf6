#include <algorithm>
#include <iostream>
#include <unistd.h>

#include "core/base/text.hpp"
#include "core/observe/redactor.hpp"
#include "core/run/print.hpp"
#include "vault-sync/command/commands.hpp"
#include "vault-sync/command/session.hpp"
#include "vault-sync/command/show.hpp"

namespace mailcore::vault_sync {
namespace {

using nlohmann::json;

std::string message_date(base::Time time)
{
    auto const seconds = std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::system_clock::duration>(time));
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[64];
    return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &parts)};
}

// Nothing that could end the SMTP command or a header line.
bool is_plain_address(std::string const& text)
{
    auto const is_fine = [](char c) { return c > ' ' && c <= '~' && c != '<' && c != '>'; };
    return text.find('@') != std::string::npos && std::all_of(text.begin(), text.end(), is_fine);
}

// The relay's own; else its user, where that is an address; else somebody of this host.
std::string sender_of(Relay const& relay, std::string const& host)
{
    if (!relay.from.empty()) return relay.from;
    return is_plain_address(relay.user) ? relay.user : "vault-sync@" + host;
}

net::SmtpMessage test_message(Relay const& relay, std::string const& to, base::Time now)
{
    char host[256] = {};
    static_cast<void>(::gethostname(host, sizeof host - 1));
    auto const id = std::to_string(now.time_since_epoch().count()) + '.' + std::to_string(::getpid());
    auto const from = sender_of(relay, host);
    return {from, to,
            "Date: " + message_date(now) + "\r\nFrom: <" + from + ">\r\nTo: <" + to + ">\r\nMessage-ID: <" + id + ".vault-sync@" +
                host + ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
                "Subject: vault-sync: test of relay " + relay.name + "\r\n\r\nRelay " + relay.name + " (" + host_and_port(relay) +
                ") took this test message from " + host + ".\r\n"};
}

struct Verified {
    std::string name;
    std::optional<Relay> relay;
    std::string result;   // works, refused, inconclusive, missing
    std::string words;
};

class Verifier {
public:
    Verifier(Session& session, VerifyOptions const& options) : session_{session}, options_{options} {}

    void one(std::string const& name, Relay const* relay, std::string const& complaint)
    {
        if (relay == nullptr) {
            report.failed = true;
            results.push_back({name, std::nullopt, "missing", complaint});
            return;
        }
        std::optional<net::SmtpMessage> message;
        if (!options_.send_test.empty()) message = test_message(*relay, options_.send_test, session_.workshop().now());
        auto const proof = prove(*relay, session_.verify_limits(), false, session_.sleep(), message);
        report.provider_refused |= proof.kind == Proof::Kind::Refused;
        report.failed |= proof.kind == Proof::Kind::Inconclusive || proof.message_refused;
        results.push_back({name, relay->copy(), word_of(proof.kind), observe::redacted(proof.words)});
    }

    std::vector<Verified> results;
    PassReport report;   // for the exit code

private:
    static std::string word_of(Proof::Kind kind)
    {
        switch (kind) {
            case Proof::Kind::Works: return "works";
            case Proof::Kind::Refused: return "refused";
            case Proof::Kind::Inconclusive: return "inconclusive";
        }
        return "";
    }

    Session& session_;
    VerifyOptions const& options_;
};

void verify_current(Session& session, Verifier& verifier, std::string const& wanted)
{
    auto const current = session.workshop().generations->load_current();
    if (!current || !*current) {
        verifier.report.failed = true;
        complain({current ? "there is no generation yet; run vault-sync once" : current.error().message});
        return;
    }
    auto const& generation = *current;
    for (auto const& relay : generation->relays) {
        if (wanted.empty() || wanted == relay.name) verifier.one(relay.name, &relay, "");
    }
    if (verifier.results.empty()) verifier.one(wanted, nullptr, "generation " + std::to_string(generation->number) + " does not hold it");
}

void verify_vault(Session& session, Verifier& verifier, std::string const& wanted)
{
    auto const gathered = gather(session.settings(), session.settings().active.value, {}, session.workshop().sources, wanted);
    for (auto const& relay : session.settings().relays) {
        auto const found = gathered.find(relay.name.value);
        if (found == gathered.end()) continue;
        auto const& one = found->second;
        if (one.trouble != Trouble::None && one.relay) complain({one.complaint});   // else it is the result's words
        for (auto const& warning : one.warnings) complain({warning});
        count_trouble(verifier.report, one, session.workshop().sources);
        verifier.one(relay.name.value, one.relay ? &*one.relay : nullptr, one.complaint);
    }
}

void show(std::vector<Verified> const& results, bool as_json)
{
    auto list = json::array();
    std::vector<std::vector<std::string>> rows;
    for (auto const& one : results) {
        auto object = one.relay ? relay_json(*one.relay) : json::object();
        object["name"] = one.name;
        object["result"] = one.result;
        object["words"] = one.words;
        list.push_back(std::move(object));
        rows.push_back({one.name, one.relay ? host_and_port(*one.relay) : "-",
                        one.relay ? base::printable(one.relay->has_login() ? one.relay->shown_user() : "(no login)") : "-", one.result});
    }
    if (as_json) return run::print_json(list);
    if (rows.empty()) return;
    run::print_table({"RELAY", "HOST", "USER", "RESULT"}, rows);
    for (auto const& one : results) {
        if (one.words.empty()) continue;
        bool const names_itself = one.words.starts_with(one.name + ": ");
        std::cout << (&one == results.data() ? "\n" : "") << (names_itself ? "" : one.name + ": ") << one.words << '\n';
    }
}

}   // namespace

int verify(Common const& common, VerifyOptions const& options)
{
    if (!options.send_test.empty() && !is_plain_address(options.send_test)) {
        return complain({"--send-test " + base::printable(options.send_test) + " is no address", base::ErrorKind::Usage});
    }
    StopSwitch stop;
    auto session = Session::open(common.config, options.send_test.empty() ? "verify" : "verify with a test message", stop);
    if (!session) return complain(session.error());
    if (!options.relay.empty() && (*session)->settings().relay(options.relay) == nullptr) {
        return complain({"there is no relay " + options.relay + " in " + common.config, base::ErrorKind::Usage});
    }
    Verifier verifier{**session, options};
    if (options.current) {
        if (auto opened = (*session)->open_output(); !opened) return complain(opened.error());
        verify_current(**session, verifier, options.relay);
    } else {
        verify_vault(**session, verifier, options.relay);
    }
    show(verifier.results, common.json);
    if (auto* const vault = (*session)->vault()) vault->revoke_own_token();
    return exit_code(verifier.report, common.detailed, false);
}

}   // namespace mailcore::vault_sync
