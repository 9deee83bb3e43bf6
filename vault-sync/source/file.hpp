// A secret that somebody else put into a file: the Kubernetes injector, Vault Agent, an operator.
//
//     {"host":"…","password":"…"}     a JSON object; the fields may lie below data, or data.data as Vault answers
//     host: smtp.example.net          YAML's simplest form, one field a line
//     SMTP_HOST=smtp.example.net      as for a shell; names in any case, "export", and a leading SMTP_ is dropped
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "vault-sync/source/record.hpp"

namespace mailcore::vault_sync {

struct SecretFile {
    base::Secret text;
    unsigned mode = 0;    // permission bits
    unsigned owner = 0;
};

// A regular file (symbolic links are followed: agents switch them) of bounded size, into secret memory.
base::Result<SecretFile> read_secret_file(std::string const& path, std::size_t most_bytes = 256u << 10u);

struct FileRecord {
    SecretRecord record;
    std::vector<std::string> warnings;   // one line each: readable by everybody
};

// Fails on what an agent writes when its template is wrong: <no value>, map[…], nothing. Names the field, not its
// value.
base::Result<FileRecord> read_record_file(std::string const& path);

// The same for a text at hand; `path` is for the messages.
base::Result<SecretRecord> parse_record(std::string const& path, base::Secret text);

}   // namespace mailcore::vault_sync
