#include "core/net/smtp_client.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "core/crypto/disguise.hpp"
#include "core/net/curl.hpp"

namespace mailcore::net {
namespace {

using Stage = SmtpOutcome::Stage;

constexpr std::size_t kMostText = 512;   // RFC 5321 4.5.3.1.5
constexpr auto kNoAuth = "the server offers no AUTH PLAIN or LOGIN";
constexpr auto kNoSmtp = "the server does not speak SMTP";

// What the server last had to answer, as libcurl sends it.
enum class Command { Greeting, Hello, StartTls, Auth, Mail, Rcpt, Data, Noop, Quit };

struct CommandWord {
    std::string_view word;
    Command command;
};
constexpr CommandWord kCommands[] = {
    {"EHLO", Command::Hello}, {"HELO", Command::Hello}, {"STARTTLS", Command::StartTls},
    {"AUTH", Command::Auth},  {"MAIL", Command::Mail},  {"RCPT", Command::Rcpt},
    {"DATA", Command::Data},  {"NOOP", Command::Noop},  {"QUIT", Command::Quit}};

Stage stage_of(Command command)
{
    switch (command) {
        case Command::Greeting:
        case Command::Hello: return Stage::Connect;
        case Command::StartTls: return Stage::Tls;
        case Command::Auth: return Stage::Auth;
        case Command::Mail:
        case Command::Rcpt:
        case Command::Data: return Stage::Mail;
        case Command::Noop:
        case Command::Quit: return Stage::Done;
    }
    return Stage::Connect;
}

std::string reply_to(Command command)
{
    if (command == Command::Greeting) return "greeting";
    for (auto const& [word, known] : kCommands) {
        if (known == command) return "reply to " + std::string{word};
    }
    return "reply";
}

// Several lines are one reply: "250-a", "250 b" (RFC 5321 4.2).
struct Reply {
    int code = 0;
    std::string text;
    bool whole = false;

    // False when the line is none of SMTP's.
    bool take(std::string_view line)
    {
        if (whole) *this = {};
        bool const is_reply = line.size() >= 3 && line.find_first_not_of("0123456789") >= 3 &&
                              (line.size() == 3 || line[3] == ' ' || line[3] == '-');
        if (!is_reply) return false;
        code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
        whole = line.size() == 3 || line[3] == ' ';
        auto const words = line.substr(std::min<std::size_t>(4, line.size()));
        if (text.size() + words.size() < 2 * kMostText) text += (text.empty() ? "" : " ") + std::string{words};
        return true;
    }
};

// A session as seen from libcurl's callbacks.
struct Talk {
    SmtpSession const& session;
    CURL* curl = nullptr;
    Command command = Command::Greeting;   // QUIT leaves it, and its reply, as they were
    Reply reply{};
    bool leaving = false;         // QUIT went out
    bool tls_begun = false;       // the handshake has
    std::vector<curl_socket_t> sockets{};   // open ones: more than one while addresses race
    bool hello_done = false;      // the last EHLO or HELO was taken
    bool auth_offered = false;    // in the last EHLO, one of ours
    bool tls_wanted = false;      // STARTTLS is still to come
    bool auth_sent = false;
    std::string mechanism{};
    char const* stopped = nullptr;   // why we ended it ourselves

