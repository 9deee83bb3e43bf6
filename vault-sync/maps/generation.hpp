// Generations on disk: output.directory/generations/NNNN/, each whole and never changed while it is current, and the
// symbolic link `current`. Everything here leaves either the old or the new state whole when it is killed at any step.
//
//     output.directory/            root 0755
//       current -> generations/0007
//       generations/0007/          root 0700: sasl_passwd transport tls_policy (0600, each with its indexed file),
//                                  relayhost default_transport (regexp), manifest.json (no secret)
//       state/                     root 0700, see apply/state.hpp
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "vault-sync/maps/directory.hpp"
#include "vault-sync/maps/render.hpp"

namespace mailcore::vault_sync {

// What a generation is, from its manifest and its own sasl_passwd: enough to render it again.
struct Generation {
    std::uint64_t number = 0;
    base::Time created{};
    Routing routing;
    std::vector<Relay> relays;          // with their passwords
    std::vector<std::string> carried;   // nexthops kept from the generation before; not its own
    std::string map_type;               // "hash", as it was built; load() fills it, build() takes the store's
};

struct GenerationSummary {              // what `generations` lists
    std::uint64_t number = 0;
    base::Time created{};
    bool current = false;
    std::string active;
    std::vector<std::string> relays;    // names
    std::string damage;                 // why load() would refuse it; "" = it is whole
};

// The places, in their order, where a test can have a build and a switch die or fail (core/base/fault.hpp).
constexpr std::array<std::string_view, 13> kGenerationFaults{
    "generation.directory", "map.write",          "generation.sasl_passwd", "generation.postmap", "generation.queried",
    "generation.manifest",  "generation.synced",  "generation.rename",      "generation.renamed", "generation.replaced",
    "current.link",         "current.rename",     "current.renamed"};
constexpr std::array<std::string_view, 2> kPruneFaults{"prune.rename", "prune.renamed"};

class GenerationStore {
public:
    // map_type: auto | cdb | lmdb | hash. Finds out what Postfix knows (postconf -m). Makes the directories (0755, 0700).
    // Refuses a directory that others could write to or that is a symbolic link.
    static base::Result<GenerationStore> open(std::string const& directory, std::string const& map_type,
                                              std::string postfix_config_directory);

    base::Result<std::optional<std::uint64_t>> current() const;       // nothing: no generation yet
    base::Result<Generation> load(std::uint64_t number) const;        // fails on one that is not whole, saying how
    base::Result<std::optional<Generation>> load_current() const;     // both: nothing, if there is none yet
    base::Result<std::vector<GenerationSummary>> list() const;        // oldest first; leftovers of killed runs are not listed

    // Builds generation `number` (a new one, or an old one anew for a rollback) from its parts with the carried lines of
    // `former`: writes sources 0600 before data, runs postmap with captured output (any output is a failure, redacted),
    // asks each key back, fsyncs all. The generation is in place and whole afterwards, and not current.
    base::Result<> build(Generation const& generation, std::optional<Generation> const& former);

    std::uint64_t next_number() const;
    base::Result<> make_current(std::uint64_t number);                // one rename, fsync
    void prune(std::size_t keep);                                     // the oldest; never the current one
    void remove_leftovers();                                          // of killed runs; call under the lock

    std::string const& directory() const { return directory_; }
    std::string const& map_type() const { return map_type_; }         // as found: "hash"

private:
    GenerationStore(std::string directory, std::string map_type, std::string postfix_config_directory);
    base::Result<Directory> generations() const;   // opened and checked anew each time
    base::Result<> fill(Directory const& staging, Generation const& generation, MapTexts const& texts,
                        std::vector<std::string> const& carried) const;
    std::string directory_, map_type_, postfix_config_directory_;
};

}   // namespace mailcore::vault_sync
