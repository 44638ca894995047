# SPDX-License-Identifier: MIT
"""An end of a tunnel that has a configuration file, and its pair.

     a (configured, wg1) -- router -- b (culvertd and `wg`, wg2)
"""
import json
import os
import socket

from lab import STATUS_SOCKETS, children, expect, wait_until
from tunnel import CULVERTD, Tunnel, genkey, program_path, pubkey

PROGRAM = program_path(CULVERTD)


def ask(request, name="wg1"):
    """One line to the host half, one line back."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(f"{STATUS_SOCKETS}/{name}.host")
        client.sendall((json.dumps(request) + "\n").encode())
        answer = b""
        while not answer.endswith(b"\n"):
            part = client.recv(65536)
            expect(part, f"the host half closed after {answer!r}")
            answer += part
    return json.loads(answer)


class Configured:
    """The end on host a; `write` makes its file from the text of the interface's section and of the peers."""

    def __init__(self, lab, host):
        self.lab, self.host, self.private = lab, host, genkey()
        self.kind, self.inside = "culvertd with a file", {4: "10.99.0.1", 6: "fd99::1"}
        self.public = pubkey(self.private)
        self.path = os.path.join(lab.directory, "wg1.toml")
        self.process = None

    def write(self, *peers, interface=""):
        self.lab.write("wg1.toml", f'[interface]\nprivate_key = "{self.private}"\naddresses = ["10.99.0.1/24", "fd99::1/64"]\n'
                       f"listen_port = 51820\n{interface}\n" + "".join(peers))

    def start(self, *wrapper):
        """The words of the wrapper come before the daemon's."""
        self.process = self.host.spawn(*wrapper, PROGRAM, "-f", "--config", self.path, env={**os.environ, "LOG_LEVEL": "verbose"})
        wait_until(lambda: os.path.exists(f"{STATUS_SOCKETS}/wg1.host") and self.is_up() or not self.process.running(),
                   "the tunnel to be up", within=60)
        expect(self.process.running(), f"it ended:\n{self.process.output()}")

    def is_up(self):
        try:
            return ask({"do": "status"})["ok"]
        except OSError:
            return False

    def packet_half(self):
        (child,) = self.packet_halves()
        return child

    def packet_halves(self):
        """One, or none for the moment in which another is started."""
        return children(self.process.pid)

    def state(self):
        """All that is set on the host."""
        return {what: self.host.run(*words) for what, words in {
            "addresses": ("ip", "-o", "addr"), "rules": ("ip", "rule"), "rules6": ("ip", "-6", "rule"),
            "routes": ("ip", "route", "show", "table", "all"), "routes6": ("ip", "-6", "route", "show", "table", "all"),
            "firewall": ("nft", "list", "ruleset")}.items()}


def peer(name, public, allowed, *more):
    return f'[[peer]]\nname = "{name}"\npublic_key = "{public}"\nallowed_ips = {json.dumps(allowed)}\n' + "".join(
        line + "\n" for line in more)


def pair(lab, interface=""):
    a, _, b = lab.routed_pair()
    left, right = Configured(lab, a), Tunnel(b, CULVERTD, 2)
    right.wg("peer", left.public, "allowed-ips", "10.99.0.1/32,fd99::1/128")
    left.write(gateway(right), interface=interface)
    return left, right


def gateway(right, *more):
    return peer("gateway", right.public, ["10.99.0.2/32", "fd99::2/128"], f'endpoint = "{right.endpoint(4)}"', *more)
