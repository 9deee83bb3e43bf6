#include "vault-sync/apply/age.hpp"

#include <algorithm>

namespace mailcore::vault_sync {
namespace {

int whole_days(std::chrono::microseconds duration)
{
    return static_cast<int>(std::chrono::duration_cast<std::chrono::hours>(duration).count() / 24);
}

SecretAge age_of(RelaySettings const& relay, KnownSecret const& known, RotationSettings const& rotation, base::Time now)
{
    auto const since = known.rotated_at ? std::min(known.first_seen, *known.rotated_at) : known.first_seen;
    SecretAge age;
    age.relay = relay.name.value;
    age.days = std::max(0, whole_days(now - since));
    age.limit_days = known.rotation_days ? *known.rotation_days : whole_days(relay.kind == "ses" ? rotation.ses : rotation.smtp);
    age.is_overdue = age.days >= age.limit_days;
    age.is_soon = !age.is_overdue && age.days >= age.limit_days - whole_days(rotation.warn_before);
    return age;
}

}   // namespace

std::vector<SecretAge> ages(Settings const& settings, State const& state, base::Time now)
{
    std::vector<SecretAge> all;
    for (auto const& relay : settings.relays) {
        auto const known = state.secrets.find(relay.name.value);
        if (known == state.secrets.end() || !known->second.has_login) continue;
        all.push_back(age_of(relay, known->second, settings.rotation, now));
    }
    return all;
}

bool any_overdue(std::vector<SecretAge> const& ages)
{
    return std::any_of(ages.begin(), ages.end(), [](SecretAge const& age) { return age.is_overdue; });
}

std::string words(SecretAge const& age)
{
    auto const plural = [](int days) { return std::to_string(days) + (days == 1 ? " day" : " days"); };
    return age.relay + ": the login is " + plural(age.days) + " old; it should be rotated every " + plural(age.limit_days) +
           (age.is_soon ? ", that is in " + plural(age.limit_days - age.days) : "");
}

}   // namespace mailcore::vault_sync
