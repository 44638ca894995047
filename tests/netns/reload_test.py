#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reloads under load: all that a file can say changes again and again, but for the peer that the traffic goes to, and not one packet
of that is lost; and each bound of [limits] counts from the reload on.

     a (configured, wg1) -- router -- b (culvertd and `wg`, wg2)
"""
import json
import os
import random
import re
import time

from culvert_site import Site
from lab import case, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, Tunnel, expect_perfect, genkey, pubkey, random_public_keys, start_udp_echo

NAME = "wg1"
RELOADS = int(os.environ.get("RELOADS", "40"))


class End:
    """The end on host a, that a file configures; `write` makes it anew."""

    def __init__(self, lab, host):
        self.lab, self.host, self.site = lab, host, Site(host)
        self.name, self.kind, self.inside = NAME, "culvertd with a file", {4: "10.99.0.1", 6: "fd99::1"}
        self.private = genkey()
        self.public = pubkey(self.private)

    def write(self, *parts):
        path = self.site.path(f"{NAME}.toml")
        with open(path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f'[interface]\nprivate_key = "{self.private}"\naddresses = ["10.99.0.1/24", "fd99::1/64"]\n' + "\n".join(parts))

    def reload(self):
        return self.site.culvert("reload", NAME).splitlines()


def peer(name, public, allowed, *more):
    return f'[[peer]]\nname = "{name}"\npublic_key = "{public}"\nallowed_ips = {json.dumps(allowed)}\n' + "".join(
        line + "\n" for line in more)


def pair(lab):
    a, _, b = lab.routed_pair()
    left, right = End(lab, a), Tunnel(b, CULVERTD, 2)
    right.wg("peer", left.public, "allowed-ips", "10.99.0.1/32,fd99::1/128")
    return left, right, peer("gateway", right.public, ["10.99.0.2/32", "fd99::2/128"], f'endpoint = "{right.endpoint(4)}"')


class Changes:
    """The rest of a file, another one each time."""

    def __init__(self, seed, kill_switch):
        """kill_switch: what it says at all times, or None for now this, now that."""
        self.random, self.turn, self.kill_switch = random.Random(seed), 0, kill_switch
        self.keys = random_public_keys(40)

    def sections(self):
        pick = self.random.choice
        self.turn += 1
        kill_switch = pick(("true", "false")) if self.kill_switch is None else self.kill_switch
        interface = f"mtu = {pick((1380, 1400, 1420))}\n" + pick(("", "table = \"auto\"\n", "public_endpoint = \"gw.example:1\"\n"))
        return interface + "".join((
            f'[dns]\nservers = ["10.99.0.{pick((2, 53))}"]\nsearch = ["{pick(("a", "b"))}.example"]\nbackend = "file"\n' if pick((0, 1)) else "",
            f"[firewall]\nkill_switch = {kill_switch}\nallow_lan = {pick(('true', 'false'))}\n",
            f"[gateway]\nmasquerade = {pick(('true', 'false'))}\n" if pick((0, 1)) else "",
            (f"[limits]\nstaged_packets = {pick((50, 128))}\nhandshakes_per_second = {pick((20, 500))}\n"
             f"socket_buffer = {pick((1 << 20, 4 << 20))}\n" if pick((0, 1)) else "")))

    def peers(self):
        chosen = self.random.sample(range(len(self.keys)), self.random.randrange(len(self.keys)))
        # Which numbers a peer has changes each time: addresses wander from peer to peer.
        return [peer(f"peer-{n}", self.keys[n], [f"10.{100 + (place + self.turn) % 100}.0.0/16", f"fd00:77:{place:x}::/48"],
                     f"persistent_keepalive = {self.random.choice((0, 25))}", f"enabled = {self.random.choice(('true', 'false'))}",
                     *([f'endpoint = "10.2.0.{50 + n}:1"'] if n % 2 else []))
                for place, n in enumerate(chosen)]


def reload_under_load(lab, kill_switch):
    left, right, gateway = pair(lab)
    seed = random.SystemRandom().randrange(1 << 30)
    changes = Changes(seed, kill_switch)
    left.write(f"[firewall]\nkill_switch = {kill_switch or 'false'}\n", gateway)
    left.site.culvert("up", NAME)
    for family in (4, 6):
        wait_until(left.host.reaches(right.inside[family]), "an echo", within=20)
    handshake = right.host.run("wg", "show", "wg2", "latest-handshakes")
    start_udp_echo(right)
    lines, reloads = 0, 0

    def reload_while(goes_on):
        nonlocal lines, reloads
        while goes_on():
            parts = changes.peers()
            # The peer of the traffic stands at another place in the file each time.
            parts.insert(changes.random.randrange(len(parts) + 1), gateway)
            left.write(changes.sections(), *parts)
            said = left.reload()
            expect(not any(line[2:].startswith("peer gateway") for line in said),
                   f"the untouched peer is among the differences (seed {seed}): {said}")
            lines += len(said)
            reloads += 1

    seconds = 3 + RELOADS * 0.5
    flows = [left.host.script("numbered_udp.py", "send", right.inside[family], 7007, "--seconds", seconds, "--rate", 200,
                              "--window", 8, "--sizes", "64:1200") for family in (4, 6)]
    deadline = time.monotonic() + seconds - 1
    reload_while(lambda: time.monotonic() < deadline and reloads < RELOADS)
    for flow in flows:
        result = flow.result(within=180)
        note(f"{result['sent']} numbered packets: {({k: result[k] for k in ('lost', 'duplicated', 'reordered', 'corrupted')})}, "
             f"longest wait for an answer {result['longest_gap']:.3f} s")
        expect_perfect(result, least=100)
    # Streams come after that, since by their nature they fill queues until one overflows.
    streams = []
    for sender, receiver, port in ((left, right, 7100), (right, left, 7101)):
        server = receiver.host.script("checked_tcp.py", "receive", "::", port)
        wait_until(lambda host=receiver.host, at=port: host.listening(at, "t"), "the receiver to listen")
        streams.append((sender.host.script("checked_tcp.py", "send", receiver.inside[4], port, 32 << 20), server))
    reload_while(lambda: any(sender.running() for sender, _ in streams) and reloads < 2 * RELOADS)
    for sender, receiver in streams:
        sent, received = sender.result(within=180), receiver.result(within=60)
        expect_equal((received["octets"], received["sha256"]), (sent["octets"], sent["sha256"]), "what arrived of a stream")
        note(f"a stream of {sent['octets']} octets arrived whole in {sent['seconds']:.1f} s")
    note(f"{reloads} reloads under load, {lines} differences applied (seed {seed})")
    expect(reloads >= 5 and lines > 10 * reloads, f"only {lines} differences in {reloads} reloads, which proves little")
    expect_equal(right.host.run("wg", "show", "wg2", "latest-handshakes"), handshake, "the time of the handshake")
    left.site.culvert("down", NAME)


@case("while the file is reloaded again and again with everything else changed, no packet of either family and no octet is lost")
def _(lab):
    reload_under_load(lab, "false")


@case("with a kill switch, whose routing is by rules and marks, reloads lose nothing either")
def _(lab):
    reload_under_load(lab, "true")


@case("also when the kill switch, with its mark and its rules, comes and goes")
def _(lab):
    reload_under_load(lab, None)


@case("no more peers than the limit says, also of those that wg adds, until a reload raises it")
def _(lab):
    left, right, gateway = pair(lab)
    left.write("[limits]\npeers = 2\n", gateway)
    left.site.culvert("up", NAME)
    first, second = random_public_keys(2)

    def add(key):
        return left.host.attempt("wg", "set", NAME, "peer", key, "allowed-ips", "")

    expect_equal(add(first)[0], 0, "exit code of wg for the second peer")
    code, said = add(second)
    expect(code != 0 and "No space left" in said, f"the third peer: exit code {code}: {said}")
    expect_equal(len(left.host.run("wg", "show", NAME, "peers").split()), 2, "peers")
    expect_equal(left.host.attempt("wg", "set", NAME, "peer", first, "persistent-keepalive", "7")[0], 0, "a change of one that is there")
    code, said = left.host.attempt("wg", "set", NAME, "peer", second, "allowed-ips", "", "peer", first, "remove")
    expect_equal(code, 0, f"exit code of wg for one peer instead of another: {said}")
    expect(second in left.host.run("wg", "show", NAME, "peers"), "the other is not there")
    expect_equal(left.host.attempt("wg", "set", NAME, "peer", first, "allowed-ips", "", "peer", second, "remove")[0], 0, "and back")
    left.write("[limits]\npeers = 3\n", gateway)
    expect_equal(left.reload(), ["~ limits.peers: 2 -> 3"], "the differences")
    expect_equal(add(second)[0], 0, "exit code of wg once the limit is 3")
    left.write("[limits]\npeers = 1\n", gateway, peer("bob", second, ["10.88.0.0/24"]))
    said = left.site.culvert("check", NAME, code=3)
    expect(":5:9: error: limits.peers = 1: the configuration has 2 peers" in said, f"a file with more peers: {said}")


RECEIVER = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("0.0.0.0", 7200))
    print("ready", flush=True)
    while True:
        print("got", s.recv(100).decode(), flush=True)
"""


