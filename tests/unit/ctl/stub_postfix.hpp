// Postfix's queue commands as scripts over a folder, so that a test says what lies in the queue and who moves it when.
// The real ones are asked in tests/integration.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "ctl/postfix.hpp"
#include "stage.hpp"

namespace mailcore::ctl {

class StubPostfix {
public:
    StubPostfix()
    {
        program("postqueue", "cd \"$2/queue\" || exit 1\n"
                             "for f in */*; do\n"
                             "  [ -f \"$f\" ] && printf '{\"queue_name\": \"%s\", \"queue_id\": \"%s\"}\\n' \"${f%/*}\" \"${f#*/}\"\n"
                             "done\n"
                             "exit 0\n");
        program("postcat", "cd \"$2/queue\" || exit 1\n"
                           "shift 3\n"
                           "for id in \"$@\"; do\n"
                           "  f=$(ls */$id 2>/dev/null | head -n 1)\n"
                           "  [ -n \"$f\" ] || { echo \"postcat: fatal: open queue file $id: No such file or directory\" >&2; exit 1; }\n"
                           "  echo \"*** ENVELOPE RECORDS $f ***\"; printf 'sender: '; head -n 1 \"$f\"\n"
                           "  echo \"*** MESSAGE CONTENTS $f ***\"; tail -n +2 \"$f\"\n"
                           "  echo \"*** HEADER EXTRACTED $f ***\"; echo \"*** MESSAGE FILE END $f ***\"\n"
                           "done\n");
        program("postsuper", "cd \"$2/queue\" || exit 1\n"
                             "case $3 in\n"
                             "  -h) from='incoming active deferred'; to=hold; words='placed on hold' ;;\n"
                             "  -H) from=hold; to=deferred; words='released from hold' ;;\n"
                             "esac\n"
                             "while read id; do\n"
                             "  for q in $from; do\n"
                             "    [ -f $q/$id ] && mv $q/$id $to/$id && echo \"postsuper: $id: $words\" >&2\n"
                             "  done\n"
                             "done\n"
                             "exit 0\n");
        for (auto const* queue : {"incoming", "active", "deferred", "hold", "maildrop"}) {
            std::filesystem::create_directories(folder_.path(std::string{"config/queue/"} + queue));
        }
        folder_.write("config/main.cf", "");
        char const* const path = std::getenv("PATH");
        former_path_ = path == nullptr ? "" : path;
        ::setenv("PATH", (folder_.path("bin") + ":" + former_path_).c_str(), 1);
    }
    ~StubPostfix() { ::setenv("PATH", former_path_.c_str(), 1); }
    StubPostfix(StubPostfix const&) = delete;
    StubPostfix& operator=(StubPostfix const&) = delete;

    std::string directory() const { return folder_.path("config"); }
    Postfix postfix() const { return Postfix{directory()}; }

    void put(std::string const& queue, std::string const& id, std::string const& sender, std::string const& header) const
    {
        folder_.write("config/queue/" + queue + "/" + id, sender + "\n" + header);
    }
    void take(std::string const& queue, std::string const& id) const
    {
        std::filesystem::remove(folder_.path("config/queue/" + queue + "/" + id));
    }
    std::vector<std::string> in(std::string const& queue) const   // queue ids, sorted
    {
        std::vector<std::string> ids;
        for (auto const& file : std::filesystem::directory_iterator{folder_.path("config/queue/" + queue)}) {
            ids.push_back(file.path().filename());
        }
        std::sort(ids.begin(), ids.end());
        return ids;
    }
    std::string notes() const { return folder_.read("config/mailcore-held.json"); }
    bool has_notes() const { return std::filesystem::exists(folder_.path("config/mailcore-held.json")); }

    // Instead of the usual one: "exit 1".
    void program(std::string const& name, std::string const& text) const
    {
        auto const path = folder_.write("bin/" + name, "#!/bin/sh\n" + text);
        ::chmod(path.c_str(), 0755);
    }

private:
    Folder folder_;
    std::string former_path_;
};

}   // namespace mailcore::ctl
