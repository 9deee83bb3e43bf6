#include "core/config/read.hpp"

#include <span>

#include "core/base/text.hpp"

namespace mailcore::config {
namespace {

// How to write what is wanted here, given what is there; "" when that is not plain.
std::string cure(std::string_view wanted, Node const& found)
{
    if (wanted == "a list" && found.kind == Node::Kind::Scalar) return "; write [" + in_quotes(found.text) + "]";
    if (wanted == TextForm::noun && found.kind == Node::Kind::Nothing) return "; write \"\" for an empty text";
    return "";
}

}   // namespace

std::string Path::text() const
{
    auto const here = shown(key);
    auto const above = parent ? parent->text() : "";
    return above.empty() ? here : above + '.' + here;
}

std::string Path::before(std::string_view words) const
{
    auto const where = text();
    return (where.empty() ? "" : where + ": ") + std::string{words};
}

std::string Path::in() const
{
    auto const where = text();
    return where.empty() ? "" : " in " + where;
}

bool Reader::expect(Node::Kind kind, std::string_view wanted, Path const& path, Node const& node)
{
    if (node.kind == kind) return true;
    if (node.kind == Node::Kind::Refused) return false;   // already reported
    auto const found = std::string{kind_name(node)} + cure(wanted, node);
    error(node, path.before("expected " + std::string{wanted} + ", found " + found));
    return false;
}

void Reader::unknown_key(Node const& key, Path const& path, std::vector<std::string_view> const& allowed)
{
    auto const near = base::nearest(base::lower(key.text), allowed);
    auto const hint = near.empty() ? "allowed: " + base::join(allowed, ", ") : "did you mean " + in_quotes(near) + "?";
    error(key, "unknown key " + in_quotes(key.text) + path.in() + "; " + hint);
}

void Reader::bad_word(Path const& path, Node const& node, std::string_view what, std::string const& hint)
{
    auto const above = path.parent ? path.parent->in() : "";
    auto const subject = what.empty() ? "word " + in_quotes(node.text) + " for " + path.text()
                                      : std::string{what} + ' ' + in_quotes(node.text) + above;
    error(node, "unknown " + subject + "; " + hint);
}

void Reader::missing(Path const& path, Node const& node, std::vector<std::string_view> const& keys)
{
    auto const words = keys.size() == 1 ? "the key " + in_quotes(keys.front()) + " is missing"
                                        : "these keys are missing: " + base::join(keys, ", ");
    error(node, path.before(words));
}

void Reader::check_name(Check const* check, std::string_view what, Node const& key)
{
    if (!check || check->accepts(key.text)) return;
    error(key, std::string{what} + ": " + in_quotes(key.text) + " is not " + std::string{check->cure});
}

}   // namespace mailcore::config
