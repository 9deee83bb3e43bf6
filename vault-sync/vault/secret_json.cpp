#include "vault-sync/vault/secret_json.hpp"

#include "core/base/text.hpp"

#include <charconv>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <string>
#include <utility>

namespace mailcore::vault_sync {
namespace {

// In place: texts stay where they are in the Secret, the tree only points at them. Iterative: a thousand brackets more
// are no deeper a stack. Numbers as they were written: 587 must not come back as 587.0, nor a long one rounded.
constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                            rapidjson::kParseNumbersAsStringsFlag;

rapidjson::Value const& value_of(void const* value) { return *static_cast<rapidjson::Value const*>(value); }

// RapidJSON keeps such a number as a string that points into the text, too. A string's first byte follows its quote,
// which parsing in place leaves alone; a number's follows a comma, a colon, a bracket or a blank. (The root is
// neither.)
bool is_quoted(rapidjson::Value const& value) { return value.IsString() && value.GetString()[-1] == '"'; }
bool is_number(rapidjson::Value const& value) { return value.IsString() && !is_quoted(value); }

std::string_view text_of(rapidjson::Value const& value) { return {value.GetString(), value.GetStringLength()}; }

base::Result<> refuse(std::string_view words, std::size_t position)
{
    return base::fail("not JSON: " + std::string{words} + " (byte " + std::to_string(position + 1) + ")");
}

std::string_view without_full_stop(std::string_view words)
{
    return words.ends_with('.') ? words.substr(0, words.size() - 1) : words;
}

}   // namespace

struct SecretJson::State {
    base::Secret text;
    rapidjson::Document document;

    base::Result<> parse()
    {
        // RapidJSON takes a NUL for the end; what follows it would go unseen.
        if (auto const nul = text.reveal().find('\0'); nul != std::string_view::npos) return refuse("a NUL byte", nul);
        // Its own check of UTF-8 reads past the end of a text that is cut within a character.
        if (auto const bad = base::find_not_utf8(text.reveal()); bad != std::string_view::npos) return refuse("a byte that is not UTF-8", bad);
        if (text.empty()) return base::fail("not JSON: the text is empty");
        document.ParseInsitu<kFlags>(text.bytes().data());
        if (document.HasParseError()) {
            return refuse(without_full_stop(rapidjson::GetParseError_En(document.GetParseError())),
                          document.GetErrorOffset());
        }
        if (!document.IsObject() && !document.IsArray()) return base::fail("not a JSON object or list");
        return {};
    }
};

SecretJson::SecretJson(std::unique_ptr<State> state) : state_{std::move(state)} {}
SecretJson::SecretJson(SecretJson&&) noexcept = default;
SecretJson& SecretJson::operator=(SecretJson&&) noexcept = default;
SecretJson::~SecretJson() = default;

base::Result<SecretJson> SecretJson::parse(base::Secret text)
{
    auto state = std::make_unique<State>();
    state->text = std::move(text);
    if (auto const parsed = state->parse(); !parsed) return base::fail(parsed.error());
    return SecretJson{std::move(state)};
}

JsonNode SecretJson::root() const { return JsonNode{&state_->document}; }

bool JsonNode::is_null() const { return exists() && value_of(value_).IsNull(); }
bool JsonNode::is_object() const { return exists() && value_of(value_).IsObject(); }
bool JsonNode::is_text() const { return exists() && is_quoted(value_of(value_)); }

JsonNode JsonNode::at(std::string_view key) const
{
    for (auto i = is_object() ? size() : 0; i > 0; --i) {
        if (member_key(i - 1) == key) return member_value(i - 1);
    }
    return {};
}

std::string_view JsonNode::text() const { return is_text() ? text_of(value_of(value_)) : std::string_view{}; }

std::optional<std::int64_t> JsonNode::number() const
{
    if (!exists() || !is_number(value_of(value_))) return std::nullopt;
    auto const digits = text_of(value_of(value_));
    std::int64_t number = 0;
    auto const [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

std::optional<bool> JsonNode::boolean() const
{
    if (!exists() || !value_of(value_).IsBool()) return std::nullopt;
    return value_of(value_).GetBool();
}

std::optional<base::Secret> JsonNode::scalar() const
{
    if (!exists()) return std::nullopt;
    auto const& value = value_of(value_);
    if (value.IsString()) return base::Secret{text_of(value)};
    if (value.IsBool()) return base::Secret{value.GetBool() ? "true" : "false"};
    return std::nullopt;
}

std::size_t JsonNode::size() const
{
    if (!exists()) return 0;
    auto const& value = value_of(value_);
    if (value.IsObject()) return value.MemberCount();
    return value.IsArray() ? value.Size() : 0;
}

std::string_view JsonNode::member_key(std::size_t index) const
{
    auto const member = value_of(value_).MemberBegin() + static_cast<std::ptrdiff_t>(index);
    return text_of(member->name);
}

JsonNode JsonNode::member_value(std::size_t index) const
{
    auto const member = value_of(value_).MemberBegin() + static_cast<std::ptrdiff_t>(index);
    return JsonNode{&member->value};
}

JsonNode JsonNode::item(std::size_t index) const
{
    if (!exists() || !value_of(value_).IsArray() || index >= size()) return {};
    return JsonNode{&value_of(value_)[static_cast<rapidjson::SizeType>(index)]};
}

void append_json_string(base::Secret& out, std::string_view text)
{
    constexpr std::string_view hex = "0123456789abcdef";
    out.append("\"");
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto const byte = static_cast<unsigned char>(text[i]);
        if (byte == '"' || byte == '\\') {
            out.append("\\");
            out.append(text.substr(i, 1));
        } else if (byte < 0x20) {
            out.append("\\u00");
            out.append(hex.substr(byte >> 4u, 1));
            out.append(hex.substr(byte & 15u, 1));
        } else {
            out.append(text.substr(i, 1));
        }
    }
    out.append("\"");
}

}   // namespace mailcore::vault_sync
