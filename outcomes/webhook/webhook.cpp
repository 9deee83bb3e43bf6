#include "outcomes/webhook/webhook.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>

#include "core/crypto/hmac.hpp"
#include "core/net/http_client.hpp"
#include "outcomes/trouble.hpp"
#include "outcomes/webhook/receiver.hpp"
#include "outcomes/webhook/secret_file.hpp"

namespace mailcore::outcomes {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kEveryMinute = 1min;    // when the retry list is at its end
constexpr std::chrono::milliseconds kMostRetryAfter = 1min;
constexpr std::chrono::milliseconds kLookAgain = 1s;        // for a secret that is missing, at a store that fails
constexpr std::chrono::milliseconds kLongestSleep = 1min;   // the clock may be set
constexpr std::size_t kMostAnswerBytes = 4u << 20u;         // nobody reads it
constexpr std::size_t kMostSuspects = 10'000;

using Events = std::vector<QueuedEvent>;
using Ids = std::vector<std::int64_t>;

Ids ids_of(Events const& events)
{
    Ids ids;
    for (auto const& event : events) ids.push_back(event.id);
    return ids;
}

// What a request came to.
struct Reply {
    bool delivered = false;
    int status = 0;                                  // 0 = nobody answered
    std::string words;
    std::chrono::milliseconds not_before{0};         // Retry-After
};

// RFC 9110 10.2.3, the form in seconds.
std::chrono::milliseconds retry_after(std::map<std::string, std::string> const& headers)
{
    auto const found = headers.find("retry-after");
    if (found == headers.end()) return 0ms;
    unsigned seconds = 0;
    auto const* const end = found->second.data() + found->second.size();
    auto const [stopped, error] = std::from_chars(found->second.data(), end, seconds);
    if (stopped != end || error == std::errc::invalid_argument) return 0ms;
    if (error == std::errc::result_out_of_range) return kMostRetryAfter;
    return std::min<std::chrono::milliseconds>(std::chrono::seconds{seconds}, kMostRetryAfter);
}

// True where another content might have fared better: not for a receiver that is down, busy or in maintenance.
bool blames_content(int status)
{
    constexpr std::array innocent{408, 425, 429, 502, 503, 504};
    return status >= 400 && std::find(innocent.begin(), innocent.end(), status) == innocent.end();
}

}   // namespace

std::string signature(base::Secret const& secret, base::Time now, std::string_view body)
{
    auto const time = std::to_string(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count());
    auto const digest = crypto::hmac_sha256(secret, time + "." + std::string{body});
    std::string text = "t=" + time + ",v1=";
    for (auto const byte : digest) {
        text += "0123456789abcdef"[byte >> 4u];
        text += "0123456789abcdef"[byte & 15u];
    }
    return text;
}

// One thread at a time leads: it waits for events. Who has some hands the lead over and sends them. While nothing can be
// delivered the leader sends them itself, so that a dead receiver is not asked, and the store not troubled, more often than
// a probe takes.
class Webhook::State {
public:
    State(WebhookOptions options, OutcomeStore& store, std::function<void(bool, std::string const&)> tell);
    ~State() { stop(); }

    void wake();
    void stop();
    Facts facts() const { return {delivered_.load(), refused_.load(), unreachable_.load()}; }

private:
    struct Work {
        Events events;
        std::shared_ptr<base::Secret const> secret;
    };

    void run();
    std::optional<Work> wait_for_work();
    std::shared_ptr<base::Secret const> prepare();
    std::chrono::milliseconds time_to_next(base::Time now);
    void sleep(std::chrono::milliseconds most);
    void pause();
    bool is_stopping();
    bool is_out_of_time();
    void heed_clock(base::Time now);
    bool is_struggling() const { return failures_in_row_.load() >= std::max<std::size_t>(1, options_.at_once); }

