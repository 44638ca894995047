#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A bad path between the ends: loss, repetition, reordering, delay and damage, drawn from a fixed seed. The tunnel adds no fault
of its own: nothing comes twice, nothing is changed, and no more is lost than the path loses.
"""
from lab import case, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, WIREGUARD_GO, Relay, Tunnel, start_numbered_udp, start_udp_echo, transfer_tcp

PATHS = (
    ("2 % loss", "--loss", "0.02"),
    ("20 % loss", "--loss", "0.2"),
    ("20 % repeated", "--duplicate", "0.2"),
    ("10 % late by 20 ms", "--reorder", "0.1"),
    ("delay of 20 to 40 ms", "--delay", "20", "--jitter", "20"),
    ("5 % damaged", "--corrupt", "0.05"),
    ("all at once", "--loss", "0.05", "--duplicate", "0.05", "--reorder", "0.05", "--delay", "5", "--jitter", "5", "--corrupt", "0.02"),
)


def through(lab, left_kind, right_kind, *options):
    a, router, b = lab.routed_pair()
    left, right = Tunnel(a, left_kind, 1), Tunnel(b, right_kind, 2)
    relay = Relay(router, "10.1.0.2:4500", right.endpoint(4), *options)
    right.add_peer(left)
    left.add_peer(right, endpoint="10.1.0.2:4500")
    # With 20 % lost each way a handshake needs 1.6 tries on average, 5 s apart.
    wait_until(left.host.reaches(right.inside[4]), "the first echo", within=60)
    return left, right, relay


for right_kind in (WIREGUARD_GO, CULVERTD):
    for name, *options in PATHS:
        @case(f"{CULVERTD} to {right_kind}, {name}: the tunnel adds no fault of its own, and TCP gets through")
        def _(lab, right_kind=right_kind, options=options):
            left, right, relay = through(lab, CULVERTD, right_kind, *options)
            start_udp_echo(right)
            before = relay.command("stats")["treated"]
            sender = start_numbered_udp(left, right.inside[4], "--count", 3000, "--patience", 0.5, "--window", 64, "--rate", 1500)
            result = sender.result(within=120)
            after = relay.command("stats")["treated"]
            taken = sum(after.get(kind, 0) - before.get(kind, 0) for kind in ("loss", "corrupt", "refused"))
            note(f"of {result['sent']} numbered packets {result['lost']} lost and {result['reordered']} reordered; "
                 f"the path took {taken} datagrams")
            expect_equal(result["duplicated"], 0, "packets that came twice")
            expect_equal(result["corrupted"], 0, "packets that were changed")
            expect(result["lost"] <= taken, f"{result['lost']} packets lost, the path took only {taken}")
            transfer_tcp(left, right, 256 << 10)


main()
