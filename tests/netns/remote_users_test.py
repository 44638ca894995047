#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Remote users: laptops behind NATs reach the office through a gateway, as in conf/examples/remote-users.

     cafe -- [net: a router, which masquerades] -- b: gateway -- office
     home -- /

The laptops' networks are 10.1.0.0/24 and 10.4.0.0/24, the office is 192.168.7.0/24. The router's other side is 10.2.0.0/24.
"""
import os
import time

from culvert_site import Site
from lab import Skip, case, expect, expect_equal, main, wait_until
from tunnel import WIREGUARD_GO, program_path

OFFICE = "192.168.7.1"
NAT = """
table inet nat {
  chain out { type nat hook postrouting priority srcnat; oifname "right" masquerade; }
  chain in { type filter hook forward priority filter; iifname "right" ct state new drop; }
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
