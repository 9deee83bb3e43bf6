#include "core/config/reference.hpp"

#include "core/config/load.hpp"
#include "core/config/settings_fields.hpp"

namespace mailcore::config {
namespace {

constexpr std::string_view kReferenceStart = R"(# mailcore.yaml: every key

This page is printed by the program from the rows that also read the file; a test compares the two.
Check a file with `mailcorectl check`: it names every mistake with file, line and column.

)";

constexpr std::string_view kReferenceEnd = "A file named by `include` holds the key `tenants` and nothing else.\n";

std::string escaped(std::string_view text, std::string_view special)
{
    std::string out;
    for (char const c : text) {
        if (special.find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

std::string cell(std::string_view text) { return escaped(text, "|"); }

std::string default_cell(KeyText const& key)
{
    if (key.presence == Presence::Required) return "required";
    if (key.presence == Presence::Optional || key.absent.empty()) return "";
    return '`' + cell(key.absent) + '`';
}

std::string reference_section(SectionText const& section)
{
    auto out = "\n## " + (section.path.empty() ? std::string{"Top level"} : '`' + section.path + '`') + "\n\n";
    if (!section.meaning.empty()) out += section.meaning + "\n\n";
    out += "| key | type | default | meaning |\n| --- | --- | --- | --- |\n";
    for (auto const& key : section.keys) {
        out +=
            "| `" + key.key + "` | " + cell(key.type) + " | " + default_cell(key) + " | " + cell(key.meaning) + " |\n";
    }
    return out;
}

// scdoc takes these for markup.
std::string plain(std::string_view text) { return escaped(text, "\\*_#[]|`~<>"); }

// The man page has no code marks: `allow` is _allow_ there.
std::string underlined_names(std::string_view meaning)
{
    std::string out;
    for (;;) {
        auto const mark = meaning.find('`');
        out += plain(meaning.substr(0, mark));
        if (mark == std::string_view::npos) return out;
        out += '_';
        meaning.remove_prefix(mark + 1);
    }
}

std::string man_default(KeyText const& key)
{
    if (key.presence == Presence::Required) return " Required.";
    if (key.presence == Presence::Optional || key.absent.empty()) return "";
    return " Default: " + plain(key.absent);
}

std::string man_section(SectionText const& section)
{
    auto out = "## " + (section.path.empty() ? std::string{"Top level"} : plain(section.path)) + "\n\n";
    if (!section.meaning.empty()) out += underlined_names(section.meaning) + "\n\n";
    for (auto const& key : section.keys) {
        out += '*' + plain(key.key) + "* (" + plain(key.type) + ")\n";
        out += '\t' + underlined_names(key.meaning) + man_default(key) + "\n\n";
    }
    return out;
}

}   // namespace

std::string_view const kHowValuesAreWritten = R"(How values are written:

- **text**: one line; in quotes where YAML wants it, above all when it begins with `@`, `!`, `*`, `&`, `%` or `[`.
- **size**: bytes, or with a unit: `KiB`, `MiB`, `GiB` (1024) or `kB`, `MB`, `GB` (1000), as in `25MiB`.
- **duration**: a number and `ms`, `s`, `m`, `h`, `d` or `w`, as in `10m`.
- **percentage**: as in `10%`.
- **list**: `[a, b]`, or an item a line. A key without a value is an empty list or map.

Anchors, aliases, tags and several documents in a file are not supported. A key may stand once.
)";

std::string reference_page(std::string_view start, std::vector<SectionText> const& sections)
{
    std::string out{start};
    for (auto const& section : sections) out += reference_section(section);
    return out;
}

std::string man_keys(std::vector<SectionText> const& sections)
{
    std::string out;
    for (auto const& section : sections) out += man_section(section);
    return out;
}

std::string print_reference()
{
    auto const start = std::string{kReferenceStart} + std::string{kHowValuesAreWritten} + std::string{kReferenceEnd};
    return reference_page(start, describe<Settings>());
}

std::string print_man_keys() { return man_keys(describe<Settings>()); }

}   // namespace mailcore::config
