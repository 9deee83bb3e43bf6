#include "core/observe/redactor.hpp"

#include <atomic>
#include <mutex>
#include <shared_mutex>

#include "core/crypto/disguise.hpp"

namespace mailcore::observe {
namespace {

class Hidden {
public:
    void add(base::Secret const& secret, std::string_view user)
    {
        auto forms = crypto::disguises_of(secret, user);
        std::unique_lock const lock{mutex_};
        crypto::add_disguises(forms_, std::move(forms));
        any_ = !forms_.empty();
    }

    void blank(std::string& text) const
    {
        if (!any_) return;   // as in every program but vault-sync
        std::shared_lock const lock{mutex_};
        crypto::blank(text, forms_);
    }

    void clear()
    {
        std::unique_lock const lock{mutex_};
        forms_.clear();
        any_ = false;
    }

private:
    mutable std::shared_mutex mutex_;
    std::atomic<bool> any_ = false;
    crypto::Disguises forms_;
};

// Never destroyed: threads may still log while the program ends.
Hidden& hidden()
{
    static auto& all = *new Hidden;
    return all;
}

}   // namespace

void hide_secret(base::Secret const& secret, std::string_view user) { hidden().add(secret, user); }

std::string redacted(std::string text)
{
    hidden().blank(text);
    return text;
}

void forget_hidden_secrets() { hidden().clear(); }

}   // namespace mailcore::observe
