#include "ctl/setup_plan.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "core/base/text.hpp"
#include "core/net/address.hpp"
#include "ctl/setup_networks.hpp"

namespace mailcore::ctl {
namespace {

using Kind = Change::Kind;
using Items = std::vector<std::string>;

// ---- the gate's own items in Postfix's lists

std::string policy_call(std::string const& address)
{
    return "check_policy_service { " + address +
           ", timeout=5s, { default_action = 451 4.3.5 Mail gate not available, try again later } }";
}

std::string milter_call(std::string const& address)
{
    return "{ " + address + ", connect_timeout=3s, command_timeout=5s, content_timeout=15s, default_action=tempfail }";
}

// "{ unix:x, timeout=5s }" and "unix:x" both are at unix:x.
struct Call {
    std::string address;
    std::map<std::string, std::string> options;
};
Call parse_call(std::string_view item)
{
    if (!item.starts_with('{') || !item.ends_with('}')) return {std::string{item}, {}};
    Call call;
    for (auto const& part : split_list(item.substr(1, item.size() - 2))) {
        std::string_view option{part};
        if (option.starts_with('{') && option.ends_with('}')) option = option.substr(1, option.size() - 2);
        auto const equals = option.find('=');
        if (call.address.empty()) call.address = part;
        else if (equals != std::string_view::npos) {
            call.options.emplace(base::trim(option.substr(0, equals)), base::trim(option.substr(equals + 1)));
        }
    }
    return call;
}

std::string option(Call const& call, std::string const& name)
{
    auto const found = call.options.find(name);
    return found == call.options.end() ? std::string{} : found->second;
}

bool is_good_policy_call(std::string const& item, std::string const& address)
{
    auto const call = parse_call(item);
    return call.address == address && !option(call, "timeout").empty() && option(call, "default_action").starts_with('4');
}

bool is_good_milter(std::string const& item, std::string const& address)
{
    auto const call = parse_call(item);
    return call.address == address && option(call, "default_action") == "tempfail" && !option(call, "connect_timeout").empty() &&
           !option(call, "command_timeout").empty() && !option(call, "content_timeout").empty();
}

// ---- lists: are they good as they stand, and what else do they hold?

bool begins_with_policy_call(Items const& items, std::string const& address)
{
    return items.size() >= 2 && items[0] == "check_policy_service" && is_good_policy_call(items[1], address);
}

bool holds(Items const& items, std::string_view item) { return std::find(items.begin(), items.end(), item) != items.end(); }

// Who may be permitted in one of Postfix's words, and who has to be.
struct Permitted {
    Items must;
    Items may;
};

// The gate is asked first, nobody else is permitted, and the end is a refusal.
bool is_good_relay_list(std::string const& value, std::string const& address, Permitted const& permitted)
{
    auto const items = split_list(value);
    if (!begins_with_policy_call(items, address) || items.back() != "reject") return false;
    bool const nobody_else = std::all_of(items.begin(), items.end(), [&](std::string const& item) {
        return !item.starts_with("permit") || holds(permitted.may, item);
    });
    return nobody_else && std::all_of(permitted.must.begin(), permitted.must.end(), [&](auto const& item) { return holds(items, item); });
}

Items without_policy_call(Items const& items, std::string const& address)
{
    Items rest;
    for (std::size_t i = 0; i < items.size(); ++i) {
        bool const ours = items[i] == "check_policy_service" && i + 1 < items.size() && parse_call(items[i + 1]).address == address;
        if (ours) ++i;
        else rest.push_back(items[i]);
    }
    return rest;
}

Items without_milter(Items items, std::string const& address)
{
    std::erase_if(items, [&](std::string const& item) { return parse_call(item).address == address; });
    return items;
}

std::string joined(std::string text, Items const& items, std::string_view separator)
{
    for (auto const& item : items) text.append(text.empty() ? "" : separator).append(item);
    return text;
}

// A restriction and its argument belong together without a comma.
std::string joined_restrictions(std::string text, Items const& items)
{
    bool is_argument = false;
    for (auto const& item : items) {
        text.append(is_argument ? " " : ", ").append(item);
        is_argument = item.starts_with("check_");
    }
    return text;
}

// ---- the plan

class Planner {
public:
    Planner(Needs const& needs, PostfixConfiguration const& postfix) : needs_{needs}, postfix_{postfix} {}

