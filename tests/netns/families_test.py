#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hosts on which one address family is missing: switched off, without an address, or refused by the kernel."""
import os

from lab import case, expect, expect_equal, main
from tunnel import CULVERTD, WIREGUARD_GO, Tunnel, connect, expect_echo, program_path



for kind, other in ((CULVERTD, WIREGUARD_GO), (WIREGUARD_GO, CULVERTD)):
    @case(f"IPv6 is switched off on the host of {kind}: a tunnel over IPv4 to {other} carries IPv4")
    def _(lab, kind=kind, other=other):
        a, _, b = lab.routed_pair()
        for scope in ("all", "default"):
            a.sysctl(f"net.ipv6.conf.{scope}.disable_ipv6", 1)
        left, right = Tunnel(a, kind, 1), Tunnel(b, other, 2)
        connect(left, right, 4)
        expect_echo(left, right, families=(4,))
        # An endpoint that cannot be reached is no reason to die.
        left.wg("peer", right.public, "endpoint", right.endpoint(6))
        expect_equal(left.host.ping(right.inside[4], 1, timeout=1), 0, "echoes to an endpoint of the missing family")
        left.wg("peer", right.public, "endpoint", right.endpoint(4))
        expect_echo(left, right, families=(4,))

    @case(f"no IPv4 address on the host of {kind}: a tunnel over IPv6 to {other} carries IPv4 and IPv6")
    def _(lab, kind=kind, other=other):
        a, _, b = lab.routed_pair()
        for host in (a, b):
            host.ip("-4", "addr", "flush", "dev", "eth0")
            host.ip("-4", "addr", "flush", "dev", "lo")
        left, right = Tunnel(a, kind, 1), Tunnel(b, other, 2)
        connect(left, right, 6)
        expect_echo(left, right)


@case("the kernel refuses IPv6 sockets altogether: it starts, takes a port and carries IPv4")
def _(lab):
    a, _, b = lab.routed_pair()
    wrapper = lab.path("without-ipv6")
    from lab import SUPPORT
    with open(wrapper, "w", encoding="utf-8") as script:
        script.write(f'#!/bin/sh\nexec python3 {SUPPORT}/refuse_family.py 10 {program_path(CULVERTD)} "$@"\n')
    os.chmod(wrapper, 0o755)
    expect(a.attempt(wrapper, "--version")[0] == 0, "the wrapper does not run the program")
    before, os.environ["CULVERTD"] = os.environ["CULVERTD"], wrapper
    try:
        left = Tunnel(a, CULVERTD, 1)
    finally:
        os.environ["CULVERTD"] = before
    right = Tunnel(b, WIREGUARD_GO, 2)
    connect(left, right, 4)
    expect_echo(left, right, families=(4,))
    left.wg("listen-port", 4444)
    expect_equal(left.show("listen-port"), "4444", "port shown")
    expect_echo(left, right, families=(4,))
    left.wg("listen-port", 0)
    expect(int(left.show("listen-port")) > 0, "no port was chosen")
    expect_echo(left, right, families=(4,))


main()
