#include "outcomes/service.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

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
    auto store = open_sqlite_store(options.store_path);
    if (!store) return base::fail(store.error());
    base::Fd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!wake) return base::fail_errno("eventfd");
    std::unique_ptr<OutcomesService> service{new OutcomesService{std::move(options), std::move(*store), std::move(wake), log, metrics}};
    if (auto const resumed = service->store_->resume_sending(); !resumed) return base::fail(resumed.error());
    if (auto const begun = service->begin(); !begun) return base::fail(begun.error());
    return service;
}

OutcomesService::OutcomesService(ServiceOptions options, std::unique_ptr<OutcomeStore> store, base::Fd wake, observe::Log& log,
                                 observe::OutcomeMetrics& metrics)
    : options_{std::move(options)}, store_{std::move(store)}, wake_{std::move(wake)}, log_{log}, metrics_{metrics}
{
}

OutcomesService::~OutcomesService() = default;

base::Result<> OutcomesService::begin()
{
    auto counters = store_->counters();
    if (!counters) return base::fail(counters.error());
    counters_ = std::move(*counters);
    clock_ = std::make_unique<LogClock>(base::now());
    joiner_ = std::make_unique<Joiner>(*store_, JoinOptions{.providers = options_.providers, .make_events = !options_.webhook.url.empty()});
    if (auto const opened = open_sources(); !opened) return opened;
    std::unique_ptr<Webhook> webhook;
    if (!options_.webhook.url.empty()) {
        webhook = std::make_unique<Webhook>(options_.webhook, *store_, [this](bool ok, std::string const& words) {
            log_.write(ok ? events::kWebhookBack : events::kWebhookFailing, {{"what", words}});
        });
    }
    std::lock_guard const lock{webhook_mutex_};
    webhook_ = std::move(webhook);
    return {};
}

base::Result<> OutcomesService::open_sources()
{
    auto const positions = store_->positions();
    if (!positions) return base::fail(positions.error());
    auto const open = [&](Source& source, std::string const& what) -> base::Result<> {
        source.log.reset();
        source.at_end = true;
        source.told_gaps = 0;
        if (what.empty()) return {};
        auto const saved = positions->find(source.name);
        auto opened = open_log(what, saved == positions->end() ? std::string{} : saved->second);
        if (!opened) return base::fail(opened.error());
        source.log = std::move(*opened);
        source.position = saved == positions->end() ? std::string{} : saved->second;
        return {};
    };
    if (auto const opened = open(decisions_, options_.decision_log); !opened) return opened;
    return open(mail_, options_.mail_log);
}

base::Result<> OutcomesService::serve()
{
    while (!stopping_.load()) {
        if (take_over_options()) {
            if (auto const begun = begin(); !begun) return begun;
        }
        bool const more = turn();
        auto const now = base::now();
        if (now >= next_housekeeping_) housekeeping(now);
        if (now >= next_facts_) show_facts(now);
        if (!more && mail_.has_ended) break;
        if (!more) wait();
    }
    show_facts(base::now());
    std::lock_guard const lock{webhook_mutex_};
    if (webhook_) webhook_->stop();
    return {};
}

// Decisions first: then most messages are known when Postfix's lines about them are read.
bool OutcomesService::turn()
{
    bool const from_decisions = read(decisions_);
    bool const from_mail = read(mail_);
    if ((from_decisions || from_mail) && !commit()) return false;
    return !(mail_.at_end && decisions_.at_end);
}

bool OutcomesService::read(Source& source)
{
    if (!source.log) return false;
    auto const lines = source.log->read(kBatchBytes);
    source.at_end = lines.at_end;
    source.has_ended = lines.has_ended;
    tell_health(source);
    auto position = source.log->position();
    if (lines.lines.empty() && position == source.position) return false;
    source.position = std::move(position);
    clock_->set_reference(lines.reference);
    bool const is_mail = &source == &mail_;
    for (auto const line : lines.lines) {
        if (is_mail) take_mail_line(line, source);
        else take_decision(line, source);
    }
    auto& batch = joiner_->batch();
    batch.positions[source.name] = source.position;
    batch.counters["lines|" + source.name] += lines.lines.size();
    return true;
}

void OutcomesService::take_mail_line(std::string_view line, Source& source)
{
    PostfixLine parsed;
    if (!parse_postfix_line(line, *clock_, parsed)) return;
    source.last_time = parsed.time;
    joiner_->take(parsed);
}

