#include "ctl/print.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

namespace mailcore::ctl {

int complain(base::Error const& error)
{
    switch (error.kind) {
        case base::ErrorKind::Failed: return complain(error.message, 1);
        case base::ErrorKind::Usage: return complain(error.message, 64);
        case base::ErrorKind::Configuration: break;   // names file and line itself
    }
    std::cerr << error.message;
    return 78;
}

int complain(std::string const& message, int exit_status)
{
    std::cerr << "mailcorectl: " << message << '\n';
    return exit_status;
}

base::Result<std::string> read_input(std::string const& path)
{
    if (path == "-") return std::string{std::istreambuf_iterator<char>{std::cin}, {}};
    std::ifstream file{path, std::ios::binary};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (!file && !file.eof()) return base::fail("cannot read " + path + ": " + std::strerror(errno));
    return text;
}

}   // namespace mailcore::ctl
