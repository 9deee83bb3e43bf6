#include "tests/unit/core/net/test_server.hpp"

#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstring>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace mailcore::testing {
namespace {

BIO* reading(std::string const& text) { return ::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())); }

void use(SSL_CTX* context, Identity const& identity)
{
    auto* const first = reading(identity.certificate);
    auto* const second = reading(identity.key);
    auto* const certificate = ::PEM_read_bio_X509(first, nullptr, nullptr, nullptr);
    auto* const key = ::PEM_read_bio_PrivateKey(second, nullptr, nullptr, nullptr);
    ::SSL_CTX_use_certificate(context, certificate);
    ::SSL_CTX_use_PrivateKey(context, key);
    ::X509_free(certificate);
    ::EVP_PKEY_free(key);
    ::BIO_free(first);
    ::BIO_free(second);
}

void require_client(SSL_CTX* context, std::string const& authority)
{
    auto* const bio = reading(authority);
    auto* const certificate = ::PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    ::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context), certificate);
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    ::X509_free(certificate);
    ::BIO_free(bio);
}

sockaddr_in loopback(std::uint16_t port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

template <class Address>
int bound_socket(Address const& address)
{
    int const socket = ::socket(reinterpret_cast<sockaddr const&>(address).sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(socket, reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0) {
        throw std::runtime_error{"bind"};
    }
    return socket;
}

std::uint16_t port_of(int socket)
{
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

}   // namespace

Connection::~Connection()
{
    if (tls_ != nullptr) ::SSL_shutdown(tls_);
    ::SSL_free(tls_);
    ::SSL_CTX_free(context_);
}

bool Connection::start_tls(Identity const& identity, std::string const& client_ca)
{
    context_ = ::SSL_CTX_new(::TLS_server_method());
    use(context_, identity);
    if (!client_ca.empty()) require_client(context_, client_ca);
    tls_ = ::SSL_new(context_);
    ::SSL_set_fd(tls_, socket_);
    bool const started = ::SSL_accept(tls_) == 1;
    ::ERR_clear_error();
    if (started) return true;
    ::SSL_free(tls_);
    tls_ = nullptr;
    return false;
}

bool Connection::read_more()
{
    std::array<char, 16'384> buffer;
    auto const got = tls_ != nullptr ? ::SSL_read(tls_, buffer.data(), static_cast<int>(buffer.size()))
                                     : static_cast<int>(::recv(socket_, buffer.data(), buffer.size(), 0));
    if (got <= 0) return false;
    unread_.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
}

std::string Connection::read_until(std::string_view end)
{
    auto at = unread_.find(end);
    while (at == std::string::npos) {
        if (!read_more()) return "";
        at = unread_.find(end);
    }
    return read_bytes(at + end.size());
}

std::string Connection::read_line()
{
    auto line = read_until("\r\n");
    return line.substr(0, line.size() - std::min<std::size_t>(2, line.size()));
}

std::string Connection::read_bytes(std::size_t count)
{
    while (unread_.size() < count) {
        if (!read_more()) return "";
    }
    auto bytes = unread_.substr(0, count);
    unread_.erase(0, count);
    return bytes;
}

void Connection::write(std::string_view bytes)
{
    if (tls_ != nullptr) {
        ::SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
        ::ERR_clear_error();
        return;
    }
    while (!bytes.empty()) {
        auto const sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void Connection::wait_for_end()
{
    while (read_more()) unread_.clear();
}

TestServer::TestServer(Serve serve, std::string const& unix_path) : serve_{std::move(serve)}
{
    ::signal(SIGPIPE, SIG_IGN);
    if (unix_path.empty()) {
        listening_.reset(bound_socket(loopback(0)));
        port_ = port_of(listening_.get());
    } else {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        unix_path.copy(address.sun_path, sizeof address.sun_path - 1);
        listening_.reset(bound_socket(address));
    }
    if (::listen(listening_.get(), 16) != 0) throw std::runtime_error{"listen"};
    accepting_ = std::thread{[this] { accept_all(); }};
}

TestServer::~TestServer()
{
    ::shutdown(listening_.get(), SHUT_RDWR);
    accepting_.join();
    {
        std::lock_guard const lock{mutex_};
        for (int const socket : open_) ::shutdown(socket, SHUT_RDWR);
    }
    for (auto& one : serving_) one.join();
}

void TestServer::accept_all()
{
    for (;;) {
        int const socket = ::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) return;
        ++connections_;
        {
            std::lock_guard const lock{mutex_};
            open_.push_back(socket);
        }
        serving_.emplace_back([this, socket] {
            {
                Connection connection{socket};
                serve_(connection);
            }
            std::lock_guard const lock{mutex_};
            open_.remove(socket);
            ::close(socket);
        });
    }
}

std::uint16_t unused_port()
{
    base::Fd const socket{bound_socket(loopback(0))};
    return port_of(socket.get());
}

}   // namespace mailcore::testing
