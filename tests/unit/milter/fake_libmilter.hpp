// libmilter as the unit tests know it: a context that answers macros and notes what it is asked to do.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>
#include <libmilter/mfapi.h>

// libmilter's opaque context.
struct smfi_str {
    void* private_data = nullptr;
    std::map<std::string, std::string> macros;
    std::map<int, std::string> symbol_lists;

    std::vector<std::string> done;         // "chgheader X 2", "addheader X: v", "quarantine why", "reply 554 5.7.1 text"
    std::set<std::string> failing;         // the first words of calls that fail
    bool throws = false;                   // on the next macro asked for

    int note(std::string const& call, std::string const& rest);
};
