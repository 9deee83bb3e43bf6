// The doctor's judgements, by subject. Pure: settings and facts in, checks out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "vault-sync/doctor/doctor.hpp"
#include "vault-sync/doctor/host.hpp"

namespace mailcore::vault_sync {

// What is judged, and the checks made so far.
class Examination {
public:
    Examination(Settings const& its_settings, DoctorFacts const& its_facts, HostFacts const& its_host)
        : settings{its_settings}, facts{its_facts}, host{its_host} {}

    void passed(std::string name, std::string words) { add(Check::Result::Passed, std::move(name), std::move(words), ""); }
    void failed(std::string name, std::string words, std::string cure)
    {
        add(Check::Result::Failed, std::move(name), std::move(words), std::move(cure));
    }
    void warned(std::string name, std::string words, std::string cure)
    {
        add(Check::Result::Warned, std::move(name), std::move(words), std::move(cure));
    }
    void not_applicable(std::string name, std::string words)
    {
        add(Check::Result::NotApplicable, std::move(name), std::move(words), "");
    }
    std::string postconf(std::string const& assignment) const;   // the command that sets it

    Settings const& settings;
    DoctorFacts const& facts;
    HostFacts const& host;
    std::vector<Check> checks;

private:
    void add(Check::Result result, std::string name, std::string words, std::string cure)
    {
        checks.push_back({result, std::move(name), std::move(words), std::move(cure)});
    }
};

void check_postfix(Examination& examination);   // main.cf and master.cf
void check_files(Examination& examination);     // owners and modes
void check_relays(Examination& examination);    // generation, keys, providers, rotation
void check_host(Examination& examination);      // Vault, environment, memory, systemd

std::vector<Check> evaluate(Settings const& settings, DoctorFacts const& facts, HostFacts const& host);

}   // namespace mailcore::vault_sync