    void deliver(net::HttpClient& client, Work work);
    std::vector<Events> divide(Events events);
    Reply send(net::HttpClient& client, Events const& events, base::Secret const& secret);
    net::HttpRequest request_for(Events const& events, base::Secret const& secret) const;
    Reply judge(base::Result<net::HttpAnswer, net::HttpError> const& answer) const;
    void note(Reply const& reply, Events const& events);
    void note_content(int status, Events const& events);
    void record(Reply const& reply, Events const& events);
    void record_failure(Reply const& reply, Events const& events);
    void insist(std::function<base::Result<>()> const& change);

    void tell_trouble(Trouble& trouble, std::string const& words);
    void tell_end(Trouble& trouble, std::string const& words);

    WebhookOptions const options_;
    Receiver const receiver_;
    OutcomeStore& store_;
    std::function<void(bool, std::string const&)> const tell_;

    std::mutex leading_;
    SecretFile secret_file_;          // the leader's
    bool has_resumed_ = false;        // the leader's, as these two
    base::Time last_now_{};
    base::Stopwatch::time_point next_heeding_{};

    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_woken_ = false;
    bool is_stopping_ = false;
    base::Stopwatch::time_point end_of_grace_{};   // where we are stopping
    std::unordered_set<std::int64_t> suspects_;   // were in a refused batch: sent alone, to spare the others

    std::mutex telling_;
    Trouble with_receiver_, with_secret_, with_store_;

    std::atomic<std::size_t> failures_in_row_ = 0;
    std::atomic<std::uint64_t> delivered_ = 0, refused_ = 0, unreachable_ = 0;
    std::vector<std::thread> threads_;
};

Webhook::State::State(WebhookOptions options, OutcomeStore& store, std::function<void(bool, std::string const&)> tell)
    : options_{std::move(options)},
      receiver_{parse_receiver(options_.url)},
      store_{store},
      tell_{std::move(tell)},
      secret_file_{options_.secret_file}
{
    for (std::size_t i = 0; i < std::max<std::size_t>(1, options_.at_once); ++i) threads_.emplace_back([this] { run(); });
}

void Webhook::State::wake()
{
    {
        std::lock_guard const lock{mutex_};
        is_woken_ = true;
    }
    changed_.notify_all();
}

void Webhook::State::stop()
{
    {
        std::lock_guard const lock{mutex_};
        is_stopping_ = true;
        end_of_grace_ = base::Stopwatch::now() + options_.grace;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

bool Webhook::State::is_stopping()
{
    std::lock_guard const lock{mutex_};
    return is_stopping_;
}

bool Webhook::State::is_out_of_time()
{
    std::lock_guard const lock{mutex_};
    return is_stopping_ && base::Stopwatch::now() >= end_of_grace_;
}

// ---- Waiting ----

void Webhook::State::run()
{
    net::HttpOptions options;
    options.tls.ca_file = options_.ca_file;
    options.user_agent = "mailcore/" MAILCORE_VERSION;
    auto client = net::HttpClient::open(std::move(options));
    if (!client) return tell_trouble(with_receiver_, client.error().message);
    for (;;) {
        std::unique_lock lead{leading_};
        auto work = wait_for_work();
        if (!work) return;
        if (!is_struggling()) lead.unlock();
        deliver(*client, std::move(*work));
        if (lead.owns_lock()) pause();
    }
}

// None: we are to stop.
std::optional<Webhook::State::Work> Webhook::State::wait_for_work()
{
    for (;;) {
        {
            std::lock_guard const lock{mutex_};
            if (is_stopping_) return std::nullopt;
            is_woken_ = false;   // before we look: what comes later wakes us again
        }
        auto secret = prepare();
        if (!secret) {
            sleep(kLookAgain);
            continue;
        }
        auto const now = base::now();
        heed_clock(now);
        auto due = store_.take_due(now, std::max<std::size_t>(1, options_.batch));
        if (due && !due->empty()) return Work{std::move(*due), std::move(secret)};
        if (!due) tell_trouble(with_store_, due.error().message);
        sleep(due ? time_to_next(now) : kLookAgain);
    }
}

// What must be there before an event may be taken; null where it is not.
std::shared_ptr<base::Secret const> Webhook::State::prepare()
{
    if (!has_resumed_) {
        if (auto const resumed = store_.resume_sending(); !resumed) {
            tell_trouble(with_store_, resumed.error().message);
            return nullptr;
        }
        has_resumed_ = true;
    }
    auto const secret = secret_file_.get();
    if (!secret) {
        tell_trouble(with_secret_, secret.error().message + "; events wait");
        return nullptr;
    }
    tell_end(with_secret_, options_.secret_file + ": is read");
    return *secret;
}

// Times in the store are the clock's. Where it was set back, now or while we did not run, events would wait until the old time
// comes again.
void Webhook::State::heed_clock(base::Time now)
{
    auto const watch = base::Stopwatch::now();
    bool const is_back = now < std::exchange(last_now_, now);
    if (!is_back && watch < next_heeding_) return;
    next_heeding_ = watch + kLongestSleep;
    auto longest = std::max(kEveryMinute, kMostRetryAfter);
    for (auto const wait : options_.retry) longest = std::max(longest, wait);
    if (auto const done = store_.bring_forward(now + longest, now); !done) tell_trouble(with_store_, done.error().message);
}

std::chrono::milliseconds Webhook::State::time_to_next(base::Time now)
{
    auto const next = store_.next_due();
    if (!next) {
        tell_trouble(with_store_, next.error().message);
        return kLookAgain;
    }
    if (!*next) return kLongestSleep;
    auto const time = std::chrono::ceil<std::chrono::milliseconds>(**next - now);
    return std::clamp<std::chrono::milliseconds>(time, 10ms, kLongestSleep);
}

void Webhook::State::sleep(std::chrono::milliseconds most)
{
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, most, [this] { return is_woken_ || is_stopping_; });
}

void Webhook::State::pause()
{
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, options_.pause, [this] { return is_stopping_ || !is_struggling(); });
}

