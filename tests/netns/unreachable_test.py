#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A host that sends into the tunnel what nobody is there to receive hears so by ICMP, at once, as from the kernel's own driver:
a destination that no peer holds, and a peer whose endpoint nobody knows.
"""
import re

from lab import case, expect, main
from tunnel import CULVERTD, Tunnel, expect_echo, genkey, pair, pubkey

HOLD_OUT = 30  # seconds; without an answer ping waits as long


def ping(end, target):
    """What ping says of one echo that nobody answers."""
    _, text = end.host.attempt("ping", "-n", "-c", 1, "-W", HOLD_OUT, target, within=HOLD_OUT + 20)
    return text


def told(text, family):
    """ping's words for host unreachable, and for address unreachable. It ends with the first error that it hears."""
    words = r"Destination Host Unreachable" if family == 4 else r"Destination unreachable: Address unreachable"
    took = re.search(r"time (\d+)ms", text)
    return re.search(words, text) is not None and (took is None or int(took.group(1)) < HOLD_OUT * 1000)


for family, nobody in ((4, "10.99.7.7"), (6, "fd99::7777")):
    @case(f"an echo over IPv{family} to an address that no peer holds is answered by ICMP, and the tunnel goes on")
    def _(lab, family=family, nobody=nobody):
        left, right, _ = pair(lab, CULVERTD, CULVERTD)
        expect_echo(left, right)
        left.host.ip("-4" if family == 4 else "-6", "route", "replace", nobody, "dev", left.name)
        text = ping(left, nobody)
        expect(told(text, family), f"ping to {nobody} said:\n{text}")
        expect_echo(left, right)

    @case(f"an echo over IPv{family} to a peer without an endpoint is answered by ICMP")
    def _(lab, family=family, nobody=nobody):
        host = lab.host("left")
        end = Tunnel(host, CULVERTD, 1)
        width = 32 if family == 4 else 128
        host.run("wg", "set", end.name, "peer", pubkey(genkey()), "allowed-ips", f"{nobody}/{width}")
        host.ip("-4" if family == 4 else "-6", "route", "replace", nobody, "dev", end.name)
        text = ping(end, nobody)
        expect(told(text, family), f"ping to {nobody} said:\n{text}")


main()
