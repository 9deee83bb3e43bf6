// Command lines of the benchmark programs: `--name VALUE` pairs and `--flag`, read in the order main() asks for them.
//
//     auto options = Options{argc, argv, "bench-policy-load --server ADDRESS --population FILE [--seconds N]"};
//     auto const server = options.text("server");
//     auto const seconds = options.number("seconds", 3);
//     options.done();   // complains of what nobody asked for
//
// A benchmark that cannot go on says why and ends: no error travels.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace mailcore::bench {

[[noreturn]] void give_up(std::string_view why);          // exit status 1
[[noreturn]] void give_up_errno(std::string_view doing);   // adds what errno says

class Options {
public:
    Options(int argc, char** argv, std::string_view usage);

    std::string text(std::string const& name);   // must be there
    std::string text(std::string const& name, std::string const& otherwise);
    std::uint64_t number(std::string const& name, std::uint64_t otherwise);
    bool flag(std::string const& name);
    void done() const;

private:
    [[noreturn]] void complain(std::string_view what) const;

    std::string usage_;
    std::map<std::string, std::string> given_;
};

}   // namespace mailcore::bench
