#include "core/net/stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>

#include "core/base/clock.hpp"
#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "core/net/curl.hpp"

namespace mailcore::net {
namespace {

using Deadline = base::Stopwatch::time_point;

std::string bracketed(std::string const& host)
{
    bool const is_ipv6 = host.find(':') != std::string::npos && !host.starts_with('[');
    return is_ipv6 ? "[" + host + "]" : host;
}

// libcurl knows no plain TCP, so the scheme is that of a protocol which says nothing by itself. Null when the host is none.
CurlUrl url_of(StreamTarget const& target)
{
    CurlUrl url{::curl_url()};
    auto const set = [&](CURLUPart part, std::string const& text) {
        return ::curl_url_set(url.get(), part, text.c_str(), 0) == CURLUE_OK;
    };
    bool const is_text = std::all_of(target.host.begin(), target.host.end(), base::is_printable_ascii);
    bool const made = is_text && set(CURLUPART_SCHEME, target.tls ? "https" : "http") &&
                      set(CURLUPART_HOST, bracketed(target.host)) && set(CURLUPART_PORT, std::to_string(target.port));
    if (!made) url.reset();
    return url;
}

void set_tls(CURL* curl, StreamTarget const& target)
{
    ::curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    ::curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    ::curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    ::curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L);   // it would say that we speak HTTP
    if (target.ca_file.empty()) return;
    ::curl_easy_setopt(curl, CURLOPT_CAINFO, target.ca_file.c_str());
    ::curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);   // the system's store comes preset, and would still be trusted
}

void set_connection(CURL* curl, StreamTarget const& target)
{
    ::curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    ::curl_easy_setopt(curl, CURLOPT_PROXY, "");   // whatever the environment says
    ::curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, std::max<long>(1, target.connect_timeout.count()));   // 0: 5 minutes
    ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);   // else a slow resolver outlasts the timeout
    ::curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    // A firewall forgets connections that are silent for long; then the next command would meet its timeout.
    ::curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    ::curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 60L);
    ::curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 10L);
}

// False at the deadline.
bool wait_for(curl_socket_t socket, short what, Deadline deadline)
{
    for (;;) {
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - base::Stopwatch::now()).count();
        if (left <= 0) return false;
        pollfd waiting{socket, what, 0};
        int const ready = ::poll(&waiting, 1, static_cast<int>(std::min<long>(left, 60'000)));
        if (ready > 0 || (ready < 0 && errno != EINTR)) return true;   // the next call tells what is wrong
    }
}

}   // namespace

struct Stream::State {
    std::string name;     // "127.0.0.1:6379", "[::1]:6379"
    std::string unread;   // what came while is_quiet() looked
    std::array<char, CURL_ERROR_SIZE> words{};
    Curl curl = new_curl();   // last, so that it goes first: it points into the words

    tl::unexpected<base::Error> fail(std::string const& what) const { return base::fail(name + ": " + what); }
    tl::unexpected<base::Error> fail(CURLcode code) const { return fail(words_of(curl.get(), code, words.data())); }
    base::Result<> wait(short what, Deadline deadline, char const* late) const;
    CURLcode receive(char* into, std::size_t most, std::size_t& got);
};

base::Result<> Stream::State::wait(short what, Deadline deadline, char const* late) const
{
    curl_socket_t socket = CURL_SOCKET_BAD;
    ::curl_easy_getinfo(curl.get(), CURLINFO_ACTIVESOCKET, &socket);
    if (socket == CURL_SOCKET_BAD) return fail("the connection is gone");
    if (!wait_for(socket, what, deadline)) return fail(late);
    return {};
}

CURLcode Stream::State::receive(char* into, std::size_t most, std::size_t& got)
{
    words[0] = '\0';
    return ::curl_easy_recv(curl.get(), into, most, &got);
}

Stream::Stream(std::unique_ptr<State> state) : state_{std::move(state)} {}
Stream::~Stream() = default;

base::Result<std::unique_ptr<Stream>> Stream::connect(StreamTarget const& target)
{
    auto state = std::make_unique<State>();
    state->name = bracketed(target.host) + ":" + std::to_string(target.port);
    auto const url = url_of(target);
    if (!url) return base::fail("\"" + base::printable(target.host) + "\" is no host name");

    auto* const curl = state->curl.get();
    ::curl_easy_setopt(curl, CURLOPT_CURLU, url.get());
    ::curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, state->words.data());
    set_connection(curl, target);
    set_tls(curl, target);
    auto const code = ::curl_easy_perform(curl);
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return state->fail((target.tls ? "no TLS connection within " : "no connection within ") +
                           base::format_duration(target.connect_timeout));
    }
    if (code != CURLE_OK) return state->fail(code);
    ::curl_easy_setopt(curl, CURLOPT_CURLU, nullptr);   // it is the caller's no longer than this function
    return std::unique_ptr<Stream>{new Stream{std::move(state)}};
}

base::Result<> Stream::write(std::string_view bytes, Deadline deadline)
{
    while (!bytes.empty()) {
        std::size_t sent = 0;
        state_->words[0] = '\0';
        // Sent with MSG_NOSIGNAL, by TLS too: a server that has gone is an error, not a SIGPIPE.
        auto const code = ::curl_easy_send(state_->curl.get(), bytes.data(), bytes.size(), &sent);
        if (code == CURLE_OK) {
            bytes.remove_prefix(sent);
        } else if (code == CURLE_AGAIN) {
            if (auto ready = state_->wait(POLLOUT, deadline, "did not take what was sent in time"); !ready) return ready;
        } else {
            return state_->fail(code);
        }
    }
    return {};
}

base::Result<> Stream::read_some(std::string& into, Deadline deadline)
{
    if (!state_->unread.empty()) {
        into += std::exchange(state_->unread, {});
        return {};
    }
    std::array<char, 16'384> buffer;
    for (;;) {   // reads before it waits: TLS may hold bytes that the socket does not show any more
        std::size_t got = 0;
        auto const code = state_->receive(buffer.data(), buffer.size(), got);
        if (code == CURLE_OK && got == 0) return state_->fail("the server closed the connection");
        if (code == CURLE_OK) {
            into.append(buffer.data(), got);
            return {};
        }
        if (code != CURLE_AGAIN) return state_->fail(code);
        if (auto ready = state_->wait(POLLIN, deadline, "no answer in time"); !ready) return ready;
    }
}

bool Stream::is_quiet() const
{
    if (!state_->unread.empty()) return false;
    char byte = 0;
    std::size_t got = 0;
    auto const code = state_->receive(&byte, 1, got);
    state_->unread.assign(&byte, got);
    return code == CURLE_AGAIN;
}

}   // namespace mailcore::net
