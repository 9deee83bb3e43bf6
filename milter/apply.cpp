#include "milter/apply.hpp"

#include <algorithm>
#include <string>

#include "core/base/text.hpp"
#include "core/rules/decide.hpp"

namespace mailcore::milter {
namespace {

// libmilter's interface is older than const; it copies these texts and changes none.
char* text(std::string const& value) { return const_cast<char*>(value.c_str()); }

// Sendmail expands % in replies, and Postfix drops a single one.
std::string with_percent_doubled(std::string_view words)
{
    std::string doubled;
    for (char const c : words) doubled.append(c == '%' ? 2 : 1, c);
    return doubled;
}

bool set_reply(SMFICTX* context, mail::SmtpReply const& reply)
{
    std::string const code{reply.code};
    std::string const enhanced{reply.enhanced};
    std::string words;
    mail::append_text(words, reply);
    return smfi_setreply(context, text(code), text(enhanced), text(with_percent_doubled(words))) == MI_SUCCESS;
}

// libmilter uses a reply only if its first digit fits the status, and keeps it for a later one otherwise.
Applied refuse(SMFICTX* context, mail::Verdict const& verdict)
{
    bool const lasting = verdict.action == mail::Action::Reject;
    bool const fits = verdict.reply.code.starts_with(lasting ? '5' : '4');
    if (fits && set_reply(context, verdict.reply)) return {lasting ? SMFIS_REJECT : SMFIS_TEMPFAIL, verdict, 0};

    auto const failure = rules::own_failure(rules::OnError::Defer);
    set_reply(context, failure.reply);   // without it Postfix says 451 in its own words
    return {SMFIS_TEMPFAIL, failure, 0};
}

Applied defer(SMFICTX* context) { return refuse(context, rules::own_failure(rules::OnError::Defer)); }

// From the highest index to the lowest: on Postfix each deletion renumbers what follows (CVE-2022-48521).
bool strip(SMFICTX* context, Removal const& removal)
{
    std::string const name{removal.name};
    for (int index = removal.copies; index >= 1; --index) {
        if (smfi_chgheader(context, text(name), index, nullptr) != MI_SUCCESS) return false;
    }
    return true;
}

// An 8-bit byte would turn the message into SMTPUTF8 mail, a line end would be another header.
bool add(SMFICTX* context, Addition const& addition)
{
    constexpr std::size_t kLongestLine = 998;   // RFC 5322 2.1.1
    auto const& value = addition.value;
    bool const fits = addition.name.size() + 2 + value.size() <= kLongestLine;
    if (!fits || !std::all_of(value.begin(), value.end(), base::is_printable_ascii)) return false;
    return smfi_addheader(context, text(addition.name), text(value)) == MI_SUCCESS;
}

bool hold(SMFICTX* context, mail::Verdict const& verdict)
{
    std::string const why = verdict.rule.empty() ? "mailcore" : "mailcore: rule " + std::string{verdict.rule};
    return smfi_quarantine(context, text(why)) == MI_SUCCESS;
}

bool edit(SMFICTX* context, Answer const& answer, observe::Log& log)
{
    for (auto const& removal : answer.edits.removals) {
        if (strip(context, removal)) continue;
        log.write(observe::events::kStrippingFailed, {{"header", removal.name}, {"copies", removal.copies}});
        return false;
    }
    for (auto const& addition : answer.edits.additions) {
        if (add(context, addition)) continue;
        log.write(observe::events::kOwnFailure, {{"doing", "adding a header"}, {"header", addition.name}});
        return false;
    }
    if (answer.verdict.action != mail::Action::Hold || hold(context, answer.verdict)) return true;
    log.write(observe::events::kOwnFailure, {{"doing", "holding a message"}, {"rule", answer.verdict.rule}});
    return false;
}

bool refuses(mail::Verdict const& verdict)
{
    return verdict.action == mail::Action::Reject || verdict.action == mail::Action::Defer;
}

}   // namespace

Applied apply_reply(SMFICTX* context, mail::Verdict const& verdict)
{
    // A hold is settled at the end of the message: only there can libmilter ask for it.
    return refuses(verdict) ? refuse(context, verdict) : Applied{SMFIS_CONTINUE, verdict, 0};
}

Applied apply_end(SMFICTX* context, Answer const& answer, observe::Log& log)
{
    if (refuses(answer.verdict)) return refuse(context, answer.verdict);
    if (!edit(context, answer, log)) return defer(context);
    return {SMFIS_CONTINUE, answer.verdict, answer.edits.forged};
}

}   // namespace mailcore::milter