// ---- Sending ----

void Webhook::State::deliver(net::HttpClient& client, Work work)
{
    for (auto const& events : divide(std::move(work.events))) {
        if (is_stopping()) break;   // the rest stays `sending` until the next start
        auto const reply = send(client, events, *work.secret);
        if (reply.status == 0 && is_out_of_time()) break;   // ended by us: nothing that the receiver is to blame for
        note(reply, events);
        record(reply, events);
    }
    wake();   // what waited behind these events may be due now
}

// One bad event must not keep a whole batch from being delivered, time and again.
std::vector<Events> Webhook::State::divide(Events events)
{
    std::vector<Events> requests(1);
    {
        std::lock_guard const lock{mutex_};
        for (auto& event : events) {
            if (suspects_.contains(event.id)) {
                requests.emplace_back().push_back(std::move(event));
            } else {
                requests.front().push_back(std::move(event));
            }
        }
    }
    if (requests.front().empty()) requests.erase(requests.begin());
    return requests;
}

Reply Webhook::State::send(net::HttpClient& client, Events const& events, base::Secret const& secret)
{
    auto request = request_for(events, secret);
    request.is_unwanted = [this] { return is_out_of_time(); };
    return judge(client.send(request));
}

net::HttpRequest Webhook::State::request_for(Events const& events, base::Secret const& secret) const
{
    std::string body;
    for (auto const& event : events) body += (body.empty() ? "" : ",") + to_json(event.outcome);
    if (options_.batch > 1) body = "[" + body + "]";
    net::HttpRequest request;
    request.method = "POST";
    request.url = receiver_.url;
    request.timeout = options_.timeout;
    request.most_bytes = kMostAnswerBytes;
    auto const add = [&](std::string name, std::string_view value) {
        request.headers.push_back({std::move(name), base::Secret{value}});
    };
    add("Content-Type", "application/json");
    add("X-Mailcore-Signature", signature(secret, base::now(), body));
    add("Connection", "close");   // the client uses a new one for every POST
    if (events.size() == 1) add("Idempotency-Key", events.front().outcome.event_id);
    if (!receiver_.authorization.empty()) add("Authorization", receiver_.authorization.reveal());
    request.body = base::Secret{std::move(body)};
    return request;
}

