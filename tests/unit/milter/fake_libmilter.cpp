#include "tests/unit/milter/fake_libmilter.hpp"

#include <stdexcept>

int smfi_str::note(std::string const& call, std::string const& rest)
{
    if (failing.contains(call)) return MI_FAILURE;
    done.push_back(call + " " + rest);
    return MI_SUCCESS;
}

extern "C" {

int smfi_setpriv(SMFICTX* context, void* data)
{
    context->private_data = data;
    return MI_SUCCESS;
}

void* smfi_getpriv(SMFICTX* context) { return context->private_data; }

char* smfi_getsymval(SMFICTX* context, char* name)
{
    if (context->throws) throw std::runtime_error{"the fake was told to throw"};
    auto const found = context->macros.find(name);
    return found == context->macros.end() ? nullptr : found->second.data();
}

int smfi_setsymlist(SMFICTX* context, int stage, char* macros)
{
    context->symbol_lists[stage] = macros;
    return MI_SUCCESS;
}

int smfi_setreply(SMFICTX* context, char* code, char* enhanced, char* text)
{
    return context->note("reply", std::string{code} + " " + enhanced + " " + text);
}

int smfi_addheader(SMFICTX* context, char* name, char* value)
{
    return context->note("addheader", std::string{name} + ": " + value);
}

int smfi_chgheader(SMFICTX* context, char* name, int index, char* value)
{
    return context->note("chgheader", std::string{name} + " " + std::to_string(index) + (value != nullptr ? value : ""));
}

int smfi_quarantine(SMFICTX* context, char* reason) { return context->note("quarantine", reason); }

}
