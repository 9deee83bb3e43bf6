#include "ctl/setup.hpp"

#include <ostream>

namespace mailcore::ctl {

int setup(SetupOptions const&, config::Settings const&, std::ostream&, std::ostream& err)
{
    err << "mailcorectl: setup is not there yet\n";
    return 1;
}

}   // namespace mailcore::ctl
