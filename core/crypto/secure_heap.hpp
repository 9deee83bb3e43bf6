// OpenSSL's secure heap for base::Secret: guard pages, locked in memory, left out of core dumps.
#pragma once

namespace mailcore::crypto {

enum class SecureHeap {
    Locked,     // as it should be
    Unlocked,   // there, but mlock failed (RLIMIT_MEMLOCK): could be swapped out
    None,       // OpenSSL has none here: wiped ordinary memory serves
};

// Call first thing in main(); again it only tells. 1 MiB; when it is full, or a text is larger, Secret uses wiped
// ordinary memory.
SecureHeap open_secure_heap();

}   // namespace mailcore::crypto
