// A libmilter filter that does nothing, with the callbacks and the negotiation of mailcore-milter: what libmilter itself
// costs, so the yardstick for it. With --stamp it also sends the three headers that mailcore-milter adds, and with
// --strip N deletes as many claims, so that both put the same bytes on the wire.
#include <array>
#include <cstdlib>
#include <string>
#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include "bench/options.hpp"

namespace mailcore::bench {

namespace {

struct Edits {
    bool stamp = false;
    std::uint64_t strip = 0;
};
Edits edits;   // set once in main; libmilter's callbacks have no other way to reach it

// libmilter's interface is older than const: it only reads these texts.
char* text(char const* constant) { return const_cast<char*>(constant); }

// These lists and the bits below are those of milter/callbacks.cpp; bench/run.py tells when they are not.
void ask_for_macros(SMFICTX* context)
{
    smfi_setsymlist(context, SMFIM_CONNECT, text("{daemon_port} {client_addr}"));
    smfi_setsymlist(context, SMFIM_HELO, text("j"));
    smfi_setsymlist(context, SMFIM_ENVFROM, text("j {mail_addr} {auth_authen} {tls_version}"));
    smfi_setsymlist(context, SMFIM_ENVRCPT, text("{rcpt_addr}"));
    smfi_setsymlist(context, SMFIM_EOH, text("i"));
    smfi_setsymlist(context, SMFIM_EOM, text("i"));
}

sfsistat on_negotiate(SMFICTX* context, unsigned long, unsigned long, unsigned long, unsigned long,
                      unsigned long* actions, unsigned long* steps, unsigned long* unused1, unsigned long* unused2)
{
    *actions = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE | SMFIF_SETSYMLIST;
    *steps = SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOBODY |
             SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_HDR | SMFIP_NR_BODY;
    *unused1 = *unused2 = 0;
    ask_for_macros(context);
    return SMFIS_CONTINUE;
}

sfsistat on_connect(SMFICTX*, char*, _SOCK_ADDR*) { return SMFIS_NOREPLY; }
sfsistat on_helo(SMFICTX*, char*) { return SMFIS_NOREPLY; }
sfsistat on_sender(SMFICTX*, char**) { return SMFIS_CONTINUE; }
sfsistat on_recipient(SMFICTX*, char**) { return SMFIS_CONTINUE; }
sfsistat on_header(SMFICTX*, char*, char*) { return SMFIS_NOREPLY; }
sfsistat on_body(SMFICTX*, unsigned char*, std::size_t) { return SMFIS_NOREPLY; }
sfsistat on_abort(SMFICTX*) { return SMFIS_CONTINUE; }
sfsistat on_close(SMFICTX*) { return SMFIS_CONTINUE; }

sfsistat on_end_of_message(SMFICTX* context)
{
    for (auto left = edits.strip; left > 0; --left) {
        smfi_chgheader(context, text(left % 2 == 1 ? "X-KeyBuzz-Tenant" : "X-KeyBuzz-Ticket"), 1, nullptr);
    }
    if (edits.stamp) {
        smfi_addheader(context, text("X-KeyBuzz-Tenant"), text("shop_000000"));
        smfi_addheader(context, text("X-KeyBuzz-Ticket"), text("ticket_0000000001"));
        smfi_addheader(context, text("X-KeyBuzz-Stamp"),
                       text("v=1; k=k1; t=1795298400; q=4jX5lB3149z1SCD7;"
                            " s=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    }
    return SMFIS_CONTINUE;
}

smfiDesc descriptor()
{
    auto filter = smfiDesc{};
    filter.xxfi_name = text("bench-null-milter");
    filter.xxfi_version = SMFI_VERSION;
    filter.xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE | SMFIF_SETSYMLIST;
    filter.xxfi_negotiate = on_negotiate;
    filter.xxfi_connect = on_connect;
    filter.xxfi_helo = on_helo;
    filter.xxfi_envfrom = on_sender;
    filter.xxfi_envrcpt = on_recipient;
    filter.xxfi_header = on_header;
    filter.xxfi_body = on_body;
    filter.xxfi_eom = on_end_of_message;
    filter.xxfi_abort = on_abort;
    filter.xxfi_close = on_close;
    return filter;
}

// unix:/path stays; inet:host:port is inet:port@host in libmilter's words.
std::string libmilter_address(std::string const& written)
{
    auto const colon = written.rfind(':');
    if (written.starts_with("unix:") || colon <= 5) return written;
    return "inet:" + written.substr(colon + 1) + "@" + written.substr(5, colon - 5);
}

}   // namespace

}   // namespace mailcore::bench

int main(int argc, char** argv)
{
    using namespace mailcore::bench;
    auto options = Options{argc, argv, "bench-null-milter --listen unix:/path|inet:host:port [--stamp] [--strip N]"};
    auto address = libmilter_address(options.text("listen"));
    edits = {.stamp = options.flag("stamp"), .strip = options.number("strip", 0)};
    options.done();

    if (smfi_setconn(address.data()) != MI_SUCCESS) give_up("libmilter does not take the address " + address);
    if (smfi_register(descriptor()) != MI_SUCCESS) give_up("libmilter does not take the filter");
    if (smfi_opensocket(true) != MI_SUCCESS) give_up("libmilter cannot listen on " + address);
    return smfi_main() == MI_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}
