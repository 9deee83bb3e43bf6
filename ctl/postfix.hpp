// Postfix as mailcorectl finds it on this host: asks postconf, runs postconf and postfix. No shell is involved.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "ctl/postfix_syntax.hpp"

namespace mailcore::ctl {

// What a program printed. An exit status other than 0 is an error that holds its words.
struct Printed {
    std::string out;
    std::string err;   // warnings
};
base::Result<Printed> run_program(std::vector<std::string> const& arguments);   // found in PATH, /usr/sbin or /sbin

class Postfix {
public:
    explicit Postfix(std::string config_directory) : directory_{std::move(config_directory)} {}

    base::Result<PostfixConfiguration> read(std::vector<std::string> const& parameters) const;
    base::Result<Printed> postconf(std::vector<std::string> arguments) const;
    base::Result<Printed> check() const;   // postfix check; its warnings in `err`

    std::string const& directory() const { return directory_; }
    std::string file(std::string const& name) const { return directory_ + "/" + name; }

private:
    std::string directory_;
};

}   // namespace mailcore::ctl
