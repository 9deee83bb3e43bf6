#include "ctl/held.hpp"

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "ctl/setup_files.hpp"

namespace mailcore::ctl {
namespace {

using nlohmann::json;

std::string path_of(Postfix const& postfix) { return postfix.file("mailcore-held.json"); }

// {"kbz_test": ["4jWYs717qcz8lWc", …]}
base::Result<json> read_all(std::string const& path)
{
    if (!std::filesystem::exists(path)) return json::object();
    auto const text = read_file(path);
    if (!text) return base::fail(text.error());
    auto document = json::parse(*text, nullptr, false);
    if (!document.is_object()) return base::fail(path + " is damaged; it tells which messages suspend --hold has put on hold. Move it away");
    return document;
}

}   // namespace

base::Result<QueueIds> read_held(Postfix const& postfix, std::string const& tenant)
{
    auto const document = read_all(path_of(postfix));
    if (!document) return base::fail(document.error());
    QueueIds ids;
    auto const found = document->find(tenant);
    if (found == document->end() || !found->is_array()) return ids;
    for (auto const& id : *found) {
        if (id.is_string()) ids.insert(id.get<std::string>());
    }
    return ids;
}

base::Result<> write_held(Postfix const& postfix, std::string const& tenant, QueueIds const& ids)
{
    auto const path = path_of(postfix);
    auto document = read_all(path);
    if (!document) return base::fail(document.error());
    if (ids.empty()) document->erase(tenant);
    else (*document)[tenant] = ids;
    if (!document->empty()) return write_file(path, document->dump(2) + "\n", postfix.file("main.cf"));
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return base::fail_errno("cannot remove " + path);
    return {};
}

}   // namespace mailcore::ctl
