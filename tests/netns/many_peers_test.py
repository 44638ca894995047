#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ten thousand peers in one file: `wg setconf` takes them, `wg` shows exactly them, a tunnel among them works, and they go again.
The same file is given to wireguard-go for comparison of contents and times; times are shown, not judged. Memory is.
"""
import os
import time

from lab import case, expect, expect_equal, main, note
from tunnel import CULVERTD, WIREGUARD_GO, Tunnel, expect_echo, random_public_keys

PEERS = 10000
# Meson has malloc fill what it gives, so that memory which nobody has touched would be resident as well.
os.environ.pop("MALLOC_PERTURB_", None)


def configuration(end, peers, neighbour=None):
    """A file for `wg setconf`; peer n has one prefix of IPv4 and one of IPv6, and every third a keepalive and an endpoint."""
    parts = [f"[Interface]\nPrivateKey = {end.private}\nListenPort = {end.port}\n"]
    for n, key in enumerate(peers):
        parts.append(f"[Peer]\nPublicKey = {key}\nAllowedIPs = 10.{100 + (n >> 16)}.{n >> 8 & 255}.{n & 255}/32, fd77::{n:x}/128\n")
        if n % 3 == 0:
            parts.append(f"Endpoint = 198.51.100.{n % 250 + 1}:{n + 1000}\n")
    if neighbour:
        parts.append(f"[Peer]\nPublicKey = {neighbour.public}\nAllowedIPs = {neighbour.inside[4]}/32, {neighbour.inside[6]}/128\n"
                     f"Endpoint = {neighbour.endpoint(4)}\n")
    return "".join(parts)


def memory_kib(end):
    total = 0
    for pid in end.process.pids():
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as rollup:
            total += next(int(line.split()[1]) for line in rollup if line.startswith("Rss:"))
    return total


def kept_kib(end):
    """What is still there when the request itself, 2.5 MB of text, has gone from memory."""
    readings = []
    for _ in range(100):
        readings.append(memory_kib(end))
        if readings[-10:] == 10 * readings[-1:]:
            break
        time.sleep(0.1)
    return readings[-1]


def timed(function, *arguments):
    started = time.monotonic()
    result = function(*arguments)
    return result, time.monotonic() - started


def contents(end):
    """What `wg showconf` prints, without order: each section as a set of lines."""
    text = end.host.run("wg", "showconf", end.name)
    sections = [section.strip().splitlines() for section in text.split("[Peer]")]
    def line_set(lines):
        out = set()
        for line in lines:
            key, _, value = line.partition(" = ")
            out.update((key, one) for one in value.split(", "))
        return frozenset(out)
    return line_set(sections[0]), {line_set(section) for section in sections[1:]}


@case(f"`wg setconf` of {PEERS} peers, shown as given, a working tunnel among them, and down to one peer again")
def _(lab):
    a, _, b = lab.routed_pair()
    ours, other = Tunnel(a, CULVERTD, 1), Tunnel(b, WIREGUARD_GO, 2)
    reference = Tunnel(lab.host("c"), WIREGUARD_GO, 3)
    keys = random_public_keys(PEERS)
    shown, figures, octets_a_peer = [], [], []
    for end in (ours, reference):
        # The two may share a key: they are on different networks.
        end.private = ours.private
        file = lab.write(f"{end.name}.conf", configuration(end, keys, other))
        before = memory_kib(end)
        _, set_time = timed(end.host.run, "wg", "setconf", end.name, file)
        after = kept_kib(end)
        _, show_time = timed(end.host.run, "wg", "show", end.name)
        shown.append(contents(end))
        octets_a_peer.append((after - before) * 1024 / (PEERS + 1))
        figures.append(f"{end.kind}: wg setconf {set_time:.2f} s, wg show {show_time:.2f} s, "
                       f"{octets_a_peer[-1]:.0f} octets of memory a peer, {after} KiB in all")
    note("\n".join(figures))
    expect(octets_a_peer[0] <= 2048, f"{octets_a_peer[0]:.0f} octets of memory a peer, more than 2 KiB")
    expect_equal(len(shown[0][1]), PEERS + 1, "peers shown")
    expect(shown[0] == shown[1], f"they differ in {len(shown[0][1] ^ shown[1][1])} peers, such as "
           f"{list(shown[0][1] ^ shown[1][1])[:2]}")

    other.add_peer(ours)
    expect_echo(ours, other)

    one = lab.write("one.conf", configuration(ours, [], other))
    _, sync_time = timed(a.run, "wg", "syncconf", ours.name, one)
    note(f"wg syncconf that removes them: {sync_time:.2f} s")
    expect_equal(ours.show("peers"), other.public, "peers left")
    expect_echo(ours, other)


main()
