#include "vault-sync/vault/kv_reader.hpp"

#include <algorithm>

namespace mailcore::vault_sync {

bool KvReader::is_denied(Attempt const& attempt)
{
    return attempt.result && !*attempt.result && attempt.result->error().kind == VaultFailure::Denied;
}

// The secret may lie at another place.
bool KvReader::is_elsewhere(Attempt const& attempt)
{
    return is_denied(attempt) ||
           (attempt.result && !*attempt.result && attempt.result->error().kind == VaultFailure::NotFound);
}

KvReader::KvReader(std::string const& kv_version, Transport& transport) : transport_{&transport}
{
    if (kv_version == "1") configured_ = KvVersion::One;
    if (kv_version == "2") configured_ = KvVersion::Two;
}

VaultResult<SecretRecord> KvReader::read(std::string const& path, std::string const& mount, base::Secret const& token)
{
    auto const known = find_mount(path, mount, token);
    if (!known) return base::fail_with(known.error());
    bool const complete =
        known->version == KvVersion::One || (known->version == KvVersion::Two && !known->path.empty());
    return complete ? read_known(path, *known, token) : read_possible(path, *known, token);
}

// As `vault kv get` does it; any token with some right below the mount may ask.
VaultResult<Mount> KvReader::find_mount(std::string const& path, std::string const& mount, base::Secret const& token)
{
    if (!mount.empty() && !lies_below(path, mount)) {
        return fail(VaultFailure::Malformed,
                    path + " does not lie below the mount " + mount + "; mend the relay's secret or mount");
    }
    Mount found{mount, configured_};
    if (configured_ == KvVersion::One || (configured_ == KvVersion::Two && !mount.empty())) return found;
    for (auto const& known : mounts_) {
        if (lies_below(path, known.path) && (mount.empty() || mount == known.path)) return known;
    }
    auto const answer = transport_->call({"GET", "sys/internal/ui/mounts/" + path, &token, nullptr});
    if (!answer) return base::fail_with(answer.error());
    if (!answer->ok()) return found;
    auto const named = fitting_mount(path, answer->at("data", "path").text());
    if (mount.empty()) found.path = named;
    if (found.path.empty()) return found;
    bool const two = answer->at("data", "options", "version").text() == "2";
    if (configured_ == KvVersion::Unknown) found.version = two ? KvVersion::Two : KvVersion::One;
    remember(found);
    return found;
}

void KvReader::remember(Mount const& mount)
{
    if (mount.path.empty()) return;
    std::erase_if(mounts_, [&](Mount const& known) { return known.path == mount.path; });
    mounts_.push_back(mount);
}

VaultResult<SecretRecord> KvReader::read_known(std::string const& path, Mount mount, base::Secret const& token)
{
    auto attempt = read_at(path, mount, token);
    if (attempt.result) return std::move(*attempt.result);
    if (configured_ != KvVersion::Unknown || mount.path.empty()) return wrong_form(path, mount);
    mount.version = mount.version == KvVersion::Two ? KvVersion::One : KvVersion::Two;   // upgraded since it was asked
    attempt = read_at(path, mount, token);
    if (!attempt.result) return wrong_form(path, mount);
    remember(mount);
    return std::move(*attempt.result);
}

VaultResult<SecretRecord> KvReader::wrong_form(std::string const& path, Mount const& mount) const
{
    auto const other = mount.version == KvVersion::One ? "2" : "1";
    return fail(VaultFailure::NotFound, transport_->address() + " holds " + path + " in a KV version " + other +
                                            " mount; set vault.kv_version to auto or " + other +
                                            ", and the relay's mount");
}

// Where the server does not tell the mount. A place that is not the right one is denied or not there; of several such
// answers "not there" says more, since it takes rights to hear it.
VaultResult<SecretRecord> KvReader::read_possible(std::string const& path, Mount const& known,
                                                  base::Secret const& token) {
    std::optional<VaultResult<SecretRecord>> best;
    for (auto const& mount : possible_mounts(path, known)) {
        auto attempt = read_at(path, mount, token);
        if (!attempt.result) continue;
        auto& result = *attempt.result;
        if (result) remember(mount);
        if (!is_elsewhere(attempt)) return std::move(result);
        if (!best || (best->error().kind == VaultFailure::Denied && result.error().kind == VaultFailure::NotFound))
            best = std::move(result);
    }
    if (!best) return wrong_form(path, known);
    if (best->error().kind == VaultFailure::Denied && known.path.empty())
        best->error().message += ", or set the relay's mount";
    return std::move(*best);
}

KvReader::Attempt KvReader::read_at(std::string const& path, Mount const& mount, base::Secret const& token)
{
    auto attempt = ask(path, read_path(path, mount), token);
    // Perhaps written in KV 2's form although the mount is KV 1: a policy that knows no data/ denies that place.
    auto const data = mount.path + "/data";
    if (!is_elsewhere(attempt) || mount.version != KvVersion::One || mount.path.empty() || !lies_below(path, data))
        return attempt;
    auto other = ask(path, mount.path + path.substr(data.size()), token);
    return is_denied(other) ? std::move(attempt) : std::move(other);
}

KvReader::Attempt KvReader::ask(std::string const& path, std::string const& place, base::Secret const& token)
{
    auto const error = [&](VaultFailure kind, std::string const& words) {
        return Attempt{VaultResult<SecretRecord>{fail(kind, transport_->address() + words)}};
    };
    auto answer = transport_->call({"GET", place, &token, nullptr});
    if (!answer) return {VaultResult<SecretRecord>{base::fail_with(answer.error())}};
    auto const told = answer->words.empty() ? "" : ": " + answer->words;
    switch (answer->status) {
        case 400: return error(VaultFailure::Malformed, " refused to read " + place + told);
        case 403:
            return error(VaultFailure::Denied, " denies reading " + place + told + "; grant read on it in the policy");
        case 404:
            // The same status for a deleted version, a path that is not there, and the other version's form of a path.
            if (answer->at("data", "metadata").is_object()) break;
            if (answer->at("warnings").size() > 0) return {};
            return error(VaultFailure::NotFound, " has no " + place + ": never written, or no such mount or namespace");
        default: break;
    }
    auto record = read_record(path, answer->at("data"));
    if (!record) return error(record.error().kind, ": " + record.error().message);
    return {std::move(record)};
}

}   // namespace mailcore::vault_sync
