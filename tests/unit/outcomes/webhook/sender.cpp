// Sends what is in a store until it is killed: `sender STORE URL SECRET_FILE`.

#include <unistd.h>

#include "outcomes/store/sqlite_store.hpp"
#include "outcomes/webhook/webhook.hpp"

int main(int argc, char** argv)
{
    using namespace mailcore::outcomes;
    if (argc != 4) return 64;
    auto store = open_sqlite_store(argv[1]);
    if (!store) return 1;
    WebhookOptions options;
    options.url = argv[2];
    options.secret_file = argv[3];
    Webhook const webhook{options, **store, [](bool, std::string const&) {}};
    for (;;) ::pause();
}
