#include "core/store/redis_connection.hpp"

#include <algorithm>
#include <cstring>
#include <hiredis/hiredis.h>
#include <new>

#include "core/base/text.hpp"

namespace mailcore::store {
namespace {

constexpr std::size_t kMostBytes = 64u << 20u;   // of one reply; a list of all keys comes in pieces

struct ReplyDeleter {
    void operator()(redisReply* reply) const { ::freeReplyObject(reply); }
};

// An error within a list becomes its text.
RedisReply value_of(redisReply const& reply)
{
    RedisReply value;
    switch (reply.type) {
        case REDIS_REPLY_INTEGER:
            value.kind = RedisReply::Kind::Integer;
            value.integer = reply.integer;
            break;
        case REDIS_REPLY_ARRAY:
            value.kind = RedisReply::Kind::List;
            for (std::size_t i = 0; i < reply.elements; ++i) value.list.push_back(value_of(*reply.element[i]));
            break;
        case REDIS_REPLY_NIL: break;
        default:   // strings, states and errors
            value.kind = RedisReply::Kind::Text;
            value.text.assign(reply.str, reply.len);
    }
    return value;
}

struct Meaning {
    std::string_view word;   // the reply's first
    std::string_view cure;
    bool away = true;   // nobody is served just now, or we are not
};

constexpr Meaning kMeanings[] = {
    {"LOADING", "it loads its data and will be back by itself"},
    {"READONLY", "it is a replica, which takes no writes: name the master"},
    {"MASTERDOWN", "it is a replica that has lost its master: name the master"},
    {"OOM", "it has no memory left: raise its maxmemory"},
    {"MISCONF", "it cannot save its data, and takes no writes until it can: see its log"},
    {"NOREPLICAS", "it takes no writes without its replicas: see min-replicas-to-write"},
    {"BUSY Redis", "it is busy with somebody's script: see SCRIPT KILL"},
    {"NOAUTH", "it wants a password: set one"},
    {"WRONGPASS", "it refused the user or the password"},
    {"DENIED", "it is in protected mode and serves its own host only: give it a password"},
    {"ERR max number of clients", "it serves as many clients as it may: raise its maxclients"},
    {"ERR AUTH", "it has no password, or its version knows no users"},
    {"ERR Client sent AUTH", "it has no password, but one is set here"},
    {"ERR invalid password", "it refused the password"},
    {"ERR DB index", "it has no such database: see its `databases`"},
    {"NOPERM", "its ACL allows this user too little: ~mailcore:* +@read +@write +@scripting +@connection +time", false},
    {"MOVED", "it is a cluster, which is not supported: name a single server", false},
    {"CROSSSLOT", "it is a cluster, which is not supported: name a single server", false},
    {"CLUSTERDOWN", "it is a cluster, which is not supported: name a single server", false},
};

// From within a script Redis before 7 says "ERR Error running script (…): @user_script:1: -READONLY You can't …".
Meaning const* meaning_of(std::string_view text)
{
    for (auto const& meaning : kMeanings) {
        if (text.starts_with(meaning.word)) return &meaning;
        auto const within = text.starts_with("ERR Error running script") ? text.find(meaning.word) : std::string_view::npos;
        if (within != std::string_view::npos && text[within - 1] == '-') return &meaning;
    }
    return nullptr;
}

// A server may say anything, our password included.
std::string fit_to_be_seen(std::string text, base::Secret const& password)
{
    for (auto at = password.empty() ? std::string::npos : text.find(password.reveal()); at != std::string::npos;
         at = text.find(password.reveal(), at + 3)) {
        text.replace(at, password.size(), "***");
    }
    return base::printable(text.substr(0, 300));
}

}   // namespace

bool means_login_refused(std::string_view error_reply)
{
    constexpr std::string_view kReplies[] = {"NOAUTH", "WRONGPASS", "ERR invalid password"};
    return std::any_of(std::begin(kReplies), std::end(kReplies), [&](auto reply) { return error_reply.starts_with(reply); });
}

bool means_away(std::string_view error_reply)
{
    auto const* const meaning = meaning_of(error_reply);
    return meaning != nullptr && meaning->away;
}

std::string words_for(std::string_view error_reply, base::Secret const& password)
{
    auto const* const meaning = meaning_of(error_reply);
    auto const said = fit_to_be_seen(std::string{error_reply}, password);
    return meaning == nullptr ? said : std::string{meaning->cure} + " (" + said + ")";
}

RedisCommand::RedisCommand(std::span<std::string_view const> words)
{
    std::vector<char const*> texts;
    std::vector<std::size_t> sizes;
    for (auto const word : words) {
        texts.push_back(word.data());
        sizes.push_back(word.size());
    }
    auto const size = ::redisFormatCommandArgv(&bytes_, static_cast<int>(words.size()), texts.data(), sizes.data());
    if (size < 0) throw std::bad_alloc{};
    size_ = static_cast<std::size_t>(size);
}

RedisCommand::~RedisCommand()
{
    if (bytes_ == nullptr) return;
    ::explicit_bzero(bytes_, size_);
    ::redisFreeCommand(bytes_);
}

void RedisConnection::ReaderDeleter::operator()(redisReader* reader) const { ::redisReaderFree(reader); }

RedisConnection::RedisConnection(std::unique_ptr<net::Stream> stream, std::string shown)
    : shown_{std::move(shown)}, stream_{std::move(stream)}, reader_{::redisReaderCreate()}
{
    if (!reader_) throw std::bad_alloc{};
}
RedisConnection::~RedisConnection() = default;

base::Result<std::unique_ptr<RedisConnection>, RedisConnection::Failure> RedisConnection::open(RedisAddress const& address)
{
    net::StreamTarget target;
    target.host = address.host;
    target.port = address.port;
    target.tls = address.tls;
    target.ca_file = address.ca_file;
    target.connect_timeout = 4 * address.timeout;
    auto stream = net::Stream::connect(target);
    if (!stream) return base::fail_with(Failure{stream.error().message});
    std::unique_ptr<RedisConnection> connection{new RedisConnection{std::move(*stream), address.shown()}};
    if (auto const greeted = connection->greet(address); !greeted) return base::fail_with(greeted.error());
    return connection;
}

// One round trip for both commands. Without either there is none.
base::Result<void, RedisConnection::Failure> RedisConnection::greet(RedisAddress const& address)
{
    std::vector<RedisCommand> commands;
    auto const password = address.password.reveal();
    if (!password.empty() && address.user.empty()) commands.push_back({"AUTH", password});
    if (!password.empty() && !address.user.empty()) commands.push_back({"AUTH", address.user, password});
    if (address.database != 0) commands.push_back({"SELECT", std::to_string(address.database)});

    auto const deadline = base::Stopwatch::now() + address.timeout;
    for (auto const& command : commands) {
        if (auto sent = send(command, deadline); !sent) return base::fail_with(Failure{sent.error().message});
    }
    for (std::size_t i = 0; i < commands.size(); ++i) {
        auto const received = receive(deadline);
        if (!received) return base::fail_with(Failure{received.error().message});
        if (!received->is_error) continue;
        auto const& said = received->reply.text;
        return base::fail_with(Failure{shown_ + ": " + words_for(said, address.password), means_login_refused(said)});
    }
    return {};
}

base::Result<RedisReceived> RedisConnection::receive(Deadline deadline)
{
    std::string bytes;
    for (std::size_t total = 0;; total += bytes.size()) {
        void* whole = nullptr;
        if (::redisReaderGetReply(reader_.get(), &whole) != REDIS_OK) {
            return base::fail(shown_ + ": what came is no reply of a Redis: " + base::printable(reader_->errstr));
        }
        if (std::unique_ptr<redisReply, ReplyDeleter> const reply{static_cast<redisReply*>(whole)}) {
            return RedisReceived{reply->type == REDIS_REPLY_ERROR, value_of(*reply)};
        }
        if (total > kMostBytes) return base::fail(shown_ + ": the reply is larger than 64MiB");
        bytes.clear();
        if (auto const read = stream_->read_some(bytes, deadline); !read) return base::fail(read.error());
        ::redisReaderFeed(reader_.get(), bytes.data(), bytes.size());   // a failure is met again by the next GetReply
    }
}

bool RedisConnection::is_quiet() const { return reader_->len == reader_->pos && stream_->is_quiet(); }

}   // namespace mailcore::store
