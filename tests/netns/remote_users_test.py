#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Remote users: laptops behind NATs reach the office through a gateway, as in conf/examples/remote-users.

     cafe -- [net: a router, which masquerades] -- b: gateway -- office
     home -- /

The laptops' networks are 10.1.0.0/24 and 10.4.0.0/24, the office is 192.168.7.0/24. The router's other side is 10.2.0.0/24.
"""
import json
import os
import re
import signal
import socket
import struct
import time

from culvert_site import Site
from lab import STATUS_SOCKETS, Skip, case, expect, expect_equal, main, note, wait_until
from tunnel import WIREGUARD_GO, program_path

OFFICE = "192.168.7.1"
NAT = """
table inet nat {
  chain out { type nat hook postrouting priority srcnat; oifname "right" masquerade; }
  chain in { type filter hook forward priority filter; iifname "right" ct state new drop; }
}
"""

MUTE = """
table inet mute {
  chain out { type filter hook output priority filter; udp dport 51820 drop; }
}
"""


class Office:
    """The gateway with its office behind it, and hosts behind NATs, without any tunnel yet."""

    def __init__(self, lab):
        self.lab = lab
        a, self.router, b = lab.routed_pair()
        self.router.run("nft", "-f", lab.write("nat.nft", NAT))
        # Three users: a, and two more behind the same router.
        self.users = {"alice": Site(a)}
        for number, name in ((4, "bob"), (5, "carl")):
            host = lab.host(name)
            lab.wire(host, "eth0", self.router, f"left{number}", number)
            host.ip("route", "add", "default", "via", f"10.{number}.0.2")
            self.users[name] = Site(host)
        server = lab.host("office")
        server.ip("link", "add", "eth0", "type", "veth", "peer", "name", "lan", "netns", b.name)
        b.ip("addr", "add", "192.168.7.254/24", "dev", "lan")
        b.ip("link", "set", "lan", "up")
        server.ip("addr", "add", f"{OFFICE}/24", "dev", "eth0")  # and no route to the tunnel: masquerading is needed
        server.ip("link", "set", "eth0", "up")
        self.server, self.gateway = server, Site(b)
        self.gateway.culvert("init", "gateway", "gate", "-y", "--endpoint", "10.2.0.1", "--address", "10.86.0.1/24", "--outside",
                             "lan")
        text = self.read("gate.toml").replace('# allowed_subnets', f'allowed_subnets = ["192.168.7.0/24"] #')
        lab.write(self.gateway.path("gate.toml"), text)
        self.gateway.culvert("up", "gate")

    def read(self, name):
        with open(self.gateway.path(name), encoding="utf-8") as file:
            return file.read()

    def add(self, name, *options):
        """Makes the user's file, which is brought to its machine."""
        file = self.users[name].path(f"{name}.conf")
        self.gateway.culvert("peer", "add", "gate", name, "-o", file, *options)
        return file

    def up(self, name, *options):
        self.users[name].culvert("up", self.add(name, *options))
        self.expect_office(name)

    def expect_office(self, name):
        wait_until(self.users[name].host.reaches(OFFICE), f"{name} to reach the office", within=30)
        expect_equal(self.users[name].host.ping(OFFICE, 3), 3, f"echoes of the office for {name}")

    def flow(self, name, seconds):
        """Numbered packets from a user to the office and back, all of which must return."""
        port = 7000 + len(self.lab.processes)
        self.server.script("numbered_udp.py", "serve", OFFICE, port)
        wait_until(lambda: self.server.listening(port, "u"), "the echo server to listen")
        return self.users[name].host.script("numbered_udp.py", "send", OFFICE, port, "--seconds", seconds, "--rate", 200)


def expect_unharmed(result, least):
    faults = {key: result[key] for key in ("lost", "duplicated", "corrupted")}
    expect(result["sent"] >= least and not any(faults.values()), f"of {result['sent']} numbered packets: {faults}")


