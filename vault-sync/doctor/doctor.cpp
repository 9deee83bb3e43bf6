#include "vault-sync/doctor/doctor.hpp"

#include <algorithm>

#include "vault-sync/doctor/checks.hpp"

namespace mailcore::vault_sync {

std::string_view word(Check::Result result)
{
    switch (result) {
        case Check::Result::Passed: return "passed";
        case Check::Result::Failed: return "failed";
        case Check::Result::Warned: return "warned";
        case Check::Result::NotApplicable: return "not_applicable";
    }
    return "";
}

std::string Examination::postconf(std::string const& assignment) const
{
    auto const& directory = settings.postfix.config_directory;
    return "postconf " + (directory == "/etc/postfix" ? "" : "-c " + directory + " ") + "-e '" + assignment + "'";
}

std::vector<Check> evaluate(Settings const& settings, DoctorFacts const& facts, HostFacts const& host)
{
    Examination examination{settings, facts, host};
    check_postfix(examination);
    check_files(examination);
    check_relays(examination);
    check_host(examination);
    return std::move(examination.checks);
}

std::vector<Check> run_doctor(Settings const& settings, DoctorFacts const& facts)
{
    return evaluate(settings, facts, gather(settings, facts));
}

bool any_failed(std::vector<Check> const& checks)
{
    return std::any_of(checks.begin(), checks.end(),
                       [](Check const& check) { return check.result == Check::Result::Failed; });
}

}   // namespace mailcore::vault_sync
