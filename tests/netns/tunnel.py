# SPDX-License-Identifier: MIT
"""Tunnels between hosts of a laboratory: starting a program, setting it by `wg`, and asking it.

A tunnel address is 10.99.0.N and fd99::N, where N is the number of the tunnel end in its case.
"""
import base64
import json
import os
import secrets
import socket
import subprocess
import time

import books
from lab import SOCKETS, STATUS_SOCKETS, expect, expect_equal, run, wait_until

CULVERTD = "culvertd"
WIREGUARD_GO = "wireguard-go"
PROGRAMS = (CULVERTD, WIREGUARD_GO)

# Bounds of recovery that follow from the protocol's constants, in seconds, with a second for a busy machine:
# a lost handshake is tried again after 5 s and up to a third; a silent peer is noticed after 10 + 5 s.
RETRY = 5.4 + 1
DEAD_PEER = 15.4 + 1


def program_path(kind):
    """A kind may also be a program's path."""
    if "/" in kind:
        return kind
    return os.environ["CULVERTD"] if kind == CULVERTD else os.environ.get("WIREGUARD_GO", "wireguard-go")


def genkey():
    return run(["wg", "genkey"]).strip()


def pubkey(private):
    return run(["wg", "pubkey"], input=private).strip()


def genpsk():
    return run(["wg", "genpsk"]).strip()


def random_public_keys(count):
    """Any 32 octets are a public key, so ten thousand of them cost nothing."""
    return [base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(count)]


class Tunnel:
    """One end: a program that runs in the foreground, its interface, its key and its inside addresses."""

    def __init__(self, host, kind, number, name=None, port=51820, env=None):
        self.host, self.kind, self.number, self.port = host, kind, number, port
        self.name = name or f"wg{number}"
        self.inside = {4: f"10.99.0.{number}", 6: f"fd99::{number}"}
        self.private = genkey()
        self.public = pubkey(self.private)
        self.key_file = host.lab.write(f"{self.name}.key", self.private + "\n")
        self.env = env or {}
        self.process = None
        self.start()

    def start(self):
        """Starts the program, gives it key and port, addresses, and sets the link up."""
        environment = {**os.environ, "LOG_LEVEL": "verbose", "WG_PROCESS_FOREGROUND": "1", **self.env}
        label = f"{self.host.name}-{self.name}-{os.path.basename(self.kind)}"
        self.process = self.host.spawn(program_path(self.kind), "-f", self.name, label=label, env=environment)
        wait_until(lambda: self._ready() or not self.process.running(), f"{self.kind} to open its socket")
        expect(self.process.running(), f"{self.kind} ended at its start:\n{self.process.output()}")
        self.wg("private-key", self.key_file, "listen-port", self.port)
        added = {}
        for family, length in ((4, 24), (6, 64)):
            extra = ["nodad"] if family == 6 else []
            command = ["ip", "addr", "add", f"{self.inside[family]}/{length}", "dev", self.name, *extra]
            added[family] = self.host.attempt(*command)[0] == 0
        self.host.ip("link", "set", self.name, "up")
        if added[6]:
            # The kernel gives an IPv6 address its route in a work queue that all namespaces share; until then packets to it are lost.
            wait_until(self._takes_ipv6, "the kernel to take the IPv6 address")

    def _takes_ipv6(self):
        return f"local {self.inside[6]} " in self.host.ip("-6", "route", "show", "table", "local", "dev", self.name)

    def _ready(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(f"{SOCKETS}/{self.name}.sock") == 0

    def stop(self, how=None):
        code = self.process.stop(how) if how else self.process.stop()
        wait_until(lambda: not self.host.has_link(self.name), f"the link {self.name} to go with its program")
        return code

    def wg(self, *words):
        """`wg set`, by the words of its manual page."""
        return self.host.run("wg", "set", self.name, *words)

    def show(self, what):
        return self.host.run("wg", "show", self.name, what).strip()

    def status(self):
        """The status document of a culvertd."""
        status = books.ask(f"{STATUS_SOCKETS}/{self.name}.sock")
        expect(status is not None, f"{self.name} serves no status")
        return status

    def settled_status(self):
        """The same, once its books add up."""
        status, wrong = books.settled(self.status)
        expect(not wrong, wrong)
        return status

    def add_peer(self, other, allowed=None, endpoint=None, psk=None, keepalive=None):
        words = ["peer", other.public, "allowed-ips", allowed or f"{other.inside[4]}/32,{other.inside[6]}/128"]
        if endpoint:
            words += ["endpoint", endpoint]
        if psk:
            words += ["preshared-key", self.host.lab.write(f"{self.name}-{other.name}.psk", psk + "\n")]
        if keepalive is not None:
            words += ["persistent-keepalive", keepalive]
        self.wg(*words)

    def endpoint(self, family):
        """Where others reach this end."""
        address = self.host.addresses[family]
        return f"{address}:{self.port}" if family == 4 else f"[{address}]:{self.port}"

    def seen_endpoint(self, other):
        """Where this end believes the other to be."""
        return _by_peer(self.show("endpoints")).get(other.public, "(none)")

    def handshake_time(self, other):
        """Unix time of the last handshake, 0 for none."""
        return int(_by_peer(self.show("latest-handshakes")).get(other.public, "0"))

    def transfer(self, other):
        """(octets received, octets sent) by this end."""
        received, sent = _by_peer(self.show("transfer")).get(other.public, "0\t0").split("\t")
        return int(received), int(sent)


def _by_peer(text):
    return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)


