#include "core/store/lmdb_files.hpp"

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mailcore::store::lmdb {
namespace {

constexpr off_t kLockBytes = 65'536;   // of kMostReaders (lmdb.cpp)

std::string file_of(std::string const& directory, char const* name) { return (std::filesystem::path{directory} / name).string(); }

// Of the directory, or of the next one above it that is there.
bool find_owner(std::string const& directory, struct stat& status)
{
    std::error_code failure;
    auto path = std::filesystem::absolute(directory, failure);
    while (::stat(path.c_str(), &status) != 0) {
        if (!path.has_relative_path()) return false;
        path = path.parent_path();
    }
    return true;
}

// Changes with each tick of the kernel's clock; costs no system call.
std::int64_t tick()
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}   // namespace

std::string data_file(std::string const& directory) { return file_of(directory, "data.mdb"); }
std::string lock_file(std::string const& directory) { return file_of(directory, "lock.mdb"); }

bool is_of_lock(Trouble trouble) { return trouble >= Trouble::LockGone; }

std::string_view words(Trouble trouble)
{
    switch (trouble) {
        case Trouble::None: return "";
        case Trouble::Gone: return "data.mdb is gone";
        case Trouble::CutShort: return "data.mdb has been cut short";
        case Trouble::Overwritten: return "data.mdb has been overwritten";
        case Trouble::LockGone: return "lock.mdb is gone";
        case Trouble::LockCutShort: return "lock.mdb has been cut short";
        case Trouble::LockOverwritten: return "lock.mdb has been overwritten";
    }
    return "";
}

FileId file_id(std::string const& path)
{
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return {};
    return {status.st_dev, status.st_ino};
}

FileId file_id(int descriptor)
{
    struct stat status{};
    if (::fstat(descriptor, &status) != 0) return {};
    return {status.st_dev, status.st_ino};
}

ActingAsOwner::ActingAsOwner(std::string const& directory)
{
    struct stat status{};
    if (::geteuid() != 0 || !find_owner(directory, status) || status.st_uid == 0) return;
    acting_ = true;
    group_ = static_cast<gid_t>(::setfsgid(status.st_gid));
    user_ = static_cast<uid_t>(::setfsuid(status.st_uid));   // gives up root's power over files with it
}

ActingAsOwner::~ActingAsOwner()
{
    if (!acting_) return;
    ::setfsuid(user_);
    ::setfsgid(group_);
}

base::Result<HeldDirectory> HeldDirectory::hold(std::string const& path)
{
    for (;;) {
        std::error_code failure;
        std::filesystem::create_directories(path, failure);
        if (failure) return base::fail("cannot make " + path + ": " + failure.message());
        base::Fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (!fd && errno == ENOENT) continue;   // somebody is just removing it
        if (!fd) return base::fail_errno("cannot open " + path);
        while (::flock(fd.get(), LOCK_EX) != 0) {
            if (errno != EINTR) return base::fail_errno("cannot lock " + path);
        }
        struct stat status{};
        if (::fstat(fd.get(), &status) == 0 && status.st_nlink > 0) return HeldDirectory{path, std::move(fd)};
    }
}

base::Result<bool> HeldDirectory::make_file(char const* name, off_t room) const
{
    base::Fd const file{::openat(fd_.get(), name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0660)};
    if (!file && errno == EEXIST) return false;
    bool done = file && ::fchmod(file.get(), 0660) == 0;   // whatever the umask
    if (done && room > 0) done = ::fallocate(file.get(), 0, 0, room) == 0 || errno == EOPNOTSUPP;
    if (done) return true;
    auto error = base::fail_errno("cannot make " + file_of(path_, name));
    if (file) ::unlinkat(fd_.get(), name, 0);
    return error;
}

base::Result<bool> HeldDirectory::make_files(bool synced) const
{
    auto data = make_file("data.mdb", 0);
    if (!data) return data;
    if (*data) {   // a lock that is there is of a table that is gone, and knows its last commit
        if (auto const removed = remove_lock(); !removed) return base::fail(removed.error());
    }
    auto lock = make_file("lock.mdb", kLockBytes);
    if (!lock) return lock;
    if (synced && *data && ::fsync(fd_.get()) != 0) return base::fail_errno("cannot sync " + path_);
    return *data;
}

base::Result<> HeldDirectory::put_data_aside() const
{
    if (::renameat(fd_.get(), "data.mdb", fd_.get(), "data.mdb.damaged") != 0 && errno != ENOENT) {
        return base::fail_errno("cannot rename " + data_file(path_));
    }
    return remove_lock();
}

base::Result<> HeldDirectory::remove_lock() const
{
    if (::unlinkat(fd_.get(), "lock.mdb", 0) == 0 || errno == ENOENT) return {};
    return base::fail_errno("cannot remove " + lock_file(path_));
}

WatchedFile::~WatchedFile()
{
    if (map_ != nullptr) ::munmap(map_, mapped_);
}

base::Result<> WatchedFile::watch(base::Fd file, std::size_t first_mark, std::size_t second_mark)
{
    file_ = std::move(file);
    mapped_ = second_mark + sizeof(std::uint64_t);
    size_ = ::lseek(file_.get(), 0, SEEK_END);
    if (size_ < static_cast<off_t>(mapped_)) return base::fail("it is too short");
    void* const map = ::mmap(nullptr, mapped_, PROT_READ, MAP_SHARED, file_.get(), 0);
    if (map == MAP_FAILED) return base::fail_errno("map it");
    map_ = map;
    offsets_[0] = first_mark;
    offsets_[1] = second_mark;
    for (std::size_t i = 0; i < kMarks; ++i) marks_[i] = mark(i);
    return {};
}

std::uint64_t WatchedFile::mark(std::size_t which) const
{
    // Volatile: others write to this memory.
    return *reinterpret_cast<std::uint64_t const volatile*>(static_cast<char const*>(map_) + offsets_[which]);
}

// lseek() asks for the size alone, which is a third of the price of fstat(); this is done before every transaction.
WatchedFile::State WatchedFile::look(Look how) const
{
    auto const seen = size_.load();   // first: another thread may see it grow meanwhile
    auto const size = ::lseek(file_.get(), 0, SEEK_END);
    if (size > seen) size_.store(size);

    auto const now = tick();
    if (how == Look::Close || looked_closely_.load(std::memory_order_relaxed) != now) {
        if (is_gone()) return State::Gone;
        looked_closely_.store(now, std::memory_order_relaxed);
    }
    if (size < seen) return State::CutShort;
    return mark(0) == marks_[0] && mark(1) == marks_[1] ? State::Whole : State::Overwritten;
}

bool WatchedFile::is_gone() const
{
    struct stat status{};
    return ::fstat(file_.get(), &status) != 0 || status.st_nlink == 0;
}

FileId WatchedFile::id() const { return file_id(file_.get()); }

void WatchedFile::restore_size() const
{
    if (!file_ || ::lseek(file_.get(), 0, SEEK_END) >= size_) return;
    static_cast<void>(::ftruncate(file_.get(), size_) == 0);
}

void WatchedFile::close() { file_.reset(); }

}   // namespace mailcore::store::lmdb
