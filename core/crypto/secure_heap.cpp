#include "core/crypto/secure_heap.hpp"

#include <openssl/crypto.h>

#include "core/base/secret.hpp"

namespace mailcore::crypto {
namespace {

constexpr std::size_t kBytes = 1u << 20u;
constexpr std::size_t kSmallest = 32;   // a password fits in one or two

SecureHeap open_once()
{
    // 1 = locked, 2 = mlock or madvise failed, 0 = nothing was set up.
    int const opened = ::CRYPTO_secure_malloc_init(kBytes, kSmallest);
    if (opened == 0) return SecureHeap::None;   // secure_malloc would silently be malloc
    base::use_secret_memory({[](std::size_t bytes) { return ::OPENSSL_secure_malloc(bytes); },
                             [](void* memory, std::size_t bytes) { ::OPENSSL_secure_clear_free(memory, bytes); }});
    return opened == 1 ? SecureHeap::Locked : SecureHeap::Unlocked;
}

}   // namespace

SecureHeap open_secure_heap()
{
    static SecureHeap const opened = open_once();
    return opened;
}

}   // namespace mailcore::crypto