@case("laptops behind a NAT reach the office and nothing else; each sees its own state at the gateway")
def _(lab):
    office = Office(lab)
    office.up("alice")
    office.up("bob")
    expect_equal(office.gateway.peer_states("gate"), {"alice": "up", "bob": "up"}, "states at the gateway")
    # The gateway's own outside address is not among the subnets that users may reach through it.
    expect("10.86.0.0/24" in office.users["alice"].host.ip("route", "show"), "the way into the tunnel")


@case("one user is removed and another's time ends; the third, in the middle of a stream, notices nothing")
def _(lab):
    office = Office(lab)
    office.up("alice")
    office.up("bob")
    flow = office.flow("alice", 12)
    office.up("carl")
    # Only now, so that a slow machine does not see the end before the beginning.
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    lab.write(office.gateway.path("gate.d/carl.toml"), office.read("gate.d/carl.toml") + f"expires = {end}\n")
    office.gateway.culvert("reload", "gate")
    office.gateway.culvert("peer", "remove", "gate", "bob")
    expect_equal(office.users["bob"].host.ping(OFFICE, 2, timeout=1), 0, "echoes for a user who was removed")
    wait_until(lambda: office.gateway.peer_states("gate")["carl"].startswith("blocked"), "the time of carl to end", within=60)
    expect_equal(office.users["carl"].host.ping(OFFICE, 2, timeout=1), 0, "echoes for a user whose time is over")
    expect_unharmed(flow.result(within=120), least=500)
    expect_equal(office.gateway.peer_states("gate")["alice"], "up", "state of alice")


@case("a laptop changes its network in the middle of a transfer, which arrives whole")
def _(lab):
    office = Office(lab)
    office.up("alice")
    host = office.users["alice"].host
    receiver = office.server.script("checked_tcp.py", "receive", OFFICE, 7100)
    wait_until(lambda: office.server.listening(7100, "t"), "the receiver to listen")
    # Slow enough to be moved in the middle, whatever the machine.
    host.run("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "20mbit", "burst", "64kb", "latency", "200ms")
    sender = host.script("checked_tcp.py", "send", OFFICE, 7100, 16 << 20)
    time.sleep(1.5)
    expect(sender.running(), "the transfer ended before the move, so the case proves nothing")
    host.ip("addr", "del", "10.1.0.1/24", "dev", "eth0")
    host.ip("addr", "add", "10.1.0.77/24", "dev", "eth0")
    host.ip("route", "replace", "default", "via", "10.1.0.2")
    sent, received = sender.result(within=300), receiver.result(within=60)
    expect_equal((received["octets"], received["sha256"]), (sent["octets"], sent["sha256"]), "what arrived")


class Sleeper:
    """A laptop whose processes stand still while, as they see it, the clock goes on: what a lid that is shut does to them."""

    def __init__(self, lab, site):
        self.file = os.path.join(lab.directory, "slept")
        self.set(0)
        site.environment = {**site.environment, "LD_PRELOAD": os.environ["CULVERT_SLEPT_CLOCK"], "SLEPT_FILE": self.file}

    def set(self, seconds):
        # In place: it is mapped.
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT, 0o644)
        os.pwrite(descriptor, struct.pack("=q", seconds), 0)
        os.close(descriptor)

    def sleep(self, seconds, *pids):
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(1.5)  # in which others go on
        self.set(seconds)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def halves(interface):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(f"{STATUS_SOCKETS}/{interface}.host")
        client.sendall(b'{"do":"status"}\n')
        status = json.loads(client.makefile().readline())["status"]
    return status["pid"], status["packetHalf"]["pid"]


def document(interface):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(f"{STATUS_SOCKETS}/{interface}.sock")
        return json.loads(b"".join(iter(lambda: client.recv(65536), b"")))


def drops(interface):
    status = document(interface)
    count = {}
    for part in (status["control"], *status["lanes"]):
        for name, number in part["drops"].items():
            count[name] = count.get(name, 0) + number
    return count


