#include "vault-sync/maps/generation.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "core/base/fault.hpp"
#include "core/observe/redactor.hpp"
#include "vault-sync/maps/manifest.hpp"
#include "vault-sync/maps/postmap.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr std::array<char const*, 3> kIndexed{"sasl_passwd", "tls_policy", "transport"};
constexpr std::array<char const*, 2> kRegexp{"relayhost", "default_transport"};
constexpr char kManifest[] = "manifest.json";

std::string name_of(std::uint64_t number)
{
    std::array<char, 24> text;
    return {text.data(), static_cast<std::size_t>(std::snprintf(text.data(), text.size(), "%04llu",
                                                                static_cast<unsigned long long>(number)))};
}

// Nothing for a name that is no generation's.
std::optional<std::uint64_t> number_of(std::string_view name)
{
    std::uint64_t number = 0;
    auto const [end, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (problem != std::errc{} || end != name.data() + name.size() || name_of(number) != name) return std::nullopt;
    return number;
}

bool is_leftover(std::string_view name)
{
    return name.starts_with('.') && (name.ends_with(".building") || name.ends_with(".removing"));
}

std::vector<std::uint64_t> numbers_in(Directory const& generations)
{
    std::vector<std::uint64_t> numbers;
    for (auto const& name : generations.names()) {
        if (auto const number = number_of(name)) numbers.push_back(*number);
    }
    std::sort(numbers.begin(), numbers.end());   // 10000 comes after 9999
    return numbers;
}

// A directory being filled: gone when the object goes, with what it then holds. After the exchange that is the old one.
class Staging {
public:
    static base::Result<Staging> make(Directory const& parent, std::string name)
    {
        if (base::fault_point("generation.directory")) return base::fail_errno("mkdir " + parent.path(name));
        parent.remove(name);   // a killed run's
        auto made = parent.make_child(name, 0700);
        if (!made) return base::fail(made.error());
        return Staging{parent, std::move(name), std::move(*made)};
    }
    Staging(Staging&& other) noexcept
        : parent_{other.parent_}, name_{std::exchange(other.name_, "")}, directory_{std::move(other.directory_)}
    {}
    Staging& operator=(Staging&&) = delete;
    ~Staging()
    {
        if (!name_.empty()) parent_.remove(name_);
    }
    Directory const& directory() const { return directory_; }
    std::string const& name() const { return name_; }

private:
    Staging(Directory const& parent, std::string name, Directory directory)
        : parent_{parent}, name_{std::move(name)}, directory_{std::move(directory)}
    {}
    Directory const& parent_;
    std::string name_;
    Directory directory_;
};

MapLines lines_of(std::map<std::string, std::string> const& plain)
{
    MapLines lines;
    for (auto const& [key, value] : plain) lines.emplace(key, base::Secret{value});
    return lines;
}

base::Result<> write_sources(Directory const& staging, MapTexts const& texts)
{
    if (base::fault_point("generation.sasl_passwd")) return base::fail_errno("create " + staging.path("sasl_passwd"));
    return staging.write("sasl_passwd", map_file(texts.sasl_passwd).reveal())
        .and_then([&] { return staging.write("tls_policy", map_file(texts.tls_policy).reveal()); })
        .and_then([&] { return staging.write("transport", map_file(texts.transport)); })
        .and_then([&] { return staging.write("relayhost", texts.relayhost); })
        .and_then([&] { return staging.write("default_transport", texts.default_transport); });
}

base::Result<> index_sources(Postmap const& postmap, Directory const& staging)
{
    if (base::fault_point("generation.postmap")) return base::fail_errno("postmap");
    for (auto const* name : kIndexed) {
        if (auto made = postmap.make(staging, name); !made) return made;
    }
    return {};
}

base::Result<> ask_back(Postmap const& postmap, Directory const& staging, MapTexts const& texts)
{
    for (auto const* name : kRegexp) {
        if (auto read = postmap.check_regexp(staging, name); !read) return read;
    }
    auto asked = postmap.ask_back(staging, "sasl_passwd", texts.sasl_passwd)
                     .and_then([&] { return postmap.ask_back(staging, "tls_policy", texts.tls_policy); })
                     .and_then([&] { return postmap.ask_back(staging, "transport", lines_of(texts.transport)); });
    if (asked && base::fault_point("generation.queried")) return base::fail_errno("postmap -q");
    return asked;
}

base::Result<> put_in_place(Directory const& generations, Staging const& staging, std::string const& name)
{
    if (base::fault_point("generation.rename")) return base::fail_errno("rename " + generations.path(staging.name()));
    bool const replaces = generations.has(name);
    auto placed = replaces ? generations.exchange(staging.name(), name) : generations.rename(staging.name(), name);
    if (!placed) return placed;
    if (base::fault_point(replaces ? "generation.replaced" : "generation.renamed")) {
        return base::fail_errno("fsync " + generations.path());
    }
    return generations.sync();
}

// A relay's user and password, from its own line: "user:password", split at the first colon as Postfix does.
base::Result<> give_login(Relay& relay, MapLines const& lines)
{
    auto const line = lines.find(relay.nexthop());
    if (line == lines.end()) return base::fail("sasl_passwd has no line for " + relay.nexthop());
    auto const value = line->second.reveal();
    auto const colon = value.find(':');
    if (colon == std::string_view::npos)
        return base::fail("sasl_passwd's line for " + relay.nexthop() + " is no login");
    relay.user = value.substr(0, colon);
    relay.password = base::Secret{value.substr(colon + 1)};
    return {};
}

MapLines read_lines(base::Secret const& text)
{
    MapLines lines;
    auto rest = text.reveal();
    while (!rest.empty()) {
        auto const line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        auto const end = line.find_first_of(" \t");
        auto const start = line.find_first_not_of(" \t", end);
        if (end == 0 || start == std::string_view::npos) continue;
        lines.emplace(line.substr(0, end), base::Secret{line.substr(start)});
    }
    return lines;
}

base::Result<Manifest> manifest_in(Directory const& directory)
{
    auto const text = directory.read(kManifest);
    if (!text) return base::fail(text.error());
    auto manifest = read_manifest(*text);
    if (!manifest) return base::fail(std::move(manifest.error()).within(directory.path(kManifest)));
    return manifest;
}

base::Result<> check_files(Directory const& directory, std::string const& map_type)
{
    for (auto const* name : kRegexp) {
        if (!directory.has(name)) return base::fail(directory.path(name) + " is missing");
    }
    for (std::string const name : kIndexed) {
        for (auto const& file : {name, index_name(name, map_type)}) {
            if (!directory.has(file)) return base::fail(directory.path(file) + " is missing");
        }
    }
    return {};
}

base::Result<Manifest> whole_manifest(Directory const& generations, std::uint64_t number)
{
    auto const directory = generations.child(name_of(number));
    if (!directory) return base::fail(directory.error());
    auto manifest = manifest_in(*directory);
    if (!manifest) return manifest;
    auto const& said = manifest->generation;
    if (said.number != number) {
        return base::fail(directory->path(kManifest) + " is that of generation " + std::to_string(said.number));
    }
    if (auto whole = check_files(*directory, said.map_type); !whole) return base::fail(whole.error());
    return manifest;
}

GenerationSummary summary_of(Directory const& generations, std::uint64_t number, std::optional<std::uint64_t> current)
{
    GenerationSummary summary;
    summary.number = number;
    summary.current = number == current;
    auto const manifest = whole_manifest(generations, number);
    if (!manifest) {
        summary.damage = manifest.error().message;
        return summary;
    }
    summary.created = manifest->generation.created;
    summary.active = manifest->generation.routing.active;
    for (auto const& relay : manifest->generation.relays) summary.relays.push_back(relay.name);
    return summary;
}

}   // namespace

