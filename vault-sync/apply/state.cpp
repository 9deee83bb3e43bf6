#include "vault-sync/apply/state.hpp"

#include <cerrno>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

#include "vault-sync/apply/files.hpp"

namespace mailcore::vault_sync {
namespace {

using nlohmann::json;

json time_or_null(std::optional<base::Time> const& time) { return time ? json(base::format_time(*time)) : json(); }

std::optional<base::Time> time_at(json const& object, char const* key)
{
    auto const found = object.find(key);
    return found != object.end() && found->is_string() ? base::parse_time(found->get<std::string>()) : std::nullopt;
}

json known_json(KnownSecret const& known)
{
    return {{"credential", known.credential}, {"first_seen", base::format_time(known.first_seen)},
            {"rotated_at", time_or_null(known.rotated_at)}, {"rotation_days", known.rotation_days ? json(*known.rotation_days) : json()},
            {"source", known.source}, {"path", known.path}, {"version", known.version}, {"has_login", known.has_login}, {"verified", known.verified}};
}

KnownSecret known_from(json const& object)
{
    KnownSecret known;
    known.credential = object.value("credential", "");
    known.first_seen = time_at(object, "first_seen").value_or(base::Time{});
    known.rotated_at = time_at(object, "rotated_at");
    if (object.contains("rotation_days") && object["rotation_days"].is_number_integer()) {
        known.rotation_days = object["rotation_days"].get<int>();
    }
    known.source = object.value("source", "");
    known.path = object.value("path", "");
    known.version = object.value("version", std::uint64_t{0});
    known.has_login = object.value("has_login", false);
    known.verified = object.value("verified", "");
    return known;
}

json hold_json(Hold const& hold)
{
    return {{"values", hold.values}, {"routings", hold.routings}, {"left", hold.left}, {"since", base::format_time(hold.since)},
            {"automatic", hold.automatic}};
}

Hold hold_from(json const& object)
{
    return {object.value("values", std::map<std::string, std::set<std::string>>{}), object.value("routings", std::set<std::string>{}),
            object.value("left", std::uint64_t{0}), time_at(object, "since").value_or(base::Time{}),
            object.value("automatic", false)};
}

json switch_json(Switch const& last)
{
    return {{"from", last.from}, {"to", last.to}, {"at", base::format_time(last.at)}, {"relays", last.relays},
            {"deferred_before", last.deferred_before}};
}

Switch switch_from(json const& object)
{
    return {object.value("from", std::uint64_t{0}), object.value("to", std::uint64_t{0}),
            time_at(object, "at").value_or(base::Time{}), object.value("relays", std::set<std::string>{}),
            object.value("deferred_before", std::set<std::string>{})};
}

State state_from(json const& object)
{
    State state;
    state.active = object.value("active", "");
    auto const secrets = object.value("secrets", json::object());   // items() keeps a reference
    for (auto const& [relay, known] : secrets.items()) state.secrets[relay] = known_from(known);
    auto const refused_values = object.value("refused", json::object());
    for (auto const& [relay, refused] : refused_values.items()) {
        state.refused[relay] = {refused.value("value", ""), time_at(refused, "at").value_or(base::Time{}), refused.value("words", "")};
    }
    if (object.contains("hold") && object["hold"].is_object()) state.hold = hold_from(object["hold"]);
    if (object.contains("last_switch") && object["last_switch"].is_object()) state.last_switch = switch_from(object["last_switch"]);
    if (object.contains("reload_owed") && object["reload_owed"].is_number_unsigned()) {
        state.reload_owed = object["reload_owed"].get<std::uint64_t>();
    }
    state.flush_owed = object.value("flush_owed", false);
    state.rolled_back = object.value("rolled_back", std::set<std::uint64_t>{});
    state.last_success = time_at(object, "last_success");
    state.source = object.value("source", "");
    state.complaints = object.value("complaints", std::map<std::string, std::string>{});
    auto const told = object.value("overdue_told", json::object());
    for (auto const& [relay, time] : told.items()) state.overdue_told[relay] = time_at(told, relay.c_str()).value_or(base::Time{});
    return state;
}

// Who holds the lock, as it wrote it there: "vault-sync watch (process 4711)".
std::string holder_of(int file)
{
    char text[128] = {};
    auto const got = ::pread(file, text, sizeof text - 1, 0);
    return got > 0 ? std::string{text, static_cast<std::size_t>(got)} : "another vault-sync";
}

std::string command_name()
{
    std::string name = "vault-sync";
    if (base::Fd const file{::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC)}; file) {
        char text[4096];
        auto const got = ::read(file.get(), text, sizeof text);
        std::string_view words{text, got > 0 ? static_cast<std::size_t>(got) : 0};
        for (std::string_view const command : {"watch", "once", "use", "rollback"}) {
            auto const word = std::string{'\0'} + std::string{command} + std::string{'\0'};
            if (words.find(word) != std::string_view::npos) return name + ' ' + std::string{command};
        }
    }
    return name;
}

}   // namespace

