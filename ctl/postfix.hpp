// Postfix as mailcorectl finds it on this host: asks postconf, runs postconf and postfix. No shell is involved.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/child.hpp"
#include "core/base/result.hpp"
#include "ctl/postfix_syntax.hpp"

namespace mailcore::ctl {

// What a program printed. An exit status other than 0 is an error that holds its words.
struct Printed {
    std::string out;
    std::string err;   // warnings
};
base::Result<Printed> run_program(std::vector<std::string> const& arguments);   // found in PATH, /usr/sbin or /sbin

inline constexpr std::size_t kUsualOutput = 16u << 20u;   // bytes of each stream that are kept

// The same where the status is the caller's to judge, with a text for standard input.
base::Result<base::ChildResult> try_program(std::vector<std::string> const& arguments, std::string_view input = {},
                                            std::size_t most_output = kUsualOutput);

class Postfix {
public:
    explicit Postfix(std::string config_directory) : directory_{std::move(config_directory)} {}

    base::Result<PostfixConfiguration> read(std::vector<std::string> const& parameters) const;
    base::Result<Printed> postconf(std::vector<std::string> arguments) const;
    base::Result<Printed> check() const;   // postfix check; its warnings in `err`

    // Any of Postfix's commands, told where the configuration is: {"postqueue", "-j"}.
    base::Result<Printed> run(std::vector<std::string> arguments, std::string_view input = {}, std::size_t most_output = kUsualOutput) const;
    base::Result<base::ChildResult> try_run(std::vector<std::string> arguments, std::string_view input, std::size_t most_output) const;

    std::string const& directory() const { return directory_; }
    std::string file(std::string const& name) const { return directory_ + "/" + name; }

private:
    std::string directory_;
};

}   // namespace mailcore::ctl
