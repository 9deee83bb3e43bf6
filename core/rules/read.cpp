#include "core/rules/read.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sys/stat.h>

#include "core/base/text.hpp"
#include "core/config/load.hpp"
#include "core/config/yaml.hpp"
#include "core/crypto/hmac.hpp"
#include "core/rules/compile.hpp"

namespace mailcore::rules {
namespace {

using config::Diagnostics;
using config::Document;
using config::Node;

constexpr std::size_t kMaxKeysFile = 1u << 20u;

base::Result<std::string> read_keys_file(std::string const& path)
{
    std::ifstream file{path, std::ios::binary};
    if (!file) {
        std::string cure = errno == ENOENT ? "; make it with: mailcorectl stamp key new"
                                           : "; it belongs to root:mailcore with mode 0640";
        return base::fail("cannot read the stamp's keys from " + path + ": " + std::strerror(errno) + cure +
                          " (or set stamp.keys_file: \"\" for unsigned stamps)");
    }
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (file.bad() || text.size() > kMaxKeysFile) return base::fail("cannot read the stamp's keys from " + path);
    return text;
}

void warn_of_readers(config::Text const& path, Diagnostics& problems)
{
    struct stat facts{};
    if (::stat(path.value.c_str(), &facts) == 0 && (facts.st_mode & S_IRWXO) != 0) {
        problems.warning(path.position, path.value + " can be read by every user of this host; chmod 0640 it");
    }
}

// A key's value never stands in a message: it is a secret even when it is malformed.
void read_key(Document const& document, Node const& node, mail::StampKeys& keys, Diagnostics& problems)
{
    auto const id = node.key->text;
    auto bytes = crypto::from_base64(node.text);
    if (!mail::is_stamp_token(id)) {
        problems.error(document.position(node), "a key's id has letters, digits, \".\", \"_\" and \"-\", at most 64");
    } else if (node.kind != Node::Kind::Scalar || !bytes || bytes->size() < mail::kMinStampKey) {
        problems.error(document.position(node), "key \"" + std::string{id} + "\" is not base64 of at least " +
                       std::to_string(mail::kMinStampKey) + " bytes; make one with: mailcorectl stamp key rotate");
    } else {
        keys.keys.insert_or_assign(std::string{id}, base::Secret{std::move(*bytes)});
    }
}

void check_keys(Document const& document, mail::StampKeys const& keys, Diagnostics& problems)
{
    auto const* active = document.root().find("active");
    if (active == nullptr || keys.active.empty()) {
        problems.error(document.start(), "the stamp's keys need `active:`, the id of the key that signs");
    } else if (!keys.keys.contains(keys.active)) {
        problems.error(document.position(*active), "active key \"" + base::printable(keys.active) + "\" is not among `keys`");
    }
}

}   // namespace

std::shared_ptr<mail::StampKeys const> parse_stamp_keys(std::string const& path, std::string_view text, Diagnostics& problems)
{
    auto const document = Document::parse(path, text, problems);
    auto keys = std::make_shared<mail::StampKeys>();
    for (auto const& node : document.root()) {
        auto const name = node.key == nullptr ? std::string_view{} : node.key->text;
        if (name == "active" && node.kind == Node::Kind::Scalar) keys->active = node.text;
        else if (name == "keys" && node.kind == Node::Kind::Map) {
            for (auto const& key : node) read_key(document, key, *keys, problems);
        } else {
            problems.error(document.position(node), "a file of stamp keys holds `active: ID` and `keys: {ID: BASE64}`");
        }
    }
    check_keys(document, *keys, problems);
    return keys;
}

std::shared_ptr<mail::StampKeys const> read_stamp_keys(config::Text const& path, Diagnostics& problems)
{
    if (path.value.empty()) return nullptr;
    auto const text = read_keys_file(path.value);
    if (!text) {
        problems.error(path.position, text.error().message);
        return nullptr;
    }
    warn_of_readers(path, problems);
    return parse_stamp_keys(path.value, *text, problems);
}

Configuration read_configuration(std::string const& path, Diagnostics& problems)
{
    auto settings = config::load(path, problems);
    if (settings.stamp.keys_file.position.line == 0) {   // the default: complain of it at the file that lacks it
        settings.stamp.keys_file.position.file = std::make_shared<std::string const>(path);
    }
    auto keys = read_stamp_keys(settings.stamp.keys_file, problems);
    auto ruleset = std::make_shared<Ruleset>(compile(settings, std::move(keys), problems));
    return {std::move(settings), std::move(ruleset), problems.text()};
}

base::Result<Configuration> read_configuration(std::string const& path)
{
    Diagnostics problems;
    auto configuration = read_configuration(path, problems);
    if (problems.has_errors()) return base::fail(problems.text(), base::ErrorKind::Configuration);
    return configuration;
}

}   // namespace mailcore::rules