std::string to_json(State const& state)
{
    json secrets = json::object();
    for (auto const& [relay, known] : state.secrets) secrets[relay] = known_json(known);
    json refused = json::object();
    for (auto const& [relay, value] : state.refused) {
        refused[relay] = {{"value", value.value}, {"at", base::format_time(value.at)}, {"words", value.words}};
    }
    json told = json::object();
    for (auto const& [relay, time] : state.overdue_told) told[relay] = base::format_time(time);
    json const object{{"format", 1}, {"active", state.active}, {"secrets", secrets}, {"refused", refused},
        {"hold", state.hold ? hold_json(*state.hold) : json()},
        {"last_switch", state.last_switch ? switch_json(*state.last_switch) : json()},
        {"reload_owed", state.reload_owed ? json(*state.reload_owed) : json()}, {"flush_owed", state.flush_owed},
        {"rolled_back", state.rolled_back}, {"last_success", time_or_null(state.last_success)},
        {"source", state.source}, {"complaints", state.complaints}, {"overdue_told", told}};
    return object.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

base::Result<State> state_from_json(std::string_view text)
{
    try {
        return state_from(json::parse(text));
    } catch (json::exception const&) {   // its words may quote the text
        return base::fail("is no state that vault-sync wrote");
    }
}

Lock::~Lock()
{
    if (file_) [[maybe_unused]] auto const emptied = ::ftruncate(file_.get(), 0);   // names nobody any more
}

base::Result<> StateStore::prepare() const { return make_private_directory(directory_); }

base::Result<State> StateStore::load() const
{
    auto const path = directory_ + "/state.json";
    auto text = read_small_file(path);
    if (!text) return base::fail(text.error());
    if (!*text) return State{};
    auto state = state_from_json((*text)->reveal());
    if (!state) {
        return base::fail(path + ' ' + state.error().message +
                          "; remove it to go on: what `use` and `rollback` set, and the ages of secrets, start anew");
    }
    return state;
}

base::Result<> StateStore::save(State const& state) const { return replace_file(directory_ + "/state.json", to_json(state)); }

base::Result<> StateStore::update(std::function<void(State&)> const& change) const
{
    auto const held = lock();
    if (!held) return base::fail(held.error());
    auto state = load();
    if (!state) return base::fail(state.error());
    change(*state);
    return save(*state);
}

base::Result<Lock> StateStore::lock(std::chrono::milliseconds patience) const
{
    auto const path = directory_ + "/lock";
    base::Fd file{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file) return base::fail_errno("cannot open " + path);
    auto const end = std::chrono::steady_clock::now() + patience;
    while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return base::fail_errno("cannot lock " + path);
        if (std::chrono::steady_clock::now() >= end) {
            return base::fail(holder_of(file.get()) + " is at work since more than " +
                              std::to_string(patience.count() / 1000) + " s; try again when it has ended");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    auto const holder = command_name() + " (process " + std::to_string(::getpid()) + ")";
    if (::ftruncate(file.get(), 0) != 0 || ::pwrite(file.get(), holder.data(), holder.size(), 0) < 0) {
        return base::fail_errno("cannot write " + path);
    }
    return Lock{std::move(file)};
}

}   // namespace mailcore::vault_sync
