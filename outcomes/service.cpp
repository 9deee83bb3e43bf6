#include "outcomes/service.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "outcomes/facts.hpp"
#include "outcomes/store/sqlite_store.hpp"

namespace mailcore::outcomes {
namespace {

using namespace std::chrono_literals;
namespace events = observe::events;

constexpr std::size_t kBatchBytes = 4u << 20u;      // of each log in one transaction: some 20,000 lines
constexpr int kIdleMilliseconds = 500;              // where nothing wakes us
constexpr auto kHousekeeping = 60s;
constexpr auto kFacts = 1s;
constexpr auto kPauseAfterFailure = 1s;
constexpr std::size_t kStepBytes = kBatchBytes / 32;   // of decisions, which are to go as far as Postfix's log, and no further
constexpr auto kAhead = 2s;                         // Postfix's log may have whole seconds only
constexpr auto kLongestWait = 3s;                   // for decisions that are in a file not read yet

Webhook::Facts operator+(Webhook::Facts const& left, Webhook::Facts const& right)
{
    return {left.delivered + right.delivered, left.refused + right.refused, left.unreachable + right.unreachable};
}

}   // namespace

ServiceOptions ServiceOptions::from(config::Settings const& settings)
{
    auto const& outcomes = settings.outcomes;
    auto const& hook = outcomes.webhook;
    ServiceOptions options;
    options.mail_log = outcomes.mail_log;
    options.decision_log = settings.decision_log.value;
    options.store_path = outcomes.store.substr(std::string_view{"sqlite:"}.size());
    options.retention = outcomes.retention;
    options.providers = outcomes.providers;
    options.webhook = {hook.url, hook.secret_file, hook.timeout, hook.retry, hook.give_up_after, static_cast<std::size_t>(hook.batch)};
    return options;
}

base::Result<std::unique_ptr<OutcomesService>> OutcomesService::open(ServiceOptions options, observe::Log& log, observe::OutcomeMetrics& metrics)
{
    auto claim = claim_sqlite_store(options.store_path);
    if (!claim) return base::fail(claim.error());
    auto store = open_sqlite_store(options.store_path);
    if (!store) return base::fail(store.error());
    base::Fd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!wake) return base::fail_errno("eventfd");
    std::unique_ptr<OutcomesService> service{new OutcomesService{std::move(options), std::move(*claim), std::move(*store), std::move(wake), log, metrics}};
    if (auto const resumed = service->store_->resume_sending(); !resumed) return base::fail(resumed.error());
    if (auto const begun = service->begin(); !begun) return base::fail(begun.error());
    return service;
}

OutcomesService::OutcomesService(ServiceOptions options, base::Fd claim, std::unique_ptr<OutcomeStore> store, base::Fd wake,
                                 observe::Log& log, observe::OutcomeMetrics& metrics)
    : store_path_{options.store_path}, options_{std::move(options)}, claim_{std::move(claim)}, store_{std::move(store)}, wake_{std::move(wake)}, log_{log}, metrics_{metrics}
{
}

OutcomesService::~OutcomesService() = default;

base::Result<> OutcomesService::begin()
{
    auto counters = store_->counters();
    if (!counters) return base::fail(counters.error());
    counters_ = std::move(*counters);
    clock_ = std::make_unique<LogClock>(options_.now());
    joiner_ = std::make_unique<Joiner>(*store_, JoinOptions{.providers = options_.providers, .make_events = !options_.webhook.url.empty()});
    if (auto opened = open_sources(); !opened) return opened;
    if (!webhook_ && !options_.webhook.url.empty()) open_webhook();
    return {};
}

void OutcomesService::open_webhook()
{
    auto webhook = std::make_unique<Webhook>(options_.webhook, *store_, [this](bool ok, std::string const& words) {
        log_.write(ok ? events::kWebhookBack : events::kWebhookFailing, {{"what", words}});
    });
    std::lock_guard const lock{webhook_mutex_};
    webhook_ = std::move(webhook);
}

// When it has ended no request is under way any more: two webhooks at once might tell of one message in another order.
void OutcomesService::end_webhook()
{
    std::unique_ptr<Webhook> former;
    {
        std::lock_guard const lock{webhook_mutex_};
        former = std::move(webhook_);
    }
    if (!former) return;
    former->stop();
    former_requests_ = former_requests_ + former->facts();
}

