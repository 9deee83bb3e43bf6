#include "core/net/curl.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>

#include "core/base/text.hpp"

namespace mailcore::net {
namespace {

void wipe_and_free(void* memory)
{
    if (memory == nullptr) return;
    ::explicit_bzero(memory, ::malloc_usable_size(memory));
    std::free(memory);
}

// realloc would leave the old bytes behind where it moves them.
void* wiping_realloc(void* memory, std::size_t size)
{
    if (memory == nullptr) return std::malloc(size);
    auto const former = ::malloc_usable_size(memory);
    void* const larger = std::malloc(size);
    if (larger == nullptr) return nullptr;
    std::memcpy(larger, memory, std::min(former, size));
    wipe_and_free(memory);
    return larger;
}

char* copy_text(char const* text) { return ::strdup(text); }

void set_up()
{
    static std::once_flag once;
    std::call_once(once, [] {
        auto const done = ::curl_global_init_mem(CURL_GLOBAL_DEFAULT, std::malloc, wipe_and_free, wiping_realloc,
                                                 copy_text, std::calloc);
        if (done != CURLE_OK) {
            throw std::runtime_error{std::string{"libcurl cannot start: "} + ::curl_easy_strerror(done)};
        }
    });
}

}   // namespace

Curl new_curl()
{
    set_up();
    Curl handle{::curl_easy_init()};
    if (!handle) throw std::bad_alloc{};
    return handle;
}

void append(CurlList& list, char const* text)
{
    auto* const longer = ::curl_slist_append(list.get(), text);
    if (longer == nullptr) throw std::bad_alloc{};
    static_cast<void>(list.release());
    list.reset(longer);
}

std::string words_of(CURL* handle, CURLcode code, char const* buffer)
{
    long number = 0;
    ::curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_COULDNT_CONNECT && number != 0) return std::generic_category().message(static_cast<int>(number));
    return base::printable(base::trim(buffer[0] == '\0' ? ::curl_easy_strerror(code) : buffer));
}

bool is_tls_failure(CURLcode code, std::string_view words)
{
    switch (code) {
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CLIENTCERT:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_CRL_BADFILE:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        case CURLE_SSL_ENGINE_INITFAILED:
        case CURLE_USE_SSL_FAILED: return true;
        // With TLS 1.3 a server refuses our certificate only after the handshake: its alert meets the first read.
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR: return words.find(" alert ") != std::string_view::npos;
        default: return false;
    }
}

std::string_view view(char const* data, std::size_t size, std::size_t count) { return {data, size * count}; }

}   // namespace mailcore::net
