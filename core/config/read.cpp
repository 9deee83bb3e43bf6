#include "core/config/read.hpp"

#include <span>

#include "core/base/text.hpp"

namespace mailcore::config {
namespace {

// How to write what is wanted here, given what is there; "" when that is not plain.
std::string cure(Node::Kind wanted, Node const& found)
{
    if (wanted == Node::Kind::List && found.kind == Node::Kind::Scalar) return "; write [" + quoted(found.text) + "]";
    if (wanted == Node::Kind::Scalar && found.kind == Node::Kind::Nothing) return "; write \"\" for an empty text";
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
    error(node, path.before("expected " + std::string{wanted} + ", found " + std::string{kind_name(node)} + cure(kind, node)));
    return false;
}

void Reader::unknown_key(Node const& key, Path const& path, std::vector<std::string_view> const& allowed)
{
    auto const near = base::nearest(key.text, allowed);
    auto const hint = near.empty() ? "allowed: " + base::join(allowed, ", ") : "did you mean " + quoted(near) + "?";
    error(key, "unknown key " + quoted(key.text) + path.in() + "; " + hint);
}

void Reader::bad_word(Path const& path, Node const& node, std::string const& hint)
{
    auto const where = path.parent ? path.parent->in() : "";
    error(node, "unknown " + shown(path.key) + ' ' + quoted(node.text) + where + "; " + hint);
}

void Reader::check_name(Check const* check, std::string_view what, Node const& key)
{
    if (!check || check->accepts(key.text)) return;
    error(key, std::string{what} + ": " + quoted(key.text) + " is not " + std::string{check->cure});
}

}   // namespace mailcore::config