base::Result<> OutcomesService::open_sources()
{
    auto const positions = store_->positions();
    if (!positions) return base::fail(positions.error());
    mail_lines_.reset();
    waiting_since_.reset();
    auto const open = [&](Source& source, std::string const& what) -> base::Result<> {
        source.log.reset();
        source.last_time = {};
        source.at_end = what.empty();
        source.unstored = source.told_gaps = source.new_gaps = source.unreadable = 0;   // will be found again
        if (what.empty()) return {};
        auto const saved = positions->find(source.name);
        auto opened = open_log(what, saved == positions->end() ? std::string{} : saved->second);
        if (!opened) return base::fail(opened.error());
        source.log = std::move(*opened);
        source.position = saved == positions->end() ? std::string{} : saved->second;
        return {};
    };
    if (auto opened = open(decisions_, options_.decision_log); !opened) return opened;
    return open(mail_, options_.mail_log);
}

base::Result<> OutcomesService::serve()
{
    while (!stopping_.load()) {
        if (take_over_options()) {
            if (auto begun = begin(); !begun) return begun;
        }
        bool const more = turn();
        if (not_stored_) return base::fail(std::move(*not_stored_).within("standard input cannot be read again"));
        auto const watch = base::Stopwatch::now();
        bool const catches_up = !has_caught_up_ && is_live();   // what was lost while we were away shows now, not in a minute
        if ((watch >= next_housekeeping_ || catches_up) && !is_ahead_of_store_) housekeeping(options_.now());
        if (watch >= next_facts_) show_facts(options_.now());
        if (!more && mail_.has_ended && !mail_lines_) break;
        if (!more) wait();
    }
    show_facts(options_.now());
    end_webhook();
    return {};
}

// A message's decision is written before Postfix tells what became of it. So Postfix's log is read first and taken last: by
// then the decisions about its lines can be read, and are. No further than that: what is known too early is stored twice.
bool OutcomesService::turn()
{
    if (is_ahead_of_store_ && !start_again_behind_the_store()) return false;
    if (!mail_lines_ && mail_.log) mail_lines_ = fetch(mail_, kBatchBytes);
    bool const has_mail = mail_lines_ && !mail_lines_->lines.empty();
    auto const until = has_mail ? time_of_last(*mail_lines_) + kAhead : base::Time::max();
    bool has_news = read_decisions_until(until);
    bool const is_decided = !has_mail || decisions_.last_time >= until;
    bool const is_catching_up = !is_decided && !decisions_.at_end;
    if (is_decided || (!is_catching_up && !waits_for_decisions())) has_news = take_mail_lines() || has_news;
    if (has_news && !commit()) return false;
    return is_catching_up || (!mail_lines_ && !(mail_.at_end && decisions_.at_end));
}

Lines OutcomesService::fetch(Source& source, std::size_t most_bytes)
{
    auto lines = source.log->read(most_bytes);
    for (auto const line : lines.lines) source.unstored += line.size() + 1;
    source.at_end = lines.at_end;
    source.has_ended = lines.has_ended;
    tell_health(source);
    return lines;
}

// They go into the batch with the place behind them; false where there is nothing to store.
bool OutcomesService::note_taken(Source& source, Lines const& lines)
{
    auto position = source.log->position();
    if (lines.lines.empty() && position == source.position && source.new_gaps == 0) return false;
    source.position = std::move(position);
    auto& batch = joiner_->batch();
    batch.positions[source.name] = source.position;
    batch.counters["lines|" + source.name] += lines.lines.size();
    if (auto const gaps = std::exchange(source.new_gaps, 0); gaps > 0) batch.counters["gaps|" + source.name] += gaps;
    if (auto const count = std::exchange(source.unreadable, 0); count > 0) batch.counters["unreadable|" + source.name] += count;
    return true;
}

bool OutcomesService::read_decisions()
{
    if (!decisions_.log) return false;
    auto const lines = fetch(decisions_, kStepBytes);
    for (auto const line : lines.lines) take_decision(line, decisions_);
    return note_taken(decisions_, lines);
}

bool OutcomesService::read_decisions_until(base::Time time)
{
    bool has_news = false;
    for (std::size_t read = 0; read < kBatchBytes && decisions_.last_time < time; read += kStepBytes) {
        has_news = read_decisions() || has_news;
        if (decisions_.at_end) break;
    }
    return has_news;
}

base::Time OutcomesService::time_of_last(Lines const& lines) const
{
    auto clock = *clock_;
    clock.set_reference(lines.reference);
    PostfixLine parsed;
    auto const last = std::find_if(lines.lines.rbegin(), lines.lines.rend(), [&](auto line) { return parse_postfix_line(line, clock, parsed); });
    return last == lines.lines.rend() ? base::Time{} : parsed.time;
}