    Plan plan()
    {
        plan_permission();
        plan_milters();
        plan_messages();
        plan_certificates();
        add_submission();
        for (auto const& service : postfix_.services) plan_service(service);
        plan_definitions();
        return std::move(plan_);
    }

private:
    bool has_certificates() const { return !needs_.certificates.empty(); }
    bool wants_submission() const { return needs_.has_logins || has_certificates(); }

    void set(std::string const& name, std::string const& value, std::string const& why)
    {
        plan_.changes.push_back({Kind::Set, name, value, why, postfix_.value(name)});
    }

    // For parameters that younger Postfix versions brought.
    void set_if_other(std::string const& name, std::string const& value, std::string const& why)
    {
        if (!postfix_.knows(name)) plan_.notes.push_back("This Postfix does not know " + name + "; update it. Wanted: " + why);
        else if (one_line(postfix_.value(name)) != value) set(name, value, why);
    }

    enum class By { AddressOrProof, Proof };

    Permitted permitted(By by) const
    {
        Permitted words{{"permit_sasl_authenticated"}, {"permit_sasl_authenticated", "permit_tls_clientcerts"}};
        if (has_certificates()) words.must.emplace_back("permit_tls_clientcerts");
        if (by == By::Proof) return words;
        words.must.emplace(words.must.begin(), "permit_mynetworks");
        words.may.emplace_back("permit_mynetworks");
        return words;
    }

    void plan_permission()
    {
        auto const& policy = needs_.policy;
        if (split_list(postfix_.value("mynetworks")) != needs_.networks) {
            set("mynetworks", joined("", needs_.networks, ", "), "Who may relay by its address: the clients of all tenants, and nobody else.");
        }
        if (!is_good_relay_list(postfix_.value("smtpd_relay_restrictions"), policy, permitted(By::AddressOrProof))) {
            set("smtpd_relay_restrictions", joined(policy_call(policy), permitted(By::AddressOrProof).must, ", ") + ", reject",
                "The gate is asked first and refuses or stays silent; permission stays Postfix's.");
        }
        auto const data = split_list(postfix_.value("smtpd_data_restrictions"));
        if (!begins_with_policy_call(data, policy)) {
            set("smtpd_data_restrictions", joined_restrictions(policy_call(policy), without_policy_call(data, policy)),
                "Asked once more when all recipients are known.");
        }
    }

    void plan_milters()
    {
        plan_milter_list("smtpd_milters", "The gate sees each message before other milters, so that they sign its headers.");
        plan_milter_list("non_smtpd_milters", "Forged stamps are taken out of mail that is made on this host, too.");
    }

    void plan_milter_list(std::string const& name, std::string const& why)
    {
        auto const milters = split_list(postfix_.value(name));
        if (!milters.empty() && is_good_milter(milters.front(), needs_.milter)) return;
        set(name, joined(milter_call(needs_.milter), without_milter(milters, needs_.milter), ", "), why);
    }

    void plan_messages()
    {
        set_if_other("smtpd_forbid_bare_newline", "normalize", "A bare newline must not end a message and smuggle in a second one,");
        set_if_other("smtpd_forbid_bare_newline_exclusions", "", "not from mynetworks either: these are exactly the tenants.");
        set_if_other("allow_percent_hack", "no", "user%elsewhere is no way past the rules on recipients,");
        set_if_other("swap_bangpath", "no", "nor is elsewhere!user.");
        set_if_other("local_header_rewrite_clients", "", "Else Postfix adds a missing From before the milter looks for one.");
        set_if_other("enable_long_queue_ids", "yes", "Queue ids that are never used twice join decisions and Postfix's log.");
        plan_size();
    }

    std::uint64_t number(std::string const& name) const
    {
        std::uint64_t value = 0;
        auto const& text = postfix_.value(name);
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value;
    }

    // Only ever raised; 0 means no limit. A message is larger in Postfix's eyes than in the gate's: its envelope counts.
    void plan_size()
    {
        constexpr std::uint64_t kEnvelope = 1u << 20u;
        auto const wanted = needs_.largest_size + kEnvelope;
        auto const raise = [&](std::string const& name, std::string const& why) {
            if (number(name) != 0 && number(name) < wanted) set(name, std::to_string(wanted), why);
        };
        if (needs_.largest_size == 0 || number("message_size_limit") == 0 || number("message_size_limit") >= needs_.largest_size) return;
        raise("message_size_limit", "Room for the largest tenant's size, and for the envelope.");
        raise("mailbox_size_limit", "Postfix wants it no smaller than message_size_limit.");
        raise("virtual_mailbox_limit", "Postfix wants it no smaller than message_size_limit.");
    }

