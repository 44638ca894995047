#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linked sites: two gateways and the networks behind them, whose hosts know nothing of the tunnel, as in
conf/examples/linked-sites.

     desk (192.168.10.1) -- a: north -- [router] -- b: south -- shop (192.168.20.1)
"""
from culvert_site import Site
from lab import case, expect, expect_equal, main, wait_until
from tunnel import HOUSEKEEPING, TUNNEL, genkey, pubkey

DESK, SHOP = "192.168.10.1", "192.168.20.1"


def gateway_text(key, number, peer_key, endpoint, networks):
    allowed = ", ".join(f'"{network}"' for network in networks)
    return f"""[interface]
private_key = "{key}"
addresses = ["10.87.0.{number}/30"]
listen_port = 51820

[gateway]
masquerade = false

[[peer]]
name = "far"
public_key = "{peer_key}"
endpoint = "{endpoint}:51820"
allowed_ips = [{allowed}]
persistent_keepalive = 5
"""


def behind(lab, gateway, name, network):
    """A host in a network whose last address but one is the gateway's; its only route is the default one."""
    host = lab.host(name)
    host.ip("link", "add", "eth0", "type", "veth", "peer", "name", "lan", "netns", gateway.name)
    gateway.ip("addr", "add", f"{network}.254/24", "dev", "lan")
    gateway.ip("link", "set", "lan", "up")
    host.ip("addr", "add", f"{network}.1/24", "dev", "eth0")
    host.ip("link", "set", "eth0", "up")
    host.ip("route", "add", "default", "via", f"{network}.254")
    return host


def sites(lab):
    a, router, b = lab.routed_pair()
    keys = genkey(), genkey()
    north, south = Site(a), Site(b)
    lab.write(north.path("north.toml"), gateway_text(keys[0], 1, pubkey(keys[1]), "10.2.0.1", ["10.87.0.2/32", "192.168.20.0/24"]))
    lab.write(south.path("south.toml"), gateway_text(keys[1], 2, pubkey(keys[0]), "10.1.0.1", ["10.87.0.1/32", "192.168.10.0/24"]))
    desk, shop = behind(lab, a, "desk", "192.168.10"), behind(lab, b, "shop", "192.168.20")
    north.culvert("up", "north")
    south.culvert("up", "south")
    return north, south, desk, shop, router


def expect_linked(desk, shop):
    wait_until(desk.reaches(SHOP), "the desk to reach the shop", within=40)
    expect_equal(desk.ping(SHOP, 3), 3, "echoes from the desk to the shop")
    expect_equal(shop.ping(DESK, 3), 3, "echoes from the shop to the desk")


@case("hosts behind either gateway reach each other under their own addresses, and the router sees the tunnel alone")
def _(lab):
    _, _, desk, shop, router = sites(lab)
    capture = router.capture("left", f"not {TUNNEL}")
    seen = shop.capture("eth0", "icmp")
    expect_linked(desk, shop)
    expect_equal(capture.stop().lines(f"not {HOUSEKEEPING}")[:3], [], "packets past the tunnel")
    expect(seen.stop().count(f"src {DESK} and dst {SHOP}") >= 3, "the shop does not see the desk's own address")


@case("the largest packet that fits passes from end to end, and one that does not is answered by the gateway")
def _(lab):
    north, _, desk, shop, _ = sites(lab)
    expect_linked(desk, shop)
    mtu = int(north.host.ip("-o", "link", "show", "dev", "north").split(" mtu ")[1].split()[0])
    expect_equal(mtu, 1420, "MTU over Ethernet of 1500")
    whole = ("-M", "do")
    expect_equal(desk.ping(SHOP, 1, size=mtu - 28, options=whole), 1, f"echoes of {mtu} octets that may not be fragmented")
    _, said = desk.attempt("ping", "-n", "-c1", "-W2", "-s", mtu - 27, *whole, SHOP)
    expect(f"mtu = {mtu}" in said or f"mtu={mtu}" in said, f"ping of one octet more says:\n{said}")


@case("either gateway may be restarted; the sites are linked again without anybody's doing")
def _(lab):
    north, south, desk, shop, _ = sites(lab)
    expect_linked(desk, shop)
    for site, name in ((north, "north"), (south, "south")):
        site.culvert("down", name)
        expect_equal(desk.ping(SHOP, 1, timeout=1), 0, f"echoes while {name} is down")
        site.culvert("up", name)
        expect_linked(desk, shop)


@case("a network that both sites have is told by the check")
def _(lab):
    north, _, _, _, _ = sites(lab)
    path = north.path("north.toml")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    lab.write(path, text.replace("192.168.20.0/24", "192.168.10.0/24"))
    said = north.culvert("check", "north")
    expect("warning" in said and "192.168.10." in said, f"`culvert check` of an overlap says:\n{said}")


main()
