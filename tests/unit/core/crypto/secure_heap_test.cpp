#include "core/crypto/secure_heap.hpp"

#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <vector>

#include "core/base/secret.hpp"

namespace mailcore::crypto {
namespace {

bool is_secure(base::Secret const& secret) { return ::CRYPTO_secure_allocated(secret.reveal().data()) == 1; }

TEST(SecureHeap, HoldsSecretsMadeAfterItWasOpened)
{
    base::Secret const before{"made before"};
    ASSERT_NE(open_secure_heap(), SecureHeap::None);
    base::Secret after{"made after"};
    EXPECT_FALSE(is_secure(before));
    EXPECT_TRUE(is_secure(after));
    EXPECT_TRUE(is_secure(before.copy()));
    base::Secret const moved{std::move(after)};
    EXPECT_TRUE(is_secure(moved));
    EXPECT_EQ(moved.reveal(), "made after");
}

TEST(SecureHeap, OpensOnce)
{
    auto const first = open_secure_heap();
    EXPECT_EQ(open_secure_heap(), first);
}

TEST(SecureHeap, GivesWayToTheOrdinaryHeapWhenFull)
{
    open_secure_heap();
    auto const used = ::CRYPTO_secure_used();
    {
        base::Secret const too_large{std::string(2u << 20u, 'x')};
        EXPECT_FALSE(is_secure(too_large));

        std::vector<base::Secret> many;
        for (int i = 0; i < 300; ++i) many.emplace_back(std::string(4096, 'x'));   // 8 KiB each there: room for 128
        EXPECT_TRUE(is_secure(many.front()));
        EXPECT_FALSE(is_secure(many.back()));
        EXPECT_EQ(many.back().reveal(), std::string(4096, 'x'));

        many.pop_back();
        many.erase(many.begin());
        EXPECT_TRUE(is_secure(base::Secret{std::string(4096, 'y')}));   // and takes up again what was given back
    }
    EXPECT_EQ(::CRYPTO_secure_used(), used);
}

TEST(SecureHeap, KeepsNothingOfWhatASecretOutgrew)
{
    open_secure_heap();
    base::Secret growing{std::string(40, 'S')};
    ASSERT_TRUE(is_secure(growing));
    auto const* const old = growing.reveal().data();
    growing.append(std::string(400, 'T'));
    ASSERT_NE(growing.reveal().data(), old);
    // The heap's memory stays mapped, so it may be looked at.
    EXPECT_EQ(std::string_view(old, 40).find('S'), std::string_view::npos);

    auto const* const last = growing.reveal().data();
    growing.clear();
    EXPECT_EQ(std::string_view(last, 440).find_first_of("ST"), std::string_view::npos);
}

}   // namespace
}   // namespace mailcore::crypto
