#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A laptop on a hostile access point: everything goes through the tunnel or nowhere, whatever the access point does and whatever
dies. A program on the laptop talks all the time, to the internet, to the resolver inside the tunnel, and to those outside as a
careless application would; each of its packets holds a mark. The access point records its cable, and the recording may hold
nothing but the tunnel's datagrams and the housekeeping of a link: no mark, no name, no other packet.

     laptop eth0 -- lan [access point] wan -- cafe [isp] right -- eth0 gateway
                                                   [isp] public -- eth0 server (203.0.113.7, 2001:db8:7::7)

LEAK_KILLS sets how often each half is killed, at moments that nobody chose.
"""
import json
import os
import random
import signal
import socket
import sys
import time

from lab import Failure, case, expect, expect_equal, main, note, run, wait_until
from tunnel import genkey, program_path, pubkey

KILLS = int(os.environ.get("LEAK_KILLS", "6"))
SEED = int(os.environ.get("LEAK_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
PUBLIC = {4: "203.0.113.7", 6: "2001:db8:7::7"}
GATEWAY = {4: "10.99.0.1", 6: "fd99::1"}
LAPTOP = {4: "10.99.0.2", 6: "fd99::2"}
MARK = "planted-mark"
NAME = "wg1"

TALKER = r"""
import socket, struct, time
MARK = b"planted-mark"
def question(name):
    labels = b"".join(bytes([len(part)]) + part for part in name.split(b"."))
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)
targets = [(address, port, MARK + b" in the clear") for address in ("203.0.113.7", "2001:db8:7::7", "198.51.100.9") for port in (9, 443)]
targets += [(address, 53, question(MARK + b".example.org"))
            for address in ("10.99.0.1", "fd99::1", "10.1.0.2", "fd00:1::2", "9.9.9.9", "2001:db8:9::9")]
sockets = {f: socket.socket(f, socket.SOCK_DGRAM) for f in (socket.AF_INET, socket.AF_INET6)}
for s in sockets.values():
    s.setblocking(False)
print("talking", flush=True)
while True:
    for address, port, words in targets:
        try:
            sockets[socket.AF_INET6 if ":" in address else socket.AF_INET].sendto(words, (address, port))
        except OSError:
            pass
    for address in ("203.0.113.7", "2001:db8:7::7"):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as stream:
            stream.setblocking(False)
            try:
                stream.connect((address, 80))
            except OSError:
                pass
    time.sleep(0.004)
"""

# A router advertisement as a hostile access point sends it: itself as the router, a prefix, a resolver, and a route to everything.
ADVERTISE = r"""
import socket, struct, sys, time
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
index = socket.if_nametoindex("lan")
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 7200, 7200, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
resolver = struct.pack("!BBHI", 25, 3, 0, 7200) + socket.inet_pton(socket.AF_INET6, "fd00:1::2")
halves = b"".join(struct.pack("!BBBBI", 24, 2, 1, 0x08, 7200) + socket.inet_pton(socket.AF_INET6, top)[:8] for top in ("::", "8000::"))
advertisement = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0x08, 7200, 0, 0) + prefix + resolver + halves
for _ in range(40):
    s.sendto(advertisement, ("ff02::1", 0, 0, index))
    print("advertised", flush=True)
    time.sleep(0.25)
"""

# What a link needs for itself: addresses of neighbours, groups, and the lease of an address.
HOUSEKEEPING = "(arp or (icmp6 and ip6[40] >= 130 and ip6[40] <= 137) or (ip6[6] == 0) or (ip6 proto 58 and ip6[40] == 143)" \
               " or (udp and (port 67 or port 68 or port 546 or port 547)))"
TUNNEL = "(udp and port 51820 and (host 10.2.0.1 or host fd00:2::1))"


class Cafe:
    """The laboratory of this file, with a gateway that is up and a laptop that is not yet."""

    def __init__(self, lab):
        self.lab = lab
        self.laptop, self.ap, self.isp = lab.host("laptop"), lab.host("ap"), lab.host("isp")
        self.gateway, self.server = lab.host("gateway"), lab.host("server")
        lab.wire(self.laptop, "eth0", self.ap, "lan", 1)
        lab.wire(self.ap, "wan", self.isp, "cafe", 3)
        lab.wire(self.gateway, "eth0", self.isp, "right", 2)
        lab.wire(self.server, "eth0", self.isp, "public", 5)
        for router in (self.ap, self.isp):
            router.sysctl("net.ipv4.ip_forward", 1)
            router.sysctl("net.ipv6.conf.all.forwarding", 1)
        for family, (lan, wan, right, public) in {4: ("10.1.0", "10.3.0", "10.2.0", "10.5.0"),
                                                  6: ("fd00:1:", "fd00:3:", "fd00:2:", "fd00:5:")}.items():
            def last(net, n, dot="." if family == 4 else ":"):
                return f"{net}{dot}{n}"
            for host, via in ((self.ap, last(wan, 2)), (self.gateway, last(right, 2)), (self.server, last(public, 2))):
                host.ip(f"-{family}", "route", "add", "default", "via", via)
            self.isp.ip(f"-{family}", "route", "add", f"{lan}{'.0/24' if family == 4 else ':/64'}", "via", last(wan, 1))
            self.isp.ip(f"-{family}", "route", "add", PUBLIC[family], "via", last(public, 1))
            self.server.ip("addr", "add", f"{PUBLIC[family]}/{32 if family == 4 else 128}", "dev", "eth0",
                           *(["nodad"] if family == 6 else []))
        self.join()
        self.keys = {host: genkey() for host in ("laptop", "gateway")}
        self._start_gateway()

    def join(self):
        """What joining the network gives: an address and the access point as the router, by both families."""
        for family, (address, via) in {4: ("10.1.0.1/24", "10.1.0.2"), 6: ("fd00:1::1/64", "fd00:1::2")}.items():
            self.laptop.attempt("ip", "addr", "add", address, "dev", "eth0", *(["nodad"] if family == 6 else []))
            self.laptop.ip(f"-{family}", "route", "replace", "default", "via", via, "dev", "eth0")

    def _start_gateway(self):
        file = self.lab.write("wg9.toml", f"""[interface]
