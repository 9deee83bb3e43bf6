#include "core/store/redis.hpp"

#include <array>
#include <atomic>
#include <map>
#include <mutex>

#include "core/store/redis_connection.hpp"

namespace mailcore::store {
namespace {

constexpr std::string_view kProbe = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)";

}   // namespace

class RedisPool::State {
public:
    State(RedisAddress address, std::size_t most_idle)
        : timeout_{address.timeout}, shown_{address.shown()}, most_idle_{most_idle},
          address_{std::make_shared<RedisAddress const>(std::move(address))}
    {
    }

    base::Result<RedisReceived> exchange(RedisCommand const& command);
    base::Result<RedisReply> call(std::span<std::string_view const> command);
    base::Result<std::string> hash_of(std::string const& script);
    base::Result<RedisReply> judge(base::Result<RedisReceived> received);
    base::Result<> probe();

    bool is_away() const { return away_; }
    std::string const& shown() const { return shown_; }

private:
    using Kept = std::unique_ptr<RedisConnection>;
    using Deadline = RedisConnection::Deadline;
    std::string words_of(RedisReceived const& error) const { return shown_ + ": " + words_for(error.reply.text, address()->password); }
    std::shared_ptr<RedisAddress const> address() const;
    base::Result<Kept> connect();
    base::Result<bool> read_password_again(RedisAddress const& refused);
    base::Result<RedisReceived> answer(Kept connection, Deadline deadline);
    Kept take_idle();
    void keep(Kept connection);
    tl::unexpected<base::Error> fail_away();
    tl::unexpected<base::Error> go_away(std::string const& why);

    std::chrono::milliseconds const timeout_;
    std::string const shown_;
    std::size_t const most_idle_;
    std::atomic<bool> away_ = false;
    mutable std::mutex mutex_;   // of what follows
    std::shared_ptr<RedisAddress const> address_;   // its password alone changes
    std::vector<Kept> idle_;
    std::string why_away_;
    std::map<std::string, std::string> hashes_;   // of scripts
};

tl::unexpected<base::Error> RedisPool::State::fail_away()
{
    std::lock_guard const lock{mutex_};
    return base::fail("Redis is away: " + why_away_);
}

tl::unexpected<base::Error> RedisPool::State::go_away(std::string const& why)
{
    std::vector<Kept> former;   // closed without the lock
    {
        std::lock_guard const lock{mutex_};
        former.swap(idle_);
        why_away_ = why;
        away_ = true;
    }
    return base::fail("Redis is away: " + why);
}

std::shared_ptr<RedisAddress const> RedisPool::State::address() const
{
    std::lock_guard const lock{mutex_};
    return address_;
}

// Whether it is another than the one that was refused.
base::Result<bool> RedisPool::State::read_password_again(RedisAddress const& refused)
{
    if (!refused.read_password) return false;
    auto password = refused.read_password();
    if (!password) return base::fail(password.error());
    if (*password == refused.password) return false;
    auto next = std::make_shared<RedisAddress>(refused.copy());
    next->password = std::move(*password);
    std::lock_guard const lock{mutex_};
    address_ = std::move(next);
    return true;
}

base::Result<RedisPool::State::Kept> RedisPool::State::connect()
{
    auto const known = address();
    auto opened = RedisConnection::open(*known);
    if (opened || !opened.error().login_refused) return opened ? base::Result<Kept>{std::move(*opened)} : base::fail(opened.error().words);
    auto const changed = read_password_again(*known);
    if (!changed) return base::fail(opened.error().words + "; " + changed.error().message);
    if (!*changed) return base::fail(opened.error().words);
    auto again = RedisConnection::open(*address());
    return again ? base::Result<Kept>{std::move(*again)} : base::fail(again.error().words);
}

// One that is quiet: on which neither an end nor a late answer has come.
RedisPool::State::Kept RedisPool::State::take_idle()
{
    for (;;) {
        Kept kept;
        {
            std::lock_guard const lock{mutex_};
            if (idle_.empty()) return nullptr;
            kept = std::move(idle_.back());
            idle_.pop_back();
        }
        if (kept->is_quiet()) return kept;
    }
}

