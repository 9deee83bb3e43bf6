// A directory that vanishes with its files.
#pragma once

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string>
#include <sys/stat.h>

namespace mailcore::vault_sync {

class ScopedDirectory {
public:
    ScopedDirectory()
    {
        std::string name = std::filesystem::temp_directory_path() / "mailcore-vault-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~ScopedDirectory() { std::filesystem::remove_all(path_); }
    ScopedDirectory(ScopedDirectory const&) = delete;
    ScopedDirectory& operator=(ScopedDirectory const&) = delete;

    std::string path(std::string const& name) const { return path_ / name; }
    std::string write(std::string const& name, std::string_view text, mode_t mode = 0600) const
    {
        std::ofstream{path(name), std::ios::binary | std::ios::trunc} << text;
        EXPECT_EQ(::chmod(path(name).c_str(), mode), 0);
        return path(name);
    }

private:
    std::filesystem::path path_;
};

}   // namespace mailcore::vault_sync