void OutcomesService::take_decision(std::string_view line, Source& source)
{
    auto const parsed = parse_decision_line(line, decision_);
    if (!parsed) {
        joiner_->batch().counters["unreadable|" + source.name] += 1;
        return;
    }
    source.last_time = decision_.time;
    joiner_->take(decision_);
}

// What could not be stored is read again from where the store says.
bool OutcomesService::commit()
{
    auto& batch = joiner_->batch();
    auto const added = batch.counters;
    bool const has_events = !batch.events.empty();
    if (auto const stored = store_->apply(batch); !stored) {
        ++store_failures_;
        log_.write(events::kOutcomeStoreFailed, {{"error", stored.error().message}});
        joiner_->rolled_back();
        if (auto const opened = open_sources(); !opened) log_.write(events::kOutcomeStoreFailed, {{"error", opened.error().message}});
        pollfd waiting{wake_.get(), POLLIN, 0};
        ::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds{kPauseAfterFailure}.count()));
        return false;
    }
    joiner_->committed();
    for (auto const& [name, count] : added) counters_[name] += count;
    if (has_events && webhook_) webhook_->wake();
    return true;
}

// A replay goes by the log's own time; a live log that is read to its end goes by ours.
void OutcomesService::housekeeping(base::Time now)
{
    next_housekeeping_ = now + kHousekeeping;
    bool const is_live = mail_.at_end && decisions_.at_end && options_.mail_log != "-";
    joiner_->look_for_losses(is_live ? now : mail_.last_time);
    tell_losses();
    auto const& batch = joiner_->batch();
    if (!batch.messages.empty() || !batch.counters.empty()) commit();
    auto const more = store_->forget_before(now - options_.retention);
    if (!more) log_.write(events::kOutcomeStoreFailed, {{"error", more.error().message}});
    else if (*more) next_housekeeping_ = now + 1s;   // a piece at a time, so that reading goes on
}

void OutcomesService::wait()
{
    pollfd waiting[3] = {{wake_.get(), POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0}};
    if (mail_.log) waiting[1].fd = mail_.log->wake_descriptor();
    if (decisions_.log) waiting[2].fd = decisions_.log->wake_descriptor();
    ::poll(waiting, 3, kIdleMilliseconds);
    std::uint64_t ignored = 0;
    [[maybe_unused]] auto const got = ::read(wake_.get(), &ignored, sizeof ignored);
}

void OutcomesService::tell_health(Source& source)
{
    auto const health = source.log->health();
    if (health.gaps != source.told_gaps) {
        source.told_gaps = health.gaps;
        log_.write(events::kLogGap, {{"source", source.name}, {"what", health.gap}});
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
    for (auto const* source : {&mail_, &decisions_}) {
        if (!source->log) continue;
        auto const health = source->log->health();
        auto const behind = std::chrono::duration<double>(now - source->last_time).count();
        auto const lines = counters_.find("lines|" + source->name);
        facts.logs.push_back({source->name, lines == counters_.end() ? 0 : lines->second, health.bytes_behind, health.gaps,
                              source->at_end || source->last_time == base::Time{} ? 0 : behind, health.trouble.empty()});
    }
    add_store_facts(facts, *store_, now);
    facts.store_failures = store_failures_;
    std::lock_guard const lock{webhook_mutex_};
    if (webhook_) {
        auto const requests = webhook_->facts();
        facts.webhook_requests = {{"delivered", requests.delivered}, {"refused", requests.refused}, {"unreachable", requests.unreachable}};
    }
    metrics_.set(std::move(facts));
    // Counting a backlog of millions takes its time: at most a twentieth of ours.
    auto const took = std::chrono::duration_cast<base::Time::duration>(base::Stopwatch::now() - began);
    next_facts_ = now + std::max<base::Time::duration>(kFacts, 20 * took);
}

void OutcomesService::stop()
{
    stopping_.store(true);
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(wake_.get(), &one, sizeof one);
}

base::Result<> OutcomesService::restart(ServiceOptions options)
{
    if (options.store_path != options_.store_path) return base::fail("outcomes.store changes at a restart of the daemon only");
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
    {
        std::lock_guard const lock{webhook_mutex_};
        if (webhook_) webhook_->stop();
        webhook_.reset();
    }
    static_cast<void>(store_->resume_sending());   // what the stopped webhook left half done
    options_ = std::move(*next);
    return true;
}

void OutcomesService::events_changed()
{
    std::lock_guard const lock{webhook_mutex_};
    if (webhook_) webhook_->wake();
}

}   // namespace mailcore::outcomes