GenerationStore::GenerationStore(std::string directory, std::string map_type, std::string postfix_config_directory)
    : directory_{std::move(directory)},
      map_type_{std::move(map_type)},
      postfix_config_directory_{std::move(postfix_config_directory)}
{}

base::Result<GenerationStore> GenerationStore::open(std::string const& directory, std::string const& map_type,
                                                    std::string postfix_config_directory)
{
    auto const found = find_map_type(map_type, postfix_config_directory);
    if (!found) return base::fail(found.error());
    auto const made = Directory::make(directory, 0755);
    if (!made) return base::fail(made.error());
    auto const generations = made->make_child("generations", 0700);
    if (!generations) return base::fail(generations.error());
    return GenerationStore{made->path(), *found, std::move(postfix_config_directory)};
}

base::Result<Directory> GenerationStore::generations() const { return Directory::open(directory_ + "/generations"); }

base::Result<std::optional<std::uint64_t>> GenerationStore::current() const
{
    auto const directory = Directory::open(directory_);
    if (!directory) return base::fail(directory.error());
    auto const target = directory->link_target("current");
    if (!target) return base::fail(target.error());
    if (!*target) return std::nullopt;
    constexpr std::string_view kPrefix = "generations/";
    auto const number =
        (*target)->starts_with(kPrefix) ? number_of(std::string_view{**target}.substr(kPrefix.size())) : std::nullopt;
    if (!number)
        return base::fail(directory->path("current") + " leads to " + **target +
                          ", which is no generation: remove the link");
    return number;
}

