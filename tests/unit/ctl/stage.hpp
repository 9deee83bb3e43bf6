// A stage for mailcorectl's commands: a directory that vanishes, a daemon that answers what it is told, and what was printed.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/run/control_socket.hpp"
#include "ctl/commands.hpp"

namespace mailcore::ctl {

class Folder {
public:
    Folder()
    {
        char name[] = "/tmp/mailcore-ctl-XXXXXX";
        path_ = ::mkdtemp(name);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;

    std::string path(std::string const& name = "") const { return name.empty() ? path_ : path_ + "/" + name; }
    std::string write(std::string const& name, std::string const& text) const
    {
        std::filesystem::create_directories(std::filesystem::path{path(name)}.parent_path());
        std::ofstream{path(name), std::ios::binary} << text;
        return path(name);
    }
    std::string read(std::string const& name) const
    {
        std::ifstream file{path(name), std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

private:
    std::string path_;
};

// A control socket that gives canned answers, and remembers what it was asked.
class FakeDaemon {
public:
    FakeDaemon(Folder const& state, std::string const& name, std::map<std::string, nlohmann::json> answers)
        : answers_{std::move(answers)}
    {
        std::map<std::string, run::ControlCommand> commands;
        for (auto const& [command, answer] : answers_) {
            commands[command] = [this, &told = answer](std::string const& request) -> base::Result<std::string> {
                std::lock_guard const lock{mutex_};
                asked_.push_back(nlohmann::json::parse(request));
                if (told.contains("error")) return base::fail(told["error"].get<std::string>());
                return told.dump();
            };
        }
        auto socket = run::ControlSocket::open(run::control_path(state.path(), name), std::move(commands));
        EXPECT_TRUE(socket) << socket.error().message;
        if (socket) socket_ = std::move(*socket);
    }
    std::vector<nlohmann::json> asked() const
    {
        std::lock_guard const lock{mutex_};
        return asked_;
    }

private:
    std::map<std::string, nlohmann::json> answers_;
    mutable std::mutex mutex_;
    std::vector<nlohmann::json> asked_;
    std::unique_ptr<run::ControlSocket> socket_;
};

struct Output {
    int status = 0;
    std::string out;
    std::string err;
};

template <class Command>
Output output_of(Command command)
{
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Output output;
    output.status = command();
    output.out = testing::internal::GetCapturedStdout();
    output.err = testing::internal::GetCapturedStderr();
    return output;
}

// A configuration whose state directory is the folder itself.
inline Common configured(Folder const& folder, std::string const& more)
{
    return {folder.write("mailcore.yaml", "state_directory: " + folder.path() + "\nstamp: {keys_file: ''}\n" + more)};
}

}   // namespace mailcore::ctl
