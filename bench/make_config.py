#!/usr/bin/env python3
"""Writes a mailcore.yaml of N tenants, for the benchmarks, and beside it senders.tsv: who may send what from where.

    bench/make_config.py --tenants 1000 --directory /tmp/bench

A quarter of the tenants each has a single address, an IPv4 /24 with one address excluded, an IPv6 /64, or shares one
backend network with all others of that quarter, where only the sender's domain tells them apart. Every tenant has
a domain, its subdomains and one address of a hosted domain all share. So no two decisions touch the same entries, and
those of 100,000 tenants touch the whole structure.
"""
import argparse
import base64
import grp
import os
import pathlib

TENANTS_A_FILE = 1_000
BACKEND = "172.16.0.0/16"


def single_address(index):
    number = 1 + index * 37                       # scattered over 100.64.0.0/10
    return f"100.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def small_network(index):
    return f"10.{index >> 8}.{index & 255}"


def ipv6_network(index):
    return f"2001:db8:{index >> 16:x}:{index & 0xffff:x}"


def clients_and_example(number):
    """The tenant's `clients` and one address that they hold."""
    index = number // 4
    match number % 4:
        case 0:
            return f"[{single_address(index)}]", single_address(index)
        case 1:
            network = small_network(index)
            return f'[{network}.0/24, "!{network}.99"]', f"{network}.{1 + index % 98}"
        case 2:
            return f'["{ipv6_network(index)}::/64"]', f"{ipv6_network(index)}::{1 + index % 0xfff:x}"
        case _:
            return "[$backend]", f"172.16.{index >> 8 & 255}.{index & 255}"


def domain(number):
    return f"shop-{number:06}.example"


def sender_example(number):
    """An envelope sender of the tenant, of each kind of pattern in turn."""
    match number // 4 % 3:
        case 0:
            return f"orders@{domain(number)}"
        case 1:
            return f"bounce+{number}@news.{domain(number)}"
        case _:
            return f"shop-{number:06}+ticket@hosted.example"


def tenant_yaml(number):
    clients, _ = clients_and_example(number)
    senders = f'["@{domain(number)}", "@.{domain(number)}", "shop-{number:06}@hosted.example"]'
    denies = ', recipients: {deny: ["@blocked.example"]}' if number % 8 == 0 else ""
    return f"  shop_{number:06}: {{clients: {clients}, senders: {senders}{denies}}}\n"


def write_tenants(directory, count):
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.yaml"):
        old.unlink()
    for first in range(0, count, TENANTS_A_FILE):
        numbers = range(first, min(first + TENANTS_A_FILE, count))
        text = "tenants:\n" + "".join(map(tenant_yaml, numbers))
        (directory / f"{first // TENANTS_A_FILE:04}.yaml").write_text(text)


def write_senders(path, count):
    lines = (f"shop_{number:06}\t{clients_and_example(number)[1]}\t{sender_example(number)}\n"
             for number in range(count))
    path.write_text("".join(lines))


def write_keys(path):
    key = base64.b64encode(b"a key of thirty-two bytes, public").decode()
    path.write_text(f"{{active: k1, keys: {{k1: {key}}}}}\n")
    path.chmod(0o600)


def main_yaml(directory, policy_metrics, milter_metrics):
    return f"""\
log:             {{level: warning, format: text, target: stderr}}
decision_log:    {directory}/decisions.jsonl
state_directory: {directory}/state
networks:        {{backend: [{BACKEND}]}}
socket_group:    {grp.getgrgid(os.getgid()).gr_name}
policy:          {{listen: "unix:{directory}/policy.sock", metrics: "{policy_metrics}"}}
milter:          {{listen: "unix:{directory}/milter.sock", metrics: "{milter_metrics}"}}
stamp:           {{keys_file: {directory}/stamp-keys.yaml}}
limits:          {{store: "lmdb:{directory}/state/limits", fallback: "lmdb:{directory}/state/limits-local"}}
include:         ["tenants.d/*.yaml"]
rules:
  - {{name: no-such-domain, when: {{recipient: "@bad.example"}}, action: reject, text: "not served here"}}
"""


def write_config(directory, count, policy_metrics, milter_metrics):
    (directory / "state").mkdir(parents=True, exist_ok=True)
    write_tenants(directory / "tenants.d", count)
    write_senders(directory / "senders.tsv", count)
    write_keys(directory / "stamp-keys.yaml")
    (directory / "mailcore.yaml").write_text(main_yaml(directory, policy_metrics, milter_metrics))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, required=True)
    parser.add_argument("--directory", type=pathlib.Path, required=True)
    parser.add_argument("--policy-metrics", default="inet:127.0.0.1:9461")
    parser.add_argument("--milter-metrics", default="inet:127.0.0.1:9462")
    given = parser.parse_args()
    write_config(given.directory.absolute(), given.tenants, given.policy_metrics, given.milter_metrics)


if __name__ == "__main__":
    main()