// After a rotation the rest of the decisions is in another file, which is read when the one before has been quiet for a
// second. Not longer: a writer that was not told of the new file is no reason to know nothing.
bool OutcomesService::waits_for_decisions()
{
    if (!decisions_.log) return false;
    auto const health = decisions_.log->health();
    if (!decisions_.at_end || health.bytes_behind == 0 || !health.trouble.empty()) {
        waiting_since_.reset();
        return false;
    }
    auto const now = base::Stopwatch::now();
    if (!waiting_since_) waiting_since_ = now;
    return mail_lines_ && !mail_lines_->lines.empty() && now - *waiting_since_ < kLongestWait;
}

bool OutcomesService::take_mail_lines()
{
    if (!mail_lines_) return false;
    auto const lines = std::move(*mail_lines_);
    mail_lines_.reset();
    clock_->set_reference(lines.reference);
    for (auto const line : lines.lines) {
        PostfixLine parsed;
        if (!parse_postfix_line(line, *clock_, parsed)) continue;
        mail_.last_time = parsed.time;
        joiner_->take(parsed);
    }
    return note_taken(mail_, lines);
}

void OutcomesService::take_decision(std::string_view line, Source& source)
{
    if (auto const parsed = parse_decision_line(line, decision_); !parsed) {
        note_unreadable(source, parsed.error());
        if (!parse_behind_torn_line(line, decision_)) return;
    }
    source.last_time = decision_.time;
    joiner_->take(decision_);
}

// The error names a place in the line, and nothing of what stands there.
void OutcomesService::note_unreadable(Source& source, base::Error const& error)
{
    ++source.unreadable;
    if (!unreadable_telling_.begins(base::Stopwatch::now())) return;
    log_.write(events::kDecisionUnreadable, {{"source", source.name}, {"why", error.message}});
}

// What could not be stored is read again from where the store says.
bool OutcomesService::commit()
{
    auto& batch = joiner_->batch();
    auto const added = batch.counters;
    bool const has_events = !batch.events.empty();
    if (auto const stored = store_->apply(batch); !stored) {
        ++store_failures_;
        if (options_.mail_log == "-") not_stored_ = stored.error();
        tell_store_trouble(stored.error());
        is_ahead_of_store_ = true;
        pollfd waiting{wake_.get(), POLLIN, 0};
        ::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds{kPauseAfterFailure}.count()));
        return false;
    }
    joiner_->committed();
    for (auto* source : {&mail_, &decisions_}) {
        source->unstored = 0;
        if (source->new_gaps == 0) source->told_gap.clear();
    }
    end_store_trouble();
    for (auto const& [name, count] : added) counters_[name] += count;
    if (has_events && webhook_) webhook_->wake();
    return true;
}

// Nothing more is read before: a later position would leave out what was not stored.
bool OutcomesService::start_again_behind_the_store()
{
    joiner_->rolled_back();
    auto const opened = open_sources();
    if (!opened) tell_store_trouble(opened.error());
    is_ahead_of_store_ = !opened;
    return opened.has_value();
}

void OutcomesService::tell_store_trouble(base::Error const& error)
{
    store_trouble_ = error.message;
    if (store_telling_.begins(base::Stopwatch::now(), error.message)) {
        log_.write(events::kOutcomeStoreFailed, {{"error", error.message}});
    }
}

void OutcomesService::end_store_trouble()
{
    store_trouble_.clear();
    if (store_telling_.ends()) log_.write(events::kOutcomeStoreBack, {});
}

// A replay goes by the log's own time, and so does a log that cannot be read: nobody knows what stands in it. A live log that is
// read to its end goes by ours.
bool OutcomesService::is_live() const
{
    return mail_.is_read_to_its_end() && decisions_.is_read_to_its_end() && options_.mail_log != "-";
}

void OutcomesService::housekeeping(base::Time now)
{
    next_housekeeping_ = base::Stopwatch::now() + kHousekeeping;
    bool const is_live = this->is_live();
    has_caught_up_ = has_caught_up_ || is_live;
    joiner_->look_for_losses(is_live ? now : mail_.last_time);
    tell_losses();
    auto const& batch = joiner_->batch();
    if (!batch.messages.empty() || !batch.counters.empty()) commit();
    auto const more = store_->forget_before(now - options_.retention);
    if (!more) return tell_store_trouble(more.error());
    if (!is_ahead_of_store_) end_store_trouble();
    if (*more) next_housekeeping_ = base::Stopwatch::now() + 1s;   // a piece at a time, so that reading goes on
}

