# SPDX-License-Identifier: MIT
"""The access point's means of attack: everything that crosses it through a hostile wire, an address taken over, a server of its own."""
import json
import os
import re
import sys
import time

from lab import wait_until
from visibility import cell
from world import GATEWAY, SECURED

HERE = os.path.dirname(os.path.abspath(__file__))
FORGED = "FORGED"


class Arena:
    """The access point's means, and the client's programs under them."""

    def __init__(self, stage):
        self.stage, self.world, self.day, self.ap = stage, stage.world, stage.day, stage.world.ap
        self.path, self.serial = "clear", 0
        self.choice = self.world.lab.write("impostor.choice", "self-signed")
        self.heard = self.world.lab.path("impostor.heard")
        self.impostor = self.ap.spawn(sys.executable, os.path.join(HERE, "impostor.py"), self.choice, self.heard,
                                      stage.authority.directory)
        wait_until(lambda: self.ap.listening(443, "t") and self.ap.listening(80, "t"), "the impostor to listen", within=30)

    @property
    def secured(self):
        return self.path in SECURED

    def unique(self, word):
        self.serial += 1
        return f"{word}{self.serial}"

    # ------------------------------------------------------------------------------------------------ what the client does

    def fetch(self, page="/diary.html", host="clinic", *argv, limit=15):
        """(exit code, text) of a page by the path's own protocol."""
        return self.day.curl("--max-time", limit, *argv, self.day.url(self.secured, host, page))

    def true_page(self, got):
        return got[0] == 0 and self.day.secret("page") in got[1]

    # ------------------------------------------------------------------------------------------- what the access point does

    def wire(self, **options):
        return HostileWire(self, options)

    def hijack(self, address):
        """Takes over an address: what is sent to it ends at the access point."""
        return Hijack(self, address)

    def show_certificate(self, name):
        with open(self.choice, "w", encoding="utf-8") as file:
            file.write(name)

    def told(self):
        """What the impostor has heard so far."""
        with open(self.heard, encoding="utf-8", errors="replace") as file:
            return file.read()

    def verdict(self, acted, true, forged, detail, evidence):
        """The cell of an attack that acted so many times; see the top of this file."""
        lines = [f"attacker: acted {acted} times", *evidence, f"client: {' '.join(str(detail).split())[:240]}"]
        if forged:
            return cell("open", "unnoticed", "the person was given what the attacker wanted, and no program complained", lines)
        if not acted:
            if true:
                return cell("shut", "no target", "the attacker found nothing on this path to take hold of; the true content came", lines)
            return cell("unmeasured", "not measured", "the attack found no target, yet the true content did not come", lines)
        if true:
            return cell("shut", "dropped", "the attack was made, and what came was the true content", lines)
        return cell("part", "broke", f"the connection ended with an error: {' '.join(str(detail).split())[:160]}", lines)

    def no_tls(self):
        return None if self.secured else cell("absent", "no TLS", "the attack is one on TLS; there is none on this path")


class HostileWire:
    """Everything that crosses the access point goes through wire.py while the block runs; `counts` tells what it did."""

    def __init__(self, arena, options):
        self.arena, self.options, self.counts = arena, options, {}
        self.before = {}

    def __enter__(self):
        arena = self.arena
        self.before = arena.world.client_drops(), arena.world.gateway_drops()
        self.process = arena.ap.spawn(sys.executable, os.path.join(HERE, "wire.py"), "mitm0", json.dumps(self.options),
                                      label=arena.unique("wire"))
        wait_until(lambda: "ready" in self.process.output(), "the wire to be ready", within=30)
        arena.ap.ip("link", "set", "mitm0", "up")
        arena.ap.ip("route", "add", "default", "dev", "mitm0", "table", "100")
        return self

    def __exit__(self, *_):
        self.arena.ap.ip("route", "del", "default", "dev", "mitm0", "table", "100")
        time.sleep(0.05)  # what is inside the wire still comes out
        self.process.stop(within=30)
        self.counts = json.loads(self.process.output().strip().splitlines()[-1])
        wait_until(lambda: not self.arena.ap.has_link("mitm0"), "the wire's interface to go")

    def evidence(self):
        after = self.arena.world.client_drops(), self.arena.world.gateway_drops()
        lines = [f"wire at the access point: {json.dumps(self.counts)}"]
        for name, old, new in zip(("client", "gateway"), self.before, after):
            more = {reason: count - old.get(reason, 0) for reason, count in new.items() if count != old.get(reason, 0)}
            if more:
                lines.append(f"culvertd on the {name} dropped: {json.dumps(more)}")
        return lines


class Hijack:
    """`calls` counts what the impostor or false gateway heard while the block ran."""

    def __init__(self, arena, address):
        self.arena, self.address, self.calls = arena, address, []

    def __enter__(self):
        self.arena.ap.ip("addr", "add", f"{self.address}/32", "dev", "lo")
        self.before = len(self.arena.told().splitlines())
        return self

    def __exit__(self, *_):
        self.arena.ap.ip("addr", "del", f"{self.address}/32", "dev", "lo")
        self.calls = self.arena.told().splitlines()[self.before:]

    def evidence(self):
        return [f"impostor {line[:200]}" for line in self.calls[:3]] or ["impostor: nobody called"]


def forget_sessions(world):
    """The client drops its sessions with the gateway, as a restart would. Not at once after a handshake: gateways take few a second."""
    time.sleep(0.25)
    world.left.wg("peer", world.right.public, "remove")
    world.left.wg("peer", world.right.public, "allowed-ips", "0.0.0.0/0", "endpoint", f"{GATEWAY}:{world.right.port}")


def summary(got):
    """The exit code, and the line that says why; else the end of what came."""
    why = [line for line in got[1].splitlines() if re.match(r"(curl: \(|psql: |;; )", line)]
    return f"exit code {got[0]}: {(why[0] if why else got[1][-120:]) or 'no output'}"
