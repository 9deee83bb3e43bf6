// Files for the tests of core/config: read, written, and gone when the test ends.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/types.h>
#include <unistd.h>

namespace mailcore::config {

inline std::string contents(std::filesystem::path const& path)
{
    std::ifstream file{path, std::ios::binary};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

inline void write(std::filesystem::path const& path, std::string const& text)
{
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path, std::ios::binary} << text;
}

class ScopedDirectory {
public:
    ScopedDirectory()
    {
        auto pattern = (std::filesystem::temp_directory_path() / "mailcore-config-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
        std::filesystem::permissions(path_, std::filesystem::perms{0755});   // also for AsNobody
    }
    ~ScopedDirectory() { std::filesystem::remove_all(path_); }
    ScopedDirectory(ScopedDirectory const&) = delete;
    ScopedDirectory& operator=(ScopedDirectory const&) = delete;

    // Writes a file below it and says where it is.
    std::string file(std::string const& name, std::string const& text) const
    {
        write(path_ / name, text);
        return (path_ / name).string();
    }
    std::filesystem::path const& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// For a while a user who may read only what all may read: root in a container could not test a refusal otherwise.
class AsNobody {
public:
    AsNobody() : was_{::geteuid()} { worked_ = was_ != 0 || ::seteuid(65534) == 0; }
    ~AsNobody()
    {
        if (was_ == 0 && ::seteuid(0) != 0) std::abort();
    }
    AsNobody(AsNobody const&) = delete;
    AsNobody& operator=(AsNobody const&) = delete;
    bool worked() const { return worked_; }

private:
    uid_t was_;
    bool worked_ = false;
};

// MAILCORE_REWRITE=1 ctest … writes what the program says now over the expectations, for review.
inline bool rewriting()
{
    auto const* wanted = std::getenv("MAILCORE_REWRITE");
    return wanted && std::string{wanted} == "1";
}

}   // namespace mailcore::config
