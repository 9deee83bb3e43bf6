// What the doctor finds on this host, as a value: gathered once, so that judging it is pure and tests are tables.
#pragma once

#include <map>
#include <set>
#include <string>
#include <sys/types.h>
#include <vector>

#include "vault-sync/doctor/doctor.hpp"

namespace mailcore::vault_sync {

struct FileFacts {
    uid_t owner = 0;
    mode_t mode = 0;   // permissions alone
    bool is_directory = false;
    bool is_link = false;
};

struct MasterService {   // a line of master.cf
    std::string name, type, command;
    bool chroot = false;
    bool verbose = false;                           // -v
    std::map<std::string, std::string> overrides;   // -o
};

struct HostFacts {
    std::string postfix_problem;                    // why postconf did not answer; "" = it did
    std::map<std::string, std::string> parameters;  // expanded
    std::vector<MasterService> services;
    std::set<std::string> map_types;                // postconf -m
    std::set<std::string> sasl_clients;             // postconf -A
    bool postfix_runs = false;
    std::vector<std::string> everyones_nexthops;    // what sender_dependent_relayhost_maps says of an unknown sender
    std::vector<std::string> bare_hosts;            // hosts of relays that smtp_sasl_password_maps answers without brackets and port

    std::map<std::string, FileFacts> files;         // by path, those that exist
    std::vector<std::string> old_password_files;    // sasl_passwd* beside main.cf
    bool has_plain_mechanism = false;               // libplain.so of Cyrus SASL
    std::set<std::string> environment;              // names of variables that vault-sync takes
    int suid_dumpable = 0;
    bool is_systemd = false;
    std::set<std::string> installed_units, enabled_units;

    FileFacts const* file(std::string const& path) const
    {
        auto const found = files.find(path);
        return found == files.end() ? nullptr : &found->second;
    }
    std::string parameter(std::string const& name) const
    {
        auto const found = parameters.find(name);
        return found == parameters.end() ? "" : found->second;
    }
};

HostFacts gather(Settings const& settings, DoctorFacts const& facts);

// "hash:/a, regexp:{{/x, y/ z}} inline:{ a=b }" as its tables.
std::vector<std::string> tables_of(std::string_view value);

// Where the smtp(8) of this service looks for a file that it reads while it runs: below its chroot, if it has one.
std::string seen_by(HostFacts const& host, std::string const& service, std::string const& path);
std::string service_of(Relay const& relay);   // "smtp", or "mailcore-smtps" for wrapper relays

}   // namespace mailcore::vault_sync
