#include "vault-sync/apply/postfix.hpp"

#include <cerrno>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

#include "core/base/child.hpp"
#include "core/base/fd.hpp"
#include "core/base/fd.hpp"
#include "core/base/text.hpp"
#include "core/observe/redactor.hpp"

namespace mailcore::vault_sync {
namespace {

// Postfix's own words, fit for one line of ours.
std::string words_of(base::ChildResult const& ran)
{
    auto const text = base::trim(ran.err.empty() ? ran.out : ran.err);
    if (text.empty()) return "status " + std::to_string(ran.status);
    std::string line;
    for (auto const part : base::split(text, '\n'))
        line += (line.empty() ? "" : "; ") + base::printable(base::trim(part));
    return observe::redacted(std::move(line));
}

base::Result<std::string> run(std::vector<std::string> const& arguments, base::ChildOptions const& options = {})
{
    auto ran = base::run_child(arguments, options);
    if (!ran) return base::fail(ran.error());
    if (ran->status != 0) return base::fail(arguments.front() + " failed: " + words_of(*ran));
    return std::move(ran->out);
}

// The code that a server gave: "… said: 535 5.7.8 …"; 0 where none is quoted.
int said_code(std::string_view reason)
{
    constexpr std::string_view kSaid = " said: ";
    auto const at = reason.find(kSaid);
    if (at == std::string_view::npos) return 0;
    int code = 0;
    for (char const c : reason.substr(at + kSaid.size(), 3)) {
        if (c < '0' || c > '9') return 0;
        code = code * 10 + (c - '0');
    }
    return code;
}

void append_recipients(std::vector<DeferredRecipient>& deferred, nlohmann::json const& message)
{
    for (auto const& recipient : message.value("recipients", nlohmann::json::array())) {
        auto reason = recipient.value("delay_reason", "");
        if (reason.empty()) continue;   // on its way
        deferred.push_back({.queue_id = message.value("queue_id", ""),
                            .sender = message.value("sender", ""),
                            .recipient = recipient.value("address", ""),
                            .delay_reason = std::move(reason)});
    }
}

// Debian 12's postfix.service does nothing by itself; asked for the instance, systemctl waits until it has reloaded.
base::Result<> reload_by_systemd()
{
    for (std::string const unit : {"postfix@-.service", "postfix.service"}) {
        auto const active = base::run_child({"systemctl", "is-active", "--quiet", unit});
        if (!active || active->status != 0) continue;
        auto const done = run({"systemctl", "reload", unit});
        if (!done) return base::fail(done.error());
        return {};
    }
    return base::fail("systemd does not run Postfix");
}

bool is_the_systems_own(std::string const& directory)
{
    return directory == "/etc/postfix" && ::access("/run/systemd/system", F_OK) == 0;
}

}   // namespace

bool DeferredRecipient::for_authentication() const
{
    auto const code = said_code(delay_reason);
    // smtp_sasl_glue.c and smtp_sasl_proto.c: "SASL authentication failed; server H[A] said: 535 …", "SASL [CACHED]
    // authentication failed; …", "…; cannot authenticate to server …", "…: server H[A] offered no compatible …".
    if (delay_reason.starts_with("SASL ") && delay_reason.find("authentication failed") != std::string::npos) {
        return code == 0 || code >= 500;
    }
    // No login was sent where one is wanted; a deferral by smtp_delivery_status_filter.
    return code == 530;
}

std::vector<DeferredRecipient> parse_queue(std::string_view lines)
{
    std::vector<DeferredRecipient> deferred;
    for (auto const line : base::split(lines, '\n')) {
        auto const message = nlohmann::json::parse(line, nullptr, false);
        if (!message.is_object()) continue;   // what a newer Postfix adds must not blind us to the rest
        try {
            append_recipients(deferred, message);
        } catch (nlohmann::json::exception const&) {}
    }
    return deferred;
}

// The lock that master(8) holds for as long as it runs. `master -t` looks at the same one, but fails where it leads a
// process group, as our children do, and `postfix status` writes a line into the mail log each time.
bool Postfix::is_running() const
{
    auto const queue = run({"postconf", "-c", directory_, "-xh", "queue_directory"});
    if (!queue) return false;
    auto const lock = std::string{base::trim(*queue)} + "/pid/master.pid";
    base::Fd const file{::open(lock.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
    return file && ::flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

base::Result<> Postfix::reload() const
{
    if (is_the_systems_own(directory_)) {
        if (auto done = reload_by_systemd()) return done;   // else it was started by hand
    }
    auto const done = run({"postfix", "-c", directory_, "reload"});
    if (!done) return base::fail(done.error());
    return {};
}

base::Result<std::vector<DeferredRecipient>> Postfix::deferred() const
{
    auto const queue = run({"postqueue", "-c", directory_, "-j"}, {.most_output = 256u << 20u});
    if (!queue) return base::fail(queue.error());
    return parse_queue(*queue);
}

base::Result<std::vector<DeferredRecipient>> Postfix::waiting_for_authentication() const
{
    auto waiting = deferred();
    if (waiting) std::erase_if(*waiting, [](auto const& recipient) { return !recipient.for_authentication(); });
    return waiting;
}

base::Result<> Postfix::flush() const
{
    auto const done = run({"postqueue", "-c", directory_, "-f"});
    if (!done) return base::fail(done.error());
    return {};
}

base::Result<std::map<std::string, std::string>> Postfix::parameters(std::vector<std::string> const& names) const
{
    std::vector<std::string> arguments{"postconf", "-c", directory_, "-x"};
    arguments.insert(arguments.end(), names.begin(), names.end());
    auto const printed = run(arguments);
    if (!printed) return base::fail(printed.error());
    std::map<std::string, std::string> values;
    for (auto const line : base::split(*printed, '\n')) {
        auto const equals = line.find('=');
        if (equals == std::string_view::npos) continue;
        values.emplace(base::trim(line.substr(0, equals)), base::trim(line.substr(equals + 1)));
    }
    return values;
}

}   // namespace mailcore::vault_sync
