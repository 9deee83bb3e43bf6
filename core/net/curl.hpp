// What HTTP and SMTP share of libcurl. For core/net only.
#pragma once

#include <curl/curl.h>
#include <memory>
#include <string>
#include <string_view>

namespace mailcore::net {

struct CurlDeleter {
    void operator()(CURL* handle) const { ::curl_easy_cleanup(handle); }
    void operator()(CURLU* url) const { ::curl_url_cleanup(url); }
    void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};
using Curl = std::unique_ptr<CURL, CurlDeleter>;
using CurlUrl = std::unique_ptr<CURLU, CurlDeleter>;
using CurlList = std::unique_ptr<curl_slist, CurlDeleter>;

// The one way to get a handle: sets libcurl up first. Its memory is wiped as it is freed, since headers, logins and
// bodies pass through it. Throws std::bad_alloc.
Curl new_curl();

void append(CurlList& list, char const* text);

// libcurl's words, or strerror of what the system said when connecting failed.
std::string words_of(CURL* handle, CURLcode code, char const* buffer);

bool is_tls_failure(CURLcode code, std::string_view words);

// What a callback is given.
std::string_view view(char const* data, std::size_t size, std::size_t count);

}   // namespace mailcore::net
