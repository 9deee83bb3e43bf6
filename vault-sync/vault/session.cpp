#include "vault-sync/vault/session.hpp"

#include <algorithm>

#include "core/base/duration.hpp"
#include "core/base/text.hpp"

namespace mailcore::vault_sync {
namespace {

using std::chrono::seconds;

constexpr seconds kLongestBackoff{300};
constexpr seconds kDay{86'400};

seconds part_of(seconds whole, double part)
{
    return seconds{static_cast<std::int64_t>(static_cast<double>(whole.count()) * part)};
}

// "5h", not "18000s" nor 17 999 seconds to the second.
std::string roughly(seconds time)
{
    auto const unit = time >= seconds{3600} ? seconds{3600} : time >= seconds{60} ? seconds{60} : seconds{1};
    return base::format_duration(time / unit * unit);
}

}   // namespace

Session::Session(VaultSettings const& settings, VaultEnvironment const& environment, Transport& transport)
    : method_{settings.auth.method},
      token_file_{settings.auth.token_file},
      given_{settings.token.copy()},
      transport_{&transport},
      login_{settings.auth, environment, transport} {}

bool Session::holds_living(base::Time now) const
{
    return !token_.value.empty() && (!token_.ends || now < *token_.ends);
}

VaultResult<> Session::ensure()
{
    if (method_ == "none") return {};
    if (method_ == "token") return load_given();
    if (holds_living(transport_->now())) return {};
    return log_in(transport_->now());
}

VaultResult<> Session::log_in(base::Time now)
{
    auto granted = login_.log_in();
    if (!granted) return base::fail_with(granted.error());
    if (granted->uses > 0) {
        transport_->warn("the role's tokens may be used " + std::to_string(granted->uses) +
                         " times only, and each call counts; set the role's token_num_uses to 0");
    }
    auto former = std::move(token_);
    adopt(std::move(*granted), now);
    fresh_ = true;
    // Else the old one lives on beside the new one. It may be dead: no matter.
    if (!former.value.empty() && !former.batch && (!former.ends || now < *former.ends)) {
        static_cast<void>(transport_->call({"POST", "auth/token/revoke-self", &former.value, nullptr, Repeat::Never}));
    }
    return {};
}

void Session::adopt(Granted granted, base::Time now)
{
    token_ = {std::move(granted.token), granted.lease, {}, granted.renewable && !granted.batch, granted.batch};
    if (token_.lease > seconds{0}) token_.ends = now + token_.lease;
    backoff_ = seconds{1};
    schedule(now);
}

// As the official client's watcher: two thirds of the lease and a third of a random tenth to fifth of it. A token that
// cannot be renewed is had anew that much before its end.
void Session::schedule(base::Time now)
{
    next_renewal_.reset();
    if (!token_.ends || (!token_.renewable && !by_login())) return;
    auto const left = std::chrono::duration_cast<seconds>(*token_.ends - now);
    grace_ = part_of(token_.lease, 0.1 + 0.1 * transport_->random());
    auto const pause = token_.renewable ? part_of(left, 2.0 / 3) + grace_ / 3 : left - grace_;
    next_renewal_ = now + std::max(pause, seconds{1});
}

// ---- 403

VaultResult<Session::After> Session::after_denial(std::string const& what)
{
    if (method_ == "none") return After::GiveUp;
    if (method_ == "token") return after_denial_of_given(what);
    auto const remembered = denied_.find(what);
    if (remembered != denied_.end() && transport_->now() < remembered->second) return After::GiveUp;
    if (fresh_) {   // no newer token can be had: it is the policy
        remember_denial(what);
        return After::GiveUp;
    }
    if (auto const again = log_in(transport_->now()); !again) return base::fail_with(again.error());
    return After::AskAgain;
}

VaultResult<Session::After> Session::after_denial_of_given(std::string const& what)
{
    auto const before = token_.value.copy();
    if (auto const loaded = load_given(); !loaded) return base::fail_with(loaded.error());
    if (!(token_.value == before)) return After::AskAgain;   // the agent has just written another one
    auto const self = transport_->call({"GET", "auth/token/lookup-self", token(), nullptr});
    if (!self || self->status != 403) return After::GiveUp;
    auto const cure = token_file_.empty() ? "give vault-sync a new VAULT_TOKEN" : "write a new one into " + token_file_;
    return fail(VaultFailure::LoginRefused,
                transport_->address() + " denies " + what +
                    " and the token itself: it has ended, was revoked, or lacks the default policy; " + cure);
}

void Session::remember_denial(std::string const& what)
{
    if (by_login()) denied_[what] = token_.ends.value_or(base::Time::max());
}

// ---- a token that was given

VaultResult<> Session::load_given()
{
    auto value = token_file_.empty() ? VaultResult<base::Secret>{given_.copy()}
                                     : read_credential(token_file_, Permissions::NotForAll);
    if (!value) return base::fail_with(value.error());
    if (value->empty()) return fail(VaultFailure::NoCredentials, token_file_ + " is empty; it should hold a token");
    if (!(*value == token_.value)) {
        transport_->remember(*value);
        token_ = {std::move(*value), {}, {}, false, false};
        next_renewal_.reset();
        examined_ = false;
    }
    return examined_ ? VaultResult<>{} : examine_given();
}

// A token may be forbidden to look itself up: that alone says nothing about its life.
VaultResult<> Session::examine_given()
{
    auto const self = transport_->call({"GET", "auth/token/lookup-self", token(), nullptr});
    if (!self) return base::fail_with(self.error());
    examined_ = true;
    if (!self->ok()) return {};
    auto const data = self->at("data");
    token_.lease = seconds{data.at("ttl").number().value_or(0)};
    token_.batch = data.at("type").text() == "batch";
    token_.renewable = data.at("renewable").boolean().value_or(false) && !token_.batch;
    auto const now = transport_->now();
    if (token_.lease > seconds{0}) token_.ends = now + token_.lease;
    warn_of_given(data);
    schedule(now);
    return {};
}

void Session::warn_of_given(JsonNode data) const
{
    auto const name = token_file_.empty() ? std::string{"VAULT_TOKEN"} : "the token of " + token_file_;
    bool root = false;
    for (std::size_t i = 0; i < data.at("policies").size(); ++i)
        root = root || data.at("policies").item(i).text() == "root";
    if (root) {
        transport_->warn(name + " is a root token: give vault-sync one with a policy for its own paths");
    } else if (!token_.ends) {
        transport_->warn(name + " never ends: give vault-sync one that does, or a login by AppRole");
    } else if (token_.lease < kDay) {
        transport_->warn(name + " ends in " + roughly(token_.lease) +
                         (token_.renewable ? " unless it is renewed" : "") + "; have a new one ready");
    }
    if (auto const uses = data.at("num_uses").number().value_or(0); uses > 0) {
        transport_->warn(name + " may be used " + std::to_string(uses) +
                         " times more, and each call counts; give vault-sync one without num_uses");
    }
}

// ---- renewal

VaultResult<> Session::keep_alive(base::Time now)
{
    if (!next_renewal_ || now < *next_renewal_) return {};
    bool const living = holds_living(now);
    if (living && token_.renewable) return renew(now);
    if (by_login()) return log_in_anew(now);
    next_renewal_.reset();   // a given token can only run out
    return {};
}

VaultResult<> Session::renew(base::Time now)
{
    auto const body = base::Secret{"{}"};
    auto const answer = transport_->call({"POST", "auth/token/renew-self", token(), &body});
    if (!answer) return later(now, answer.error());
    if (answer->ok()) return take_renewal(answer->at("auth"), now);
    // Not allowed, or not any more: asking again would not help (hashicorp/vault#26844).
    token_.renewable = false;
    schedule(now);
    return {};
}

// A lease that no longer grows tells that the token's longest life is near; it cannot be asked beforehand.
VaultResult<> Session::take_renewal(JsonNode auth, base::Time now)
{
    auto const former = token_.lease;
    seconds const lease{auth.at("lease_duration").number().value_or(0)};
    bool const shrinks = lease < former && lease > seconds{0};
    token_.lease = std::max(lease, former);
    token_.ends = now + lease;
    token_.renewable = auth.at("renewable").boolean().value_or(false) && !shrinks;
    backoff_ = seconds{1};
    if (shrinks && by_login()) return log_in_anew(now);
    if (shrinks)
        transport_->warn("the token can no longer be renewed: it ends in " + roughly(lease) + "; have a new one ready");
    if (lease == seconds{0}) token_.ends.reset();
    schedule(now);
    return {};
}

VaultResult<> Session::log_in_anew(base::Time now)
{
    if (auto const done = log_in(now); !done) return later(now, done.error());
    return {};
}

VaultResult<> Session::later(base::Time now, VaultError const& error)
{
    auto const spread =
        std::chrono::milliseconds{static_cast<std::int64_t>(transport_->random() * 250)} * backoff_.count();
    next_renewal_ = now + backoff_ + spread;
    backoff_ = std::min(backoff_ * 2, kLongestBackoff);
    return base::fail_with(error);
}

std::optional<seconds> Session::token_left(base::Time now) const
{
    if (token_.value.empty() || !token_.ends) return std::nullopt;
    return std::max(seconds{0}, std::chrono::duration_cast<seconds>(*token_.ends - now));
}

void Session::revoke_own_token()
{
    if (!by_login() || token_.batch || !holds_living(transport_->now())) return;
    auto const done = transport_->call({"POST", "auth/token/revoke-self", token(), nullptr, Repeat::Never});
    if (!done) {
        transport_->warn("the token was not revoked: " + done.error().message);
    } else if (!done->ok()) {
        transport_->warn(transport_->address() + " refused to revoke the token: " +
                         (done->words.empty() ? std::to_string(done->status) : done->words) +
                         "; grant update on auth/token/revoke-self");
    }
    token_ = {};
    next_renewal_.reset();
}

}   // namespace mailcore::vault_sync
