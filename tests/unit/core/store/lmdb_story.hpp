// What the tests of LMDB tables share: a directory that vanishes, other processes, and mishaps that befall files.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.hpp"
#include "core/base/fd.hpp"
#include "core/rules/limit.hpp"

namespace mailcore::store {

inline constexpr base::Time kNow{std::chrono::seconds{1'795'000'000}};

class ScratchDirectory {
public:
    ScratchDirectory()
    {
        char name[] = "/tmp/mailcore-store-test-XXXXXX";
        path_ = ::mkdtemp(name);
    }
    ~ScratchDirectory() { std::filesystem::remove_all(path_); }
    ScratchDirectory(ScratchDirectory const&) = delete;
    ScratchDirectory& operator=(ScratchDirectory const&) = delete;
    std::string operator/(std::string const& name) const { return path_ + "/" + name; }
    std::string const& path() const { return path_; }

private:
    std::string path_;
};

// Another process, which does `work` and tells what it returned. What LMDB has open here is not for its use.
class Child {
public:
    explicit Child(std::function<std::string(Child&)> const& work)
    {
        int to_child[2] = {};
        int to_parent[2] = {};
        if (::pipe2(to_child, O_CLOEXEC) != 0 || ::pipe2(to_parent, O_CLOEXEC) != 0) std::abort();
        process_ = ::fork();
        bool const is_child = process_ == 0;
        in_ = base::Fd{is_child ? to_child[0] : to_parent[0]};
        out_ = base::Fd{is_child ? to_parent[1] : to_child[1]};
        ::close(is_child ? to_child[1] : to_child[0]);
        ::close(is_child ? to_parent[0] : to_parent[1]);
        if (!is_child) return;
        ::alarm(120);
        tell(work(*this));
        ::_exit(0);
    }
    ~Child() { kill(); }
    Child(Child const&) = delete;
    Child& operator=(Child const&) = delete;

    // One line to the other side, or from it; "" when that side has ended.
    void tell(std::string const& line)
    {
        auto const text = line + "\n";
        if (::write(out_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
    }
    std::string hear() const
    {
        std::string line;
        for (char c = 0; ::read(in_.get(), &c, 1) == 1 && c != '\n';) line += c;
        return line;
    }
    void kill()
    {
        if (process_ <= 0) return;
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
        process_ = 0;
    }

private:
    pid_t process_ = 0;
    base::Fd in_, out_;
};

inline void overwrite(std::string const& path, std::string const& text) { std::ofstream{path, std::ios::trunc} << text; }

// As many bytes as before, all of them others; the file stays the same.
inline void fill_with_garbage(std::string const& path)
{
    auto const size = std::filesystem::file_size(path);
    std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
    file << std::string(size, '\xA7');
}

// Tables look once in each tick of this clock whether their files are gone; returns in the next one.
inline void wait_for_next_tick()
{
    auto const tick = [] {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        return std::pair{now.tv_sec, now.tv_nsec};
    };
    for (auto const before = tick(); tick() == before;) ::usleep(100);
}

inline rules::Charge charge(std::string key, std::uint64_t cost, std::uint64_t burst)
{
    return {nullptr, std::move(key), rules::Rate{burst, std::chrono::hours{24}, burst}, cost};
}

}   // namespace mailcore::store