def staged(left, right):
    """Which of 50 numbered packets reach a peer that answers only afterwards."""
    receiver = right.host.spawn("python3", "-c", RECEIVER, label="receiver")
    wait_until(lambda: "ready" in receiver.output(), "the receiver")
    left.host.run("python3", "-c", f"""
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for n in range(50):
        s.sendto(str(n).encode(), ("{right.inside[4]}", 7200))
""")
    right.wg("peer", left.public, "allowed-ips", "10.99.0.1/32,fd99::1/128")
    wait_until(lambda: "got 49" in receiver.output(), "the last packet", within=30)
    time.sleep(0.3)
    receiver.stop()
    return [int(n) for n in re.findall(r"got (\d+)", receiver.output())]


@case("as many packets wait for a session as the limit says, the newest, and a reload changes that at once")
def _(lab):
    a, _, b = lab.routed_pair()
    left = End(lab, a)
    rights = [Tunnel(b, CULVERTD, 2, port=51820), Tunnel(b, CULVERTD, 3, port=51821)]
    # One interface at a time has the network, else answers go the other way.
    peers = [peer(f"right-{r.number}", r.public, [f"{r.inside[4]}/32"], f'endpoint = "{r.endpoint(4)}"') for r in rights]
    left.write("[limits]\nstaged_packets = 5\n", *peers)
    left.site.culvert("up", NAME)
    expect_equal(staged(left, rights[0]), list(range(45, 50)), "packets that waited with a limit of 5")
    left.write("[limits]\nstaged_packets = 20\n", *peers)
    expect_equal(left.reload(), ["~ limits.staged_packets: 5 -> 20"], "the differences")
    expect_equal(staged(left, rights[1]), list(range(30, 50)), "packets that waited with a limit of 20")


