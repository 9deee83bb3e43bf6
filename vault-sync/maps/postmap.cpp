#include "vault-sync/maps/postmap.hpp"

#include <algorithm>
#include <array>

#include "core/base/child.hpp"
#include "core/base/text.hpp"
#include "core/observe/redactor.hpp"

namespace mailcore::vault_sync {
namespace {

base::Result<std::string> ask_postconf(std::string const& config, std::string const& what, std::string const& argument)
{
    std::vector<std::string> arguments{"postconf", "-c", config, what};
    if (!argument.empty()) arguments.push_back(argument);
    auto answer = base::run_child(arguments);
    if (!answer) return base::fail(std::move(answer.error()).within("postconf"));
    if (answer->status != 0) {
        return base::fail("postconf -c " + config + " " + what +
                          " failed: " + base::printable(base::trim(answer->err)));
    }
    return std::string{base::trim(answer->out)};
}

// What postmap quotes is the line itself. A word that names the trouble without quoting may be shown.
std::string without_quotes(std::string_view complaint)
{
    for (std::string_view const prefix : {"postmap: ", "warning: ", "fatal: "}) {
        if (complaint.starts_with(prefix)) complaint.remove_prefix(prefix.size());
    }
    auto const quote = complaint.find_first_of("\"'");
    std::string shown = base::printable(complaint.substr(0, quote));
    if (quote != std::string_view::npos) shown += "(the rest quotes the line)";
    return shown;
}

base::Error complaint(std::string const& name, std::string words)
{
    words = observe::redacted(std::move(words));
    auto const lines = base::split(base::trim(words), '\n');
    std::string message = "postmap complained about " + name + ": " + std::to_string(lines.size()) +
                          (lines.size() == 1 ? " line" : " lines");
    constexpr std::size_t kMostShown = 3;
    for (std::size_t i = 0; i < std::min(lines.size(), kMostShown); ++i) message += "; " + without_quotes(lines[i]);
    return base::Error{message};
}

base::Result<base::ChildResult> postmap(std::string const& config, std::vector<std::string> arguments,
                                        std::string_view input)
{
    arguments.insert(arguments.begin(), {"postmap", "-c", config});
    auto done = base::run_child(arguments, {.environment = {}, .input = input});
    if (!done) return base::fail(std::move(done.error()).within("postmap"));
    return done;
}

// As postmap -q prints them: key, tab, value.
base::Secret printed(std::string_view key, base::Secret const& value)
{
    base::Secret line{std::string{key} + "\t"};
    line.append(value.reveal());
    line.append("\n");
    return line;
}

// Keys are nexthops and domains, no secrets; nothing else of a line may be named.
std::string keys_not_found(MapLines const& lines, std::string_view found)
{
    std::string keys;
    for (auto const& [key, value] : lines) {
        if (found.find(printed(key, value).reveal()) == std::string_view::npos)
            keys += (keys.empty() ? "" : ", ") + key;
    }
    return base::printable(keys);
}

}   // namespace

base::Result<std::string> find_map_type(std::string const& wanted, std::string const& postfix_config_directory)
{
    std::string type = wanted;
    if (wanted == "auto") {
        auto const standard = ask_postconf(postfix_config_directory, "-h", "default_database_type");
        if (!standard) return base::fail(standard.error());
        type = *standard;
    }
    constexpr std::array<std::string_view, 4> kUsable{"hash", "lmdb", "cdb", "btree"};
    if (std::find(kUsable.begin(), kUsable.end(), type) == kUsable.end()) {
        return base::fail("Postfix's default_database_type is " + base::printable(type) +
                          ", which holds no maps that can be built aside: set output.map_type to cdb, lmdb or hash");
    }
    auto const known = ask_postconf(postfix_config_directory, "-m", "");
    if (!known) return base::fail(known.error());
    auto const types = base::split(*known, '\n');
    if (std::find(types.begin(), types.end(), type) != types.end()) return type;
    bool const is_packaged = type == "lmdb" || type == "cdb";
    return base::fail("this Postfix knows no " + type + " maps: " +
                      (is_packaged ? "apt-get install postfix-" + type : "set output.map_type to cdb or lmdb"));
}

std::string index_name(std::string const& name, std::string const& map_type)
{
    return name + (map_type == "lmdb" ? ".lmdb" : map_type == "cdb" ? ".cdb" : ".db");
}

base::Result<> Postmap::make(Directory const& directory, std::string const& name) const
{
    auto done = postmap(config_, {type_ + ":" + directory.path(name)}, "");
    if (!done) return base::fail(done.error());
    base::Secret const words{std::move(done->out += done->err)};   // may quote a line: wiped when it goes
    if (!base::trim(words.reveal()).empty()) return base::fail(complaint(name, std::string{words.reveal()}));
    if (done->status != 0)
        return base::fail("postmap failed on " + name + " with status " + std::to_string(done->status));
    return directory.protect(index_name(name, type_));
}

base::Result<> Postmap::ask_back(Directory const& directory, std::string const& name, MapLines const& lines) const
{
    if (lines.empty()) return {};
    std::string keys;
    base::Secret wanted;
    for (auto const& [key, value] : lines) {
        keys += key + "\n";
        wanted.append(printed(key, value).reveal());
    }
    auto done = postmap(config_, {"-q", "-", type_ + ":" + directory.path(name)}, keys);
    if (!done) return base::fail(done.error());
    base::Secret const found{std::move(done->out)};
    base::Secret const words{std::move(done->err)};
    if (!base::trim(words.reveal()).empty()) return base::fail(complaint(name, std::string{words.reveal()}));
    if (found == wanted) return {};
    return base::fail("postmap did not keep every line of " + name +
                      " as it was given: " + keys_not_found(lines, found.reveal()));
}

base::Result<> Postmap::check_regexp(Directory const& directory, std::string const& name) const
{
    auto done = postmap(config_, {"-q", "-", "regexp:" + directory.path(name)}, "probe@mailcore.invalid\n");
    if (!done) return base::fail(done.error());
    if (!base::trim(done->err).empty()) return base::fail(complaint(name, std::move(done->err)));
    if (done->status > 1)
        return base::fail("postmap failed on " + name + " with status " + std::to_string(done->status));
    return {};
}

}   // namespace mailcore::vault_sync