    void sent(std::string_view line);
    bool received(std::string_view line);
    void say_goodbye() const;
};

// Lines of AUTH hold the login: only the command's word, and the mechanism's, are looked at.
void Talk::sent(std::string_view line)
{
    auto const word = line.substr(0, line.find_first_of(" \r\n"));
    auto const* const known =
        std::find_if(std::begin(kCommands), std::end(kCommands), [&](auto const& one) { return one.word == word; });
    if (known == std::end(kCommands)) return;   // a login on its way, or the message
    if (known->command == Command::Quit) {
        leaving = true;
        return say_goodbye();
    }
    command = known->command;
    reply = {};
    if (command == Command::Hello) auth_offered = hello_done = false;
    if (command == Command::StartTls) tls_wanted = false;
    if (command == Command::Auth) {
        auth_sent = true;
        auto const rest = base::trim(line.substr(word.size()));
        mechanism = rest.starts_with("PLAIN") ? "PLAIN" : rest.starts_with("LOGIN") ? "LOGIN" : "";
    }
}

// libcurl waits two minutes for the reply to QUIT, whatever the timeout. A second is polite enough.
void Talk::say_goodbye() const
{
    for (auto const socket : sockets) {
        pollfd waiting{socket, POLLIN, 0};
        ::poll(&waiting, 1, 1000);
        ::shutdown(socket, SHUT_RD);   // what has come can still be read
    }
}

bool offers_our_auth(std::string_view words)
{
    if (!words.starts_with("AUTH ")) return false;
    auto const mechanisms = base::split(words, ' ');
    return std::any_of(mechanisms.begin() + 1, mechanisms.end(),
                       [](auto const mechanism) { return mechanism == "PLAIN" || mechanism == "LOGIN"; });
}

// False ends the session.
bool Talk::received(std::string_view line)
{
    if (leaving) return true;
    if (!reply.take(line)) {
        stopped = kNoSmtp;
        return false;
    }
    if (command != Command::Hello) return true;
    if (line.size() > 4 && offers_our_auth(line.substr(4))) auth_offered = true;
    if (!reply.whole || reply.code != 250) return true;
    hello_done = true;
    // libcurl would go on without AUTH, and even hand over the message.
    if (session.password != nullptr && !tls_wanted && !auth_offered) {
        stopped = kNoAuth;
        return false;
    }
    return true;
}

// ---- libcurl's callbacks: nothing thrown may cross into C ----

int on_debug(CURL*, curl_infotype type, char* data, std::size_t size, void* talk) noexcept
{
    try {
        if (type == CURLINFO_HEADER_OUT) static_cast<Talk*>(talk)->sent({data, size});
        if (type == CURLINFO_SSL_DATA_OUT) static_cast<Talk*>(talk)->tls_begun = true;
    } catch (...) {   // out of memory for one word; the replies still tell
    }
    return 0;
}

int on_socket_open(void* talk, curl_socket_t socket, curlsocktype) noexcept
{
    try {
        static_cast<Talk*>(talk)->sockets.push_back(socket);
    } catch (...) {   // then QUIT's reply is waited for
    }
    return CURL_SOCKOPT_OK;
}

int on_socket_close(void* talk, curl_socket_t socket) noexcept
{
    std::erase(static_cast<Talk*>(talk)->sockets, socket);
    return ::close(socket);
}

std::size_t on_reply(char* data, std::size_t size, std::size_t count, void* talk) noexcept
{
    try {
        bool const go_on = static_cast<Talk*>(talk)->received(base::trim(view(data, size, count)));
        return go_on ? size * count : size * count + 1;
    } catch (...) {
        return size * count + 1;
    }
}

// NOOP's reply, again.
std::size_t on_body(char*, std::size_t size, std::size_t count, void*) noexcept { return size * count; }

std::size_t on_read(char* into, std::size_t size, std::size_t count, void* message) noexcept
{
    auto& rest = *static_cast<std::string_view*>(message);
    auto const length = std::min(size * count, rest.size());
    std::copy_n(rest.data(), length, into);
    rest.remove_prefix(length);
    return length;
}

CURLcode on_tls(CURL*, void* context, void* session) noexcept
{
    try {
        return static_cast<SmtpSession const*>(session)->trust(context) ? CURLE_OK : CURLE_ABORTED_BY_CALLBACK;
    } catch (...) {
        return CURLE_ABORTED_BY_CALLBACK;
    }
}

// ---- The session ----

bool is_clean(std::string_view text)
{
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; });
}

// Why there cannot be a session, in which stage it would have shown; "" when there can.
std::pair<Stage, std::string> mistake(SmtpSession const& session)
{
    if (!is_clean(session.helo)) return {Stage::Connect, "the HELO name holds a control character"};
    bool const login_is_text =
        session.password == nullptr || (session.user.find('\0') == std::string::npos &&
                                        session.password->reveal().find('\0') == std::string_view::npos);
    if (!login_is_text) return {Stage::Auth, "the login holds a NUL, which AUTH PLAIN cannot carry"};
    if (session.message && (!is_clean(session.message->from) || !is_clean(session.message->to))) {
        return {Stage::Mail, "an address of the message holds a control character"};
    }
    return {Stage::Done, ""};
}