private_key = "{self.keys['gateway']}"
addresses = ["{GATEWAY[4]}/24", "{GATEWAY[6]}/64"]
listen_port = 51820

[gateway]
enabled = true
masquerade = true
outside_interface = "eth0"

[[peer]]
name = "laptop"
public_key = "{pubkey(self.keys['laptop'])}"
allowed_ips = ["{LAPTOP[4]}/32", "{LAPTOP[6]}/128"]
""")
        self._start(self.gateway, file)

    def laptop_file(self, endpoint="10.2.0.1:51820"):
        return self.lab.write(f"{NAME}.toml", f"""[interface]
private_key = "{self.keys['laptop']}"
addresses = ["{LAPTOP[4]}/24", "{LAPTOP[6]}/64"]

[dns]
servers = ["{GATEWAY[4]}", "{GATEWAY[6]}"]
backend = "file"

[firewall]
kill_switch = true

[[peer]]
name = "gateway"
public_key = "{pubkey(self.keys['gateway'])}"
endpoint = "{endpoint}"
allowed_ips = ["0.0.0.0/0", "::/0"]
persistent_keepalive = 1
""")

    def _start(self, host, file):
        process = host.spawn(program_path("culvertd"), "-f", "--config", file, label=f"{host.name}-culvertd")
        name = os.path.basename(file).removesuffix(".toml")

        def up():
            expect(process.running(), f"culvertd of {host.name} ended:\n{process.output()}")
            return 'state UP' in host.attempt("ip", "link", "show", "dev", name)[1] or \
                ',UP' in host.attempt("ip", "link", "show", "dev", name)[1]
        wait_until(up, f"the tunnel of {host.name} to be up", within=30)
        return process

    def start_laptop(self):
        return self._start(self.laptop, self.laptop_file())

    def inside_works(self, families=(4, 6)):
        for family in families:
            wait_until(self.laptop.reaches(PUBLIC[family]), f"an echo of the server over IPv{family} by the tunnel", within=40)


def expect_silence(capture, talker):
    """Nothing in the recording but the tunnel and the link's housekeeping; not even in those is the mark."""
    expect(talker.running(), "the talker has ended, so the recording proves nothing")
    talker.stop()
    capture.stop()
    others = capture.lines(f"not {TUNNEL} and not {HOUSEKEEPING}")
    expect_equal(others[:5], [], f"packets that are neither the tunnel's nor the link's own ({len(others)} in all)")
    with open(capture.file, "rb") as file:
        expect(MARK.encode() not in file.read(), "the mark is in the recording")
    tunnel = capture.count(TUNNEL)
    expect(tunnel > 0, "the recording holds no datagram of the tunnel, so it proves nothing")
    return tunnel


def talk(cafe):
    talker = cafe.laptop.spawn(sys.executable, "-c", TALKER, label="talker")
    wait_until(lambda: "talking" in talker.output(), "the talker to begin")
    return talker


