#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The kill switch and the guards, seen from the other end of the cable: what leaves a host and what does not. See host_lab.py."""
import json
import sys

from host_lab import INSIDE, MARK, NAME, PUBLIC, Tool, configuration, home
from lab import Capture, case, expect, expect_equal, main, wait_until

SEND = """
import json, socket, struct, sys
for what in json.loads(sys.argv[1]):
    family = socket.AF_INET6 if ":" in what["to"] else socket.AF_INET
    kind = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}[what.get("by", "udp")]
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if what.get("mark"):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, what["mark"])
    if what.get("over"):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, what["over"].encode())
    if what.get("from"):
        s.bind(("", what["from"]))
    if family == socket.AF_INET6 and what["to"].startswith("ff"):
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("eth0"))
    if family == socket.AF_INET and what["to"].startswith(("224.", "239.")):
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.1.0.1"))
    if what["to"] == "255.255.255.255":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.settimeout(0.2)
    address = (what["to"], what["port"]) + ((0, socket.if_nametoindex("eth0")) if what["to"].startswith("fe80") else ())
    try:
        if kind == socket.SOCK_DGRAM:
            s.sendto(b"words", address)
        else:
            s.connect(address)
    except OSError as error:
        pass
    s.close()
"""


def link_local(host, device):
    words = host.ip("-6", "-o", "addr", "show", "dev", device, "scope", "link").split()
    return words[words.index("inet6") + 1].split("/")[0]


def matrix(router_link_local):
    """(what, how it is sent, what tcpdump calls it): in groups by who lets them pass."""
    lan4, lan6 = "10.1.0.2", "fd00:1::2"
    never = [
        ("UDP to the internet", dict(to=PUBLIC[4], port=9), f"host {PUBLIC[4]} and udp port 9"),
        ("the same past the routes", dict(to=PUBLIC[4], port=19, over="eth0"), f"host {PUBLIC[4]} and udp port 19"),
        ("TCP to the internet", dict(to=PUBLIC[4], port=80, by="tcp", over="eth0"), f"host {PUBLIC[4]} and tcp port 80"),
        ("TCP with the mark", dict(to=PUBLIC[4], port=81, by="tcp", mark=MARK), f"host {PUBLIC[4]} and tcp port 81"),
        ("UDP with another mark", dict(to=PUBLIC[4], port=29, mark=MARK + 1, over="eth0"), "udp port 29"),
        ("IPv6 to the internet", dict(to=PUBLIC[6], port=9, over="eth0"), f"ip6 host {PUBLIC[6]}"),
        ("names of the LAN's resolver", dict(to=lan4, port=53), f"ip host {lan4} and udp port 53"),
        ("the same over TCP", dict(to=lan4, port=53, by="tcp"), f"ip host {lan4} and tcp port 53"),
        ("the same over IPv6", dict(to=lan6, port=53), f"ip6 host {lan6} and udp port 53"),
        ("the same over link-local", dict(to=router_link_local, port=53), f"ip6 host {router_link_local} and udp port 53"),
        ("names over TLS", dict(to=lan4, port=853, by="tcp"), "tcp port 853"),
        ("names over QUIC", dict(to=lan6, port=853), "udp port 853"),
        ("names of a resolver in the internet", dict(to="9.9.9.9", port=53, over="eth0"), "host 9.9.9.9"),
        ("the port of DHCP from another port", dict(to=PUBLIC[4], port=67, over="eth0"), f"host {PUBLIC[4]} and udp port 67"),
    ]
    lan = [
        ("UDP to the LAN", dict(to=lan4, port=9), f"ip host {lan4} and udp port 9"),
        ("TCP to the LAN", dict(to=lan4, port=80, by="tcp"), f"ip host {lan4} and tcp port 80"),
        ("IPv6 to the LAN", dict(to=lan6, port=9), f"ip6 host {lan6} and udp port 9"),
        ("link-local to the LAN", dict(to=router_link_local, port=9), f"ip6 host {router_link_local} and udp port 9"),
        ("mDNS", dict(to="224.0.0.251", port=5353), "ip host 224.0.0.251"),
        ("mDNS over IPv6", dict(to="ff02::fb", port=5353), "ip6 host ff02::fb"),
        ("search for devices", dict(to="239.255.255.250", port=1900), "host 239.255.255.250"),
        ("broadcast", dict(to="255.255.255.255", port=9, over="eth0"), "host 255.255.255.255 and udp port 9"),
    ]
    always = [
        ("the tunnel's own datagrams", dict(to="10.2.0.2", port=51820, mark=MARK), "ip host 10.2.0.2 and udp port 51820"),
        ("the same over IPv6", dict(to="fd00:2::2", port=51820, mark=MARK), "ip6 host fd00:2::2 and udp port 51820"),
        ("the same to port 53", dict(to="10.2.0.2", port=53, mark=MARK), "ip host 10.2.0.2 and udp port 53"),
        ("a lease asked for", {"to": "255.255.255.255", "port": 67, "from": 68, "over": "eth0"},
         "host 255.255.255.255 and udp port 67"),
        ("a lease renewed", {"to": lan4, "port": 67, "from": 68, "over": "eth0"}, f"host {lan4} and udp src port 68"),
        ("a lease of IPv6", {"to": "ff02::1:2", "port": 547, "from": 546}, "ip6 host ff02::1:2 and udp port 547"),
    ]
    return never, lan, always


