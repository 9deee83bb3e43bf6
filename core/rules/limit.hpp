// The limits of tenants: what a message costs by them, where that is counted, and what a sender over one is told.
//
//     auto const charges = charges_for(ruleset, tenant, request, now);   // pure
//     auto const answer = store.take(charges, now);                       // LMDB, Redis: core/store
//     auto const verdict = limited(verdict, charges, *answer, mode, now); // pure
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/mail/request.hpp"
#include "core/mail/verdict.hpp"
#include "core/rules/rate.hpp"
#include "core/rules/trace.hpp"

namespace mailcore::rules {

class Ruleset;
struct Tenant;

enum class LimitUnit : std::uint8_t { Messages, Recipients, Bytes };
enum class LimitKey : std::uint8_t { Tenant, Client, Login, Sender };   // what is counted apart

std::string_view word(LimitUnit unit);   // "messages"
std::string_view word(LimitKey key);     // "tenant"

// A number that doubles step by step, as mailbox providers ask of new senders.
struct Warmup {
    base::Time from;                          // before it: `start`
    std::uint64_t start = 1;
    std::chrono::microseconds double_every{1};   // above 0
    std::uint64_t until = 1;                     // at least `start`
    std::uint64_t number_at(base::Time now) const;
};

struct Limit {
    LimitUnit unit = LimitUnit::Messages;
    Rate rate;                                // once warmed up
    mail::Action action = mail::Action::Defer;
    LimitKey key = LimitKey::Tenant;
    std::optional<Warmup> warmup;
    std::string name;          // for people, logs and metrics: "100 messages per 1m", "5 messages per 1h, each sender"
    std::string id;            // its buckets' name within a tenant: "messages/1m", "messages/1h/sender", "messages/1m#2"
    std::string reply;         // "Sending limit reached: 100 messages per 1m (limit_exceeded)"
    std::string never_reply;   // "Message alone exceeds a sending limit: … (limit_exceeded)"

    // With the warm-up applied: number = min(rate.number, until, start × 2^steps), burst at most that while it is less.
    Rate rate_at(base::Time now) const;
    // When the warm-up first lets so much through at once; nothing where it never does, or there is none.
    std::optional<base::Time> grown_to(std::uint64_t at_once) const;
};

// What one message costs by one limit.
struct Charge {
    Limit const* limit = nullptr;   // lives as long as the Ruleset
    std::string key;                // of the bucket: "kbz_test messages/1m", "kbz_test messages/1h/sender a@b.example"
    Rate rate;                      // at the time of the charge
    std::uint64_t cost = 0;
};

// Buckets of one tenant begin so; a tenant's name has no blank. "kbz_test "
std::string bucket_prefix(std::string_view tenant);
// What is counted apart stands behind a blank: client address, login, or sender without its plus-extension ("<>": the null
// sender); "[client address]" where that fact is absent. At most 256 bytes of it, UTF-8 without control characters.
std::string bucket_key(std::string_view tenant, Limit const& limit, mail::Request const& request);

// One for each limit of the tenant, in the order of the configuration. Recipients: at least one. Bytes: 0 while not known.
std::vector<Charge> charges_for(Ruleset const& ruleset, Tenant const& tenant, mail::Request const& request, base::Time now);

// All charges were taken, or none (but see uncounted); one outcome for each. What was taken can be given back by the receipt.
struct Receipt {
    struct Part {
        std::string key;
        Rate rate;
        Taken taken;
        bool operator==(Part const&) const = default;
    };
    std::vector<Part> parts;
    std::string store;   // which of several stores counted, by its name; LimitStore::give_back() looks at it
    bool empty() const { return parts.empty(); }
    bool operator==(Receipt const&) const = default;
};
struct Answer {
    bool taken = false;
    std::vector<Outcome> outcomes;
    std::vector<Bucket> buckets;   // as they are now
    Receipt receipt;               // empty unless taken
    std::size_t uncounted = 0;     // of those taken, the charges that the store had no room for: limits.on_error decides
    base::Time time{};             // by the store's own clock, as the outcomes' free_at is (Redis has one for the fleet)
};

struct KeyedBucket {
    std::string key;
    Bucket bucket;
};
// Buckets as they were at a time by the store's own clock (Redis has one for the whole fleet).
struct BucketsAt {
    base::Time time;
    std::vector<KeyedBucket> buckets;
    std::size_t total = 0;   // of a list: how many there are, the ones left out included
};

// Where buckets are kept. Safe from many threads. A failure is the store's own (disk, network): limits.on_error decides.
class LimitStore {
public:
    virtual ~LimitStore() = default;
    virtual base::Result<Answer> take(std::span<Charge const> charges, base::Time now) = 0;
    virtual base::Result<> give_back(Receipt const& receipt, base::Time now) = 0;
    virtual base::Result<BucketsAt> read(std::span<std::string const> keys, base::Time now) = 0;        // same order; unknown ones new
    // Of those that are not empty the ones that will be empty last, at most so many, in the order of their keys. Of a limit that
    // is counted apart these are the fullest. It may take its time; others are served meanwhile.
    virtual base::Result<BucketsAt> list(std::string_view prefix, std::size_t most, base::Time now) = 0;
    virtual base::Result<std::size_t> reset(std::string_view prefix) = 0;                               // how many are forgotten
};

// What take() would answer, from buckets that were read.
Answer peek(std::span<Charge const> charges, BucketsAt const& buckets);

// `verdict` (which passes or holds) if all outcomes pass, else the refusal by the limit that weighs most: one that can never
// pass, also not once warmed up; then one that rejects; then the one that is free last. Observed tenants pass, and `would`
// says what it would have been; one that would have been refused before any limit was asked stays as it is. `now` is by the
// store's clock, as the outcomes are.
mail::Verdict limited(mail::Verdict verdict, std::span<Charge const> charges, Answer const& answer, bool observed, base::Time now);

// "limit" steps for explain: name, used, left, when the next is free.
void trace_limits(Trace& trace, std::span<Charge const> charges, BucketsAt const& buckets);

}   // namespace mailcore::rules
