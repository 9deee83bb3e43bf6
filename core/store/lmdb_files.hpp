// The files of an LMDB table: making them with the right owner, watching them, and putting damaged ones aside.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "core/base/fd.hpp"
#include "core/base/result.hpp"

namespace mailcore::store::lmdb {

std::string data_file(std::string const& directory);   // DIRECTORY/data.mdb
std::string lock_file(std::string const& directory);   // DIRECTORY/lock.mdb

// What others have done to a table's files.
enum class Trouble : std::uint8_t { None, Gone, CutShort, Overwritten, LockGone, LockCutShort, LockOverwritten };
bool is_of_lock(Trouble trouble);
std::string_view words(Trouble trouble);   // "data.mdb has been cut short"

struct FileId {
    dev_t device = 0;
    ino_t inode = 0;   // 0: there is none
    bool operator==(FileId const&) const = default;
};
FileId file_id(std::string const& path);
FileId file_id(int descriptor);
struct FileIds {
    FileId data;
    FileId lock;
};

// While this lives, files are made as the directory's owner would make them: root must not lock the daemons out, nor
// follow what the daemons' user has put there. For this thread only. Does nothing for others than root.
class ActingAsOwner {
public:
    explicit ActingAsOwner(std::string const& directory);   // or of the next one above that is there
    ~ActingAsOwner();
    ActingAsOwner(ActingAsOwner const&) = delete;
    ActingAsOwner& operator=(ActingAsOwner const&) = delete;

private:
    bool acting_ = false;
    uid_t user_ = 0;
    gid_t group_ = 0;
};

// The directory, made where there is none, and nobody else's while this is held: opening, making and putting aside happen
// under it. Processes wait for each other.
class HeldDirectory {
public:
    static base::Result<HeldDirectory> hold(std::string const& path);

    // Both files with mode 0660, where they are not there. A new lock file has its room on the disk: it is written to
    // through memory, where a full disk would be SIGBUS. True: there was no table.
    base::Result<bool> make_files(bool synced) const;
    base::Result<> put_data_aside() const;   // as data.mdb.damaged, in place of an earlier one; and forgets the lock
    base::Result<> remove_lock() const;

private:
    HeldDirectory(std::string path, base::Fd fd) : path_{std::move(path)}, fd_{std::move(fd)} {}
    base::Result<bool> make_file(char const* name, off_t room) const;

    std::string path_;
    base::Fd fd_;
};

// A file that is mapped, looked at before each use of the map.
class WatchedFile {
public:
    enum class State : std::uint8_t { Whole, Gone, CutShort, Overwritten };
    // Quick: what would be a crash is seen at once, and that it is gone within a tick of the kernel's clock (1 to 10 ms).
    enum class Look : std::uint8_t { Quick, Close };

    WatchedFile() = default;
    WatchedFile(WatchedFile const&) = delete;
    WatchedFile& operator=(WatchedFile const&) = delete;
    ~WatchedFile();

    // Two words of the file, of 8 bytes each and at a multiple of 8, which nobody has a reason to change. The descriptor is
    // used by nobody else: its position moves.
    base::Result<> watch(base::Fd file, std::size_t first_mark, std::size_t second_mark);
    State look(Look how) const;
    FileId id() const;
    void restore_size() const;   // so that its map can be touched again
    void close();

private:
    static constexpr std::size_t kMarks = 2;
    std::uint64_t mark(std::size_t which) const;
    bool is_gone() const;

    base::Fd file_;
    void* map_ = nullptr;
    std::size_t mapped_ = 0;
    std::size_t offsets_[kMarks] = {};
    std::uint64_t marks_[kMarks] = {};
    mutable std::atomic<off_t> size_ = 0;   // the largest seen: LMDB never makes a file smaller
    mutable std::atomic<std::int64_t> looked_closely_ = 0;   // in which tick
};

}   // namespace mailcore::store::lmdb
