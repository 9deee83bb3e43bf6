#include "core/mail/address.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/mail/domain.hpp"

namespace mailcore::mail {

void Address::clear()
{
    kind_ = Kind::Absent;
    text_.clear();
    comparable_.clear();
    at_ = 0;
}

void Address::set(std::string_view internal_form)
{
    text_.assign(internal_form);
    comparable_.clear();

    auto const at = internal_form.rfind('@');
    auto const local = internal_form.substr(0, at);
    auto const domain = at == std::string_view::npos ? std::string_view{} : internal_form.substr(at + 1);
    base::append_lower(comparable_, local);
    at_ = comparable_.size();

    if (internal_form.empty()) {
        kind_ = Kind::Null;
    } else if (domain.empty() || domain == ".") {
        kind_ = Kind::NoDomain;
    } else {
        kind_ = Kind::Mailbox;
        comparable_ += '@';
        append_comparable_domain(comparable_, domain);
    }
}

std::string_view Address::domain() const
{
    return kind_ == Kind::Mailbox ? std::string_view{comparable_}.substr(at_ + 1) : std::string_view{};
}

std::string_view Address::extension() const
{
    auto const original = std::string_view{text_}.substr(0, text_.rfind('@'));
    auto const plus = original.find('+');
    return plus == std::string_view::npos ? std::string_view{} : original.substr(plus + 1);
}

bool Address::may_be_rewritten() const
{
    return kind_ == Kind::NoDomain || local().find_first_of("%!@") != std::string_view::npos || has_domain_literal() ||
           has_unmapped_domain();
}

bool Address::has_unmapped_domain() const
{
    auto const name = domain();
    return std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

Address& AddressList::add()
{
    if (size_ == slots_.size()) slots_.emplace_back();
    return slots_[size_++];
}

std::string internal_form_of_path(std::string_view path)
{
    path = base::trim(path);
    if (path.size() >= 2 && path.front() == '<' && path.back() == '>') path = path.substr(1, path.size() - 2);
    if (path.starts_with('@')) {   // a source route, RFC 5321 appendix C: <@one,@two:user@dom>
        auto const colon = path.find(':');
        if (colon != std::string_view::npos) path.remove_prefix(colon + 1);
    }

    std::string internal;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == '\\' && i + 1 < path.size()) internal += path[++i];
        else if (path[i] != '"') internal += path[i];   // the quotes themselves are no part of it
    }
    return internal;
}

}   // namespace mailcore::mail