Reply Webhook::State::judge(base::Result<net::HttpAnswer, net::HttpError> const& answer) const
{
    Reply reply;
    if (!answer) {
        // That the URL is malformed is said with the URL.
        bool const shows_url = answer.error().kind == net::HttpFailure::Url;
        reply.words = shows_url ? "outcomes.webhook.url is no address that can be asked" : answer.error().message;
        return reply;
    }
    reply.status = answer->status;
    reply.delivered = answer->status >= 200 && answer->status < 300;
    reply.words = receiver_.name + ": answered " + std::to_string(answer->status);
    if (answer->status >= 300 && answer->status < 400) {
        reply.words += "; redirects are not followed: write where it leads to into outcomes.webhook.url";
    }
    reply.not_before = retry_after(answer->headers);
    return reply;
}

// ---- What came of it ----

void Webhook::State::note(Reply const& reply, Events const& events)
{
    if (reply.delivered) {
        ++delivered_;
        failures_in_row_ = 0;
        tell_end(with_receiver_, receiver_.name + ": takes events again");
    } else {
        ++(reply.status == 0 ? unreachable_ : refused_);
        ++failures_in_row_;
        tell_trouble(with_receiver_, reply.words);
    }
    note_content(reply.status, events);
}

void Webhook::State::note_content(int status, Events const& events)
{
    std::lock_guard const lock{mutex_};
    if (events.size() > 1 && blames_content(status)) {
        if (suspects_.size() > kMostSuspects) suspects_.clear();
        for (auto const& event : events) suspects_.insert(event.id);
    } else if (status >= 200 && status < 300) {
        for (auto const& event : events) suspects_.erase(event.id);
    }
}

void Webhook::State::record(Reply const& reply, Events const& events)
{
    if (!reply.delivered) return record_failure(reply, events);
    auto const ids = ids_of(events);
    insist([&] { return store_.sent(ids, base::now()); });
}

void Webhook::State::record_failure(Reply const& reply, Events const& events)
{
    auto const now = base::now();
    std::map<base::Time, Ids> again;
    Ids given_up;
    for (auto const& event : events) {
        auto const end = event.first_tried + options_.give_up_after;
        auto const wait = event.attempts < options_.retry.size() ? options_.retry[event.attempts] : kEveryMinute;
        if (now >= end) {
            given_up.push_back(event.id);
        } else {
            again[std::min(now + std::max(wait, reply.not_before), end)].push_back(event.id);   // a last time at the end
        }
    }
    for (auto const& [time, ids] : again) {
        insist([&, at = time, &some = ids] { return store_.try_again(some, at, reply.words); });
    }
    if (!given_up.empty()) insist([&] { return store_.give_up(given_up, now, reply.words); });
}

// Events stay `sending` until the store takes it; where it does not before we stop, the next start sends them again.
void Webhook::State::insist(std::function<base::Result<>()> const& change)
{
    for (;;) {
        auto const changed = change();
        if (changed) return tell_end(with_store_, "the store takes what became of events again");
        tell_trouble(with_store_, changed.error().message);
        std::unique_lock lock{mutex_};
        if (changed_.wait_for(lock, kLookAgain, [this] { return is_stopping_; })) return;
    }
}

void Webhook::State::tell_trouble(Trouble& trouble, std::string const& words)
{
    std::lock_guard const lock{telling_};
    if (trouble.begins(base::Stopwatch::now())) tell_(false, words);
}

void Webhook::State::tell_end(Trouble& trouble, std::string const& words)
{
    std::lock_guard const lock{telling_};
    if (trouble.ends()) tell_(true, words);
}

Webhook::Webhook(WebhookOptions options, OutcomeStore& store, std::function<void(bool, std::string const&)> tell)
    : state_{std::make_unique<State>(std::move(options), store, std::move(tell))}
{
}

Webhook::~Webhook() = default;
void Webhook::wake() { state_->wake(); }
void Webhook::stop() { state_->stop(); }
Webhook::Facts Webhook::facts() const { return state_->facts(); }

}   // namespace mailcore::outcomes
