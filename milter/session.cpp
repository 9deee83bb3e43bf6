#include "milter/session.hpp"

#include <algorithm>
#include <charconv>
#include <exception>
#include <utility>

#include "core/base/text.hpp"
#include "core/mail/stamp.hpp"
#include "core/rules/decide.hpp"

namespace mailcore::milter {
namespace {

std::uint16_t port_number(std::string_view written)
{
    std::uint16_t port = 0;
    auto const [stop, failure] = std::from_chars(written.data(), written.data() + written.size(), port);
    return failure == std::errc{} && stop == written.data() + written.size() ? port : std::uint16_t{0};
}

bool same_but_for_case(std::string_view one, std::string_view other)
{
    return base::equal_ignoring_case(one, other) || mail::Address{one} == mail::Address{other};
}

// Postfix's reading of a path is what it will deliver, so it counts where ours differs: comments and quotes leave room for
// two opinions. But {mail_addr} is all lower case, and a ticket in the plus-extension is not; so where both agree, the
// sender is as sent. And one without a domain stays without, though Postfix appends its own.
std::string sender_to_check(Sender const& sender)
{
    auto as_sent = mail::internal_form_of_path(sender.path);
    if (!sender.address) return as_sent;
    auto as_understood = mail::internal_form_of_path(*sender.address);
    if (as_understood.empty()) return as_understood;

    auto const at = as_sent.rfind('@');
    if (at == std::string::npos || at + 1 == as_sent.size()) return as_sent;
    if (as_sent.ends_with('.')) as_sent.pop_back();   // Postfix drops the root's dot
    return same_but_for_case(as_sent, as_understood) ? as_sent : as_understood;
}

// As SMTP carried it: name, colon, blank, value with its folds as CRLF, CRLF. libmilter hands folds over as LF.
std::uint64_t bytes_on_the_wire(std::string_view name, std::string_view value)
{
    auto const folds = std::count(value.begin(), value.end(), '\n');
    return name.size() + value.size() + static_cast<std::uint64_t>(folds) + 4;
}

constexpr std::uint64_t kEmptyLine = 2;   // between header and body

Answer deferred(std::string why) { return {rules::own_failure(rules::OnError::Defer), {}, std::move(why)}; }

constexpr auto kNoMessage = "a command of a message came without its MAIL";
constexpr auto kUnreliable = "what came before cannot be relied on";

bool lets_pass(mail::Verdict const& verdict)
{
    return verdict.action == mail::Action::Pass || verdict.action == mail::Action::Hold;
}

}   // namespace

void MilterSession::open(Body body, LimitDoors limits)
{
    forget_message();
    request_.clear();
    request_.daemon = mail::Daemon::Milter;
    body_ = body;
    meter_ = limits.meter;
    suspensions_.reset();
    if (limits.suspensions != nullptr) suspensions_.emplace(*limits.suspensions);
    connection_distrusted_ = false;
}

void MilterSession::connected(Connection const& connection)
{
    request_.client_address = connection.address;
    request_.client = connection.address ? connection.address->to_string() : std::string{connection.client};
    request_.server_port = port_number(connection.daemon_port);
    request_.local = connection.daemon_port == "0";   // MILTER_README: non_smtpd_milters have no port
}

void MilterSession::greeted(std::string_view helo) { request_.helo.assign(helo); }

Answer MilterSession::begin_message(std::shared_ptr<rules::Ruleset const> ruleset, Sender const& sender, base::Time now)
{
    forget_message();
    ruleset_ = std::move(ruleset);
    guard_headers();
    request_.stage = mail::Stage::Mail;
    set_sender(sender);
    auto answer = ask_rules();
    if (meter_ != nullptr) answer.verdict = meter_->at_mail(*ruleset_, request_, answer.verdict, now);
    return answer;
}

// A failure of the rules is on_error's business. One in gathering what they need is not, since stripping rests on it.
Answer MilterSession::ask_rules()
{
    if (!trusted()) return deferred(kUnreliable);
    if (request_.local) return {};
    try {
        static rules::Suspensions const kNobody;
        return {rules::decide(*ruleset_, request_, suspensions_ ? *suspensions_->current() : kNobody)};
    } catch (std::exception const& failure) {
        return {rules::own_failure(ruleset_->on_error), {}, failure.what()};
    }
}

void MilterSession::set_sender(Sender const& sender)
{
    request_.sender.set(sender_to_check(sender));
    request_.login.assign(sender.login);
    request_.tls = sender.tls;
    request_.size = sender.size;
    request_.certificate.digest.clear();
    bool const may_have_one = sender.tls && ruleset_->has_certificates;
    request_.certificate.state = may_have_one ? mail::Certificate::State::Unknown : mail::Certificate::State::Absent;
}

Answer MilterSession::add_recipient(Recipient const& recipient)
{
    if (!in_message()) return deferred(kNoMessage);
    auto& address = request_.recipients.add();
    address.set(mail::internal_form_of_path(recipient.address.empty() ? recipient.path : recipient.address));
    request_.recipient_count = static_cast<std::uint32_t>(request_.recipients.size());
    request_.stage = mail::Stage::Rcpt;
    return ask_rules();
}

void MilterSession::drop_recipient()
{
    if (request_.recipients.empty()) return;
    request_.recipients.drop_last();
    request_.recipient_count = static_cast<std::uint32_t>(request_.recipients.size());
}

void MilterSession::guard_headers()
{
    guarded_.clear();
    auto const& names = ruleset_->headers;
    for (auto const& name : names.tenant_claims) guard(name, true);
    for (auto const& name : names.ticket_claims) guard(name, true);
    guard(names.stamp_tenant, false);
    guard(names.stamp_ticket, false);
    guard(names.stamp_signature, false);
}

// A name may be a claim's and the stamp's at once; the first one to be guarded says which.
void MilterSession::guard(std::string_view name, bool is_claim)
{
    auto const same = [&](Guarded const& one) { return base::equal_ignoring_case(one.removal.name, name); };
    if (name.empty() || std::any_of(guarded_.begin(), guarded_.end(), same)) return;
    guarded_.push_back({.removal = {.name = name}, .is_claim = is_claim});
}

void MilterSession::add_header(std::string_view name, std::string_view value)
{
    if (!in_message()) return;
    name = mail::header_name(name);
    header_bytes_ += bytes_on_the_wire(name, value);
    if (header_bytes_ > kMaxHeaderBytes) return distrust_message();

    for (auto& guarded : guarded_) {
        if (!base::equal_ignoring_case(guarded.removal.name, name)) continue;
        if (++guarded.removal.copies > kMaxCopies) return distrust_message();
        if (guarded.is_claim && !base::trim(value).empty()) ++guarded.claims;
    }
    message_.add_header(name, value, ruleset_->headers);
}

void MilterSession::add_body(std::size_t bytes) { body_bytes_ += bytes; }

bool MilterSession::wants_certificate() const
{
    return in_message() && !request_.local && request_.certificate.state == mail::Certificate::State::Unknown;
}

Answer MilterSession::end_message(End const& end, base::Time now)
{
    if (!in_message()) return deferred(kNoMessage);
    request_.stage = mail::Stage::EndOfMessage;
    request_.queue_id.assign(end.queue_id);
    request_.size = body_ == Body::Counted ? header_bytes_ + kEmptyLine + body_bytes_ : 0;
    request_.message = std::move(message_);
    set_certificate(end);
    auto answer = verdict_at_end(end);
    count(answer, now);
    if (auto const stamped = make_stamp(answer.verdict, now); !stamped) {
        uncount(now);
        answer = {rules::own_failure(ruleset_->on_error), {}, stamped.error().message};
        additions_used_ = 0;
    }
    answer.edits = edits_for(answer.verdict);
    return answer;
}

void MilterSession::set_certificate(End const& end)
{
    bool const noted = !end.certificate.empty();
    request_.certificate.state = noted ? mail::Certificate::State::Present : mail::Certificate::State::Absent;
    request_.certificate.digest.assign(end.certificate);
}

Answer MilterSession::verdict_at_end(End const& end)
{
    auto answer = ask_rules();
    if (request_.local || answer.verdict.reason == mail::Reason::InternalError) return answer;
    auto const own_failure = [&](char const* why) {
        return Answer{rules::own_failure(ruleset_->on_error), {}, why};
    };
    if (!end.certificate_known) return own_failure("the notes of client certificates cannot be read");
    if (!lets_pass(answer.verdict)) return answer;
    if (request_.queue_id.empty()) return own_failure("Postfix gave no queue id");   // nothing to sign or to join by

    // This connection was negotiated before a reload brought limits of size: nobody counted the body. The next
    // connection will; until then the message waits.
    bool const size_unknown = ruleset_->has_sizes && body_ == Body::Unseen;
    return size_unknown ? deferred("the connection is older than the limits of size") : answer;
}

// The last step of deciding: what anything else refuses costs nothing.
void MilterSession::count(Answer& answer, base::Time now)
{
    if (meter_ == nullptr) return;
    if (!trusted()) return meter_->given_up(request_.queue_id, now);   // it is deferred: what the policy daemon counted, too
    try {
        answer.verdict = meter_->at_end(*ruleset_, request_, answer.verdict, now, receipt_);
    } catch (std::exception const& failure) {
        answer = {rules::own_failure(ruleset_->on_error), {}, failure.what()};
    }
}

void MilterSession::uncount(base::Time now)
{
    if (meter_ != nullptr) meter_->give_back(receipt_, now);
}

void MilterSession::begin_data(std::string_view queue_id) { request_.queue_id.assign(queue_id); }

void MilterSession::give_up_message(base::Time now)
{
    if (meter_ != nullptr && in_message()) meter_->given_up(request_.queue_id, now);
    forget_message();
}

base::Result<> MilterSession::make_stamp(mail::Verdict const& verdict, base::Time now)
{
    if (!lets_pass(verdict) || verdict.tenant.empty() || request_.local) return {};
    auto const& names = ruleset_->headers;
    add(names.stamp_tenant, verdict.tenant);
    if (!verdict.ticket.empty()) add(names.stamp_ticket, verdict.ticket);
    if (!ruleset_->stamp_keys) return {};

    auto const sender = mail::stamp_sender(request_.sender.text());
    auto const signature = mail::sign_stamp(*ruleset_->stamp_keys,
                                            {.queue_id = request_.queue_id,
                                             .tenant = verdict.tenant,
                                             .ticket = verdict.ticket,
                                             .sender = sender,
                                             .message_id = request_.message->message_id},
                                            now);
    if (!signature) return base::fail(signature.error());
    add(names.stamp_signature, *signature);
    return {};
}

Edits MilterSession::edits_for(mail::Verdict const& verdict)
{
    if (!lets_pass(verdict)) return {};
    bool const claims_taken = !verdict.tenant.empty();
    std::uint64_t forged = 0;
    for (auto const& guarded : guarded_) {
        if (guarded.removal.copies == 0) continue;
        removals_.push_back(guarded.removal);
        forged += static_cast<std::uint64_t>(guarded.removal.copies - (claims_taken ? guarded.claims : 0));
    }
    return {removals_, std::span{additions_}.first(additions_used_), forged};
}

void MilterSession::add(std::string_view name, std::string_view value)
{
    auto& addition = additions_[additions_used_++];
    addition.name.assign(name);
    addition.value.assign(value);
}

void MilterSession::forget_message()
{
    if (request_.message) message_ = std::move(*request_.message);   // its memory is used again
    request_.message.reset();
    message_.clear();
    request_.queue_id.clear();
    request_.sender.clear();
    request_.recipients.clear();
    request_.recipient_count = 0;
    request_.size = 0;
    request_.login.clear();
    request_.certificate.state = mail::Certificate::State::Absent;
    request_.certificate.digest.clear();
    guarded_.clear();
    removals_.clear();
    additions_used_ = 0;
    header_bytes_ = 0;
    body_bytes_ = 0;
    message_distrusted_ = false;
    receipt_ = {};
    ruleset_.reset();
}

std::uint64_t declared_size(std::string_view parameter)
{
    if (parameter.size() <= 5 || !base::equal_ignoring_case(parameter.substr(0, 5), "SIZE=")) return 0;
    std::uint64_t size = 0;
    auto const* const end = parameter.data() + parameter.size();
    auto const [stop, failure] = std::from_chars(parameter.data() + 5, end, size);
    return failure == std::errc{} && stop == end ? size : 0;
}

}   // namespace mailcore::milter