// smtp://host:port/helo. Null when the host is none.
CurlUrl url_of(SmtpSession const& session)
{
    bool const is_ipv6 = session.host.find(':') != std::string::npos && !session.host.starts_with('[');
    auto const host = is_ipv6 ? "[" + session.host + "]" : session.host;
    CurlUrl url{::curl_url()};
    auto const set = [&](CURLUPart part, std::string const& text, unsigned flags = 0) {
        return ::curl_url_set(url.get(), part, text.c_str(), flags) == CURLUE_OK;
    };
    bool const made = is_clean(session.host) &&
                      set(CURLUPART_SCHEME, session.security == SmtpSecurity::Wrapper ? "smtps" : "smtp") &&
                      set(CURLUPART_HOST, host) && set(CURLUPART_PORT, std::to_string(session.port)) &&
                      set(CURLUPART_PATH, "/" + session.helo, CURLU_URLENCODE);
    if (!made) url.reset();
    return url;
}

void set_tls(CURL* curl, SmtpSession const& session)
{
    ::curl_easy_setopt(
        curl, CURLOPT_USE_SSL,
        static_cast<long>(session.security == SmtpSecurity::StartTls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    ::curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    ::curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    ::curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, session.trust ? 0L : 2L);
    if (session.trust) {
        ::curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_tls);
        ::curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, &session);
    }
    if (session.trust || !session.ca_file.empty()) {   // instead of the system's store, which comes preset
        ::curl_easy_setopt(curl, CURLOPT_CAINFO, session.ca_file.empty() ? nullptr : session.ca_file.c_str());
        ::curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    }
}

void set_login(CURL* curl, SmtpSession const& session)
{
    if (session.password == nullptr) return;
    ::curl_easy_setopt(curl, CURLOPT_USERNAME, session.user.c_str());
    ::curl_easy_setopt(curl, CURLOPT_PASSWORD,
                       session.password->empty() ? "" : session.password->reveal().data());   // ends in NUL
    // These two only, and libcurl prefers PLAIN of them; by itself it would take CRAM-MD5 first.
    ::curl_easy_setopt(curl, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN");
}

void set_callbacks(CURL* curl, Talk& talk)
{
    // "Verbose" tells the callback alone what is sent; nothing is printed.
    ::curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
    ::curl_easy_setopt(curl, CURLOPT_DEBUGDATA, &talk);
    ::curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
    ::curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_socket_open);
    ::curl_easy_setopt(curl, CURLOPT_SOCKOPTDATA, &talk);
    ::curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, on_socket_close);
    ::curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, &talk);
    ::curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_reply);
    ::curl_easy_setopt(curl, CURLOPT_HEADERDATA, &talk);
    ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
}

void set_message(CURL* curl, SmtpSession const& session, CurlList& recipients, std::string_view& rest)
{
    if (!session.message) {
        ::curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "NOOP");   // else HELP, which some refuse
        return;
    }
    rest = session.message->text;
    append(recipients, session.message->to.c_str());
    ::curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    ::curl_easy_setopt(curl, CURLOPT_MAIL_FROM, session.message->from.c_str());
    ::curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients.get());
    ::curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    ::curl_easy_setopt(curl, CURLOPT_READDATA, &rest);
}

void set_limits(CURL* curl, SmtpSession const& session)
{
    auto const milliseconds = std::max<long>(1, session.timeout.count());   // 0 would be for ever
    ::curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds);
    ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds);
    ::curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, milliseconds / 1000 + 1);
    ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);   // else a slow resolver outlasts the timeout
    ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    ::curl_easy_setopt(curl, CURLOPT_PROXY, "");        // whatever the environment says
    ::curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
}

// ---- The outcome ----

std::string closed(Talk const& talk)
{
    return std::string{"the server closed the connection before its "} + reply_to(talk.command);
}

SmtpOutcome by_reply(Stage stage, Reply const& reply) { return {stage, reply.code, reply.text, "", false}; }
SmtpOutcome by_words(Stage stage, std::string words) { return {stage, 0, std::move(words), "", false}; }

