// `mailcorectl setup`: the changes to main.cf and master.cf that put Postfix behind the gate, shown as postconf commands
// ready to paste, made with --apply, taken back with --undo.
//
//     ctl::setup({.apply = true}, settings, std::cout, std::cerr);   // 0 fine, 1 failed
//
// --apply keeps main.cf and master.cf in <directory>/mailcore-backup-<UTC time>/ first, notes the former values in
// <directory>/mailcore-setup.json, runs the commands, asks `postfix check`, and puts both files back if anything fails.
// It never reloads Postfix: that is the operator's moment to choose, and is said.
// --undo puts the former values back, those alone, and refuses where somebody has changed them since.
#pragma once

#include <iosfwd>
#include <string>

#include "core/config/settings.hpp"

namespace mailcore::ctl {

struct SetupOptions {
    bool apply = false;
    bool undo = false;
    std::string postfix_config_directory = "/etc/postfix";
};

// Returns the exit status. With `undo` the settings are not used.
int setup(SetupOptions const& options, config::Settings const& settings, std::ostream& out, std::ostream& err);

}   // namespace mailcore::ctl
