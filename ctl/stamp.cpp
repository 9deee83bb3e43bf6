// The stamp's keys, and the proof that a message carries a genuine stamp.

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <iostream>
#include <map>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/duration.hpp"
#include "core/base/fd.hpp"
#include "core/base/text.hpp"
#include "core/config/load.hpp"
#include "core/crypto/hmac.hpp"
#include "core/mail/address.hpp"
#include "core/rules/read.hpp"
#include "ctl/commands.hpp"
#include "ctl/print.hpp"
#include "ctl/stamp_check.hpp"

namespace mailcore::ctl {
namespace {

constexpr std::size_t kKeyBytes = 32;   // as long as the digest, RFC 2104 3

int report(Common const& common, StampedHeaders const& headers, base::Result<> const& result)
{
    if (common.json) {
        print_json({{"valid", result.has_value()}, {"error", result ? "" : result.error().message},
                    {"tenant", headers.tenant.value_or("")}, {"ticket", headers.ticket.value_or("")}});
    } else if (result) {
        std::cout << "valid: tenant " << base::printable(headers.tenant.value_or(""))
                  << (headers.ticket ? ", ticket " + base::printable(*headers.ticket) : ", no ticket") << '\n';
    } else {
        std::cout << "not valid: " << result.error().message << '\n';
    }
    return result ? 0 : 1;
}

std::string key_file_text(std::string const& active, std::map<std::string, std::string> const& keys)
{
    std::string text = "# The keys of mailcore's stamps. Secret: root:mailcore, mode 0640.\n"
                       "# Made by mailcorectl stamp key. Remove an old key when its last stamp has served.\n"
                       "active: " + active + "\nkeys:\n";
    for (auto const& [id, key] : keys) text += "  " + id + ": " + key + "\n";
    return text;
}

base::Result<> give_to_daemons(std::string const& path)
{
    group const* const found = ::getgrnam("mailcore");
    if (found == nullptr) {
        std::cerr << "mailcorectl: there is no group mailcore on this host; " << path << " is readable by its owner only\n";
        return {};
    }
    if (::chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0 || ::chmod(path.c_str(), 0640) != 0) {
        return base::fail_errno("cannot give " + path + " to group mailcore");
    }
    return {};
}

base::Result<> write_whole(int file, std::string_view text)
{
    while (!text.empty()) {
        auto const written = ::write(file, text.data(), text.size());
        if (written < 0) return base::fail_errno("write");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(file) != 0) return base::fail_errno("fsync");
    return {};
}

// Written beside and renamed, so that a daemon never reads half a file. An existing file's owner and mode are kept.
base::Result<> replace_key_file(std::string const& path, std::string const& text)
{
    struct stat former{};
    bool const existed = ::stat(path.c_str(), &former) == 0;
    auto const beside = path + ".new";
    ::unlink(beside.c_str());
    base::Fd const file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!file) return base::fail_errno("cannot write " + beside);
    auto done = write_whole(file.get(), text);
    if (done && existed && (::fchown(file.get(), former.st_uid, former.st_gid) != 0 || ::fchmod(file.get(), former.st_mode & 0777) != 0)) {
        done = base::fail_errno("cannot keep owner and mode of " + path);
    }
    if (done && !existed) done = give_to_daemons(beside);
    if (done && ::rename(beside.c_str(), path.c_str()) != 0) done = base::fail_errno("cannot rename " + beside);
    if (!done) ::unlink(beside.c_str());
    return done;
}

std::string new_key() { return crypto::base64(crypto::random_bytes(kKeyBytes)); }

// k1, k2, …: the first that is free above all in use.
std::string next_id(mail::StampKeys const& keys)
{
    for (std::size_t i = keys.keys.size() + 1;; ++i) {
        auto id = "k" + std::to_string(i);
        if (!keys.keys.contains(id)) return id;
    }
}

// The configuration may have other mistakes, above all the missing keys file: only its name is wanted.
config::Text keys_path(Common const& common)
{
    config::Diagnostics unused;
    return config::load(common.config, unused).stamp.keys_file;
}

constexpr auto kUnsigned = "stamp.keys_file is \"\": stamps are unsigned, there are no keys";

}   // namespace

int stamp_verify(Common const& common, StampVerifyOptions const& options)
{
    auto const max_age = base::parse_duration(options.max_age);
    if (!max_age) return complain("--max-age: " + max_age.error().message, 64);
    config::Diagnostics problems;
    auto const settings = config::load(common.config, problems);
    auto const keys = rules::read_stamp_keys(settings.stamp.keys_file, problems);
    if (problems.has_errors()) return complain(base::Error{problems.text(), base::ErrorKind::Configuration});
    if (keys == nullptr) return complain(kUnsigned);
    auto const message = read_input(options.file);
    if (!message) return complain(message.error());

    auto const headers = read_stamped_headers(*message, settings.stamp);
    if (!options.has_sender && !headers.return_path) {
        return complain("the message has no Return-Path; name its envelope sender with --sender (empty for null)", 64);
    }
    auto const sender = options.has_sender ? options.sender : mail::internal_form_of_path(*headers.return_path);
    return report(common, headers, verify(headers, *keys, sender, *max_age));
}

int stamp_key_new(Common const& common)
{
    auto const path = keys_path(common).value;
    if (path.empty()) return complain(kUnsigned);
    if (std::filesystem::exists(path)) return complain(path + " exists; to add a key to it: mailcorectl stamp key rotate");
    auto const written = replace_key_file(path, key_file_text("k1", {{"k1", new_key()}}));
    if (!written) return complain(written.error());
    std::cout << path << ": made, key k1 signs\n";
    return 0;
}

int stamp_key_rotate(Common const& common)
{
    auto const path = keys_path(common);
    if (path.value.empty()) return complain(kUnsigned);
    config::Diagnostics problems;
    auto const keys = rules::read_stamp_keys(path, problems);
    if (problems.has_errors()) return complain(base::Error{problems.text(), base::ErrorKind::Configuration});

    std::map<std::string, std::string> texts;
    for (auto const& [id, key] : keys->keys) texts[id] = crypto::base64(key.reveal());
    auto const id = next_id(*keys);
    texts[id] = new_key();
    auto const written = replace_key_file(path.value, key_file_text(id, texts));
    if (!written) return complain(written.error());
    std::cout << path.value << ": key " << id << " signs from the next reload on; older keys still verify\n"
              << "Now run: mailcorectl reload\n";
    return 0;
}

}   // namespace mailcore::ctl
