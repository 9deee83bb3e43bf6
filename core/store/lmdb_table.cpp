#include "core/store/lmdb_table.hpp"

namespace mailcore::store::lmdb {
namespace {

constexpr char const* kPutAside = "put aside as data.mdb.damaged";

void add_words(std::string& told, std::string_view words)
{
    if (!told.empty()) told += "; ";
    told += words;
}

}   // namespace

base::Result<std::unique_ptr<Table>> Table::open(Options options, OnDamage on_damage)
{
    std::unique_ptr<Table> table{new Table{std::move(options), on_damage}};
    auto const& own = table->options_;
    ActingAsOwner const owner{own.directory};
    auto const directory = HeldDirectory::hold(own.directory);
    if (!directory) return base::fail(own.name + ": " + directory.error().message);
    auto healed = table->reopen({}, *directory, on_damage);
    if (!healed) return base::fail(healed.error());
    if (!healed->empty()) table->healed_at_open_ = own.name + ": " + *healed;
    return table;
}

std::shared_ptr<Environment> Table::environment() const
{
    std::lock_guard const guard{current_mutex_};
    return current_;
}

base::Result<Transaction> Table::begin(Access access)
{
    if (auto const current = environment()) return current->begin(access);
    std::lock_guard const guard{current_mutex_};
    return base::fail(closed_why_);
}

std::optional<std::uint64_t> Table::last_change() const
{
    auto const current = environment();
    if (!current || current->trouble() != Trouble::None) return std::nullopt;
    return current->last_change();
}

base::Result<> Table::forget_dead_readers()
{
    auto const current = environment();
    return current ? current->forget_dead_readers() : base::Result<>{};
}

base::Result<std::string> Table::heal(OnDamage on_damage)
{
    std::lock_guard const guard{healing_};
    auto current = environment();
    if (current && !current->is_suspect() && current->trouble() == Trouble::None) return std::string{};

    ActingAsOwner const owner{options_.directory};
    auto const directory = HeldDirectory::hold(options_.directory);
    if (!directory) return base::fail(options_.name + ": " + directory.error().message);
    auto const remains = current ? remains_of(*current) : Remains{};
    current.reset();
    close();
    auto done = reopen(remains, *directory, on_damage);
    if (done) return options_.name + ": " + (done->empty() ? "opened again" : *done);
    std::lock_guard const current_guard{current_mutex_};
    closed_why_ = done.error().message;
    return done;
}

// While it is open: a file that is not might have passed its number on to another.
Table::Remains Table::remains_of(Environment const& environment) const
{
    auto const files = environment.files();
    return {environment.trouble(), file_id(data_file(options_.directory)) == files.data,
            file_id(lock_file(options_.directory)) == files.lock};
}

// Takes the table from all threads, and waits for those that have a transaction.
void Table::close()
{
    std::shared_ptr<Environment> old;
    {
        std::lock_guard const guard{current_mutex_};
        old = std::exchange(current_, nullptr);
        if (old) closed_why_ = options_.name + ": it is just being opened again";
    }
    if (!old) return;
    auto const closed = old->when_closed();
    old.reset();
    closed.wait();
}

// Without the lock that it was written under a table is not to be trusted: another process may be writing to it yet, and
// not know of the next lock. Where writes are rare and precious (Refuse) it is kept. Nor is the lock of another table than
// the one that is there now: it knows what was committed last.
base::Result<std::string> Table::remove(Remains const& remains, HeldDirectory const& directory) const
{
    if (remains.trouble == Trouble::None) return std::string{};
    auto told = std::string{words(remains.trouble)};
    base::Result<> removed;
    if (remains.has_data && on_damage_ == OnDamage::PutAside) {
        removed = directory.put_data_aside();
        add_words(told, kPutAside);
    } else if (remains.has_lock && (!remains.has_data || is_of_lock(remains.trouble))) {
        removed = directory.remove_lock();
    }
    if (!removed) return base::fail(options_.name + ": " + told + ": " + removed.error().message);
    return told;
}

// Says what was the matter and what was done about it; "" = nothing.
base::Result<std::string> Table::reopen(Remains const& remains, HeldDirectory const& directory, OnDamage on_damage)
{
    auto told = remove(remains, directory);
    if (!told) return told;
    for (bool again = false;; again = true) {
        auto const made = directory.make_files(options_.sync == Sync::EachChange);
        if (!made) return base::fail(options_.name + ": " + made.error().message);
        auto opened = Environment::open(options_);
        if (opened) {
            if (!told->empty()) add_words(*told, *made ? "begun anew" : "opened again");
            std::lock_guard const guard{current_mutex_};
            current_ = std::move(*opened);
            return told;
        }
        auto const& failure = opened.error();
        if (!failure.damaged || again) return base::fail(options_.name + ": " + failure.words);
        if (on_damage == OnDamage::Refuse) {
            return base::fail(options_.name + ": " + failure.words + "; remove " + options_.directory + " and it is begun anew");
        }
        auto const aside = directory.put_data_aside();
        if (!aside) return base::fail(options_.name + ": " + failure.words + ": " + aside.error().message);
        add_words(*told, failure.words);
        add_words(*told, kPutAside);
    }
}

}   // namespace mailcore::store::lmdb