    void plan_certificates()
    {
        if (!has_certificates()) return;
        set_if_other("smtpd_tls_ask_ccert", "yes", "Clients are asked for a certificate; tenants are known by it.");
        set_if_other("smtpd_tls_fingerprint_digest", "sha256", "Tenants name certificates by the SHA-256 of their public key.");
        auto const present = postfix_.value("relay_clientcerts");
        if (!present.empty() && !present.starts_with("inline:")) {
            plan_.notes.push_back("relay_clientcerts = " + present + " must hold the fingerprints of all tenants' certificates.");
            return;
        }
        std::string table;
        for (auto const& certificate : needs_.certificates) table += (table.empty() ? "" : ", ") + certificate + "=tenant";
        set_if_other("relay_clientcerts", "inline:{" + table + "}", "Which certificates may relay at all; the gate says as whom.");
    }

    // ---- master.cf

    void add_submission()
    {
        auto const& services = postfix_.services;
        if (!wants_submission() || std::any_of(services.begin(), services.end(), [](auto const& s) { return s.is_submission(); })) return;
        if (postfix_.value("smtpd_tls_cert_file").empty() && postfix_.value("smtpd_tls_chain_files").empty()) {
            plan_.notes.emplace_back("Tenants have logins or certificates, but no service listens for submission (587), and none is "
                                     "added: Postfix has no certificate. Set smtpd_tls_cert_file and smtpd_tls_key_file, then run setup again.");
            return;
        }
        auto const* const smtp = postfix_.find_service("smtp/inet");
        bool const chrooted = smtp != nullptr && smtp->chrooted;
        PostfixService added;
        added.name = "submission";
        added.type = "inet";
        added.command = "smtpd";
        added.line = std::string{"submission inet n - "} + (chrooted ? "y" : "n") + " - - smtpd";
        plan_.changes.push_back({Kind::AddService, added.id(), added.line, "Port 587, for tenants that log in or show a certificate.", ""});
        override_with(added, "syslog_name", "postfix/submission", "So that the log tells it apart.");
        override_with(added, "smtpd_tls_security_level", "encrypt", "No password without encryption.");
        plan_service(added);
    }

    void plan_service(PostfixService const& service)
    {
        if (service.command != "smtpd") return;
        if (service.takes_filtered_mail()) {
            plan_.notes.push_back(service.id() + " takes mail back from a content filter and is left alone; make sure that only the "
                                  "filter can reach it, and that its smtpd_milters are empty.");
            return;
        }
        if (service.is_submission()) plan_submission(service);
        else drop_override_unless(service, "smtpd_relay_restrictions", is_good_list_of(service, By::AddressOrProof));
        plan_data_override(service);
        plan_milter_override(service);
        drop_override_unless(service, "smtpd_forbid_bare_newline", override_of(service, "smtpd_forbid_bare_newline") == "normalize");
        drop_override_unless(service, "smtpd_forbid_bare_newline_exclusions", override_of(service, "smtpd_forbid_bare_newline_exclusions").empty());
    }

    void plan_submission(PostfixService const& service)
    {
        if (!is_good_list_of(service, By::Proof)) {
            uses_policy_ = true;
            override_with(service, "smtpd_relay_restrictions", joined("$mailcore_policy", permitted(By::Proof).must, ",") + ",reject",
                          "The gate first; then only who proves who he is.");
        }
        bool const takes_logins = effective(service, "smtpd_sasl_auth_enable") == "yes";
        if (!needs_.has_logins || takes_logins) return;
        override_with(service, "smtpd_sasl_auth_enable", "yes", "Tenants log in here.");
        plan_.notes.push_back(service.id() + " needs somebody who checks passwords: smtpd_sasl_type = " + postfix_.value("smtpd_sasl_type") +
                              ", smtpd_sasl_path = " + postfix_.value("smtpd_sasl_path") + ". With Dovecot: dovecot and private/auth.");
    }