def send(host, rows):
    host.run(sys.executable, "-c", SEND, json.dumps([how for _, how, _ in rows]))


def seen(host, router, rows):
    """The rows of which at least one packet came out."""
    capture = router.capture("left")
    send(host, rows)
    # Neighbours are asked for first, and this echo comes last.
    host.run("ping", "-c1", "-W2", "-m", MARK, "10.1.0.2", check=False)
    capture.stop()
    return [what for what, _, expression in rows if capture.count(expression)], capture


@case("with the kill switch only the tunnel, leases and neighbours pass; with the LAN allowed its private ranges, but never names")
def _(lab):
    a, router, resolv = home(lab)
    never, lan, always = matrix(link_local(router, "left"))
    everything = never + lan + always
    names = lambda rows: [what for what, _, _ in rows]
    held = Tool(a, lab.path("journal"), resolv)
    expect_equal(seen(a, router, everything)[0], names(everything), "what leaves without a tunnel: the witness sees all")
    for allowed in (False, True):
        text = configuration(firewall=f"kill_switch = true\nallow_lan = {str(allowed).lower()}")
        held.must("change " + lab.write(f"{NAME}.toml", text) if allowed else "up " + lab.write(f"{NAME}.toml", text))
        a.ip("neigh", "flush", "dev", "eth0")
        a.ip("-6", "neigh", "flush", "dev", "eth0")
        got, capture = seen(a, router, everything)
        expect_equal(got, names(lan + always if allowed else always), f"what leaves with the LAN {'' if allowed else 'not '}allowed")
        expect(capture.count("icmp6 and ip6[40] == 135"), "no neighbour was asked for")
    expect_equal(a.ping("127.0.0.1", 1), 1, "echoes on loopback")
    expect_equal(a.ping("::1", 1), 1, "echoes on loopback, IPv6")
    held.must("undo")
    expect_equal(seen(a, router, everything)[0], names(everything), "what leaves after down")


@case("inner traffic enters the tunnel, of both families, names included")
def _(lab):
    a, _, resolv = home(lab)
    held = Tool(a, lab.path("journal"), resolv)
    held.must("up " + lab.write(f"{NAME}.toml", configuration(firewall="kill_switch = true")))
    capture = Capture(a, NAME, "")
    rows = [("", dict(to=address, port=port), "") for address in (PUBLIC[4], PUBLIC[6], "10.1.0.2", "fd00:1::2") for port in (9, 53)]
    send(a, rows)
    capture.stop()
    for _, how, _ in rows:
        expect(capture.count(f"host {how['to']} and udp port {how['port']}"), f"{how} did not go inside")


