#include "vault-sync/source/file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/duration.hpp"
#include "core/base/fd.hpp"
#include "core/base/text.hpp"
#include "vault-sync/vault/secret_json.hpp"

namespace mailcore::vault_sync {
namespace {

using base::Result;
using base::Secret;

Result<> read_all(int file, std::string const& path, std::size_t most_bytes, Secret& into)
{
    std::array<char, 4096> buffer;
    for (;;) {
        auto const got = ::read(file, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got > 0) into.append({buffer.data(), static_cast<std::size_t>(got)});
        auto const failure = errno;
        ::explicit_bzero(buffer.data(), buffer.size());
        errno = failure;
        if (got < 0) return base::fail_errno("cannot read " + path);
        if (got == 0) return {};
        if (into.size() > most_bytes) return base::fail(path + " is larger than " + base::format_size(most_bytes));
    }
}

constexpr bool is_name(char c) { return base::is_alnum(c) || c == '_' || c == '-' || c == '.'; }

std::string shown(std::string_view name) { return "\"" + base::printable(name.substr(0, 64)) + "\""; }

// The traps of agents' templates (hashicorp/vault#18433, hashicorp/consul-template#972).
Result<> check_value(std::string const& path, std::string_view name, std::string_view value)
{
    if (value == "<no value>") {
        return base::fail(path + ": " + shown(name) +
                          " is \"<no value>\": the agent's template names a field that the secret does "
                          "not have; mend the template");
    }
    if (value.starts_with("map[")) {
        return base::fail(path + ": " + shown(name) +
                          " begins with \"map[\": the agent wrote the secret in Go's own form; give it a "
                          "template that writes JSON, as in {{ .Data.data | toJSON }}");
    }
    return {};
}

Result<> take(SecretRecord& record, std::string_view name, Secret value)
{
    if (auto checked = check_value(record.path, name, value.reveal()); !checked) return checked;
    record.fields.insert_or_assign(std::string{name}, std::move(value));
    return {};
}

// ---- JSON

JsonNode fields_of(SecretJson const& json)
{
    if (json.at("data", "data").is_object()) return json.at("data", "data");
    return json.at("data").is_object() ? json.at("data") : json.root();
}

Result<> parse_json(SecretRecord& record, Secret text)
{
    auto const json = SecretJson::parse(std::move(text));
    if (!json) return base::fail(record.path + ": " + json.error().message);
    Result<> taken;
    fields_of(*json).each_member([&](std::string_view name, JsonNode value) {
        auto scalar = value.scalar();
        if (taken && scalar) taken = take(record, name, std::move(*scalar));
    });
    return taken;
}

// ---- lines

struct Line {
    std::string_view name;
    char separator;
    std::string_view value;
};

std::optional<Line> split_line(std::string_view text)
{
    if (text.starts_with("export ")) text = base::trim(text.substr(7));
    auto const name_end = std::find_if_not(text.begin(), text.end(), is_name);
    auto const name = text.substr(0, static_cast<std::size_t>(name_end - text.begin()));
    auto const rest = base::trim(text.substr(name.size()));
    if (name.empty() || rest.empty() || (rest.front() != ':' && rest.front() != '=')) return std::nullopt;
    bool const yaml = rest.front() == ':';
    if (yaml && rest.size() > 1 && rest[1] != ' ' && rest[1] != '\t')
        return std::nullopt;  // "key:value" is one text in YAML
    return Line{name, rest.front(), base::trim(rest.substr(1))};
}

// Quotes as YAML and shells agree on them: '…' with '' for one quote, "…" with \" and \\. No comment behind a value is
// looked for: a password may hold " #".
Secret unquoted(std::string_view value)
{
    char const quote = value.empty() ? '\0' : value.front();
    if (value.size() < 2 || value.back() != quote || (quote != '"' && quote != '\'')) return Secret{value};
    value = value.substr(1, value.size() - 2);
    Secret plain;
    for (std::size_t i = 0; i < value.size(); ++i) {
        auto const next = i + 1 < value.size() ? value[i + 1] : '\0';
        bool const escaped =
            quote == '"' ? value[i] == '\\' && (next == '"' || next == '\\') : value[i] == '\'' && next == '\'';
        if (escaped) ++i;
        plain.append(value.substr(i, 1));
    }
    return plain;
}

std::string field_name(Line const& line)
{
    auto name = base::lower(line.name);
    if (line.separator == '=' && name.starts_with("smtp_")) name.erase(0, 5);
    return name;
}

Result<> parse_lines(SecretRecord& record, std::string_view text)
{
    int number = 0;
    for (auto const raw : base::split(text, '\n')) {
        ++number;
        auto const line_text = base::trim(raw);
        if (line_text.empty() || line_text.front() == '#' || line_text == "---") continue;
        auto const line = split_line(line_text);
        if (!line) {
            return base::fail(record.path + ": line " + std::to_string(number) +
                              " is neither `key: value` nor KEY=VALUE");
        }
        if (line->name == "data" && line->value.empty()) continue;   // the fields follow, indented
        if (auto taken = take(record, field_name(*line), unquoted(line->value)); !taken) return taken;
    }
    return {};
}

}   // namespace

Result<SecretFile> read_secret_file(std::string const& path, std::size_t most_bytes)
{
    // Not blocking: opening a pipe that nobody writes to would wait for ever.
    base::Fd const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (!file) return base::fail_errno("cannot open " + path);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return base::fail_errno("cannot examine " + path);
    if (!S_ISREG(status.st_mode)) return base::fail(path + " is not a regular file");
    SecretFile read{{}, status.st_mode & 07777u, status.st_uid};
    if (auto const done = read_all(file.get(), path, most_bytes, read.text); !done) return base::fail(done.error());
    return read;
}

Result<SecretRecord> parse_record(std::string const& path, Secret text)
{
    SecretRecord record;
    record.source = Source::File;
    record.path = path;
    auto view = text.reveal();
    if (view.starts_with("\xef\xbb\xbf")) view.remove_prefix(3);   // a byte order mark means nothing
    view = base::trim(view);
    if (view.empty())
        return base::fail(path + " is empty; the agent has not written the secret yet, or its template gives nothing");
    if (auto const checked = check_value(path, "the text", view); !checked) return base::fail(checked.error());
    if (view.find('\0') != std::string_view::npos) return base::fail(path + " holds a NUL byte: no text");
    auto const parsed = view.front() == '{' ? parse_json(record, Secret{view}) : parse_lines(record, view);
    if (!parsed) return base::fail(parsed.error());
    if (record.fields.empty()) return base::fail(path + " holds no field");
    return record;
}

Result<FileRecord> read_record_file(std::string const& path)
{
    auto file = read_secret_file(path);
    if (!file) return base::fail(file.error());
    auto record = parse_record(path, std::move(file->text));
    if (!record) return base::fail(record.error());
    FileRecord read{std::move(*record), {}};
    if ((file->mode & 0004u) != 0)
        read.warnings.push_back(path + " is readable by everybody on this host; chmod 0600 " + path);
    return read;
}

}   // namespace mailcore::vault_sync
