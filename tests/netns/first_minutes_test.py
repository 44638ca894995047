#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The first five minutes of a newcomer, command by command as culvert(8) tells them: from nothing to a working tunnel, one more
user under traffic, and back to nothing.

     a: alice -- router: bob -- b: gateway
"""
import json
import os

from culvert_site import Site, host_state
from lab import SOCKETS, STATUS_SOCKETS, case, expect, expect_equal, main, wait_until
from tunnel import expect_perfect

INSIDE = {4: "10.86.0.1", 6: "fd86::1"}


def newcomer(lab):
    a, router, b = lab.routed_pair()
    gateway, alice, bob = Site(b), Site(a), Site(router)
    gateway.culvert("init", "gateway", "gate", "-y", "--endpoint", "10.2.0.1", "--address", "10.86.0.1/24,fd86::1/64")
    gateway.culvert("peer", "add", "gate", "alice", "-o", alice.path("alice.conf"))
    return gateway, alice, bob


def expect_inside(site, count=3):
    for family in (4, 6):
        wait_until(site.host.reaches(INSIDE[family]), f"{site.host.name} to reach {INSIDE[family]}", within=30)
        expect_equal(site.host.ping(INSIDE[family], count), count, f"echoes from {site.host.name} to {INSIDE[family]}")


@case("from nothing: a gateway, a user's file, up on both, an echo, the status, and down without a trace")
def _(lab):
    gateway, alice, _ = newcomer(lab)
    before = host_state(gateway.host), host_state(alice.host)
    gateway.culvert("check", "gate")
    gateway.culvert("up", "gate")
    alice.culvert("up", alice.path("alice.conf"))
    expect_inside(alice)
    expect_equal(gateway.peer_states("gate"), {"alice": "up"}, "peers and states at the gateway")
    expect("  state: up\n" in alice.culvert("status", "alice"), "the gateway is not up in alice's status")
    expect("is up already" in gateway.culvert("up", "gate", code=1), "a second `up` is not refused as such")
    expect_inside(alice, count=1)

    alice.culvert("down", "alice")
    gateway.culvert("down", "gate")
    expect_equal((host_state(gateway.host), host_state(alice.host)), before, "addresses, routes, rules and firewall after down")
    expect_equal(os.listdir(SOCKETS) + os.listdir(STATUS_SOCKETS), [], "sockets left")
    expect("is not up" in gateway.culvert("down", "gate", code=4), "a second `down` is not refused as such")


@case("a user is added and removed while another's packets flow, none of which is lost")
def _(lab):
    gateway, alice, bob = newcomer(lab)
    gateway.culvert("up", "gate")
    alice.culvert("up", alice.path("alice.conf"))
    expect_inside(alice)
    echo = gateway.host.script("numbered_udp.py", "serve", INSIDE[4], 7007)
    wait_until(lambda: gateway.host.listening(7007, "u"), "the echo server to listen")
    flow = alice.host.script("numbered_udp.py", "send", INSIDE[4], 7007, "--seconds", 8, "--rate", 300)

    said = gateway.culvert("peer", "add", "gate", "bob", "-o", bob.path("bob.conf"))
    expect("gate has taken it over" in said, f"`peer add` does not say that the daemon knows:\n{said}")
    bob.culvert("up", bob.path("bob.conf"))
    expect_inside(bob)
    expect_equal(gateway.peer_states("gate"), {"alice": "up", "bob": "up"}, "peers and states at the gateway")

    gateway.culvert("peer", "remove", "gate", "bob")
    expect_equal(bob.host.ping(INSIDE[4], 2, timeout=1), 0, "echoes for a user who was removed")
    expect_equal(list(gateway.peer_states("gate")), ["alice"], "peers at the gateway")
    expect_perfect(flow.result(within=120), least=500)
    echo.stop()


@case("a reload tells what would change, changes only that, and takes nothing over from a file with an error")
def _(lab):
    gateway, alice, _ = newcomer(lab)
    gateway.culvert("up", "gate")
    alice.culvert("up", alice.path("alice.conf"))
    expect_inside(alice, count=1)
    session = json.loads(gateway.culvert("status", "--json", "gate"))["gate"]["peers"]
    expect_equal(gateway.culvert("reload", "gate"), "nothing has changed\n", "a reload of an unchanged file")

    path = gateway.path("gate.toml")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    lab.write(path, text.replace("# mtu = 1420", "mtu = 1300"))
    would = gateway.culvert("reload", "--dry-run", "gate")
    expect("mtu" in would and "1300" in would, f"the dry run does not tell of the MTU:\n{would}")
    expect("mtu 1300" not in gateway.host.ip("link", "show", "dev", "gate"), "the dry run changed the MTU")
    gateway.culvert("reload", "gate")
    expect("mtu 1300" in gateway.host.ip("link", "show", "dev", "gate"), "the reload did not change the MTU")

    lab.write(path, text.replace("# mtu = 1420", "mtu = 99999"))
    said = gateway.culvert("reload", "gate", code=3)
    expect(f"{path}:" in said and "mtu" in said, f"what is said of the error:\n{said}")
    expect("mtu 1300" in gateway.host.ip("link", "show", "dev", "gate"), "a file with an error changed something")
    expect_inside(alice, count=1)
    after = json.loads(gateway.culvert("status", "--json", "gate"))["gate"]["peers"]
    expect_equal([peer["latestHandshake"] for peer in after.values()], [peer["latestHandshake"] for peer in session.values()],
                 "times of the handshakes: the session was not the same")


main()
