#!/usr/bin/env python3
"""Who may include whom: the arrows of docs/architecture.md, and one door to each third-party library."""

import re
import unittest

import project

MAY_USE = {
    "core/base": set(),
    "core/crypto": {"core/base"},
    "core/net": {"core/base", "core/crypto"},
    "core/config": {"core/base"},
    "core/mail": {"core/base", "core/crypto", "core/net"},
    "core/rules": {"core/base", "core/config", "core/crypto", "core/mail", "core/net"},
    "core/store": {"core/base", "core/net", "core/rules"},
    "core/observe": {"core/base", "core/crypto", "core/mail", "core/net"},
    "core/run": {"core/base", "core/config", "core/net", "core/observe"},
    "core/gate": {"core/base", "core/config", "core/mail", "core/net", "core/observe", "core/rules", "core/run", "core/store"},
}
PROGRAMS = ("policy", "milter", "ctl")
for program in PROGRAMS:
    MAY_USE[program] = set(MAY_USE)      # all of core/, and never each other
for program in PROGRAMS:
    MAY_USE[program] -= set(PROGRAMS)

# vault-sync has parts of its own, and decides about no mail.
CORE_OF_VAULT_SYNC = {f"core/{part}" for part in ("base", "config", "crypto", "mail", "net", "observe", "run")}
PARTS_OF_VAULT_SYNC = {
    "config": set(),
    "source": {"vault"},                      # its JSON
    "vault": {"config", "source"},
    "relay": {"config", "source"},
    "maps": {"relay", "source"},
    "apply": {"config", "source", "vault", "relay", "maps"},
    "doctor": {"config", "source", "vault", "relay", "maps", "apply"},
    "command": {"config", "source", "vault", "relay", "maps", "apply", "doctor"},
}
for part, uses in PARTS_OF_VAULT_SYNC.items():
    MAY_USE[f"vault-sync/{part}"] = CORE_OF_VAULT_SYNC | {f"vault-sync/{used}" for used in uses}
# mailcore-outcomes reads what others logged: it decides about no mail, and counts no limits.
CORE_OF_OUTCOMES = {f"core/{part}" for part in ("base", "config", "crypto", "mail", "net", "observe", "run")}
PARTS_OF_OUTCOMES = {
    "log": set(),
    "store": set(),
    "join": {"log", "store"},
    "webhook": {"store"},
}
for part, uses in PARTS_OF_OUTCOMES.items():
    MAY_USE[f"outcomes/{part}"] = CORE_OF_OUTCOMES | {"outcomes"} | {f"outcomes/{used}" for used in uses}
MAY_USE["outcomes"] = CORE_OF_OUTCOMES | {f"outcomes/{part}" for part in PARTS_OF_OUTCOMES}
MAY_USE["vault-sync"] = CORE_OF_VAULT_SYNC | {"vault-sync/command"}

DOORS = {  # header: the folders that may name it
    r"tl/expected\.hpp": {"core/base"},
    r"yaml-cpp/": {"core/config"},
    r"(spdlog|fmt|prometheus)/": {"core/observe"},
    r"CivetServer\.h": {"core/observe"},
    r"openssl/": {"core/crypto"},
    r"curl/": {"core/net"},
    r"lmdb\.h": {"core/store"},
    r"hiredis/": {"core/store"},
    r"re2/": {"core/rules"},
    r"idn2\.h": {"core/mail"},
    r"libmilter/": {"milter"},
    r"systemd/": {"core/run", "core/net", "outcomes/log"},     # there the journal alone
    r"sqlite3\.h": {"outcomes/store"},
    r"zlib\.h": {"outcomes/log"},
    r"CLI/": {"core/run", "ctl", "vault-sync"},
    r"nlohmann/": {"core/run", "core/gate", "ctl", "vault-sync/maps", "vault-sync/apply", "vault-sync/doctor",
                   "vault-sync/command", "outcomes"},
    r"rapidjson/": {"vault-sync/vault"},
}


def sources():
    for folder in ("core", *PROGRAMS, "vault-sync", "outcomes"):
        for path in sorted((project.ROOT / folder).rglob("*.[ch]pp")):
            yield path.relative_to(project.ROOT)


def part_of(path):
    words = str(path).split("/")
    has_parts = words[0] == "core" or (words[0] in ("vault-sync", "outcomes") and len(words) > 2)
    return "/".join(words[:2]) if has_parts else words[0]


def includes(path, form):
    return re.findall(rf"(?m)^#include {form}", (project.ROOT / path).read_text())


class LayersTest(unittest.TestCase):
    def test_every_folder_has_its_arrows(self):
        self.assertEqual({part_of(path) for path in sources()}, set(MAY_USE))

    def test_includes_go_down_only(self):
        for path in sources():
            for included in includes(path, r'"([^"]+)"'):
                used = part_of(included)
                self.assertTrue(used == part_of(path) or used in MAY_USE[part_of(path)], f"{path} includes {included}")

    def test_each_library_has_one_door(self):
        for path in sources():
            for included in includes(path, r"<([^>]+)>"):
                for pattern, folders in DOORS.items():
                    if re.match(pattern, included):
                        self.assertIn(part_of(path), folders, f"{path} includes {included}")

    def test_includes_name_files_from_the_root(self):
        for path in sources():
            for included in includes(path, r'"([^"]+)"'):
                self.assertTrue((project.ROOT / included).exists(), f"{path} includes {included}")


if __name__ == "__main__":
    project.main()