base::Result<Generation> GenerationStore::load(std::uint64_t number) const
{
    auto const directory = generations();
    if (!directory) return base::fail(directory.error());
    auto const context = "generation " + std::to_string(number) + " is not whole";
    auto manifest = whole_manifest(*directory, number);
    if (!manifest) return base::fail(std::move(manifest.error()).within(context));
    auto text =
        directory->child(name_of(number)).and_then([](Directory const& own) { return own.read("sasl_passwd"); });
    if (!text) return base::fail(std::move(text.error()).within(context));
    auto const lines = read_lines(base::Secret{std::move(*text)});
    for (auto& relay : manifest->generation.relays) {
        auto const& logins = manifest->logins;
        if (std::find(logins.begin(), logins.end(), relay.name) == logins.end()) continue;
        if (auto given = give_login(relay, lines); !given) return base::fail(std::move(given.error()).within(context));
        observe::hide_secret(relay.password, relay.user);
    }
    return std::move(manifest->generation);
}

base::Result<std::optional<Generation>> GenerationStore::load_current() const
{
    auto const number = current();
    if (!number) return base::fail(number.error());
    if (!*number) return std::optional<Generation>{};
    auto generation = load(**number);
    if (!generation) return base::fail(generation.error());
    return std::optional{std::move(*generation)};
}

base::Result<std::vector<GenerationSummary>> GenerationStore::list() const
{
    auto const directory = generations();
    if (!directory) return base::fail(directory.error());
    auto const now = current();
    if (!now) return base::fail(now.error());
    std::vector<GenerationSummary> summaries;
    for (auto const number : numbers_in(*directory)) summaries.push_back(summary_of(*directory, number, *now));
    return summaries;
}

base::Result<> GenerationStore::fill(Directory const& staging, Generation const& generation, MapTexts const& texts,
                                     std::vector<std::string> const& carried) const
{
    Postmap const postmap{postfix_config_directory_, map_type_};
    auto filled = write_sources(staging, texts).and_then([&] { return index_sources(postmap, staging); }).and_then([&] {
        return ask_back(postmap, staging, texts);
    });
    if (!filled) return filled;
    // The manifest comes last: with it, all the rest is there.
    if (base::fault_point("generation.manifest")) return base::fail_errno("create " + staging.path(kManifest));
    auto sealed = staging.write(kManifest, write_manifest(generation, carried, map_type_)).and_then([&] {
        return staging.sync();
    });
    if (sealed && base::fault_point("generation.synced")) return base::fail_errno("fsync " + staging.path());
    return sealed;
}

base::Result<> GenerationStore::build(Generation const& generation, std::optional<Generation> const& former)
{
    auto texts = render(generation.relays, generation.routing);
    if (!texts) return base::fail(texts.error());
    std::vector<std::string> carried;
    if (former) {
        auto const own = render(former->relays, former->routing);   // without what the former one carried itself
        if (!own) return base::fail(own.error());
        carried = carry_lines(*texts, *own);
    }
    auto const directory = generations();
    if (!directory) return base::fail(directory.error());
    auto const name = name_of(generation.number);
    auto const staging = Staging::make(*directory, "." + name + ".building");
    if (!staging) return base::fail(staging.error());
    auto built = fill(staging->directory(), generation, *texts, carried).and_then([&] {
        return put_in_place(*directory, *staging, name);
    });
    if (!built) return base::fail(std::move(built.error()).within("generation " + std::to_string(generation.number)));
    return {};
}

std::uint64_t GenerationStore::next_number() const
{
    std::uint64_t last = 0;
    if (auto const directory = generations()) {
        auto const numbers = numbers_in(*directory);
        if (!numbers.empty()) last = numbers.back();
    }
    if (auto const now = current(); now && *now) last = std::max(last, **now);
    return last + 1;
}

base::Result<> GenerationStore::make_current(std::uint64_t number)
{
    auto const directory = Directory::open(directory_);
    if (!directory) return base::fail(directory.error());
    auto const target = "generations/" + name_of(number);
    if (!directory->has(target)) return base::fail(directory->path(target) + " is missing");
    return directory->link(target, "current");
}

void GenerationStore::prune(std::size_t keep)
{
    auto const directory = generations();
    auto const now = current();
    if (!directory || !now) return;   // what is current is not known: keep all
    auto const numbers = numbers_in(*directory);
    auto left = numbers.size();
    for (auto const number : numbers) {
        if (left <= std::max<std::size_t>(keep, 1)) break;
        if (number == *now) continue;
        // Out of the way at once, so that a kill leaves a leftover and no half generation.
        auto const name = name_of(number);
        if (base::fault_point("prune.rename") || !directory->rename(name, "." + name + ".removing")) return;
        if (base::fault_point("prune.renamed")) return;
        directory->remove("." + name + ".removing");
        --left;
    }
}

void GenerationStore::remove_leftovers()
{
    for (auto const& directory : {generations(), Directory::open(directory_)}) {
        if (!directory) continue;
        for (auto const& name : directory->names()) {
            if (is_leftover(name)) directory->remove(name);
        }
    }
}

}   // namespace mailcore::vault_sync
