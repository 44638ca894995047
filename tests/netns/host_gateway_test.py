#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A gateway: where its peers may go, and as whom. The far end of the tunnel is played by a veth of its name: what comes out of
it comes from a peer.

    p (10.99.0.3, fd99::3) -- wg1 [a] eth0 -- router (10.1.0.2, fd00:1::2; beyond it the internet)
"""
from host_lab import INSIDE, NAME, PUBLIC, Tool, configuration, expect_same, home, state
from lab import case, expect, expect_equal, main, wait_until

PEER = {4: "10.99.0.3", 6: "fd99::3"}
LAN = {4: "10.1.0.2", 6: "fd00:1::2"}


def gateway(lab, **sections):
    a, router, resolv = home(lab)
    peer = lab.host("p")
    a.ip("link", "add", NAME, "type", "veth", "peer", "name", "eth0", "netns", "p")
    a.sysctl(f"net.ipv6.conf.{NAME}.accept_dad", 0)
    for family, length in ((4, 24), (6, 64)):
        peer.ip("addr", "add", f"{PEER[family]}/{length}", "dev", "eth0", *(["nodad"] if family == 6 else []))
    peer.ip("link", "set", "eth0", "up")
    for family, length in ((4, 32), (6, 128)):
        peer.ip(f"-{family}", "route", "add", "default", "via", INSIDE[family])
        router.ip("addr", "add", f"{PUBLIC[family]}/{length}", "dev", "lo")
    before = state(a, resolv)
    held = Tool(a, lab.path("journal"), resolv)
    held.must("up " + lab.write(f"{NAME}.toml", configuration("mtu = 1420", allowed=", ".join(f'"{each}"' for each in PEER.values()),
                                                              **sections)))
    wait_until(lambda: all(peer.ping(each, 1, timeout=1) for each in INSIDE.values()), "the peer to reach its gateway", within=30)
    return a, router, peer, held, lambda: expect_same(before, state(a, resolv), "state after down")


@case("peers go where they may, with the gateway's address, and nowhere else; hosts of the LAN reach them with their own")
def _(lab):
    _, router, peer, held, unchanged = gateway(
        lab, gateway='masquerade = true\noutside_interface = "eth0"\nallowed_subnets = ["10.1.0.0/24", "fd00:1::/64"]')
    capture = router.capture("left", "icmp[icmptype] == icmp-echo or icmp6[icmp6type] == icmp6-echo")
    for family in (4, 6):
        expect_equal(peer.ping(LAN[family], 2), 2, f"echoes of IPv{family} from an allowed subnet")
        expect_equal(peer.ping(PUBLIC[family], 1, timeout=1), 0, f"echoes of IPv{family} from elsewhere")
    capture.stop()
    expect_equal(capture.count(f"src host 10.1.0.1 and dst host {LAN[4]}"), 2, "echoes with the gateway's address")
    expect_equal(capture.count(f"src host fd00:1::1 and dst host {LAN[6]}"), 2, "echoes with the gateway's address, IPv6")
    expect_equal(capture.count(f"net 10.99.0.0/24 or net fd99::/64 or host {PUBLIC[4]} or host {PUBLIC[6]}"), 0, "others")
    for family, own in ((4, "10.1.0.1"), (6, "fd00:1::1")):
        router.ip(f"-{family}", "route", "add", f"{PEER[family]}", "via", own)
        expect_equal(router.ping(PEER[family], 2), 2, f"echoes of IPv{family} from the LAN to a peer")
    held.must("undo")
    unchanged()


@case("a gateway without masquerade and without bounds forwards peers with their own addresses")
def _(lab):
    _, router, peer, held, unchanged = gateway(lab, gateway="enabled = true")
    for family, own in ((4, "10.1.0.1"), (6, "fd00:1::1")):
        router.ip(f"-{family}", "route", "add", f"{PEER[family]}", "via", own)
    capture = router.capture("left", "icmp or icmp6")
    for family in (4, 6):
        expect_equal(peer.ping(PUBLIC[family], 2), 2, f"echoes of IPv{family}")
    capture.stop()
    for family in (4, 6):
        expect_equal(capture.count(f"src host {PEER[family]} and dst host {PUBLIC[family]}"), 2, "echoes with the peer's address")
    held.must("undo")
    unchanged()


@case("hosts behind the gateway are told of segments that fit the tunnel")
def _(lab):
    _, router, peer, held, unchanged = gateway(lab, gateway="enabled = true")
    for family, own, size in ((4, "10.1.0.1", 1380), (6, "fd00:1::1", 1360)):
        router.ip(f"-{family}", "route", "add", f"{PEER[family]}", "via", own)
        capture = peer.capture("eth0", "tcp")
        router.attempt("timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{PEER[family]}/80")
        wait_until(lambda: capture.count(f"host {PEER[family]}") > 0, "the connection to be tried")
        capture.stop()
        expect(f"mss {size}" in "\n".join(capture.lines()), f"no segments of {size} octets in: {capture.lines()}")
    held.must("undo")
    unchanged()


@case("with the kill switch a gateway's peers go where they may, and its own programs nowhere")
def _(lab):
    a, router, peer, held, unchanged = gateway(lab, gateway="masquerade = true", firewall="kill_switch = true")
    capture = router.capture("left", "icmp[icmptype] == icmp-echo or icmp6[icmp6type] == icmp6-echo")
    for family in (4, 6):
        expect_equal(peer.ping(PUBLIC[family], 2), 2, f"echoes of IPv{family} to a peer")
        expect_equal(a.ping(PUBLIC[family], 2, timeout=1), 0, f"echoes of IPv{family} to the gateway's own programs")
    capture.stop()
    expect_equal(capture.count(), 4, "echoes that left")
    held.must("undo")
    unchanged()


main()