bool has_happened(CURL* curl, CURLINFO moment)
{
    double seconds = 0;
    return ::curl_easy_getinfo(curl, moment, &seconds) == CURLE_OK && seconds > 0;
}

// What was waited for when the time was up.
SmtpOutcome late(Talk const& talk)
{
    auto const within = " within " + base::format_duration(talk.session.timeout);
    bool const in_handshake = talk.tls_begun && !has_happened(talk.curl, CURLINFO_APPCONNECT_TIME);
    if (!in_handshake && !has_happened(talk.curl, CURLINFO_CONNECT_TIME)) {
        return by_words(Stage::Connect, "no connection" + within);
    }
    bool const start_tls = talk.command == Command::StartTls && talk.reply.code == 220;
    if ((in_handshake && talk.command == Command::Greeting) || start_tls) {
        return by_words(Stage::Tls, "no TLS handshake" + within);
    }
    return by_words(stage_of(talk.command), "no " + reply_to(talk.command) + within);
}

SmtpOutcome judge(CURLcode code, Talk const& talk, char const* buffer)
{
    auto const stage = stage_of(talk.command);
    if (talk.stopped == kNoAuth) return by_words(Stage::Auth, kNoAuth);
    if (talk.stopped != nullptr) return by_words(stage, talk.stopped);
    // Once NOOP went out all that was to be proven is proven.
    if (code == CURLE_OK || stage == Stage::Done) return by_reply(Stage::Done, talk.reply);

    auto const said = words_of(talk.curl, code, buffer);
    if (talk.reply.whole && talk.reply.code >= 400) return by_reply(stage, talk.reply);
    if (code == CURLE_USE_SSL_FAILED && talk.hello_done && talk.tls_wanted) {
        return by_words(Stage::Tls, "the server offers no STARTTLS");
    }
    if (is_tls_failure(code, said) || code == CURLE_ABORTED_BY_CALLBACK) return by_words(Stage::Tls, said);
    if (code == CURLE_LOGIN_DENIED) return by_reply(Stage::Auth, talk.reply);   // 334 where 235 was due
    if (code == CURLE_OPERATION_TIMEDOUT) return late(talk);
    if (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_GOT_NOTHING) {
        return by_words(stage, closed(talk));
    }
    if (code == CURLE_WEIRD_SERVER_REPLY && talk.command == Command::StartTls) {
        return by_words(Stage::Tls, "the server sent more before TLS had begun");
    }
    if (talk.reply.whole && code == CURLE_WEIRD_SERVER_REPLY) return by_reply(stage, talk.reply);
    return by_words(stage, said);
}

// A server may say anything, our login included.
void make_fit_to_be_seen(std::string& text, SmtpSession const& session)
{
    if (session.password != nullptr) crypto::blank(text, crypto::disguises_of(*session.password, session.user));
    text = base::printable(text.substr(0, kMostText));
}

}   // namespace

SmtpOutcome talk_smtp(SmtpSession const& session)
{
    if (auto [stage, why] = mistake(session); !why.empty()) return by_words(stage, std::move(why));
    auto const url = url_of(session);
    if (!url) return by_words(Stage::Connect, "\"" + base::printable(session.host) + "\" is no host name");

    std::array<char, CURL_ERROR_SIZE> buffer{};
    CurlList recipients;
    std::string_view rest;   // of the message
    Talk talk{session};
    auto const curl = new_curl();   // last, so that it goes first: it points into all of these
    auto* const handle = curl.get();
    talk.curl = handle;
    talk.tls_wanted = session.security == SmtpSecurity::StartTls;
    ::curl_easy_setopt(handle, CURLOPT_CURLU, url.get());
    ::curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, buffer.data());
    set_limits(handle, session);
    set_tls(handle, session);
    set_login(handle, session);
    set_callbacks(handle, talk);
    set_message(handle, session, recipients, rest);

    auto const code = ::curl_easy_perform(handle);
    auto outcome = judge(code, talk, buffer.data());
    outcome.mechanism = talk.mechanism;
    outcome.auth_sent = talk.auth_sent;
    make_fit_to_be_seen(outcome.text, session);
    return outcome;
}

}   // namespace mailcore::net
