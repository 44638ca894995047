# SPDX-License-Identifier: MIT
"""The layout of the contrast: six network namespaces, the ways between them, and the tunnel.

     client ── lan [ap] wan ── access [isp] ── transit ─────────── isp0 [site] dc ── net0 server
     10.10.0.2                             └─ hosting ── isp0 [gateway] site0 ── gw0 ┘      198.51.100.0/24

The access point is hostile. The ISP is between. The gateway ends the tunnel and masquerades what it carried. `site` is the network in
front of the server. A person's traffic goes straight (client, ap, isp, site, server) or through the tunnel (client, ap, isp, gateway,
site, server). Addresses are of the ranges that are kept for documentation.

Nothing here asserts what anybody sees: observers are captures, see pcap.py.
"""
import json
import os
import socket

import lab
from lab import Lab, run
from pcap import Tap
from tunnel import CULVERTD, Tunnel

CLIENT = "10.10.0.2"
GATEWAY = "203.0.113.10"
INSIDE = "10.99.0."
HOSTS = {"dns": "198.51.100.53", "www": "198.51.100.80", "api": "198.51.100.81", "mail": "198.51.100.25", "db": "198.51.100.54",
         "shell": "198.51.100.22", "vault": "198.51.100.44", "clinic": "198.51.100.82", "logs": "198.51.100.51", "old": "198.51.100.79"}
SERVER_NET = "198.51.100.0/24"

# The observers, each with the devices at which it listens.
OBSERVERS = {"ap": ("access point", [("ap", "lan")]),
             "isp": ("ISP", [("isp", "access")]),
             "gateway": ("VPN gateway", [("gateway", "isp0"), ("gateway", "site0")]),
             "site": ("server's network", [("site", "dc")])}
PATHS = {"clear": "in the clear", "tls": "TLS", "tunnel": "tunnel", "both": "TLS in tunnel"}
TUNNELLED = ("tunnel", "both")
SECURED = ("tls", "both")