@case("routes that a hostile access point injects change nothing: halves of everything, single hosts, a public network of its own")
def _(lab):
    a, router, resolv = home(lab)
    router.ip("addr", "add", "1.1.1.1/24", "dev", "left")
    for switch in ("false", "true"):
        held = Tool(a, lab.path("journal"), resolv)
        held.must("up " + lab.write(f"{NAME}.toml", configuration(endpoint="10.2.0.2:51820", firewall=f"kill_switch = {switch}")))
        a.ip("addr", "add", "1.1.1.9/24", "dev", "eth0")
        for route in ("0.0.0.0/1", "128.0.0.0/1", f"{PUBLIC[4]}/32", "8.8.8.8/32", "10.99.0.1/32", "172.16.0.0/12"):
            a.ip("route", "add", route, "via", "10.1.0.2", "dev", "eth0")
        for route in ("::/1", "8000::/1", f"{PUBLIC[6]}/128", "fd99::1/128"):
            a.ip("-6", "route", "add", route, "via", "fd00:1::2", "dev", "eth0")
        capture = router.capture("left", "udp")
        targets = [PUBLIC[4], "8.8.8.8", "1.1.1.1", "10.99.0.1", "10.2.0.2", "172.16.1.1", PUBLIC[6], "fd99::1", "2001:4860::1"]
        send(a, [("", dict(to=address, port=9), "") for address in targets])
        send(a, [("", dict(to="10.2.0.2", port=51820, mark=MARK), "")])
        held.must("change " + lab.write(f"{NAME}.toml", configuration("mtu = 1300", endpoint="10.2.0.2:51820",
                                                                      firewall=f"kill_switch = {switch}")))
        send(a, [("", dict(to=address, port=9), "") for address in targets])
        capture.stop()
        expect_equal(capture.lines("udp port 9")[:4], [], f"packets past the tunnel, with kill_switch = {switch}")
        expect_equal(capture.count("host 10.2.0.2 and udp port 51820"), 1, "datagrams of the tunnel itself")
        held.must("undo")
        held.end()
        a.ip("addr", "del", "1.1.1.9/24", "dev", "eth0")
        for route in ("0.0.0.0/1", "128.0.0.0/1", f"{PUBLIC[4]}/32", "8.8.8.8/32", "10.99.0.1/32", "172.16.0.0/12"):
            a.ip("route", "del", route)
        for route in ("::/1", "8000::/1", f"{PUBLIC[6]}/128", "fd99::1/128"):
            a.ip("-6", "route", "del", route)


@case("an access point whose LAN has the numbers of the tunnel's own network, or of its resolver, does not get their traffic")
def _(lab):
    a, router, resolv = home(lab)
    for network in ("10.99.0.77/24", "10.64.0.77/10"):
        a.ip("addr", "add", network, "dev", "eth0")
        held = Tool(a, lab.path("journal"), resolv)
        held.must("up " + lab.write(f"{NAME}.toml", configuration(dns='servers = ["10.64.0.1"]\nbackend = "file"')))
        capture = router.capture("left", "udp or arp host 10.99.0.1 or arp host 10.64.0.1")
        send(a, [("", dict(to=address, port=port), "") for address in ("10.99.0.1", "10.64.0.1") for port in (9, 53)])
        send(a, [("", dict(to="10.1.0.2", port=9), "")])
        wait_until(lambda: capture.count("host 10.1.0.2 and udp port 9"), "the witness: without the kill switch the LAN is reached")
        capture.stop()
        expect_equal(capture.lines("not udp or not host 10.1.0.2")[:3], [], f"packets past the tunnel, in {network}")
        held.must("undo")
        held.end()
        a.ip("addr", "del", network, "dev", "eth0")


@case("a packet for an address of the tunnel that comes over another link gets no answer, with and without the kill switch")
def _(lab):
    a, router, resolv = home(lab)
    router.ip("route", "add", f"{INSIDE[4]}/32", "via", "10.1.0.1")
    router.ip("-6", "route", "add", f"{INSIDE[6]}/128", "via", "fd00:1::1")

    def answers():
        capture = router.capture("left", "icmp or icmp6 or tcp")
        for address in INSIDE.values():
            router.ping(address, count=2, timeout=1)
        send(router, [("", dict(to=address, port=22, by="tcp"), "") for address in INSIDE.values()])
        capture.stop()
        return capture.count(f"src host {INSIDE[4]} or src host {INSIDE[6]}")

    held = Tool(a, lab.path("journal"), resolv)
    split = '"10.77.0.0/16"'
    for text, answered in ((configuration(allowed=split), False), (configuration(), False),
                           (configuration(firewall="kill_switch = true\nallow_lan = true"), False)):
        held.must("up " + lab.write(f"{NAME}.toml", text))
        expect_equal(a.ping(INSIDE[4], 1), 1, "echoes of the host to itself")
        expect_equal(answers() > 0, answered, "answers")
        held.must("undo")
    # The witness: without the guard there are answers.
    held.must("up " + lab.write(f"{NAME}.toml", configuration(allowed=split)))
    a.run("nft", "delete", "table", "inet", f"culvert-{NAME}")
    expect(answers() > 0, "nobody answers anyway, so the case proves nothing")
    held.must("undo")


main()
