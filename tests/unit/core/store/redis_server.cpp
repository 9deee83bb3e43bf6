#include "tests/unit/core/store/redis_server.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "core/base/clock.hpp"
#include "core/base/fd.hpp"

namespace mailcore::testing {
namespace {

using namespace std::chrono_literals;

std::uint16_t free_port()
{
    base::Fd const socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(socket.get(), reinterpret_cast<sockaddr const*>(&address), size) != 0) throw std::runtime_error{"bind"};
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

void write_file(std::string const& path, std::string const& text) { std::ofstream{path} << text; }

// Between fork and exec: only what a process of many threads may call there.
[[noreturn]] void become(std::vector<char*> const& arguments, char const* log)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);   // a test that is killed leaves no server behind
    int const output = ::open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
}

pid_t spawn(std::vector<std::string> const& words, std::string const& log)
{
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto const& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    auto const process = ::fork();
    if (process == 0) become(arguments, log.c_str());
    return process;
}

std::string text_of(store::RedisReply const& reply)
{
    switch (reply.kind) {
        case store::RedisReply::Kind::Nil: return "nil";
        case store::RedisReply::Kind::Integer: return std::to_string(reply.integer);
        case store::RedisReply::Kind::Text: return reply.text;
        case store::RedisReply::Kind::List: break;
    }
    std::string lines;
    for (auto const& one : reply.list) lines += text_of(one) + "\n";
    return lines;
}

}   // namespace

RedisServer::RedisServer(RedisOptions options) : options_{std::move(options)}
{
    char name[] = "/tmp/mailcore-redis-test-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error{"mkdtemp"};
    directory_ = name;
    for (int i = 0; i < 5 && process_ == 0; ++i) {   // another program may have taken the port meanwhile
        operator_port_ = free_port();
        port_ = options_.identity == nullptr ? operator_port_ : free_port();
        try {
            start();
        } catch (std::runtime_error const&) {
            if (i == 4) throw;
        }
    }
}

RedisServer::~RedisServer()
{
    end(SIGKILL);
    std::filesystem::remove_all(directory_);
}

void RedisServer::start()
{
    std::vector<std::string> words{"redis-server", "--bind", "127.0.0.1", "--port", std::to_string(operator_port_),
                                   "--save", "", "--appendonly", "no", "--dir", directory_};
    auto const add = [&](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
    if (options_.identity != nullptr) {
        write_file(directory_ + "/certificate.pem", options_.identity->certificate);
        write_file(directory_ + "/key.pem", options_.identity->key);
        add({"--tls-port", std::to_string(port_), "--tls-cert-file", directory_ + "/certificate.pem", "--tls-key-file", directory_ + "/key.pem",
             "--tls-ca-cert-file", directory_ + "/certificate.pem", "--tls-auth-clients", "no"});
    }
    if (!options_.password.empty()) add({"--requirepass", options_.password});
    words.insert(words.end(), options_.more.begin(), options_.more.end());
    process_ = spawn(words, directory_ + "/log");
    for (auto const deadline = base::Stopwatch::now() + 20s; base::Stopwatch::now() < deadline;) {
        if (::waitpid(process_, nullptr, WNOHANG) == process_) break;   // it could not start
        if (answers()) return;
        std::this_thread::sleep_for(5ms);
    }
    if (::kill(process_, SIGKILL) == 0) ::waitpid(process_, nullptr, 0);
    process_ = 0;
    std::ifstream log{directory_ + "/log"};
    throw std::runtime_error{"redis-server did not start: " + std::string{std::istreambuf_iterator<char>{log}, {}}};
}

// Anybody else on this port would not say our directory.
bool RedisServer::answers() const
{
    try {
        return say({"CONFIG", "GET", "dir"}) == "dir\n" + directory_ + "\n";
    } catch (std::runtime_error const&) {
        return false;
    }
}

void RedisServer::end(int signal)
{
    if (process_ == 0) return;
    ::kill(process_, signal);
    ::kill(process_, SIGCONT);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
}

void RedisServer::stop() { end(SIGTERM); }
void RedisServer::kill() { end(SIGKILL); }
void RedisServer::pause()
{
    ::kill(process_, SIGSTOP);
    int status = 0;
    ::waitpid(process_, &status, WUNTRACED);
}
void RedisServer::resume() { ::kill(process_, SIGCONT); }

std::string RedisServer::url(std::string const& login) const
{
    auto const scheme = options_.identity != nullptr ? "rediss://" : "redis://";
    return scheme + login + (login.empty() ? "" : "@") + "127.0.0.1:" + std::to_string(port_) + "/0";
}

store::RedisAddress RedisServer::operator_address() const
{
    auto address = address_of("redis://127.0.0.1:" + std::to_string(operator_port_));
    address.password = base::Secret{options_.password};
    return address;
}

std::string RedisServer::say(std::initializer_list<std::string_view> words) const
{
    store::RedisPool pool{operator_address()};
    auto const reply = pool.call({words.begin(), words.size()});
    if (!reply) throw std::runtime_error{reply.error().message};
    return text_of(*reply);
}

std::uint64_t RedisServer::calls(std::string const& command) const
{
    auto const statistics = say({"INFO", "commandstats"});
    auto const start = statistics.find("cmdstat_" + command + ":calls=");
    if (start == std::string::npos) return 0;
    return std::stoull(statistics.substr(statistics.find('=', start) + 1));
}

store::RedisAddress address_of(std::string const& url)
{
    auto address = store::RedisAddress::parse(url);
    if (!address) throw std::runtime_error{address.error().message};
    address->timeout = 10s;
    return std::move(*address);
}

}   // namespace mailcore::testing