class World:
    """Hosts by name, and the tunnel when it is up."""

    def __init__(self, lab_of_case=None):
        self.lab = lab_of_case or Lab()
        os.chmod(self.lab.directory, 0o711)  # services run as users of their own
        self.directory = self.lab.directory
        self.left = self.right = None
        self.devices = []
        for name in ("client", "ap", "isp", "gateway", "site", "server"):
            setattr(self, name, self.lab.host(name))
        self._cables()
        self.offload("off")
        self._routes()
        self._tunnelled = False

    def cable(self, left, left_device, left_address, right, right_device, right_address):
        left.ip("link", "add", left_device, "type", "veth", "peer", "name", right_device, "netns", right.name)
        for host, device, address in ((left, left_device, left_address), (right, right_device, right_address)):
            host.ip("addr", "add", address, "dev", device)
            host.ip("link", "set", device, "up")
            self.devices.append((host, device))

    def _cables(self):
        self.cable(self.client, "wifi0", f"{CLIENT}/24", self.ap, "lan", "10.10.0.1/24")
        self.cable(self.ap, "wan", "100.64.0.2/30", self.isp, "access", "100.64.0.1/30")
        self.cable(self.isp, "hosting", "203.0.113.1/24", self.gateway, "isp0", f"{GATEWAY}/24")
        self.cable(self.isp, "transit", "192.0.2.1/30", self.site, "isp0", "192.0.2.2/30")
        self.cable(self.gateway, "site0", "192.0.2.5/30", self.site, "gw0", "192.0.2.6/30")
        self.cable(self.site, "dc", "198.51.100.1/24", self.server, "net0", "198.51.100.2/24")
        for address in HOSTS.values():
            self.server.ip("addr", "add", f"{address}/24", "dev", "net0")

    def _routes(self):
        for host in (self.ap, self.isp, self.gateway, self.site):
            host.sysctl("net.ipv4.ip_forward", 1)
        for host in self.lab.hosts.values():
            for key in ("all", "default"):
                host.sysctl(f"net.ipv4.conf.{key}.rp_filter", 0)
            host.sysctl("net.ipv6.conf.all.disable_ipv6", 1)  # one family keeps the captures readable
        for host, device in ((self.client, "wifi0"), (self.ap, "lan"), (self.ap, "wan"), (self.isp, "access")):
            host.sysctl(f"net.ipv4.conf.{device}.send_redirects", 0)
        for device in ("lan", "wan"):  # what enters the access point goes through its hostile wire, while table 100 leads there
            self.ap.ip("rule", "add", "iif", device, "lookup", "100", "priority", "100")
        self.client.ip("route", "add", "default", "via", "10.10.0.1")
        self.ap.ip("route", "add", "default", "via", "100.64.0.1")
        self.isp.ip("route", "add", "10.10.0.0/24", "via", "100.64.0.2")
        self.isp.ip("route", "add", SERVER_NET, "via", "192.0.2.2")
        self.gateway.ip("route", "add", "default", "via", "203.0.113.1")
        self.gateway.ip("route", "add", SERVER_NET, "via", "192.0.2.6")
        self.site.ip("route", "add", "default", "via", "192.0.2.1")
        self.server.ip("route", "add", "default", "via", "198.51.100.1")
        self.gateway.run("nft", "-f", "-", input="table ip contrast { chain out { type nat hook postrouting priority srcnat; "
                         f"ip saddr {INSIDE}0/24 oifname \"site0\" masquerade; }}; }}")

    def offload(self, state):
        """Without offloads every captured packet is as long, and its checksum as true, as on a real wire; with them it is faster."""
        for host, device in self.devices:
            host.attempt("ethtool", "-K", device, "tx", state, "tso", state, "gso", state, "gro", state)

    def use_resolver(self, address):
        """Names are asked of the server's resolver, by every program of this laboratory."""
        file = self.lab.write("resolv.conf", f"nameserver {address}\noptions timeout:2 attempts:3\n")
        os.chmod(file, 0o644)
        lay_over(file, os.path.realpath("/etc/resolv.conf"))

    # ------------------------------------------------------------------------------------------------------------- the tunnel

    def raise_tunnel(self):
        """Two culvertd, keys exchanged; no packet has crossed yet."""
        self.right = Tunnel(self.gateway, CULVERTD, 1, name="gate0")
        self.left = Tunnel(self.client, CULVERTD, 2, name="tun0")
        self.right.wg("peer", self.left.public, "allowed-ips", f"{self.left.inside[4]}/32")
        self.left.wg("peer", self.right.public, "allowed-ips", "0.0.0.0/0", "endpoint", f"{GATEWAY}:{self.right.port}")

    def go(self, path):
        """Sends the client's traffic straight or through the tunnel. The gateway's own address stays outside."""
        wanted = path in TUNNELLED
        if wanted != self._tunnelled:
            self.client.ip("route", "add" if wanted else "del", SERVER_NET, "dev", "tun0")
            self._tunnelled = wanted

    def gateway_drops(self):
        """The gateway's counters of refused packets, by reason."""
        return drops_of(self.right)

    def client_drops(self):
        return drops_of(self.left)

    # ------------------------------------------------------------------------------------------------------------- observers

    def observe(self, label):
        """Starts every observer's captures; returns {observer: [Tap, ...]}."""
        return {name: [Tap(getattr(self, host), device, f"{label}-{name}-{device}") for host, device in devices]
                for name, (_, devices) in OBSERVERS.items()}

    def close(self):
        self.lab.close()


_laid_over = set()


def lay_over(file, target):
    """Shows a file in another's place, in this mount namespace alone; a second time in place of the first."""
    if target in _laid_over:
        run(["umount", target])
    run(["mount", "--bind", file, target])
    _laid_over.add(target)


def drops_of(tunnel):
    """{reason: packets} of one end, control thread and lanes together, as its status tells them."""
    with socket.socket(socket.AF_UNIX) as status:
        status.settimeout(10)
        status.connect(f"{lab.STATUS_SOCKETS}/{tunnel.name}.sock")
        text = b""
        while part := status.recv(1 << 16):
            text += part
    total, document = {}, json.loads(text)
    for part in (document["control"], *document["lanes"]):
        for reason, count in part["drops"].items():
            total[reason] = total.get(reason, 0) + count
    return {reason: count for reason, count in total.items() if count}