void RedisPool::State::keep(Kept connection)
{
    std::lock_guard const lock{mutex_};
    if (!away_ && idle_.size() < most_idle_) idle_.push_back(std::move(connection));
}

base::Result<RedisReceived> RedisPool::State::exchange(RedisCommand const& command)
{
    if (away_) return fail_away();
    if (auto kept = take_idle()) {
        auto const deadline = base::Stopwatch::now() + timeout_;
        if (kept->send(command, deadline)) return answer(std::move(kept), deadline);
        // The server closed it at this moment, and has not got the whole command: once more, on a new connection.
    }
    auto fresh = connect();
    if (!fresh) return go_away(fresh.error().message);
    auto const deadline = base::Stopwatch::now() + timeout_;
    if (auto const sent = (*fresh)->send(command, deadline); !sent) return go_away(sent.error().message);
    return answer(std::move(*fresh), deadline);
}

// A command that was sent may have been obeyed: it is not sent again, whatever comes.
base::Result<RedisReceived> RedisPool::State::answer(Kept connection, Deadline deadline)
{
    auto received = connection->receive(deadline);
    if (!received) return go_away(received.error().message);
    if (received->is_error && means_away(received->reply.text)) return go_away(words_of(*received));
    keep(std::move(connection));
    return received;
}

base::Result<RedisReply> RedisPool::State::judge(base::Result<RedisReceived> received)
{
    if (!received) return base::fail(received.error());
    if (received->is_error) return base::fail(words_of(*received));
    return std::move(received->reply);
}

base::Result<RedisReply> RedisPool::State::call(std::span<std::string_view const> command)
{
    return judge(exchange(RedisCommand{command}));
}

// Asked of the server once: it knows the script then, too.
base::Result<std::string> RedisPool::State::hash_of(std::string const& script)
{
    {
        std::lock_guard const lock{mutex_};
        if (auto const known = hashes_.find(script); known != hashes_.end()) return known->second;
    }
    auto const loaded = call(std::array<std::string_view, 3>{"SCRIPT", "LOAD", script});
    if (!loaded) return base::fail(loaded.error());
    std::lock_guard const lock{mutex_};
    return hashes_[script] = loaded->text;
}

base::Result<> RedisPool::State::probe()
{
    auto connection = connect();
    if (!connection) return go_away(connection.error().message);
    auto const deadline = base::Stopwatch::now() + timeout_;
    RedisCommand const command{"EVAL", kProbe, "1", "mailcore:probe"};
    if (auto const sent = (*connection)->send(command, deadline); !sent) return go_away(sent.error().message);
    auto const received = (*connection)->receive(deadline);
    if (!received) return go_away(received.error().message);
    if (received->is_error) return go_away(words_of(*received));
    away_ = false;
    keep(std::move(*connection));
    return {};
}

RedisPool::RedisPool(RedisAddress address, std::size_t most_idle)
    : state_{std::make_unique<State>(std::move(address), most_idle)}
{
}
RedisPool::~RedisPool() = default;

base::Result<RedisReply> RedisPool::call(std::span<std::string_view const> command) { return state_->call(command); }

base::Result<RedisReply> RedisPool::run_script(std::string const& script, std::span<std::string const> keys,
                                               std::span<std::string const> arguments)
{
    auto const hash = state_->hash_of(script);
    if (!hash) return base::fail(hash.error());
    auto const count = std::to_string(keys.size());
    std::vector<std::string_view> words{"EVALSHA", *hash, count};
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    auto received = state_->exchange(RedisCommand{std::span<std::string_view const>{words}});
    bool const forgotten = received && received->is_error && received->reply.text.starts_with("NOSCRIPT");
    if (!forgotten) return state_->judge(std::move(received));
    words[0] = "EVAL";   // it is another server, or the same one started again
    words[1] = script;
    return state_->call(words);
}

bool RedisPool::is_away() const { return state_->is_away(); }
base::Result<> RedisPool::probe() { return state_->probe(); }
std::string const& RedisPool::shown() const { return state_->shown(); }

}   // namespace mailcore::store
