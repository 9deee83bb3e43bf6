#include "core/store/lmdb_check.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace mailcore::store::lmdb {
namespace {

// The format of LMDB 0.9 on 64-bit machines (data version 1), in the machine's own byte order. A file is pages of one
// size. Pages 0 and 1 are heads ("meta pages"), of which the one with the higher commit number counts. A head names the
// roots of two trees: of the pages that are free, and of the table.
static_assert(sizeof(std::size_t) == 8);

using PageNumber = std::uint64_t;
constexpr PageNumber kNoPage = ~PageNumber{0};

struct Tree {
    std::uint32_t page_size;   // only in the first of the two
    std::uint16_t flags;
    std::uint16_t depth;
    std::uint64_t branch_pages, leaf_pages, overflow_pages, entries;
    PageNumber root;
};
struct Head {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint64_t address, map_size;
    Tree free_pages, table;
    PageNumber last_page;
    std::uint64_t commit;
};
struct PageHead {
    PageNumber number;
    std::uint16_t padding;
    std::uint16_t flags;
    std::uint16_t lower;   // where the offsets of nodes end; of an overflow page these two are the number of pages
    std::uint16_t upper;   // where the nodes begin
};
struct NodeHead {
    std::uint16_t low, high;   // of a leaf: the value's size; of a branch: the page's number
    std::uint16_t flags;       // of a branch: the page's number, too
    std::uint16_t key_size;
};
static_assert(sizeof(Tree) == 48 && sizeof(Head) == 136 && sizeof(PageHead) == 16 && sizeof(NodeHead) == 8);

constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kVersion = 1;
constexpr std::uint16_t kBranchPage = 1, kLeafPage = 2, kOverflowPage = 4, kHeadPage = 8;
constexpr std::uint16_t kKindOfPage = 0x6F;     // without what LMDB notes in memory only
constexpr std::uint16_t kValueOnOtherPages = 1;
constexpr std::uint16_t kIntegerKeys = 8;
constexpr std::uint16_t kDeepest = 32;
constexpr PageNumber kMostPages = PageNumber{1} << 32;

template <class T>
T read_as(char const* from)
{
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

std::string page_named(PageNumber page) { return "page " + std::to_string(page); }

class Pages {
public:
    Pages(int file, std::size_t size) : file_{file}, size_{size} {}

    std::size_t size() const { return size_; }
    bool read(PageNumber page, std::size_t bytes, char* into) const
    {
        return ::pread(file_, into, bytes, static_cast<off_t>(page * size_)) == static_cast<ssize_t>(bytes);
    }

private:
    int file_;
    std::size_t size_;
};

bool is_sound(Tree const& tree, PageNumber last_page, std::uint16_t flags)
{
    return tree.flags == flags && tree.depth <= kDeepest && (tree.root == kNoPage) == (tree.depth == 0) &&
           (tree.root == kNoPage || (tree.root >= 2 && tree.root <= last_page));
}

bool is_sound(Head const& head)
{
    auto const size = head.free_pages.page_size;
    return head.magic == kMagic && head.version == kVersion && std::has_single_bit(size) && size >= 512 && size <= 65'536 &&
           head.last_page >= 1 && head.last_page < kMostPages && is_sound(head.free_pages, head.last_page, kIntegerKeys) &&
           is_sound(head.table, head.last_page, 0);
}

std::optional<Head> read_head(Pages const& pages, PageNumber page)
{
    std::array<char, sizeof(PageHead) + sizeof(Head)> bytes{};
    if (!pages.read(page, bytes.size(), bytes.data())) return std::nullopt;
    auto const head = read_as<Head>(bytes.data() + sizeof(PageHead));
    bool const is_head = read_as<PageHead>(bytes.data()).flags == kHeadPage;
    if (!is_head || !is_sound(head)) return std::nullopt;
    return head;
}

struct Heads {
    Head first;
    Head second;
    std::size_t page_size() const { return first.free_pages.page_size; }
};

std::optional<Heads> read_heads(int file)
{
    auto const first = read_head(Pages{file, 4096}, 0);
    if (!first) return std::nullopt;
    auto const second = read_head(Pages{file, first->free_pages.page_size}, 1);
    if (!second || second->free_pages.page_size != first->free_pages.page_size) return std::nullopt;
    return Heads{*first, *second};
}

// Walks both trees. Each page may be met once: what is in a tree is not free, nor in the tree twice.
class Walk {
public:
    Walk(Pages const& pages, Head const& head) : pages_{pages}, head_{head}, met_(head.last_page + 1) {}

    std::string find_damage()
    {
        if (!walk_tree(head_.table, true) || !walk_tree(head_.free_pages, false)) return damage_;
        return {};
    }

private:
    struct Counted {
        std::uint64_t branch_pages = 0, leaf_pages = 0, overflow_pages = 0, entries = 0;
    };

    bool fail(PageNumber page, std::string_view what)
    {
        damage_ = page_named(page) + " " + std::string{what};
        return false;
    }

    bool meet(PageNumber page)
    {
        if (page < 2 || page > head_.last_page) return fail(page, "is named, and there is none");
        if (met_[page]) return fail(page, "is used twice");
        met_[page] = true;
        return true;
    }

    bool walk_tree(Tree const& tree, bool is_table)
    {
        is_table_ = is_table;
        counted_ = {};
        last_key_.clear();
        if (tree.root != kNoPage && !walk_page(tree.root, tree.depth)) return false;
        bool const agree = counted_.branch_pages == tree.branch_pages && counted_.leaf_pages == tree.leaf_pages &&
                           counted_.overflow_pages == tree.overflow_pages && counted_.entries == tree.entries;
        return agree || fail(tree.root, "leads to other pages than its head says");
    }

    bool walk_page(PageNumber number, unsigned levels)
    {
        if (!meet(number)) return false;
        std::string page(pages_.size(), '\0');
        if (!pages_.read(number, page.size(), page.data())) return fail(number, "is beyond the end of the file");
        auto const head = read_as<PageHead>(page.data());
        auto const wanted = levels > 1 ? kBranchPage : kLeafPage;
        bool const sound = head.number == number && (head.flags & kKindOfPage) == wanted && head.lower >= sizeof head &&
                           head.lower <= head.upper && head.upper <= page.size() && head.lower % 2 == 0;
        if (!sound) return fail(number, "is none of its kind");
        ++(levels > 1 ? counted_.branch_pages : counted_.leaf_pages);

        std::size_t const nodes = (head.lower - sizeof head) / 2;
        if (levels > 1 && nodes < 2) return fail(number, "has too few nodes");
        for (std::size_t i = 0; i < nodes; ++i) {
            std::size_t const at = read_as<std::uint16_t>(page.data() + sizeof head + 2 * i);
            if (at < head.upper || at + sizeof(NodeHead) > page.size()) return fail(number, "has a node outside of it");
            auto const node = std::string_view{page}.substr(at);
            if (levels > 1 ? !walk_branch(node, levels, number) : !walk_leaf(node, number)) return false;
        }
        return true;
    }

    bool walk_branch(std::string_view node, unsigned levels, PageNumber page)
    {
        auto const head = read_as<NodeHead>(node.data());
        if (sizeof head + head.key_size > node.size()) return fail(page, "has a node outside of it");
        return walk_page(head.low | PageNumber{head.high} << 16 | PageNumber{head.flags} << 32, levels - 1);
    }

    bool walk_leaf(std::string_view node, PageNumber page)
    {
        auto const head = read_as<NodeHead>(node.data());
        std::size_t const size = head.low | std::size_t{head.high} << 16;
        bool const elsewhere = head.flags == kValueOnOtherPages;
        if (!elsewhere && head.flags != 0) return fail(page, "has a node of another kind of table");
        if (sizeof head + head.key_size + (elsewhere ? sizeof(PageNumber) : size) > node.size()) {
            return fail(page, "has a node outside of it");
        }
        auto const key = node.substr(sizeof head, head.key_size);
        if (!is_in_order(key)) return fail(page, "is not in order");
        ++counted_.entries;

        auto const rest = node.substr(sizeof head + head.key_size);
        std::string other_pages;
        if (elsewhere && !read_other_pages(read_as<PageNumber>(rest.data()), size, other_pages)) return false;
        return is_table_ || walk_free(elsewhere ? other_pages : rest.substr(0, size), page);
    }

    static std::uint64_t number_of(std::string_view key) { return read_as<std::uint64_t>(key.data()); }

    bool is_in_order(std::string_view key)
    {
        if (is_table_ ? key.empty() : key.size() != sizeof(std::uint64_t)) return false;
        bool const ordered = last_key_.empty() || (is_table_ ? last_key_ < key : number_of(last_key_) < number_of(key));
        last_key_ = key;
        return ordered;
    }

    bool read_other_pages(PageNumber first, std::size_t size, std::string& value)
    {
        if (!meet(first)) return false;
        PageHead head{};
        auto const wanted = (sizeof head + size + pages_.size() - 1) / pages_.size();
        std::array<char, sizeof head> bytes{};
        if (!pages_.read(first, bytes.size(), bytes.data())) return fail(first, "is beyond the end of the file");
        head = read_as<PageHead>(bytes.data());
        bool const sound = head.number == first && (head.flags & kKindOfPage) == kOverflowPage &&
                           (head.lower | std::size_t{head.upper} << 16) == wanted;
        if (!sound) return fail(first, "is none of its kind");
        for (PageNumber next = first + 1; next < first + wanted; ++next) {
            if (!meet(next)) return false;
        }
        counted_.overflow_pages += wanted;
        value.resize(sizeof head + size);
        if (!pages_.read(first, value.size(), value.data())) return fail(first, "is beyond the end of the file");
        value.erase(0, sizeof head);
        return true;
    }

    // A value of the tree of free pages: how many, then their numbers.
    bool walk_free(std::string_view value, PageNumber page)
    {
        if (value.size() < 8 || value.size() / 8 - 1 < read_as<std::uint64_t>(value.data())) {
            return fail(page, "lists free pages without end");
        }
        auto const count = read_as<std::uint64_t>(value.data());
        for (std::uint64_t i = 1; i <= count; ++i) {
            if (!meet(read_as<PageNumber>(value.data() + 8 * i))) return false;
        }
        return true;
    }

    Pages const& pages_;
    Head const& head_;
    std::vector<bool> met_;
    std::string damage_;
    bool is_table_ = true;
    Counted counted_;
    std::string last_key_;   // empty: none yet
};

}   // namespace

std::string find_damage_in_head(int file)
{
    struct stat status{};
    if (::fstat(file, &status) == 0 && status.st_size == 0) return {};
    return read_heads(file) ? "" : "it is no LMDB table";
}

std::string find_damage(int file, std::uint64_t commit)
{
    auto const heads = read_heads(file);
    if (!heads) return "it is no LMDB table";
    auto const& head = heads->first.commit == commit ? heads->first : heads->second;
    if (head.commit != commit) return "its head has changed meanwhile";
    return Walk{Pages{file, heads->page_size()}, head}.find_damage();
}

}   // namespace mailcore::store::lmdb
