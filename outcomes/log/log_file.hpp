// One file of a log, as it is or packed by gzip, and the files that rotation made of it. The door to zlib.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/fd.hpp"
#include "core/base/result.hpp"

struct gzFile_s;

namespace mailcore::outcomes {

struct FileId {
    std::uint64_t device = 0, inode = 0;
    bool operator==(FileId const&) const = default;
};

struct FileFacts {
    FileId id;
    std::uint64_t size = 0;    // on disk: not that of the text, where it is packed
    base::Time changed{};
    bool is_removed = false;   // it has no name any more; who holds it open may still write to it
};

// The first bytes of a log tell it apart from others by its first time stamps, whatever name or inode it has now.
struct Head {
    static constexpr std::size_t kMost = 1024;
    static constexpr std::size_t kSteps = 7;     // 16, 32 … 1024 bytes
    std::uint32_t size = 0;
    std::uint64_t hash = 0;
    std::array<std::uint32_t, kSteps> steps{};   // hashes of less, as far as size reaches
    bool operator==(Head const&) const = default;
};
Head head_of(std::string_view bytes);            // of its first kMost at most

// Part: it is shorter than the head, and alike as far as it goes: a copy made before the last lines were written.
enum class Beginning { Other, Part, Same };
Beginning compare(std::string_view first_bytes, Head const& head);

enum class Packing { None, Gzip, Foreign };                    // Foreign: .xz, .zst, .bz2

class LogFile {
public:
    static base::Result<LogFile> open(std::string const& path, Packing packing);

    // "" at the end. Of a packed file all before the offset is unpacked, unless it is where the last call ended.
    base::Result<std::string> read(std::uint64_t offset, std::size_t most);
    base::Result<FileFacts> facts() const;
    bool is_packed() const { return packed_ != nullptr; }

private:
    struct Close {
        void operator()(gzFile_s* file) const;
    };
    base::Result<std::string> unpack(std::uint64_t offset, std::size_t most);

    base::Fd fd_;
    std::unique_ptr<gzFile_s, Close> packed_;
    std::string path_;   // for words
};

struct LogMember {
    std::string path;
    Packing packing = Packing::None;
    bool is_live = false;      // the log itself
    FileFacts facts;
};

// The log and what rotation made of it, oldest first: mail.log.2.gz, mail.log.1, mail.log; or mail.log-20261121, mail.log.
// Numbers and dates (year first, or seconds) order them; where names are of several kinds, the time of the last change.
// Of a file and its packed copy only the file counts. Fails where the directory cannot be read.
base::Result<std::vector<LogMember>> members_of(std::string const& log);
std::string directory_of_log(std::string const& log);         // where they lie: that of the file, where the log is a link

std::optional<FileFacts> file_facts_of(std::string const& path);   // none: errno tells why

}   // namespace mailcore::outcomes
