#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A route that leads the tunnel's own datagrams back into the tunnel. Each would grow by a header, come back, and go round for
ever; instead it is refused, and mending the route is enough to get traffic going.
"""
import time

from lab import case, expect, expect_equal, main, note
from tunnel import CULVERTD, WIREGUARD_GO, connect, expect_echo, pair


def packets_into(end):
    """Packets that the kernel has handed to the tunnel's interface."""
    return int(end.host.run("cat", f"/sys/class/net/{end.name}/statistics/tx_packets"))


for family in (4, 6):
    for started in ("before", "after"):
        @case(f"an IPv{family} route into the tunnel for the tunnel's own datagrams, set {started} the handshake, makes no storm")
        def _(lab, family=family, started=started):
            left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO, family)
            left.add_peer(right, allowed="0.0.0.0/0,::/0")
            if started == "after":
                expect_echo(left, right)
            option = "-4" if family == 4 else "-6"
            target = right.host.addresses[family]
            left.host.ip(option, "route", "add", target, "dev", left.name)

            before, sent = packets_into(left), 20
            answered = left.host.ping(right.inside[family], sent, interval=0.05, timeout=1)
            expect_equal(answered, 0, "echoes answered although the route leads nowhere")
            time.sleep(1)
            looped = packets_into(left) - before
            settled = packets_into(left)
            time.sleep(1)
            note(f"{sent} echoes made {looped} packets on the interface, and {packets_into(left) - settled} in the second after")
            # Each echo, its datagram once, some handshakes and neighbour chatter.
            expect(looped <= 3 * sent + 20, f"{sent} echoes became {looped} packets")
            expect(packets_into(left) - settled <= 10, "packets still go round a second later")

            left.host.ip(option, "route", "del", target, "dev", left.name)
            if started == "before":
                connect(left, right, family)  # the peer is asked again without waiting for the next try
            from lab import wait_until
            wait_until(left.host.reaches(right.inside[4]), "an echo after the route is mended", within=7)


main()