def connect(initiator, responder, family=4, psk=None, keepalive=None, both_know=False):
    """Makes two ends each other's peer. Only the initiator knows where the other is, unless both_know."""
    responder.add_peer(initiator, psk=psk, endpoint=initiator.endpoint(family) if both_know else None)
    initiator.add_peer(responder, psk=psk, endpoint=responder.endpoint(family), keepalive=keepalive)


def pair(lab, left_kind, right_kind, family=4, serial=0, **options):
    """Two hosts with a router between and a tunnel whose left end starts the handshake; each pair of a case has a serial."""
    a, router, b = lab.routed_pair(str(serial) if serial else "")
    left, right = Tunnel(a, left_kind, 2 * serial + 1), Tunnel(b, right_kind, 2 * serial + 2)
    connect(left, right, family, **options)
    return left, right, router


def expect_echo(left, right, families=(4, 6), count=3, size=56):
    """Echoes cross in both directions."""
    for one, other in ((left, right), (right, left)):
        for family in families:
            expect_equal(one.host.ping(other.inside[family], count, size=size), count,
                         f"echoes answered from {one.kind} to {other.inside[family]}")


# ---------------------------------------------------------------------------------------------------------------- captures

# Neighbour discovery, router solicitation and multicast listener reports are the kernel's own, as ARP is.
HOUSEKEEPING = "(arp or icmp6 or (ip6 and ip6[6] == 0))"
TUNNEL = "(udp and port 51820)"


def message(number, family):
    """tcpdump's expression for one type of message outside."""
    return f"({TUNNEL} and {'udp[8]' if family == 4 else 'ip6[48]'} == {number})"


def capture_all_but_data(host, device, family):
    return host.capture(device, f"not {TUNNEL} or not {message(4, family)}")


def initiations_and_responses(capture, family):
    return capture.count(message(1, family)), capture.count(message(2, family))


# ----------------------------------------------------------------------------------------------------------------- traffic


def expect_nothing_lost_between(left, right, within=10.0):
    """What one culvertd sent, the other received: for two ends with a clean path between, that speak to each other alone."""

    def lost():
        one, other = left.settled_status(), right.settled_status()
        return [text for text in (books.difference(one, other), books.difference(other, one)) if text]

    end = time.monotonic() + within
    while (missing := lost()) and time.monotonic() < end:
        time.sleep(0.1)
    expect(not missing, f"between {left.name} and {right.name}: {missing}")


def start_udp_echo(tunnel, port=7007, address=None):
    server = tunnel.host.script("numbered_udp.py", "serve", address or "::", port)
    wait_until(lambda: tunnel.host.listening(port, "u"), "the echo server to listen")
    return server


def start_numbered_udp(tunnel, address, *options, port=7007):
    return tunnel.host.script("numbered_udp.py", "send", address, port, *options)


def expect_perfect(result, least=1):
    """Every numbered packet came back once, in order and unchanged."""
    faults = {key: result[key] for key in ("lost", "duplicated", "reordered", "corrupted")}
    expect(result["sent"] >= least, f"only {result['sent']} packets were sent, wanted {least}")
    expect(not any(faults.values()), f"of {result['sent']} numbered packets: {faults}; first faults: {result['examples']}")


def transfer_tcp(sender, receiver, octets, family=4, port=7008):
    """Sends random octets inside the tunnel and compares checksums; returns octets a second."""
    server = receiver.host.script("checked_tcp.py", "receive", "::", port)
    wait_until(lambda: receiver.host.listening(port, "t"), "the receiver to listen")
    client = sender.host.script("checked_tcp.py", "send", receiver.inside[family], port, octets)
    sent, received = client.result(within=900), server.result(within=30)
    expect_equal(received["octets"], octets, f"octets that arrived from {sender.kind} at {receiver.kind}")
    expect_equal(received["sha256"], sent["sha256"], f"checksum of the stream from {sender.kind} to {receiver.kind}")
    return octets / sent["seconds"]


class Relay:
    """A UDP relay of tests/support on a host, which loses, repeats, delays and reorders, and can change its own port."""

    def __init__(self, host, listen, target, *options):
        self.host = host
        self.process = host.script("udp_relay.py", listen, target, *options, stdin=subprocess.PIPE)
        wait_until(lambda: "ready" in self.process.output() or not self.process.running(), "the relay to be ready")
        expect(self.process.running(), f"the relay ended:\n{self.process.output()}")

    def command(self, word):
        """Sends a command and waits for its answer, a line of JSON."""
        before = len(self.process.output().splitlines())
        self.process.stdin.write((word + "\n").encode())
        self.process.stdin.flush()
        wait_until(lambda: len(self.process.output().splitlines()) > before, f"the relay to answer '{word}'")
        return json.loads(self.process.output().splitlines()[-1])
