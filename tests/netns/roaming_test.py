#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Roaming: an end is found again as soon as an authentic message comes from its new address or port, and only then."""
from lab import case, expect, expect_equal, main, wait_until
from tunnel import CULVERTD, WIREGUARD_GO, Relay, Tunnel, expect_echo, pair

PAIRS = ((CULVERTD, WIREGUARD_GO), (WIREGUARD_GO, CULVERTD), (CULVERTD, CULVERTD))


def move(end, other, family, subnet):
    """Replaces the outside address of a host, as on another network."""
    network, length, option = {4: (f"10.{subnet}.0.", 24, "-4"), 6: (f"fd00:{subnet}::", 64, "-6")}[family]
    host = end.host
    host.ip("addr", "del", f"{host.addresses[family]}/{length}", "dev", "eth0")
    host.addresses[family] = f"{network}77"
    host.ip("addr", "add", f"{network}77/{length}", "dev", "eth0", *(["nodad"] if family == 6 else []))
    host.ip(option, "route", "replace", "default", "via", f"{network}2")
    if end.kind == WIREGUARD_GO:
        # It goes on from the address that is gone until its socket or the endpoint is set again.
        end.wg("peer", other.public, "endpoint", end.seen_endpoint(other))


def same_session(left, right, before):
    expect_equal((left.handshake_time(right), right.handshake_time(left)), before, "times of the handshakes")


for roamer, follower in PAIRS:
    for family in (4, 6):
        @case(f"{roamer} changes its IPv{family} address and {follower} follows with the first message, within the session")
        def _(lab, roamer=roamer, follower=follower, family=family):
            left, right, _ = pair(lab, roamer, follower, family)
            expect_echo(left, right)
            before = left.handshake_time(right), right.handshake_time(left)
            move(left, right, family, 1)
            wait_until(left.host.reaches(right.inside[4]), "an echo from the new address", within=3)
            expect_equal(right.seen_endpoint(left), left.endpoint(family), "endpoint that the follower shows")
            expect_echo(right, left)
            same_session(left, right, before)

    @case(f"{roamer} answers, changes its address and speaks first; {follower}, who started, follows")
    def _(lab, roamer=roamer, follower=follower):
        left, right, _ = pair(lab, follower, roamer)
        expect_echo(left, right)
        before = left.handshake_time(right), right.handshake_time(left)
        move(right, left, 4, 2)
        wait_until(right.host.reaches(left.inside[4]), "an echo from the new address", within=3)
        expect_equal(left.seen_endpoint(right), right.endpoint(4), "endpoint that the follower shows")
        expect_echo(left, right)
        same_session(left, right, before)

    @case(f"{roamer} goes over from IPv4 to IPv6 and {follower} follows")
    def _(lab, roamer=roamer, follower=follower):
        left, right, _ = pair(lab, roamer, follower)
        expect_echo(left, right)
        before = left.handshake_time(right), right.handshake_time(left)
        left.wg("peer", right.public, "endpoint", right.endpoint(6))
        expect_echo(left, right)
        expect_equal(right.seen_endpoint(left), left.endpoint(6), "endpoint that the follower shows")
        same_session(left, right, before)


def relayed_pair(lab, left_kind, right_kind):
    """The left end knows a relay on the router in place of the right end."""
    a, router, b = lab.routed_pair()
    left, right = Tunnel(a, left_kind, 1), Tunnel(b, right_kind, 2)
    relay = Relay(router, "10.1.0.2:4500", right.endpoint(4))
    right.add_peer(left)
    left.add_peer(right, endpoint="10.1.0.2:4500")
    return left, right, relay


for roamer, follower in PAIRS:
    @case(f"a NAT gives {roamer} a new port and {follower} follows; a replay or a forgery from a third port moves nothing")
    def _(lab, roamer=roamer, follower=follower):
        left, right, relay = relayed_pair(lab, roamer, follower)
        expect_echo(left, right)
        port = relay.command("stats")["port"]
        expect_equal(right.seen_endpoint(left), f"10.2.0.2:{port}", "endpoint behind the relay")

        new_port = relay.command("rebind")["port"]
        expect(new_port != port, "the relay did not change its port, so the case proves nothing")
        expect_equal(left.host.ping(right.inside[4], 1), 1, "echoes after the change of port")
        expect_equal(right.seen_endpoint(left), f"10.2.0.2:{new_port}", "endpoint after the change of port")
        expect_echo(right, left)

        for attack in ("replay", "forge", "replay", "forge"):
            relay.command(attack)
        expect_echo(right, left, count=1)
        expect_equal(right.seen_endpoint(left), f"10.2.0.2:{new_port}", "endpoint after replays and forgeries")


@case(f"a NAT that gives {CULVERTD} new ports in a hurry is followed to the last of them, also when all is silent then")
def _(lab):
    left, right, relay = relayed_pair(lab, CULVERTD, CULVERTD)
    expect_echo(left, right)
    for _ in range(6):
        port = relay.command("rebind")["port"]
        expect_equal(left.host.ping(right.inside[4], 1), 1, "echoes after a change of port")
    # Not even a keepalive is due so soon: the lane that saw the move must tell it by itself.
    wait_until(lambda: right.seen_endpoint(left) == f"10.2.0.2:{port}", "the last endpoint", within=3)


main()
