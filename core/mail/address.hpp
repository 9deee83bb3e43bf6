// An address of the envelope or of a header, ready to be compared.
//
//     Address sender;
//     sender.set("Amazon+4711@Inbound.KeyBuzz.io");
//     sender.domain()     // "inbound.keybuzz.io"
//     sender.extension()  // "4711"
//
// set() reuses the object's memory, so that a daemon's steady state allocates nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace mailcore::mail {

class Address {
public:
    enum class Kind : std::uint8_t {
        Absent,     // not known at this point of the SMTP dialogue
        Null,       // <>, RFC 5321 4.5.5
        NoDomain,   // "postmaster": Postfix would append its own domain
        Mailbox,    // local@domain
    };

    Address() = default;
    explicit Address(std::string_view internal_form) { set(internal_form); }

    void clear();
    // The unquoted form in which Postfix's policy protocol and macros give it: `a b@x` for <"a b"@x>.
    // "" is the null address. The last @ splits.
    void set(std::string_view internal_form);

    Kind kind() const { return kind_; }
    std::string_view text() const { return text_; }   // as it was given
    // Lower case without ASCII case of the local part; domain as domain.hpp says.
    std::string_view local() const { return std::string_view{comparable_}.substr(0, at_); }
    std::string_view domain() const;
    // The part of the local part behind its first '+', in its original case; "" when there is none.
    std::string_view extension() const;

    bool has_domain_literal() const { return domain().starts_with('['); }
    // An international domain that IDNA 2008 refuses. Postfix asks another library, which may take it for the domain
    // that a pattern names by its A-labels.
    bool has_unmapped_domain() const;
    // Would Postfix deliver this elsewhere than to what it says (percent hack, bang path, no domain, a literal, a
    // domain that we cannot compare)?
    bool may_be_rewritten() const;

    bool operator==(Address const& other) const
    {
        return kind_ == other.kind_ && comparable_ == other.comparable_;
    }

private:
    Kind kind_ = Kind::Absent;
    std::string text_;
    std::string comparable_;   // local@domain
    std::size_t at_ = 0;       // where the @ stands in comparable_; its size without a domain
};

// The recipients of a message. clear() keeps the memory of each.
class AddressList {
public:
    Address& add();
    void drop_last() { --size_; }
    void clear() { size_ = 0; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    Address const& back() const { return slots_[size_ - 1]; }
    Address const& operator[](std::size_t index) const { return slots_[index]; }
    auto begin() const { return slots_.begin(); }
    auto end() const { return slots_.begin() + static_cast<std::ptrdiff_t>(size_); }

private:
    std::deque<Address> slots_;
    std::size_t size_ = 0;
};

// What a client sent behind MAIL FROM: or RCPT TO: (RFC 5321 4.1.2 Path, without its parameters), in internal form:
// brackets, source route and quoting taken off. `<@relay:"a b"@x>` gives `a b@x`, `<>` gives "".
std::string internal_form_of_path(std::string_view path);

}   // namespace mailcore::mail
