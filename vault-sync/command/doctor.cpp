#include "vault-sync/doctor/doctor.hpp"

#include <filesystem>
#include <iostream>
#include <unistd.h>

#include "core/crypto/secure_heap.hpp"
#include "core/run/print.hpp"
#include "vault-sync/apply/age.hpp"
#include "vault-sync/apply/state.hpp"
#include "vault-sync/command/commands.hpp"
#include "vault-sync/config/load.hpp"
#include "vault-sync/vault/environment.hpp"

namespace mailcore::vault_sync {
namespace {

constexpr std::size_t kWidth = 80;

// What only we know: the generation in use, what is owed, what is overdue. Makes no directory.
class Knowledge {
public:
    explicit Knowledge(Settings const& settings)
    {
        facts.memory_is_locked = crypto::open_secure_heap() == crypto::SecureHeap::Locked;
        auto const& output = settings.output;
        if (!std::filesystem::exists(output.directory)) return;
        look_at_generation(output, settings.postfix.config_directory);
        look_at_state(settings);
    }
    DoctorFacts facts;
    bool is_overdue = false;

private:
    void look_at_generation(OutputSettings const& output, std::string const& postfix)
    {
        auto const store = GenerationStore::open(output.directory, output.map_type, postfix);
        if (!store) {
            facts.damage = store.error().message;
            return;
        }
        auto loaded = store->load_current();
        if (loaded) generation_ = std::move(*loaded);
        else facts.damage = loaded.error().message;
        facts.generation = generation_ ? &*generation_ : nullptr;
    }

    void look_at_state(Settings const& settings)
    {
        auto const state = StateStore{settings.output.directory + "/state"}.load();
        if (!state) return;
        facts.reload_owed = state->reload_owed;
        for (auto const& age : ages(settings, *state, base::now())) {
            if (age.is_overdue) facts.overdue.push_back(words(age));
            if (age.is_soon) facts.soon.push_back(words(age));
            is_overdue |= age.is_overdue;
        }
    }

    std::optional<Generation> generation_;
};

// Broken at blanks, later lines indented.
void print_wrapped(std::string const& lead, std::string const& text)
{
    std::string line = lead;
    std::size_t at = 0;
    while (at < text.size()) {
        auto const end = std::min(text.find(' ', at), text.size());
        auto const word = text.substr(at, end - at);
        bool const is_first = line.size() == lead.size();
        if (!is_first && line.size() + 1 + word.size() > kWidth) {
            std::cout << line << '\n';
            line = std::string(lead.size(), ' ') + word;
        } else {
            line += (is_first ? "" : " ") + word;
        }
        at = end + 1;
    }
    std::cout << line << '\n';
}

std::string mark(Check::Result result)
{
    switch (result) {
        case Check::Result::Passed: return "ok    ";
        case Check::Result::Failed: return "FAIL  ";
        case Check::Result::Warned: return "warn  ";
        case Check::Result::NotApplicable: return "-     ";
    }
    return "";
}

void show(std::vector<Check> const& checks)
{
    int failed = 0, warned = 0;
    for (auto const& check : checks) {
        failed += check.result == Check::Result::Failed ? 1 : 0;
        warned += check.result == Check::Result::Warned ? 1 : 0;
        print_wrapped(mark(check.result), check.words);
        if (!check.cure.empty()) std::cout << "      cure: " << check.cure << '\n';   // whole, to be pasted
    }
    std::cout << '\n' << checks.size() << " checks: " << failed << " failed, " << warned << " to look at\n";
}

nlohmann::json checks_json(std::vector<Check> const& checks)
{
    auto list = nlohmann::json::array();
    for (auto const& check : checks) {
        list.push_back({{"name", check.name}, {"result", word(check.result)}, {"words", check.words}, {"cure", check.cure}});
    }
    return list;
}

}   // namespace

int doctor(Common const& common)
{
    config::Diagnostics problems;
    auto settings = load_settings(common.config, problems);
    std::cerr << problems.text();
    if (problems.has_errors()) return 78;
    if (auto filled = fill_from_environment(settings.vault); !filled) return complain(filled.error());
    Knowledge const knowledge{settings};
    auto const checks = run_doctor(settings, knowledge.facts);
    if (common.json) run::print_json(checks_json(checks));
    else show(checks);
    if (any_failed(checks)) return 1;
    return knowledge.is_overdue ? 13 : 0;
}

}   // namespace mailcore::vault_sync
