#include "bench/milter_client.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>
#include <sstream>
#include <unistd.h>

#include "bench/options.hpp"
#include "bench/sockets.hpp"

namespace mailcore::bench {

namespace {

constexpr std::uint32_t kVersion = 6;
constexpr std::uint32_t kOfferedActions = 0x1ff;     // all that milters may ask of Postfix
constexpr std::uint32_t kOfferedSteps = 0x1fffff;    // it can skip every step and every reply
constexpr std::uint32_t kAlways = 0;                 // no bit skips this step, or its reply
constexpr auto kClientPort = std::uint16_t{40'000};
constexpr auto kBodySize = std::size_t{2'000};

std::uint32_t read_number(std::string_view bytes)
{
    auto number = std::uint32_t{0};
    if (bytes.size() < sizeof number) give_up("the filter sent too short a packet");
    std::memcpy(&number, bytes.data(), sizeof number);
    return ntohl(number);
}

std::vector<std::string> words(std::string const& text)
{
    auto stream = std::istringstream{text};
    auto list = std::vector<std::string>{};
    for (std::string word; stream >> word;) list.push_back(word);
    return list;
}

// What Postfix sends where the filter did not ask for anything else (milter_*_macros).
std::array<std::vector<std::string>, 7> default_macros()
{
    auto lists = std::array<std::vector<std::string>, 7>{};
    lists[SMFIM_CONNECT] = words("j {daemon_name} {daemon_addr} v _");
    lists[SMFIM_HELO] = words("{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}");
    lists[SMFIM_ENVFROM] = words("i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}");
    lists[SMFIM_ENVRCPT] = words("i {rcpt_addr} {rcpt_host} {rcpt_mailer}");
    lists[SMFIM_DATA] = lists[SMFIM_EOH] = lists[SMFIM_EOM] = words("i");
    return lists;
}

}   // namespace

void Tally::complain(std::string const& what)
{
    if (++unexpected == 1) std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, what.c_str());
}

struct MilterSession::StepRule {
    char command;
    std::size_t macros;          // SMFIM_*: whose list goes before it
    std::uint32_t skipped_by;    // SMFIP_NO*
    std::uint32_t silent_by;     // SMFIP_NR_*
    bool macros_when_skipped;    // smtpd sends them all the same, cleanup does not
};

MilterSession::StepRule const& MilterSession::rule_of(Step step)
{
    static constexpr StepRule kRules[] = {
        {SMFIC_OPTNEG, 0, kAlways, kAlways, false},
        {SMFIC_CONNECT, SMFIM_CONNECT, SMFIP_NOCONNECT, SMFIP_NR_CONN, true},
        {SMFIC_HELO, SMFIM_HELO, SMFIP_NOHELO, SMFIP_NR_HELO, true},
        {SMFIC_MAIL, SMFIM_ENVFROM, SMFIP_NOMAIL, SMFIP_NR_MAIL, true},
        {SMFIC_RCPT, SMFIM_ENVRCPT, SMFIP_NORCPT, SMFIP_NR_RCPT, true},
        {SMFIC_DATA, SMFIM_DATA, SMFIP_NODATA, SMFIP_NR_DATA, true},
        {SMFIC_HEADER, SMFIM_EOH, SMFIP_NOHDRS, SMFIP_NR_HDR, false},
        {SMFIC_EOH, SMFIM_EOH, SMFIP_NOEOH, SMFIP_NR_EOH, false},
        {SMFIC_BODY, SMFIM_EOM, SMFIP_NOBODY, SMFIP_NR_BODY, false},
        {SMFIC_BODYEOB, SMFIM_EOM, kAlways, kAlways, false},
    };
    return kRules[static_cast<std::size_t>(step)];
}

MilterSession::MilterSession(std::string const& server, Sender const& sender, SessionPlan const& plan,
                             MessageWriter& messages, Tally& tally)
    : sender_{sender}, plan_{plan}, writer_{messages}, tally_{tally}, socket_{connect_to(server)},
      macros_{default_macros()}
{
    negotiate();
}

void MilterSession::negotiate()
{
    begin_packet(SMFIC_OPTNEG);
    write_number(kVersion);
    write_number(kOfferedActions);
    write_number(kOfferedSteps);
    end_packet();
    flush();
}

// Takes step after step until the filter has something to answer; an idle client stops before MAIL.
void MilterSession::go_on()
{
    for (;; step_ = after(step_)) {
        if (step_ == Step::Mail && plan_.messages == 0) break;
        if (step_ == Step::Mail) begin_message();
        if (take(step_) == Reply::Awaited) break;
    }
    flush();
}

MilterSession::Reply MilterSession::take(Step step)
{
    auto const& rule = rule_of(step);
    auto const skipped = (steps_ & rule.skipped_by) != 0;
    if (!skipped || rule.macros_when_skipped) write_macros(step);
    if (!skipped) {
        begin_packet(rule.command);
        write_arguments(step);
        end_packet();
    }
    if (step == Step::Data) flush();   // smtpd hands the connection over to cleanup
    return skipped || (steps_ & rule.silent_by) != 0 ? Reply::None : Reply::Awaited;
}

MilterSession::Step MilterSession::after(Step step) const
{
    switch (step) {
    case Step::Negotiate: return Step::Connect;
    case Step::Connect: return Step::Helo;
    case Step::Helo: return Step::Mail;
    case Step::Mail: return Step::Recipient;
    case Step::Recipient: return Step::Data;
    case Step::Data: return Step::Header;
    case Step::Header: return header_ < message_.headers.size() ? Step::Header : Step::EndOfHeaders;
    case Step::EndOfHeaders: return Step::Body;
    case Step::Body: return Step::EndOfMessage;
    case Step::EndOfMessage: return Step::Mail;
    }
    give_up("no such step");
}

void MilterSession::begin_message()
{
    writer_.write(sender_, message_);
    queue_id_known_ = false;
    header_ = 0;
    additions_ = deletions_ = 0;
    began_ = Clock::now();
}

void MilterSession::write_macros(Step step)
{
    auto const& rule = rule_of(step);
    if (step == Step::Data) queue_id_known_ = true;   // Postfix opens the queue file after the first recipient
    begin_packet(SMFIC_MACRO);
    outgoing_ += rule.command;
    for (auto const& name : macros_[rule.macros]) {
        auto const value = macro(name);
        if (value.empty()) continue;   // only set values are sent
        write_text(name);
        write_text(value);
    }
    end_packet();
}

void MilterSession::write_arguments(Step step)
{
    switch (step) {
    case Step::Connect: {
        write_text("[" + sender_.client + "]");
        outgoing_ += sender_.is_ipv6() ? SMFIA_INET6 : SMFIA_INET;
        auto const port = htons(kClientPort);
        outgoing_.append(reinterpret_cast<char const*>(&port), sizeof port);
        return write_text(sender_.client);
    }
    case Step::Helo: return write_text("app." + sender_.tenant + ".example");
    case Step::Mail:
        write_text("<" + sender_.address + ">");
        write_text("SIZE=3012");
        return write_text("BODY=8BITMIME");
    case Step::Recipient: return write_text("<" + message_.recipient + ">");
    case Step::Header: {
        auto const& [name, value] = message_.headers[header_++];
        write_text(name);
        return write_text((steps_ & SMFIP_HDR_LEADSPC) != 0 ? " " + value : value);
    }
    case Step::Body: outgoing_.append(kBodySize, 'x'); return;
    case Step::Negotiate:
    case Step::Data:
    case Step::EndOfHeaders:
    case Step::EndOfMessage: return;
    }
}

std::string MilterSession::macro(std::string_view name) const
{
    if (name == "i") return queue_id_known_ ? message_.queue_id : "";
    if (name == "{mail_addr}") return sender_.address;
    if (name == "{rcpt_addr}") return message_.recipient;
    if (name == "{mail_mailer}" || name == "{rcpt_mailer}") return "smtp";
    if (name == "{mail_host}" || name == "{rcpt_host}") return "example.com";
    if (name == "j" || name == "{daemon_name}") return "relay.bench.test";
    if (name == "{daemon_addr}") return "10.255.0.1";
    if (name == "{daemon_port}") return "25";
    if (name == "v") return "Postfix 3.7.11";
    if (name == "_") return "unknown [" + sender_.client + "]";
    if (name == "{client_addr}") return (sender_.is_ipv6() ? "IPv6:" : "") + sender_.client;
    if (name == "{client_port}") return std::to_string(kClientPort);
    if (name == "{client_ptr}" || name == "{client_name}") return "unknown";
    return "";   // no login, no TLS
}

void MilterSession::begin_packet(char command)
{
    packet_start_ = outgoing_.size();
    outgoing_.append(sizeof(std::uint32_t), '\0');
    outgoing_ += command;
}

void MilterSession::end_packet()
{
    auto const length = htonl(static_cast<std::uint32_t>(outgoing_.size() - packet_start_ - sizeof(std::uint32_t)));
    std::memcpy(outgoing_.data() + packet_start_, &length, sizeof length);
}

void MilterSession::write_text(std::string_view text)
{
    outgoing_ += text;
    outgoing_ += '\0';
}

void MilterSession::write_number(std::uint32_t number)
{
    auto const network = htonl(number);
    outgoing_.append(reinterpret_cast<char const*>(&network), sizeof network);
}

void MilterSession::write_empty(char command)
{
    begin_packet(command);
    end_packet();
}

void MilterSession::flush()
{
    write_all(socket_.get(), outgoing_);
    outgoing_.clear();
}

void MilterSession::hear()
{
    auto bytes = std::array<char, 16'384>{};
    auto const count = ::read(socket_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) return;
    if (count <= 0) give_up("the filter closed a connection");
    incoming_.append(bytes.data(), static_cast<std::size_t>(count));

    auto rest = std::string_view{incoming_};
    while (rest.size() > sizeof(std::uint32_t) && !finished()) {
        auto const length = read_number(rest);
        if (length == 0) give_up("the filter sent an empty packet");
        if (rest.size() < sizeof length + length) break;
        take_packet(rest[sizeof length], rest.substr(sizeof length + 1, length - 1));
        rest.remove_prefix(sizeof length + length);
    }
    incoming_.erase(0, incoming_.size() - rest.size());
}

void MilterSession::take_packet(char reply, std::string_view data)
{
    if (step_ == Step::Negotiate) {
        if (reply != SMFIC_OPTNEG) give_up("the filter did not negotiate");
        take_negotiation(data);
    } else if (step_ == Step::EndOfMessage && reply != SMFIR_CONTINUE) {
        return take_edit_or_verdict(reply, data);
    } else if (reply != SMFIR_CONTINUE && !(step_ == Step::Body && reply == SMFIR_SKIP)) {
        tally_.complain("unexpected reply " + std::string{reply} + " to " + rule_of(step_).command + ": " +
                        std::string{data});
        return quit();
    }
    if (step_ == Step::EndOfMessage) end_message();
    if (finished()) return;
    step_ = after(step_);
    go_on();
}

void MilterSession::take_negotiation(std::string_view data)
{
    auto const version = read_number(data);
    auto const actions = read_number(data.substr(4));
    steps_ = read_number(data.substr(8));
    if (version > kVersion || (actions & ~kOfferedActions) != 0 || (steps_ & ~kOfferedSteps) != 0) {
        give_up("the filter asked for what Postfix does not offer");
    }
    auto negotiated = std::ostringstream{};
    negotiated << std::hex << "actions " << actions << "; steps " << steps_ << ";";
    for (data.remove_prefix(12); !data.empty();) {
        auto const stage = read_number(data);
        auto const end = data.find('\0', 4);
        if (stage >= macros_.size() || end == data.npos) give_up("the filter sent a macro list that cannot be read");
        macros_[stage] = words(std::string{data.substr(4, end - 4)});
        negotiated << " stage " << stage << ": " << data.substr(4, end - 4) << ";";
        data.remove_prefix(end + 1);
    }
    tally_.negotiated = negotiated.str();
}

void MilterSession::take_edit_or_verdict(char reply, std::string_view data)
{
    switch (reply) {
    case SMFIR_ADDHEADER:
    case SMFIR_INSHEADER: ++additions_; return;
    case SMFIR_CHGHEADER: ++deletions_; return;
    case SMFIR_PROGRESS: return;
    default:
        tally_.complain("the message was refused: " + std::string{reply} + " " + std::string{data});
        return quit();
    }
}

void MilterSession::end_message()
{
    tally_.last = Clock::now();
    tally_.latencies.record(static_cast<std::uint64_t>((tally_.last - began_) / std::chrono::nanoseconds{1}));
    ++tally_.messages;
    if (additions_ != plan_.expected_additions || deletions_ != plan_.expected_deletions) {
        tally_.complain("the filter added " + std::to_string(additions_) + " headers and deleted " +
                        std::to_string(deletions_));
    }
    write_empty(SMFIC_ABORT);   // Postfix ends every message so; it leaves with the next command
    if (++messages_done_ == plan_.messages || tally_.last >= tally_.deadline) quit();
}

void MilterSession::quit()
{
    write_empty(SMFIC_ABORT);
    write_empty(SMFIC_QUIT);
    flush();
    socket_.reset();
}

}   // namespace mailcore::bench
