// JSON that holds secrets, parsed in place: every text of the document lies in the one Secret that was given, and is
// wiped with it. The door to RapidJSON.
//
//     auto json = SecretJson::parse(std::move(body));
//     auto token = json->at("auth", "client_token").text();     // view into the document; empty if absent
//
// Of two equal keys the last counts. Numbers keep the digits they were written with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"

namespace mailcore::vault_sync {

class JsonNode {
public:
    JsonNode() = default;                         // absent
    explicit JsonNode(void const* value) : value_{value} {}

    JsonNode at() const { return *this; }
    JsonNode at(std::string_view key) const;      // absent if this is no object or has no such key
    template <class... Keys>
    JsonNode at(std::string_view key, Keys... more) const
    {
        return at(key).at(more...);
    }
    bool exists() const { return value_ != nullptr; }
    bool is_null() const;
    bool is_object() const;
    bool is_text() const;
    std::string_view text() const;                // a string's; empty otherwise
    std::optional<std::int64_t> number() const;   // whole numbers only
    std::optional<bool> boolean() const;
    // Strings, numbers and booleans as text; nothing for null, lists and objects.
    std::optional<base::Secret> scalar() const;
    template <class Visit>
    void each_member(Visit visit) const;          // visit(std::string_view key, JsonNode value), in the order written
    std::string_view member_key(std::size_t index) const;
    JsonNode member_value(std::size_t index) const;
    std::size_t size() const;                     // of members, or of items of a list
    JsonNode item(std::size_t index) const;

private:
    void const* value_ = nullptr;
};

template <class Visit>
void JsonNode::each_member(Visit visit) const
{
    if (!is_object()) return;
    for (std::size_t i = 0; i < size(); ++i) visit(member_key(i), member_value(i));
}

class SecretJson {
public:
    // An object or a list, in strict UTF-8. The error names the byte, never the text.
    static base::Result<SecretJson> parse(base::Secret text);
    SecretJson(SecretJson&&) noexcept;
    SecretJson& operator=(SecretJson&&) noexcept;
    ~SecretJson();
    JsonNode root() const;
    template <class... Keys>
    JsonNode at(Keys... keys) const
    {
        return root().at(keys...);
    }

private:
    struct State;
    explicit SecretJson(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

void append_json_string(base::Secret& out, std::string_view text);   // with quotes

}   // namespace mailcore::vault_sync
