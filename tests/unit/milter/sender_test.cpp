// Which envelope sender counts: {mail_addr} values as Postfix 3.7.11 gave them for these paths.

#include "tests/unit/milter/milter_language.hpp"

namespace mailcore::milter::testing {
namespace {

struct Case {
    std::string path;
    std::optional<std::string> address;
    std::string checked;
    mail::Address::Kind kind = mail::Address::Kind::Mailbox;
};

class SenderAsSent : public ::testing::TestWithParam<Case> {};

TEST_P(SenderAsSent, IsWhatPostfixUnderstoodButForCaseAndItsOwnDomain)
{
    auto const& [path, address, checked, kind] = GetParam();
    MilterSession session;
    session.open(Body::Unseen);
    Sender sender{.path = path, .address = std::nullopt, .login = {}};
    if (address) sender.address = *address;
    session.begin_message(rules(kTwoTenants), sender, kNow);
    EXPECT_EQ(session.request().sender.text(), checked);
    EXPECT_EQ(session.request().sender.kind(), kind);
}

constexpr auto kNull = mail::Address::Kind::Null;
constexpr auto kNoDomain = mail::Address::Kind::NoDomain;

INSTANTIATE_TEST_SUITE_P(
    Postfix, SenderAsSent,
    ::testing::Values(Case{"<a@acme.test>", "a@acme.test", "a@acme.test"},
                      Case{"<A+T-1@ACME.Test>", "a+t-1@acme.test", "A+T-1@ACME.Test"},        // the ticket keeps its case
                      Case{"<>", "", "", kNull},
                      Case{"<(x@acme.test)>", "", "", kNull},                                 // a comment and nothing else
                      Case{"<x>", "x@mail-core.test", "x", kNoDomain},                        // Postfix's own domain is not the sender's
                      Case{"<x%y.test>", "x%y.test@mail-core.test", "x%y.test", kNoDomain},
                      Case{"<y!x>", "y!x@mail-core.test", "y!x", kNoDomain},
                      Case{"<\"x\"@acme.test>", "x@acme.test", "x@acme.test"},
                      Case{"<@relay.test:x@acme.test>", "x@acme.test", "x@acme.test"},
                      Case{"<\"u@other.test\">", "u@other.test", "u@other.test"},
                      Case{"<x@acme.test.>", "x@acme.test", "x@acme.test"},
                      Case{"<a(comment)@acme.test>", "a@acme.test", "a@acme.test"},
                      Case{"<x@other.test (y@acme.test)>", "x@other.test", "x@other.test"},   // not acme's
                      Case{"<a@b@acme.test>", "\"a@b\"@acme.test", "a@b@acme.test"},
                      Case{"<\"a b\"@acme.test>", "\"a b\"@acme.test", "a b@acme.test"},
                      Case{"a@acme.test", "a@acme.test", "a@acme.test"},                      // sendmail(1)
                      Case{"", "", "", kNull},
                      Case{"<a@acme.test>", std::nullopt, "a@acme.test"},                     // no such macro
                      Case{"<>", std::nullopt, "", kNull}));

}   // namespace
}   // namespace mailcore::milter::testing
