#include "vault-sync/source/file.hpp"

#include <filesystem>

#include "tests/unit/vault-sync/source/scoped_directory.hpp"

namespace mailcore::vault_sync {
namespace {

std::string fields(std::string_view text)
{
    auto const record = parse_record("/vault/secrets/smtp", base::Secret{text});
    if (!record) return record.error().message;
    std::string all;
    for (auto const& [name, value] : record->fields) all += name + "=" + std::string{value.reveal()} + ";";
    return all;
}

TEST(RecordText, TakesJsonFlatAndAsVaultAnswers)
{
    auto const expected = "host=h;password=p;port=587;";
    EXPECT_EQ(fields(R"({"host":"h","port":587,"password":"p"})"), expected);
    EXPECT_EQ(fields(R"({"data":{"host":"h","port":"587","password":"p"}})"), expected);
    EXPECT_EQ(
        fields(R"({"request_id":"r","data":{"data":{"host":"h","port":587,"password":"p"},"metadata":{"version":7}}})"),
        expected);
    EXPECT_EQ(fields("\xef\xbb\xbf \n{\"host\":\"h\",\"port\":587,\"password\":\"p\",\"none\":null,\"list\":[1]}\n"),
              expected);
}

TEST(RecordText, TakesYamlLines)
{
    EXPECT_EQ(fields("---\n# a comment\nhost: h\r\nport: 587\nuse_tls:  true \nuser: \"a \\\"b\\\" \\\\c\"\npassword: "
                     "'it''s'\n"),
              "host=h;password=it's;port=587;use_tls=true;user=a \"b\" \\c;");
    EXPECT_EQ(fields("data:\n  host: h\n  password: \"\"\n"), "host=h;password=;");
    EXPECT_EQ(fields("password: p#1 # 2: x=y"), "password=p#1 # 2: x=y;") << "no comment is looked for behind a value";
}

TEST(RecordText, TakesVariables)
{
    EXPECT_EQ(fields("SMTP_HOST=h\nexport SMTP_PASSWORD='a=b: c'\nPORT = 587\nAccess_Key=AK\nuser=\"x\n"),
              "access_key=AK;host=h;password=a=b: c;port=587;user=\"x;");
    EXPECT_EQ(fields("host=first\nhost=last\n"), "host=last;");
}

TEST(RecordText, RefusesWhatAWrongTemplateGives)
{
    EXPECT_EQ(fields("password: <no value>"),
              "/vault/secrets/smtp: \"password\" is \"<no value>\": the agent's template names a field that the secret "
              "does not have; mend the template");
    EXPECT_EQ(fields(R"({"password":"<no value>"})"),
              "/vault/secrets/smtp: \"password\" is \"<no value>\": the agent's template names a field that the secret "
              "does not have; mend the template");
    EXPECT_EQ(fields("data: map[host:h password:topsecret]\nmetadata: map[version:1]"),
              "/vault/secrets/smtp: \"data\" begins with \"map[\": the agent wrote the secret in Go's own form; give "
              "it a template "
              "that writes JSON, as in {{ .Data.data | toJSON }}");
    EXPECT_TRUE(
        fields("map[host:h password:topsecret]").starts_with("/vault/secrets/smtp: \"the text\" begins with \"map[\""));
    EXPECT_TRUE(fields("<no value>").starts_with("/vault/secrets/smtp: \"the text\" is \"<no value>\""));
    for (auto const* empty : {"", "  \n", "\xef\xbb\xbf"}) {
        EXPECT_EQ(
            fields(empty),
            "/vault/secrets/smtp is empty; the agent has not written the secret yet, or its template gives nothing");
    }
    EXPECT_EQ(fields("{}"), "/vault/secrets/smtp holds no field");
    EXPECT_EQ(fields("# only a comment"), "/vault/secrets/smtp holds no field");
}

// Whatever stands there may be the secret: messages name places, never the text.
TEST(RecordText, NamesTheLineNotItsText)
{
    EXPECT_EQ(fields("host: h\ntopsecret\n"), "/vault/secrets/smtp: line 2 is neither `key: value` nor KEY=VALUE");
    EXPECT_EQ(fields("topsecret:x"), "/vault/secrets/smtp: line 1 is neither `key: value` nor KEY=VALUE");
    EXPECT_EQ(fields(": topsecret"), "/vault/secrets/smtp: line 1 is neither `key: value` nor KEY=VALUE");
    EXPECT_EQ(fields(R"({"password":"topsecret)"),
              "/vault/secrets/smtp: not JSON: Missing a closing quotation mark in string (byte 23)");
    EXPECT_EQ(fields(std::string_view{"host: a\0b", 9}), "/vault/secrets/smtp holds a NUL byte: no text");
}

std::string complaint(std::string const& path)
{
    auto const read = read_record_file(path);
    return read ? "read" : read.error().message;
}

TEST(RecordFile, ReadsThroughTheLinksThatAgentsSwitch)
{
    ScopedDirectory const directory;
    directory.write("v1", R"({"host":"h"})", 0600);
    std::filesystem::create_symlink("v1", directory.path("smtp"));
    auto const read = read_record_file(directory.path("smtp"));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->record.source, Source::File);
    EXPECT_EQ(read->record.path, directory.path("smtp"));
    EXPECT_EQ(read->record.fields.at("host").reveal(), "h");
    EXPECT_FALSE(read->record.created);
    EXPECT_TRUE(read->warnings.empty());
}

TEST(RecordFile, WarnsWhenEverybodyMayReadIt)
{
    ScopedDirectory const directory;
    auto const path = directory.write("smtp", "host: h", 0644);
    auto const read = read_record_file(path);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->warnings,
              std::vector<std::string>{path + " is readable by everybody on this host; chmod 0600 " + path});
}

TEST(RecordFile, RefusesWhatIsNoSecretFile)
{
    ScopedDirectory const directory;
    EXPECT_EQ(complaint(directory.path("absent")),
              "cannot open " + directory.path("absent") + ": No such file or directory");
    ::mkfifo(directory.path("pipe").c_str(), 0600);
    EXPECT_EQ(complaint(directory.path("pipe")), directory.path("pipe") + " is not a regular file")
        << "and does not wait for a writer";
    EXPECT_EQ(complaint("/"), "/ is not a regular file");
    auto const large = directory.write("large", "a: " + std::string(256u << 10u, 'x'));
    EXPECT_EQ(complaint(large), large + " is larger than 256KiB");
    auto const fits = directory.write("fits", "a: " + std::string((256u << 10u) - 3, 'x'));
    EXPECT_EQ(complaint(fits), "read");
}

}   // namespace
}   // namespace mailcore::vault_sync
