// A libmilter filter that does nothing, with the callbacks of mailcore-milter: what libmilter itself costs, so the
// yardstick for it. So that both put the same bytes on the wire, it negotiates what --like says (as bench-milter-load
// prints it of mailcore-milter), with --stamp adds the three headers of the stamp, and with --strip N deletes as many
// claims.
#include <cstdint>
#include <cstdlib>
#include <libmilter/mfapi.h>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include "bench/options.hpp"

namespace mailcore::bench {

namespace {

constexpr auto kNegotiation = std::string_view{
    "actions 131; steps 833d0; stage 0: {daemon_port} {client_addr}; stage 1: j;"
    " stage 2: j {mail_addr} {auth_authen} {tls_version}; stage 3: j {rcpt_addr}; stage 5: i; stage 6: i;"};

struct Negotiation {
    unsigned long actions = 0;   // SMFIF_*
    unsigned long steps = 0;     // SMFIP_*
    std::map<int, std::string> macros;   // by SMFIM_*
};

// Set once in main; libmilter's callbacks have no other way to reach them.
Negotiation negotiation;
bool stamp = false;
std::uint64_t strip = 0;

Negotiation parse_negotiation(std::string const& text)
{
    auto parsed = Negotiation{};
    auto parts = std::istringstream{text};
    for (std::string part; std::getline(parts, part, ';');) {
        auto words = std::istringstream{part};
        auto what = std::string{};
        words >> what;
        if (what == "actions") words >> std::hex >> parsed.actions;
        if (what == "steps") words >> std::hex >> parsed.steps;
        if (what != "stage") continue;
        auto stage = 0;
        auto colon = char{};
        words >> stage >> colon >> std::ws;
        std::getline(words, parsed.macros[stage]);
    }
    return parsed;
}

// libmilter's interface is older than const: it only reads these texts.
char* text(char const* constant) { return const_cast<char*>(constant); }

sfsistat on_negotiate(SMFICTX* context, unsigned long, unsigned long, unsigned long, unsigned long,
                      unsigned long* actions, unsigned long* steps, unsigned long* unused1, unsigned long* unused2)
{
    *actions = negotiation.actions;
    *steps = negotiation.steps;
    *unused1 = *unused2 = 0;
    for (auto& [stage, macros] : negotiation.macros) smfi_setsymlist(context, stage, text(macros.c_str()));
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
    for (auto left = strip; left > 0; --left) {
        smfi_chgheader(context, text(left % 2 == 1 ? "X-KeyBuzz-Tenant" : "X-KeyBuzz-Ticket"), 1, nullptr);
    }
    if (stamp) {
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
    filter.xxfi_flags = negotiation.actions;
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
    auto options = Options{argc, argv,
                           "bench-null-milter --listen unix:/path|inet:host:port [--like NEGOTIATION] [--stamp]"
                           " [--strip N]"};
    auto address = libmilter_address(options.text("listen"));
    negotiation = parse_negotiation(options.text("like", std::string{kNegotiation}));
    stamp = options.flag("stamp");
    strip = options.number("strip", 0);
    options.done();

    if (smfi_setconn(address.data()) != MI_SUCCESS) give_up("libmilter does not take the address " + address);
    if (smfi_register(descriptor()) != MI_SUCCESS) give_up("libmilter does not take the filter");
    if (smfi_opensocket(true) != MI_SUCCESS) give_up("libmilter cannot listen on " + address);
    return smfi_main() == MI_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}
