#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A captive portal behind the kill switch. The router is the hotel: it resolves names, and has a web server. See host_lab.py."""
import sys

from host_lab import NAME, PUBLIC, Tool, configuration, home
from lab import case, expect, expect_equal, main, wait_until

# Answers every datagram on port 53, and takes connections; each says who it is and whom it saw.
HOTEL = """
import selectors, socket
selector = selectors.DefaultSelector()
for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    for kind, port in ((socket.SOCK_DGRAM, 53), (socket.SOCK_STREAM, 80), (socket.SOCK_STREAM, 443), (socket.SOCK_STREAM, 22)):
        s = socket.socket(family, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind((any_address, port))
        if kind == socket.SOCK_STREAM:
            s.listen()
        selector.register(s, selectors.EVENT_READ, kind)
print("open", flush=True)
while True:
    for key, _ in selector.select():
        if key.data == socket.SOCK_DGRAM:
            data, address = key.fileobj.recvfrom(2000)
            key.fileobj.sendto(("hotel sees " + address[0]).encode(), address)
        else:
            connection, address = key.fileobj.accept()
            connection.sendall(("hotel sees " + address[0]).encode())
            connection.close()
"""

ASK = """
import os, socket, sys
kind, address, port, user = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
s.settimeout(float(sys.argv[5]))
try:
    s.connect((address, port))
    if kind == "udp":
        s.send(b"what is the address?")
    print(s.recv(2000).decode())
except OSError as error:
    print("nothing:", error)
"""


def ask(host, kind, address, port, user=0, patience=20.0):
    return host.run(sys.executable, "-c", ASK, kind, address, port, user, patience).strip()


def hotel(lab):
    a, router, resolv = home(lab)
    for family, length in ((4, 32), (6, 128)):
        router.ip("addr", "add", f"{PUBLIC[family]}/{length}", "dev", "lo")
    with open(resolv, "w", encoding="utf-8") as file:
        file.write("nameserver 10.1.0.2\nnameserver fd00:1::2\n")
    server = router.spawn(sys.executable, "-c", HOTEL, label="hotel")
    wait_until(lambda: "open" in server.output(), "the hotel to open")
    held = Tool(a, lab.path("journal"), resolv)
    held.must("up " + lab.write(f"{NAME}.toml", configuration(
        dns='servers = ["10.99.0.1", "fd99::1"]\nbackend = "file"', firewall="kill_switch = true")))
    return a, router, held


def refused(host, *words, **options):
    return ask(host, *words, patience=0.5, **options).startswith("nothing")


@case("before it is opened a portal is out of reach; opened, web pages and names are, with the address of the link, and nothing else")
def _(lab):
    a, router, held = hotel(lab)
    expect_equal(held.say("portal left"), "failed: shut", "the time left of a portal that nobody opened")
    expect(refused(a, "tcp", PUBLIC[4], 80), "the portal is reached though nobody opened it")
    held.must("portal 600 -")
    for family, own in ((4, "10.1.0.1"), (6, "fd00:1::1")):
        for port in (80, 443):
            expect_equal(ask(a, "tcp", PUBLIC[family], port), f"hotel sees {own}", f"a page over IPv{family}, port {port}")
        expect_equal(ask(a, "udp", "10.99.0.1" if family == 4 else "fd99::1", 53), f"hotel sees {own}",
                     f"a name asked of the tunnel's resolver, over IPv{family}")
        expect_equal(ask(a, "udp", "10.1.0.2" if family == 4 else "fd00:1::2", 53), f"hotel sees {own}",
                     f"a name asked of the hotel's resolver, over IPv{family}")
    capture = router.capture("left", "tcp port 22 or udp port 9 or udp port 853 or icmp[icmptype] == icmp-echo")
    expect(refused(a, "tcp", PUBLIC[4], 22), "another port is open too")
    expect(refused(a, "udp", PUBLIC[4], 9), "UDP is open too")
    expect(refused(a, "udp", "10.1.0.2", 853), "names over TLS are open too")
    expect_equal(a.ping(PUBLIC[4], 1, timeout=1), 0, "echoes")
    capture.stop()
    expect_equal(capture.lines()[:3], [], "packets in the clear")
    left = held.say("portal left")
    expect(0 < int(left.split()[1]) <= 600, f"the time left is told as: {left}")
    held.must("portal close")
    expect(refused(a, "tcp", PUBLIC[4], 80), "the portal is reached after it was closed")
    expect_equal(held.say("portal left"), "failed: shut", "the time left of a portal that was closed")
    expect("is no time" in held.say("portal 0 -") and "is no time" in held.say("portal 3601 -"), "any time is taken")


@case("opened for one user, it is open for that user's programs only")
def _(lab):
    a, _, held = hotel(lab)
    held.must("portal 600 65534")
    expect_equal(ask(a, "tcp", PUBLIC[4], 80, user=65534), "hotel sees 10.1.0.1", "the user's page")
    expect(refused(a, "tcp", PUBLIC[4], 80, user=65533), "another user's programs reach the portal")
    expect(refused(a, "tcp", PUBLIC[4], 80), "root's programs reach the portal")


@case("its time ends by itself, even when the program that opened it is dead")
def _(lab):
    a, router, held = hotel(lab)
    held.must("portal 3 -")
    held.kill()
    # Nobody is left to close it.
    table = lambda: a.run("nft", "list", "set", "inet", f"culvert-{NAME}", "portal_web")
    wait_until(lambda: "elements" not in table(), "the kernel to close it", within=60)
    capture = router.capture("left", "tcp or udp port 53")
    expect(refused(a, "tcp", PUBLIC[4], 80), "the portal is reached after its time")
    expect(refused(a, "udp", "10.1.0.2", 53), "names are asked in the clear after its time")
    capture.stop()
    expect_equal(capture.lines()[:3], [], "packets in the clear")


@case("without a kill switch there is nothing to open, and that is said")
def _(lab):
    a, _, resolv = home(lab)
    held = Tool(a, lab.path("journal"), resolv)
    held.must("up " + lab.write(f"{NAME}.toml", configuration()))
    expect("is the tunnel up, with kill_switch = true?" in held.say("portal 60 -"), "the answer does not say why")
    expect_equal(held.say("portal left"), "failed: shut", "the time left")


main()
