#include "outcomes/log/log_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/text.hpp"

namespace mailcore::outcomes {
namespace {

FileFacts facts_from(struct stat const& status)
{
    using namespace std::chrono;
    auto const since_epoch = seconds{status.st_mtim.tv_sec} + nanoseconds{status.st_mtim.tv_nsec};
    return {{status.st_dev, status.st_ino},
            static_cast<std::uint64_t>(status.st_size),
            base::Time{floor<microseconds>(since_epoch)},
            status.st_nlink == 0};
}

// ---- Permissions ----

std::string name_of_group(gid_t number)
{
    std::vector<char> buffer(16'384);
    group entry{};
    group* found = nullptr;
    if (::getgrgid_r(number, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
        return std::to_string(number);
    }
    return found->gr_name;
}

// What an operator has to do, so that we may read it without being root.
std::string cure_for(std::string const& path)
{
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return "a directory above it is closed to mailcore";
    auto const needed = static_cast<mode_t>(S_ISDIR(status.st_mode) ? S_IRGRP | S_IXGRP : S_IRGRP);
    if ((status.st_mode & needed) == needed && status.st_gid != 0) {
        return "add mailcore to group " + name_of_group(status.st_gid);
    }
    return "make it readable for group adm, and add mailcore to it";
}

tl::unexpected<base::Error> cannot_open(std::string const& path)
{
    if (errno != EACCES) return base::fail_errno(path);
    return base::fail(path + ": Permission denied; " + cure_for(path));
}

// ---- Names ----

enum class Order { Numbers, Dates, Changes };

struct Name {
    std::string stem;   // without ".gz"
    Packing packing = Packing::None;
    Order order = Order::Changes;
    unsigned number = 0;
    std::string_view date() const { return stem; }   // the same prefix in all: compares as a whole
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Packing take_packing(std::string& stem)
{
    constexpr std::string_view foreign[] = {".xz", ".zst", ".bz2"};
    auto packing = stem.ends_with(".gz") ? Packing::Gzip : Packing::None;
    for (auto const ending : foreign) {
        if (stem.ends_with(ending)) packing = Packing::Foreign;
    }
    if (packing != Packing::None) stem.erase(stem.rfind('.'));
    return packing;
}

// "mail.log.3.gz" and "mail.log-20261121" for "mail.log"; nothing for "mail.log.save" and "mail.log2".
std::optional<Name> parse_name(std::string_view name, std::string_view log)
{
    if (!name.starts_with(log) || name.size() < log.size() + 2) return std::nullopt;
    auto const separator = name[log.size()];
    if ((separator != '.' && separator != '-') || !is_digit(name[log.size() + 1])) return std::nullopt;
    Name parsed;
    parsed.stem = name;
    parsed.packing = take_packing(parsed.stem);
    auto const rest = std::string_view{parsed.stem}.substr(log.size() + 1);
    auto const digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (digits == rest.size() && digits <= 4 && separator == '.') {
        parsed.order = Order::Numbers;
        for (auto const digit : rest) parsed.number = parsed.number * 10 + static_cast<unsigned>(digit - '0');
    } else if (rest.starts_with("20") || (digits == 10 && rest.starts_with('1'))) {
        parsed.order = Order::Dates;   // 20261121, 2026-11-21, 20261121-050000; or seconds since 1970
    }
    return parsed;
}

struct Rotated {
    Name name;
    LogMember member;
};

Order order_of(std::vector<Rotated> const& all)
{
    auto const order = all.empty() ? Order::Changes : all.front().name.order;
    bool const alike =
        std::all_of(all.begin(), all.end(), [&](auto const& rotated) { return rotated.name.order == order; });
    return alike ? order : Order::Changes;
}

void sort_oldest_first(std::vector<Rotated>& all)
{
    auto const order = order_of(all);
    std::sort(all.begin(), all.end(), [order](Rotated const& left, Rotated const& right) {
        if (order == Order::Numbers) return left.name.number > right.name.number;
        if (order == Order::Dates) return left.name.date() < right.name.date();
        if (left.member.facts.changed != right.member.facts.changed) {
            return left.member.facts.changed < right.member.facts.changed;
        }
        return left.name.stem < right.name.stem;
    });
}

// gzip removes the file when its copy is whole: until then the copy may be half of it.
void drop_copies(std::vector<Rotated>& all)
{
    std::erase_if(all, [&all](Rotated const& packed) {
        return packed.name.packing != Packing::None &&
               std::any_of(all.begin(), all.end(), [&](Rotated const& other) {
                   return other.name.packing == Packing::None && other.name.stem == packed.name.stem;
               });
    });
}

// ---- The directory ----

struct Path {
    std::string directory, name;
};

// /var/log/mail.log may be a link to where the logs lie, and are rotated.
Path real_path(std::string const& log)
{
    std::unique_ptr<char, void (*)(void*)> const real{::realpath(log.c_str(), nullptr), std::free};
    std::string const path = real ? real.get() : log;
    auto const slash = path.rfind('/');
    return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

std::optional<LogMember> member_at(int directory, std::string const& path, char const* name)
{
    struct stat status {};
    if (::fstatat(directory, name, &status, 0) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    LogMember member;
    member.path = path;
    member.facts = facts_from(status);
    return member;
}

using Members = std::vector<LogMember>;

base::Result<Members> list_once(std::string const& log)
{
    auto const path = real_path(log);
    std::unique_ptr<DIR, int (*)(DIR*)> const directory{::opendir(path.directory.c_str()), ::closedir};
    if (!directory) return cannot_open(path.directory);
    std::vector<Rotated> rotated;
    std::optional<LogMember> live;
    while (auto const* const entry = ::readdir(directory.get())) {   // NOLINT(concurrency-mt-unsafe): a stream of our own
        std::string const name = entry->d_name;
        auto parsed = parse_name(name, path.name);
        if (!parsed && name != path.name) continue;
        auto member = member_at(::dirfd(directory.get()), path.directory + "/" + name, entry->d_name);
        if (!member) continue;
        if (!parsed) {
            live = std::move(member);
            live->is_live = true;
            continue;
        }
        member->packing = parsed->packing;
        rotated.push_back({std::move(*parsed), std::move(*member)});
    }
    drop_copies(rotated);
    sort_oldest_first(rotated);
    Members members;
    for (auto& one : rotated) members.push_back(std::move(one.member));
    if (live) members.push_back(std::move(*live));
    return members;
}

bool same_files(Members const& left, Members const& right)
{
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](auto const& one, auto const& other) {
        return one.path == other.path && one.facts.id == other.facts.id;
    });
}

}   // namespace

// ---- Heads ----

// FNV-1a: who could make two logs begin alike would be root here.
Head head_of(std::string_view bytes)
{
    bytes = bytes.substr(0, Head::kMost);
    Head head;
    head.size = static_cast<std::uint32_t>(bytes.size());
    head.hash = 0xcbf2'9ce4'8422'2325u;
    std::size_t step = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        head.hash = (head.hash ^ static_cast<unsigned char>(bytes[at])) * 0x100'0000'01b3u;
        if (at + 1 == std::size_t{16} << step) head.steps[step++] = static_cast<std::uint32_t>(head.hash);
    }
    return head;
}

Beginning compare(std::string_view first_bytes, Head const& head)
{
    auto const found = head_of(first_bytes.substr(0, head.size));
    if (found.size == head.size) return found == head ? Beginning::Same : Beginning::Other;
    auto const reached = std::find(found.steps.begin(), found.steps.end(), 0u) - found.steps.begin();
    bool const alike = reached > 0 && found.steps[static_cast<std::size_t>(reached) - 1] ==
                                          head.steps[static_cast<std::size_t>(reached) - 1];
    return alike ? Beginning::Part : Beginning::Other;
}

// ---- A file ----

void LogFile::Close::operator()(gzFile_s* file) const { ::gzclose_r(file); }

base::Result<LogFile> LogFile::open(std::string const& path, Packing packing)
{
    if (packing == Packing::Foreign) return base::fail(path + ": packed in a form that is not read; only .gz is");
    LogFile file;
    file.path_ = path;
    file.fd_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!file.fd_) return cannot_open(path);
    struct stat status {};
    if (::fstat(file.fd_.get(), &status) != 0) return base::fail_errno(path);
    if (!S_ISREG(status.st_mode)) return base::fail(path + ": is no regular file");
    if (packing == Packing::None) return file;
    int const second = ::fcntl(file.fd_.get(), F_DUPFD_CLOEXEC, 0);   // zlib closes what it is given
    if (second < 0) return base::fail_errno(path);
    file.packed_.reset(::gzdopen(second, "rb"));
    if (file.packed_) return file;
    ::close(second);
    return base::fail(path + ": no memory to unpack it");
}

base::Result<std::string> LogFile::read(std::uint64_t offset, std::size_t most)
{
    if (packed_) return unpack(offset, most);
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) return base::fail_errno(path_);
    auto const size = static_cast<std::uint64_t>(status.st_size);
    if (offset >= size) return "";
    std::string bytes(std::min<std::uint64_t>(most, size - offset), '\0');
    auto const got = ::pread(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0) return base::fail_errno(path_);
    bytes.resize(static_cast<std::size_t>(got));
    return bytes;
}

base::Result<std::string> LogFile::unpack(std::uint64_t offset, std::size_t most)
{
    auto const damaged = [&] {
        int code = Z_OK;
        std::string const words = ::gzerror(packed_.get(), &code);
        return base::fail(path_ + ": damaged: " + (words.empty() ? "no words" : words));
    };
    if (::gzseek(packed_.get(), static_cast<z_off_t>(offset), SEEK_SET) < 0) return damaged();
    std::string bytes(std::min<std::size_t>(most, 1u << 30u), '\0');
    auto const got = ::gzread(packed_.get(), bytes.data(), static_cast<unsigned>(bytes.size()));
    if (got < 0) return damaged();
    bytes.resize(static_cast<std::size_t>(got));
    int code = Z_OK;
    ::gzerror(packed_.get(), &code);
    if (bytes.empty() && code == Z_BUF_ERROR) return damaged();   // ends in the middle of it
    return bytes;
}

base::Result<FileFacts> LogFile::facts() const
{
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) return base::fail_errno(path_);
    return facts_from(status);
}

std::optional<FileFacts> file_facts_of(std::string const& path)
{
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return facts_from(status);
}

// ---- The files of a log ----

std::string directory_of_log(std::string const& log) { return real_path(log).directory; }

// Files are renamed while we list them, so that one may be missed or come twice: two lists in a row must be the same.
base::Result<std::vector<LogMember>> members_of(std::string const& log)
{
    auto before = list_once(log);
    for (int tries = 0; tries < 10 && before; ++tries) {
        auto now = list_once(log);
        if (now && same_files(*before, *now)) return now;
        before = std::move(now);
    }
    return before;
}

}   // namespace mailcore::outcomes
