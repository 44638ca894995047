#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A host with several addresses answers from the address that it was asked at, on the link that it was asked over.

     a eth0 10.1.0.1 -- router -- 10.2.0.1 eth0 b, which also has 10.2.0.9 there
                        router -- 10.3.0.1 eth1 b, over which b has no route back
"""
from lab import case, expect, expect_equal, main, wait_until
from tunnel import CULVERTD, WIREGUARD_GO, Tunnel, expect_echo

SECOND = {4: "10.2.0.9", 6: "fd00:2::9"}
OTHER_LINK = {4: "10.3.0.1", 6: "fd00:3::1"}


def endpoint(address):
    return f"[{address}]:51820" if ":" in address else f"{address}:51820"


def homes(lab, left_kind, right_kind, family):
    a, router, b = lab.routed_pair()
    first = dict(b.addresses)
    near = dict(router.addresses)
    b.ip("addr", "add", f"{SECOND[4]}/24", "dev", "eth0")
    b.ip("addr", "add", f"{SECOND[6]}/64", "dev", "eth0", "nodad")
    lab.wire(b, "eth1", router, "third", 3)
    b.addresses, router.addresses = first, near
    # Replies by the other link's address need a route for that address alone, as every multi-homed host has.
    for option, gateway, source in (("-4", "10.3.0.2", OTHER_LINK[4]), ("-6", "fd00:3::2", OTHER_LINK[6])):
        b.ip(option, "rule", "add", "from", source, "table", "33")
        b.ip(option, "route", "add", "default", "via", gateway, "dev", "eth1", "table", "33")
    left, right = Tunnel(a, left_kind, 1), Tunnel(b, right_kind, 2)
    right.add_peer(left)
    return left, right, router


def sources(capture, family):
    """Source addresses of the datagrams from b's side that the left link saw."""
    own = {4: "10.1.0.1", 6: "fd00:1::1"}[family]
    found = {line.split()[2].rpartition(".")[0] for line in capture.lines("udp port 51820")}
    return found - {own}


for answering, asking in ((CULVERTD, WIREGUARD_GO), (CULVERTD, CULVERTD)):
    for family in (4, 6):
        @case(f"{answering} answers {asking} from the IPv{family} address and over the link that it was asked at, whichever that is")
        def _(lab, answering=answering, asking=asking, family=family):
            left, right, router = homes(lab, asking, answering, family)
            for address in (SECOND[family], right.host.addresses[family], OTHER_LINK[family], SECOND[family]):
                left.add_peer(right, endpoint=endpoint(address))
                capture, third = router.capture("left"), router.capture("third", "udp port 51820")
                expect_echo(left, right, count=2)
                capture.stop()
                third.stop()
                expect_equal(sources(capture, family), {address}, f"sources of the answers when asked at {address}")
                expect_equal(third.count() > 0, address == OTHER_LINK[family], "that datagrams took the other link")
                expect_equal(left.seen_endpoint(right), endpoint(address), "endpoint that the asking end shows")

        @case(f"{answering} loses the IPv{family} address that it was asked at, and goes on from another; {asking} follows")
        def _(lab, answering=answering, asking=asking, family=family):
            left, right, _ = homes(lab, asking, answering, family)
            left.add_peer(right, endpoint=endpoint(SECOND[family]))
            expect_echo(left, right)
            right.host.ip("addr", "del", f"{SECOND[family]}/{24 if family == 4 else 64}", "dev", "eth0")
            wait_until(right.host.reaches(left.inside[4]), "the answering end to speak from another address", within=4)
            seen = left.seen_endpoint(right)
            expect(seen == endpoint(right.host.addresses[family]), f"the asking end sees {seen}")
            expect_echo(left, right)


main()
