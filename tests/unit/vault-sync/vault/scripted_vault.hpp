// A Vault that answers what a test says, in the order it says, and complains of any other question:
//
//     vault.answers("POST auth/approle/login", 200, kLogin);
//     vault.answers("GET secret/data/keybuzz/smtp", 403, kDenied);
//     EXPECT_EQ(vault.read("secret/keybuzz/smtp"), "…");
#pragma once

#include <deque>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/vault-sync/source/scoped_directory.hpp"
#include "vault-sync/vault/client.hpp"

namespace mailcore::vault_sync {

inline constexpr auto kLogin =
    R"({"auth":{"client_token":"hvs.login","accessor":"a","policies":["default","smtp"],"token_type":"service","lease_duration":3600,"renewable":true}})";
inline constexpr auto kDenied = R"({"errors":["1 error occurred:\n\t* permission denied\n\n"]})";
inline constexpr auto kNothing = R"({"errors":[]})";
inline constexpr auto kSealed = R"({"errors":["Vault is sealed"]})";
inline constexpr auto kMountTwo = R"({"data":{"path":"secret/","type":"kv","options":{"version":"2"}}})";
inline constexpr auto kSecret =
    R"({"request_id":"r","data":{"data":{"host":"h","port":587},"metadata":{"created_time":"2018-03-22T02:24:06.945319214Z",)"
    R"("custom_metadata":null,"deletion_time":"","destroyed":false,"version":2}},"warnings":null,"auth":null})";

class ScriptedVault {
public:
    struct Request {
        std::string method, url;
        std::map<std::string, std::string> headers;
        std::optional<std::string> body;
    };

    ScriptedVault()
    {
        settings.address = "https://vault.example:8200";
        settings.timeout = std::chrono::seconds{10};
        settings.retries = 3;
        settings.auth.role_id_file = files.write("role-id", "role-1\n", 0600);
        settings.auth.secret_id_file = files.write("secret-id", "secret-1\n", 0600);
    }
    ~ScriptedVault()
    {
        for (auto const& step : script_) ADD_FAILURE() << "was not asked: " << step.question;
    }

    ScriptedVault& answers(std::string const& question, int status, std::string_view body,
                           std::map<std::string, std::string> headers = {}) {
        script_.push_back({question, status, std::string{body}, std::move(headers), {}});
        return *this;
    }
    ScriptedVault& fails(std::string const& question, net::HttpFailure kind,
                         std::string const& message = "libcurl's words") {
        script_.push_back({question, 0, "", {}, net::HttpError{kind, message}});
        return *this;
    }

    void use_given_token(std::string const& token = "hvs.given")
    {
        settings.auth.method = "token";
        settings.token = base::Secret{std::string_view{token}};
    }
    // Past the questions that are not the test's matter.
    void expect_login() { answers("POST auth/approle/login", 200, kLogin); }
    void expect_mount() { answers("GET sys/internal/ui/mounts/secret/keybuzz/smtp", 200, kMountTwo); }

    VaultClient& client()
    {
        if (!client_) {
            auto opened = VaultClient::open(settings, environment(), seams());
            if (!opened) throw std::runtime_error{opened.error().message};
            client_.emplace(std::move(*opened));
        }
        return *client_;
    }
    std::string complaint()
    {
        auto const opened = VaultClient::open(settings, environment(), seams());
        return opened ? "opened" : opened.error().message;
    }
    void restart() { client_.reset(); }

    // "host=h;port=587; version 2", or the kind of the failure and its words.
    std::string read(std::string const& path = "secret/keybuzz/smtp", std::string const& mount = "")
    {
        auto const record = client().read(path, mount);
        if (!record) return told(record.error());
        std::string text;
        for (auto const& [name, value] : record->fields) text += name + "=" + std::string{value.reveal()} + ";";
        return text + " version " + std::to_string(record->version);
    }
    std::string keep_alive()
    {
        auto const done = client().keep_alive(now);
        return done ? "fine" : told(done.error());
    }
    // Seconds until the next renewal; -1 for none.
    std::int64_t next() const
    {
        auto const time = client_->next_renewal();
        return time ? std::chrono::duration_cast<std::chrono::seconds>(*time - now).count() : -1;
    }
    static std::string told(VaultError const& error)
    {
        static constexpr char const* kinds[]{"Unreachable", "Sealed", "NoCredentials", "LoginRefused", "Denied",
                                             "NotFound",    "Deleted", "Malformed",    "Tampered"};
        return std::string{kinds[static_cast<int>(error.kind)]} + ": " + error.message;
    }

    ScopedDirectory files;
    VaultSettings settings;
    base::Time now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 21}};
    double random = 0.5;
    std::vector<std::int64_t> waits;        // milliseconds
    int stop_after_waits = -1;
    std::vector<std::string> warnings, remembered;
    std::map<std::string, std::string> kept;   // secret ids by token hash
    std::string keeping_fails;
    std::vector<Request> requests;

private:
    struct Step {
        std::string question;
        int status;
        std::string body;
        std::map<std::string, std::string> headers;
        std::optional<net::HttpError> failure;
    };

    VaultEnvironment environment()
    {
        VaultEnvironment given;
        given.wait = [this](std::chrono::milliseconds time) {
            waits.push_back(time.count());
            now += time;
            return static_cast<int>(waits.size()) != stop_after_waits;
        };
        given.warn = [this](std::string const& warning) { warnings.push_back(warning); };
        given.remember_secret = [this](base::Secret const& secret) { remembered.emplace_back(secret.reveal()); };
        given.secret_ids.recall = [this](std::string const& hash) -> std::optional<base::Secret> {
            auto const found = hash.empty() ? kept.begin() : kept.find(hash);
            if (found == kept.end()) return std::nullopt;
            return base::Secret{std::string_view{found->second}};
        };
        given.secret_ids.keep = [this](std::string const& hash, base::Secret const& secret_id) -> base::Result<> {
            if (!keeping_fails.empty()) return base::fail(keeping_fails);
            kept.clear();
            kept[hash] = secret_id.reveal();
            return {};
        };
        return given;
    }
    VaultSeams seams()
    {
        VaultSeams given;
        given.send = [this](net::HttpRequest const& request) { return answer(request); };
        given.now = [this] { return now; };
        given.random = [this] { return random; };
        return given;
    }

    base::Result<net::HttpAnswer, net::HttpError> answer(net::HttpRequest const& request)
    {
        Request seen{request.method, request.url, {}, {}};
        for (auto const& header : request.headers) seen.headers[header.name] = header.value.reveal();
        if (request.body) seen.body = std::string{request.body->reveal()};
        requests.push_back(seen);
        auto const start = request.url.find("/v1/");
        auto const question =
            request.method + " " + (start == std::string::npos ? request.url : request.url.substr(start + 4));
        if (script_.empty() || script_.front().question != question) {
            ADD_FAILURE() << "unexpected question: " << question
                          << (script_.empty() ? "" : "\nexpected: " + script_.front().question);
            return base::fail_with(net::HttpError{net::HttpFailure::Url, "not in the script"});
        }
        auto const step = std::move(script_.front());
        script_.pop_front();
        if (step.failure) return base::fail_with(*step.failure);
        return net::HttpAnswer{step.status, step.headers, base::Secret{std::string_view{step.body}}};
    }

    std::deque<Step> script_;
    std::optional<VaultClient> client_;
};

}   // namespace mailcore::vault_sync