@case("a laptop sleeps for ten minutes in the middle of a transfer; when it wakes the transfer goes on, and others notice nothing")
def _(lab):
    office = Office(lab)
    alice = office.users["alice"]
    sleeper = Sleeper(lab, alice)
    office.up("alice")
    office.up("bob")
    flow = office.flow("bob", 20)
    receiver = office.server.script("checked_tcp.py", "receive", OFFICE, 7100)
    wait_until(lambda: office.server.listening(7100, "t"), "the receiver to listen")
    alice.host.run("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "20mbit", "burst", "64kb", "latency", "200ms")
    sender = alice.host.script("checked_tcp.py", "send", OFFICE, 7100, 24 << 20)
    time.sleep(2)
    expect(sender.running(), "the transfer ended before the sleep, so the case proves nothing")
    (name,) = [link for link in os.listdir(STATUS_SOCKETS) if link.startswith("alice.host")]
    interface = name.partition(".")[0]
    pids = halves(interface)
    first = document(interface)
    handshake = max(peer["latestHandshake"] for peer in first["peers"].values())
    sleeper.sleep(600, *pids, *sender.pids())
    woke = time.monotonic()
    wait_until(lambda: alice.host.ping(OFFICE, 1, timeout=1) == 1, "the first echo after waking up", within=20, every=0)
    took = time.monotonic() - woke
    note(f"the first echo came {took * 1000:.0f} ms after waking up, a new handshake included")
    # One round trip, on the busiest machine; a handshake that is tried again would take 5 s.
    expect(took < 4, f"it took {took:.1f} s")
    second = document(interface)
    expect(max(peer["latestHandshake"] for peer in second["peers"].values()) >= handshake + 600, "no new handshake, so it did not sleep")
    expect_equal(halves(interface), pids, "processes")
    sent, received = sender.result(within=300), receiver.result(within=60)
    expect_equal((received["octets"], received["sha256"]), (sent["octets"], sent["sha256"]), "what arrived")
    expect_unharmed(flow.result(within=120), least=1000)
    expect_equal(office.gateway.peer_states("gate"), {"alice": "up", "bob": "up"}, "states at the gateway")


@case("the keys of before a sleep are gone after it: what the gateway still sends under them is for nobody")
def _(lab):
    office = Office(lab)
    alice = office.users["alice"]
    sleeper = Sleeper(lab, alice)
    office.up("alice")
    pids = halves("alice")
    before = drops("alice")
    # No word from alice reaches the gateway, so that it goes on under the old keys.
    address = re.search(r"10\.86\.0\.\d+", alice.host.ip("-o", "addr", "show", "alice")).group()
    talk = office.gateway.host.spawn("ping", "-i", "0.2", "-c", "100", address, label="gateway-ping")
    alice.host.run("nft", "-f", lab.write("mute.nft", MUTE))
    sleeper.sleep(600, *pids)
    # Refused by their age at once, and a moment later by nobody who knows them.
    refused = lambda name: drops("alice").get(name, 0) - before.get(name, 0)
    wait_until(lambda: refused("unknown_index") > 3, "packets under the old keys to belong to no session", within=20)
    note(f"refused: {refused('session_expired')} as too old, then {refused('unknown_index')} as of no session")
    talk.stop(signal.SIGKILL)
    alice.host.run("nft", "delete", "table", "inet", "mute")
    office.expect_office("alice")


@case("a stock WireGuard client takes the exported file as it is")
def _(lab):
    if os.path.exists("/sys/module/wireguard"):
        raise Skip("this kernel has its own WireGuard, which wg-quick prefers to any program")
    office = Office(lab)
    office.up("alice")
    bob = office.users["bob"]
    file = office.add("bob")
    code, said = bob.host.attempt("wg-quick", "up", file,
                                  env={**os.environ, "WG_QUICK_USERSPACE_IMPLEMENTATION": program_path(WIREGUARD_GO)})
    expect_equal(code, 0, f"exit code of wg-quick, which said:\n{said}")
    office.expect_office("bob")
    expect_equal(office.gateway.peer_states("gate"), {"alice": "up", "bob": "up"}, "states at the gateway")


main()