def buffers(host):
    """Receive buffers of the sockets of a port, as the kernel shows them, by socket."""
    text = host.run("ss", "-Huanme", "sport = :4242")
    return sorted((int(inode), int(octets)) for inode, octets in re.findall(r"ino:(\d+).*?rb(\d+)", text, re.DOTALL))


@case("the sockets that data comes by have the buffer that the file says, and a reload changes it without a new socket")
def _(lab):
    left, _, gateway = pair(lab)
    port = "listen_port = 4242\n"
    left.write(port, gateway)
    left.site.culvert("up", NAME)
    usual = buffers(left.host)
    expect(len(usual) == 4 and {14680064} < {octets for _, octets in usual}, f"sockets and buffers without a limit: {usual}")
    left.write(port, "[limits]\nsocket_buffer = 131072\n", gateway)
    expect_equal(left.reload(), ["~ limits.socket_buffer: (none) -> 131072"], "the differences")
    small = buffers(left.host)
    expect_equal([inode for inode, _ in small], [inode for inode, _ in usual], "sockets")
    expect_equal(sorted(octets for _, octets in small).count(2 * 131072), 2, f"sockets with the small buffer of {small}")
    left.site.culvert("down", NAME)
    left.site.culvert("up", NAME)
    expect_equal(sorted(octets for _, octets in buffers(left.host)).count(2 * 131072), 2, "sockets with the small buffer after a start")
    left.write(port, gateway)
    left.reload()
    expect_equal([octets for _, octets in buffers(left.host)].count(14680064), 2, "sockets with the usual buffer again")


main()
