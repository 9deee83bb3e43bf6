// A directory of the test's own, gone afterwards, with a Postfix configuration; and the ways of making steps fail.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.hpp"

namespace mailcore::vault_sync {

class Scratch {
public:
    Scratch()
    {
        char name[] = "/tmp/mailcore-maps-test-XXXXXX";
        path_ = ::mkdtemp(name);
        std::filesystem::create_directory(path_ + "/postfix");
        write_main_cf("compatibility_level = 3.6\n");
        write("postfix/master.cf", "");
    }
    ~Scratch() { std::filesystem::remove_all(path_); }
    Scratch(Scratch const&) = delete;
    Scratch& operator=(Scratch const&) = delete;

    std::string path(std::string const& name = "") const { return name.empty() ? path_ : path_ + "/" + name; }
    std::string postfix() const { return path("postfix"); }
    void write(std::string const& name, std::string const& text) const { std::ofstream{path(name)} << text; }
    // Old enough that Postfix does not wait for its writer to finish.
    void write_main_cf(std::string const& text) const
    {
        write("postfix/main.cf", text);
        std::filesystem::last_write_time(path("postfix/main.cf"),
                                         std::filesystem::file_time_type::clock::now() - std::chrono::hours{1});
    }
    std::string read(std::string const& name) const
    {
        std::ifstream file{path(name)};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    mode_t mode(std::string const& name) const
    {
        struct stat facts{};
        return ::lstat(path(name).c_str(), &facts) == 0 ? facts.st_mode & 07777U : 0;
    }
    bool has(std::string const& name) const
    {
        return std::filesystem::exists(std::filesystem::symlink_status(path(name)));
    }

private:
    std::string path_;
};

// Makes a step die (":ERRNO" after its name: fail) while the object lives.
class Fault {
public:
    explicit Fault(std::string const& name) { ::setenv("MAILCORE_FAULT", name.c_str(), 1); }
    ~Fault() { ::unsetenv("MAILCORE_FAULT"); }
    Fault(Fault const&) = delete;
    Fault& operator=(Fault const&) = delete;
};

// Runs what in a child of ours, to be killed. The signal that ended it; 0 when it came to its end.
template <class What>
int signal_that_ends(What const& what)
{
    auto const child = ::fork();
    if (child == 0) {
        what();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

inline bool postfix_knows(std::string const& map_type)
{
    auto const types = base::run_child({"postconf", "-m"});
    return types && ("\n" + types->out).find("\n" + map_type + "\n") != std::string::npos;
}

}   // namespace mailcore::vault_sync