void OutcomesService::wait()
{
    pollfd waiting[3] = {{wake_.get(), POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0}};
    if (mail_.log && !mail_lines_) waiting[1].fd = mail_.log->wake_descriptor();   // else only its read() would quiet it
    if (decisions_.log) waiting[2].fd = decisions_.log->wake_descriptor();
    ::poll(waiting, 3, kIdleMilliseconds);
    std::uint64_t ignored = 0;
    [[maybe_unused]] auto const got = ::read(wake_.get(), &ignored, sizeof ignored);
}

void OutcomesService::tell_health(Source& source)
{
    auto const health = source.log->health();
    if (health.gaps != source.told_gaps) {
        source.new_gaps += health.gaps - source.told_gaps;
        source.told_gaps = health.gaps;
        bool const is_told = std::exchange(source.told_gap, health.gap) == health.gap;   // found again, for the store fails
        if (!is_told) log_.write(events::kLogGap, {{"source", source.name}, {"what", health.gap}});
    }
    if (health.trouble == source.told_trouble) return;
    source.told_trouble = health.trouble;
    if (health.trouble.empty()) log_.write(events::kLogReadable, {{"source", source.name}});
    else log_.write(events::kLogUnreadable, {{"source", source.name}, {"why", health.trouble}});
}

// In a batch of its own: whatever is marked there was not before.
void OutcomesService::tell_losses()
{
    for (auto const* message : joiner_->batch().messages) {
        if (!message->lost) continue;
        log_.write(events::kMessageLost, {{"queue_id", message->queue_id}, {"tenant", message->tenant}, {"ticket", message->ticket},
                                          {"decided", base::format_time(message->decided_at)}});
    }
}

void OutcomesService::show_facts(base::Time now)
{
    auto const began = base::Stopwatch::now();
    auto facts = facts_of(counters_);
    auto const counted = [this](std::string const& name) {
        auto const found = counters_.find(name);
        return found == counters_.end() ? 0 : found->second;
    };
    for (auto const* source : {&mail_, &decisions_}) {
        if (source->is_off()) continue;
        auto const health = source->log->health();
        auto const behind = std::max(0.0, std::chrono::duration<double>(now - source->last_time).count());
        facts.logs.push_back({source->name, counted("lines|" + source->name), source->unstored + health.bytes_behind,
                              counted("gaps|" + source->name),
                              source->at_end || source->last_time == base::Time{} ? 0 : behind, health.trouble.empty()});
    }
    add_store_facts(facts, *store_, now);
    if (options_.webhook.url.empty()) facts.webhook_oldest_seconds = 0;   // nobody is to be told: nothing is late
    facts.store_failures = store_failures_;
    facts.store_trouble = store_trouble_;
    auto const requests = webhook_ ? former_requests_ + webhook_->facts() : former_requests_;
    facts.webhook_requests = {{"delivered", requests.delivered}, {"refused", requests.refused}, {"unreachable", requests.unreachable}};
    metrics_.set(std::move(facts));
    // Counting a backlog of millions takes its time: at most a twentieth of ours.
    auto const ended = base::Stopwatch::now();
    next_facts_ = ended + std::max<base::Stopwatch::duration>(kFacts, 20 * (ended - began));
}

void OutcomesService::stop()
{
    stopping_.store(true);
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(wake_.get(), &one, sizeof one);
}

base::Result<> OutcomesService::restart(ServiceOptions options)
{
    if (options.store_path != store_path_) return base::fail("outcomes.store changes at a restart of the daemon only");
    {
        std::lock_guard const lock{options_mutex_};
        next_options_ = std::make_unique<ServiceOptions>(std::move(options));
    }
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(wake_.get(), &one, sizeof one);
    return {};
}

bool OutcomesService::take_over_options()
{
    std::unique_ptr<ServiceOptions> next;
    {
        std::lock_guard const lock{options_mutex_};
        next = std::move(next_options_);
    }
    if (!next) return false;
    if (next->webhook != options_.webhook) {   // else it is none of its business, and goes on
        end_webhook();
        static_cast<void>(store_->resume_sending());   // what it left half done
    }
    options_ = std::move(*next);
    return true;
}

void OutcomesService::events_changed()
{
    std::lock_guard const lock{webhook_mutex_};
    if (webhook_) webhook_->wake();
}

}   // namespace mailcore::outcomes