    void plan_data_override(PostfixService const& service)
    {
        std::string const name = "smtpd_data_restrictions";
        if (!service.overrides.contains(name) || begins_with_policy_call(split_list(override_of(service, name)), needs_.policy)) return;
        auto const rest = without_policy_call(split_list(override_of(service, name)), needs_.policy);
        override_list(service, name, "$mailcore_policy", rest, "The gate is asked here, too.");
        uses_policy_ = uses_policy_ || !rest.empty();
    }

    void plan_milter_override(PostfixService const& service)
    {
        std::string const name = "smtpd_milters";
        auto const milters = split_list(override_of(service, name));
        bool const good = !milters.empty() && is_good_milter(milters.front(), needs_.milter);
        if (!service.overrides.contains(name) || good) return;
        auto const rest = without_milter(milters, needs_.milter);
        override_list(service, name, "$mailcore_milter", rest, "The gate sees this service's messages, too.");
        uses_milter_ = uses_milter_ || !rest.empty();
    }

    // Alone the gate needs no override: main.cf has it. postconf -P takes no blanks, hence the definitions in main.cf.
    void override_list(PostfixService const& service, std::string const& name, std::string const& ours, Items const& rest, std::string const& why)
    {
        auto const value = joined(ours, rest, ",");
        if (rest.empty()) {
            drop_override(service, name, why + " As main.cf says.");
        } else if (value.find(' ') != std::string::npos) {
            plan_.notes.push_back(service.id() + ": put " + ours + " first into its " + name + " by hand; its other items hold blanks, "
                                  "which postconf does not take.");
        } else {
            override_with(service, name, value, why);
        }
    }

    bool is_good_list_of(PostfixService const& service, By by) const
    {
        return is_good_relay_list(override_of(service, "smtpd_relay_restrictions"), needs_.policy, permitted(by));
    }

    static std::string override_of(PostfixService const& service, std::string const& name)
    {
        auto const found = service.overrides.find(name);
        return found == service.overrides.end() ? std::string{} : found->second;
    }

    std::string effective(PostfixService const& service, std::string const& name) const
    {
        return service.overrides.contains(name) ? override_of(service, name) : postfix_.value(name);
    }

    void override_with(PostfixService const& service, std::string const& name, std::string const& value, std::string const& why)
    {
        plan_.changes.push_back({Kind::Override, service.id() + "/" + name, value, why, override_of(service, name)});
    }

    void drop_override(PostfixService const& service, std::string const& name, std::string const& why)
    {
        plan_.changes.push_back({Kind::DropOverride, service.id() + "/" + name, "", why, override_of(service, name)});
    }

    void drop_override_unless(PostfixService const& service, std::string const& name, bool good)
    {
        if (service.overrides.contains(name) && !good) drop_override(service, name, "What main.cf says holds here, too.");
    }

    // What master.cf refers to has to be there first.
    void plan_definitions()
    {
        std::string const why = "For master.cf to refer to: postconf writes no blanks there.";
        auto const define = [&](std::string const& name, std::string const& value) {
            auto const written = postfix_.written.find(name);
            bool const there = written != postfix_.written.end() && one_line(written->second) == value;
            if (!there) plan_.changes.insert(plan_.changes.begin(), {Kind::Set, name, value, why, there ? written->second : ""});
        };
        if (uses_milter_ || refers_to("$mailcore_milter")) define("mailcore_milter", milter_call(needs_.milter));
        if (uses_policy_ || refers_to("$mailcore_policy")) define("mailcore_policy", policy_call(needs_.policy));
    }

    bool refers_to(std::string_view name) const
    {
        return std::any_of(postfix_.services.begin(), postfix_.services.end(),
                           [&](auto const& service) { return service.line.find(name) != std::string::npos; });
    }

