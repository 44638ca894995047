#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An end behind a NAT that forgets quickly: the persistent keepalive keeps the way in open, and without it the way is lost.

     a -- [router: masquerades a's datagrams under random ports, forgets them after 3 s] -- b
"""
import time

from lab import case, expect, expect_equal, main, wait_until
from tunnel import CULVERTD, WIREGUARD_GO, Tunnel, connect, expect_echo

FORGETS_AFTER = 3
RULES = """
table inet nat {
  chain out { type nat hook postrouting priority srcnat; oifname "right" meta l4proto udp masquerade fully-random; }
  chain in { type filter hook forward priority filter; iifname "right" ct state new drop; }
}
"""


def behind_nat(lab, inner, outer, keepalive):
    a, router, b = lab.routed_pair()
    router.run("nft", "-f", lab.write("nat.nft", RULES))
    for key in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
        router.sysctl(f"net.netfilter.{key}", FORGETS_AFTER)
    left, right = Tunnel(a, inner, 1), Tunnel(b, outer, 2)
    connect(left, right, keepalive=keepalive)
    return left, right, router


for inner, outer in ((CULVERTD, WIREGUARD_GO), (WIREGUARD_GO, CULVERTD)):
    @case(f"{inner} behind a NAT with keepalive is reached by {outer} after a silence longer than the NAT remembers")
    def _(lab, inner=inner, outer=outer):
        left, right, _ = behind_nat(lab, inner, outer, keepalive=1)
        wait_until(lambda: right.handshake_time(left), "the keepalive to start a handshake by itself")
        expect_echo(left, right)
        seen = right.seen_endpoint(left)
        expect(seen.startswith("10.2.0.2:"), f"{outer} sees {seen}, wanted the router's address")
        time.sleep(2 * FORGETS_AFTER)
        expect_equal(right.host.ping(left.inside[4], 2), 2, "echoes into the NAT after the silence")
        expect_equal(right.seen_endpoint(left), seen, "the NAT's port after the silence")

    @case(f"{inner} behind a NAT without keepalive cannot be reached after a silence, until it speaks; then {outer} follows")
    def _(lab, inner=inner, outer=outer):
        left, right, _ = behind_nat(lab, inner, outer, keepalive=0)
        wait_until(left.host.reaches(right.inside[4]), "the first echo")
        expect_echo(right, left)
        seen = right.seen_endpoint(left)
        # The last to receive data was the inner end: 10 s later it says so by a keepalive, and then the session is silent.
        time.sleep(10 + 2 * FORGETS_AFTER)
        expect_equal(right.host.ping(left.inside[4], 2, timeout=1), 0, "echoes into a NAT that has forgotten")
        wait_until(left.host.reaches(right.inside[4]), "the end behind the NAT to speak", within=3)
        expect(right.seen_endpoint(left) != seen, "the NAT gave the same port again, so the case proves nothing")
        expect_echo(right, left)


main()
