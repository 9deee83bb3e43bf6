#include "ctl/setup_state.hpp"

#include <nlohmann/json.hpp>
#include <set>

namespace mailcore::ctl {
namespace {

using nlohmann::json;
using Kind = Change::Kind;

json to_json(std::map<std::string, Changed> const& changed)
{
    json object = json::object();
    for (auto const& [name, change] : changed) {
        object[name] = {{"former", change.former ? json(*change.former) : json(nullptr)}, {"left", change.left}};
    }
    return object;
}

std::map<std::string, Changed> from_json(json const& object)
{
    std::map<std::string, Changed> changed;
    for (auto const& [name, change] : object.items()) {
        Changed one;
        if (!change.at("former").is_null()) one.former = change.at("former").get<std::string>();
        one.left = change.at("left").get<std::string>();
        changed.emplace(name, std::move(one));
    }
    return changed;
}

std::optional<std::string> parameter(PostfixConfiguration const& postfix, std::string const& name)
{
    auto const found = postfix.written.find(name);
    if (found == postfix.written.end()) return std::nullopt;
    return one_line(found->second);
}

std::optional<std::string> service(PostfixConfiguration const& postfix, std::string const& id)
{
    auto const* const found = postfix.find_service(id);
    if (found == nullptr) return std::nullopt;
    return found->line;
}

// "submission/inet" of "submission/inet/smtpd_milters".
std::string service_of(Change const& change)
{
    bool const whole = change.kind == Kind::AddService || change.kind == Kind::SetService || change.kind == Kind::DropService;
    return whole ? change.target : change.target.substr(0, change.target.rfind('/'));
}

void remember_one(std::map<std::string, Changed>& known, std::string const& name, std::optional<std::string> before,
                  std::optional<std::string> const& after)
{
    auto const found = known.find(name);
    bool const still_ours = found != known.end() && before == found->second.left;
    known.insert_or_assign(name, Changed{still_ours ? found->second.former : std::move(before), after.value_or("")});
}

}   // namespace

base::Result<SetupState> parse_state(std::string_view text)
{
    try {
        auto const document = json::parse(text);
        return SetupState{document.at("original").get<std::string>(), document.at("latest").get<std::string>(),
                          from_json(document.at("parameters")), from_json(document.at("services"))};
    } catch (json::exception const& failure) {
        return base::fail(std::string{"not readable as setup's notes: "} + failure.what());
    }
}

std::string print_state(SetupState const& state)
{
    json const document{{"original", state.original},
                        {"latest", state.latest},
                        {"parameters", to_json(state.parameters)},
                        {"services", to_json(state.services)}};
    return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

void remember(SetupState& state, Plan const& plan, PostfixConfiguration const& before, PostfixConfiguration const& after)
{
    std::set<std::string> services;
    for (auto const& change : plan.changes) {
        if (change.kind != Kind::Set) services.insert(service_of(change));
        else remember_one(state.parameters, change.target, parameter(before, change.target), parameter(after, change.target));
    }
    for (auto const& id : services) remember_one(state.services, id, service(before, id), service(after, id));
}

UndoPlan plan_undo(SetupState const& state, PostfixConfiguration const& now)
{
    UndoPlan undo;
    for (auto const& [id, changed] : state.services) {
        auto const present = service(now, id);
        if (present == changed.former) continue;
        if (present != changed.left) undo.conflicts.push_back("master.cf: " + id + " is no longer as setup left it");
        else if (changed.former) undo.changes.push_back({Kind::SetService, id, *changed.former, "", changed.left});
        else undo.changes.push_back({Kind::DropService, id, "", "", changed.left});
    }
    for (auto const& [name, changed] : state.parameters) {
        auto const present = parameter(now, name);
        if (present == changed.former) continue;
        if (present != changed.left) undo.conflicts.push_back("main.cf: " + name + " is no longer as setup left it");
        else if (changed.former) undo.changes.push_back({Kind::Set, name, *changed.former, "", changed.left});
        else undo.changes.push_back({Kind::Unset, name, "", "", changed.left});
    }
    return undo;
}

}   // namespace mailcore::ctl