    Needs const& needs_;
    PostfixConfiguration const& postfix_;
    Plan plan_;
    bool uses_policy_ = false;
    bool uses_milter_ = false;
};

// ---- needs

bool may_be_chrooted(PostfixConfiguration const& postfix, std::set<std::string> const& commands)
{
    return std::any_of(postfix.services.begin(), postfix.services.end(),
                       [&](auto const& service) { return service.chrooted && commands.contains(service.command); });
}

base::Result<std::string> reachable(config::Text const& listen, std::string const& key, PostfixConfiguration const& postfix,
                                    std::set<std::string> const& commands)
{
    using AddressKind = net::SocketAddress::Kind;
    auto const address = net::SocketAddress::parse(listen.value);
    if (!address) return base::fail(base::Error{address.error()}.within(key));
    auto const queue = postfix.value("queue_directory") + "/";
    switch (address->kind) {
        case AddressKind::Off: return base::fail(key + " is empty: there is nothing Postfix could be wired to");
        case AddressKind::Systemd: return std::string{"unix:mailcore/policy.sock"};   // as mailcore-policy.socket says
        case AddressKind::Inet: {
            bool const any = address->host == "0.0.0.0" || address->host == "::" || address->host == "*";
            net::SocketAddress const local{AddressKind::Inet, "", any ? "127.0.0.1" : address->host, address->port};
            return local.to_string();
        }
        case AddressKind::Unix: break;
    }
    if (address->path.starts_with(queue)) return "unix:" + address->path.substr(queue.size());
    if (!may_be_chrooted(postfix, commands)) return "unix:" + address->path;
    return base::fail(key + ": unix:" + address->path + " is out of reach: Postfix is chrooted into " + postfix.value("queue_directory") +
                      "; put the socket below it, as in unix:" + queue + "mailcore/" + (key == "policy.listen" ? "policy" : "milter") + ".sock");
}

// "ab12…" as Postfix writes fingerprints: "AB:12:…".
std::string as_fingerprint(std::string_view digest)
{
    std::string text;
    for (std::size_t i = 0; i < digest.size(); ++i) {
        if (i > 0 && i % 2 == 0) text += ':';
        bool const letter = digest[i] >= 'a' && digest[i] <= 'z';
        text += letter ? static_cast<char>(digest[i] - 'a' + 'A') : digest[i];
    }
    return text;
}

}   // namespace

std::vector<std::string> const& parameters_of_interest()
{
    static std::vector<std::string> const names{
        "queue_directory", "mynetworks", "smtpd_relay_restrictions", "smtpd_data_restrictions", "smtpd_milters", "non_smtpd_milters",
        "smtpd_forbid_bare_newline", "smtpd_forbid_bare_newline_exclusions", "allow_percent_hack", "swap_bangpath",
        "local_header_rewrite_clients", "message_size_limit", "mailbox_size_limit", "virtual_mailbox_limit", "enable_long_queue_ids",
        "smtpd_tls_ask_ccert", "smtpd_tls_fingerprint_digest", "relay_clientcerts", "smtpd_tls_cert_file", "smtpd_tls_chain_files",
        "smtpd_sasl_auth_enable", "smtpd_sasl_type", "smtpd_sasl_path"};
    return names;
}

base::Result<Needs> needs_of(config::Settings const& settings, rules::Ruleset const& ruleset, PostfixConfiguration const& postfix)
{
    auto policy = reachable(settings.policy.listen, "policy.listen", postfix, {"smtpd"});
    if (!policy) return base::fail(policy.error());
    auto milter = reachable(settings.milter.listen, "milter.listen", postfix, {"smtpd", "cleanup"});
    if (!milter) return base::fail(milter.error());

    Needs needs{std::move(*policy), std::move(*milter), {}, {}, !ruleset.terms_by_login.empty(), 0};
    for (auto const& network : client_networks(ruleset)) needs.networks.push_back(network.to_string());
    std::set<std::string> certificates;
    for (auto const& [digest, terms] : ruleset.terms_by_certificate) certificates.insert(as_fingerprint(digest));
    needs.certificates.assign(certificates.begin(), certificates.end());
    for (auto const& terms : ruleset.terms) needs.largest_size = std::max(needs.largest_size, terms.size);
    return needs;
}

std::string_view postconf_option(Kind kind)
{
    switch (kind) {
        case Kind::Set: return "-e";
        case Kind::Unset: return "-X";
        case Kind::AddService:
        case Kind::SetService: return "-M";
        case Kind::DropService: return "-MX";
        case Kind::Override: return "-P";
        case Kind::DropOverride: return "-PX";
    }
    return "";
}

std::string postconf_argument(Change const& change)
{
    switch (change.kind) {
        case Kind::Set: return change.target + (change.value.empty() ? " =" : " = " + change.value);
        case Kind::AddService:
        case Kind::SetService:
        case Kind::Override: return change.target + "=" + change.value;
        case Kind::Unset:
        case Kind::DropService:
        case Kind::DropOverride: return change.target;
    }
    return "";
}

Plan plan_setup(Needs const& needs, PostfixConfiguration const& postfix) { return Planner{needs, postfix}.plan(); }

}   // namespace mailcore::ctl