def packet_half(process):
    """The pid of the child that moves packets, or None while there is none."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as children:
        pids = children.read().split()
    return int(pids[0]) if pids else None


@case("all traffic of both families and all names go inside; when the tunnel is down by its owner's will they are seen again")
def _(lab):
    cafe = Cafe(lab)
    daemon = cafe.start_laptop()
    capture = cafe.ap.capture("lan")
    talker = talk(cafe)
    cafe.inside_works()
    time.sleep(2)
    note(f"{expect_silence(capture, talker)} datagrams of the tunnel and nothing else")
    expect_equal(daemon.stop(), 0, "exit code after SIGTERM")
    clear = cafe.ap.capture("lan", "udp port 9")
    talker = talk(cafe)
    time.sleep(1)
    talker.stop()
    clear.stop()
    expect(clear.count() > 10, "after the tunnel was taken down, the talker is still not heard: the recording would see no leak")


@case("routes, advertisements and a resolver that the access point hands out take nothing out of the tunnel")
def _(lab):
    cafe = Cafe(lab)
    cafe.laptop.sysctl("net.ipv6.conf.eth0.accept_ra", 2)
    cafe.laptop.sysctl("net.ipv6.conf.eth0.accept_ra_rt_info_max_plen", 64)
    cafe.start_laptop()
    cafe.inside_works()
    capture = cafe.ap.capture("lan")
    talker = talk(cafe)
    # As a DHCP client writes the routes of option 121.
    for net in ("0.0.0.0/1", "128.0.0.0/1", f"{PUBLIC[4]}/32", "198.51.100.0/24", "9.9.9.9/32", f"{GATEWAY[4]}/32"):
        cafe.laptop.attempt("ip", "route", "add", net, "via", "10.1.0.2", "dev", "eth0")
    for net in (f"{PUBLIC[6]}/128", "2000::/3", f"{GATEWAY[6]}/128"):
        cafe.laptop.attempt("ip", "-6", "route", "add", net, "via", "fd00:1::2", "dev", "eth0")
    # An access point whose own network holds the server, and which owns the resolver's address.
    cafe.ap.ip("addr", "add", "203.0.113.1/24", "dev", "lan")
    cafe.laptop.attempt("ip", "addr", "add", "203.0.113.200/24", "dev", "eth0")
    rogue = cafe.ap.spawn(sys.executable, "-c", ADVERTISE, label="advertiser")
    wait_until(lambda: "2001:db8:bad:" in cafe.laptop.ip("-6", "addr", "show", "dev", "eth0"), "the laptop to take the prefix", within=20)
    time.sleep(2)
    cafe.inside_works()
    rogue.stop()
    note(f"{expect_silence(capture, talker)} datagrams of the tunnel and nothing else")


@case("a link that is cut, comes back, and gets another address: nothing leaks, and the tunnel goes on by itself")
def _(lab):
    cafe = Cafe(lab)
    cafe.start_laptop()
    cafe.inside_works()
    capture = cafe.ap.capture("lan")
    talker = talk(cafe)
    for number in range(4):
        cafe.laptop.ip("link", "set", "eth0", "down")
        time.sleep(0.5)
        if number % 2:
            cafe.laptop.ip("addr", "flush", "dev", "eth0")
            cafe.laptop.ip("addr", "add", f"10.1.0.{20 + number}/24", "dev", "eth0")
        cafe.laptop.ip("link", "set", "eth0", "up")
        cafe.join()
        cafe.inside_works()
    note(f"{expect_silence(capture, talker)} datagrams of the tunnel and nothing else")


@case(f"the packet half is killed {KILLS} times while traffic flows: nothing leaks, and a new one takes over each time")
def _(lab):
    cafe = Cafe(lab)
    daemon = cafe.start_laptop()
    cafe.inside_works()
    capture = cafe.ap.capture("lan")
    talker = talk(cafe)
    moments = random.Random(SEED)
    for number in range(KILLS):
        victim = wait_until(lambda: packet_half(daemon), "a packet half")
        time.sleep(moments.random() * 0.5)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda old=victim: packet_half(daemon) not in (None, old), f"another packet half after kill {number + 1}", within=20)
        cafe.inside_works((4,))
    cafe.inside_works()
    note(f"seed {SEED}: {expect_silence(capture, talker)} datagrams of the tunnel and nothing else")


@case(f"the host half is killed {KILLS} times while traffic flows: nothing leaks until it is started again, nor then")
def _(lab):
    cafe = Cafe(lab)
    daemon = cafe.start_laptop()
    cafe.inside_works()
    capture = cafe.ap.capture("lan")
    talker = talk(cafe)
    moments = random.Random(SEED + 1)
    for _ in range(KILLS):
        time.sleep(moments.random() * 0.5)
        daemon.stop(signal.SIGKILL)
        wait_until(lambda: not cafe.laptop.has_link(NAME), "the interface to go with both halves", within=20)
        time.sleep(moments.random() * 0.3)
        daemon = cafe.start_laptop()
        cafe.inside_works((4,))
    # Killed while it starts, at moments that spread over the whole of it.
    for _ in range(KILLS):
        daemon.stop(signal.SIGKILL)
        wait_until(lambda: not cafe.laptop.has_link(NAME), "the interface to go with both halves", within=20)
        daemon = cafe.laptop.spawn(program_path("culvertd"), "-f", "--config", cafe.laptop_file(), label="laptop-culvertd")
        time.sleep(moments.random() * 0.15)
    daemon.stop(signal.SIGKILL)
    wait_until(lambda: not cafe.laptop.has_link(NAME), "the interface to go with both halves", within=20)
    cafe.start_laptop()
    cafe.inside_works()
    note(f"seed {SEED + 1}: {expect_silence(capture, talker)} datagrams of the tunnel and nothing else")


main()
