#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A UDP relay between one client and one server, which treats datagrams badly on purpose and reproducibly.

    udp_relay.py LISTEN TARGET [--loss P] [--duplicate P] [--reorder P] [--corrupt P] [--delay MS]
                 [--jitter MS] [--seed N]

LISTEN and TARGET are HOST:PORT or [HOST]:PORT. A reordered datagram is held back by 20 ms more than the others. Commands on
standard input, each answered by one line of JSON:

    rebind         go on from a new source port towards the server, as a NAT does that lost its table
    block, open    drop everything, or no longer
    replay         send the last data message of the client once more, from another port
    forge          the same with a later counter, so that only its tag betrays it
    stats          what came in, how often which treatment was given, and what was taken for good (lost, or damaged so that it
                   must be dropped), by direction and message type; a data message of 32 octets is a keepalive
"""
import argparse
import collections
import heapq
import json
import random
import select
import socket
import sys
import time


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def bound(host, port):
    endpoint = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    endpoint.bind((host, port))
    endpoint.setblocking(False)
    return endpoint


class Relay:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.listen = bound(*address(options.listen))
        self.target = address(options.target)
        self.out = self.fresh()
        self.client = None
        self.last_data = b""
        self.blocked = False
        self.pending = []  # (when, serial, direction, datagram)
        self.serial = 0
        self.seen = collections.Counter()
        self.treated = collections.Counter()
        self.taken = collections.Counter()

    def fresh(self):
        return bound("::" if ":" in self.target[0] else "0.0.0.0", 0)

    def chance(self, kind):
        if self.random.random() >= getattr(self.options, kind):
            return False
        self.treated[kind] += 1
        return True

    def accept(self, direction, datagram):
        kind = {1: "initiation", 2: "response", 3: "cookie", 4: "data"}.get(datagram[0] if datagram else 0, "other")
        self.seen[f"{direction} {kind}"] += 1
        if (direction, kind) == ("out", "data"):
            self.last_data = datagram
        lost = self.blocked or self.chance("loss")
        damaged = not lost and datagram and self.chance("corrupt")
        if lost or damaged:
            self.taken[f"{direction} {'keepalive' if kind == 'data' and len(datagram) == 32 else kind}"] += 1
        if lost:
            return
        if damaged:
            datagram = datagram[:-1] + bytes([datagram[-1] ^ 1])
        for _ in range(2 if self.chance("duplicate") else 1):
            wait = self.options.delay + self.random.random() * self.options.jitter + (20 if self.chance("reorder") else 0)
            self.serial += 1
            heapq.heappush(self.pending, (time.monotonic() + wait / 1000, self.serial, direction, datagram))

    def deliver(self):
        while self.pending and self.pending[0][0] <= time.monotonic():
            _, _, direction, datagram = heapq.heappop(self.pending)
            try:
                if direction == "out":
                    self.out.sendto(datagram, self.target)
                elif self.client:
                    self.listen.sendto(datagram, self.client)
            except OSError:
                self.treated["refused"] += 1

    def receive(self, endpoint):
        try:
            datagram, sender = endpoint.recvfrom(65535)
        except OSError:
            return
        if endpoint is self.listen:
            self.client = sender
            self.accept("out", datagram)
        else:
            self.accept("back", datagram)

    def command(self, word):
        if word == "rebind":
            old, self.out = self.out, self.fresh()
            old.close()
        elif word in ("replay", "forge") and self.last_data:
            counter = int.from_bytes(self.last_data[8:16], "little") + (5 if word == "forge" else 0)
            with self.fresh() as stranger:
                stranger.sendto(self.last_data[:8] + counter.to_bytes(8, "little") + self.last_data[16:], self.target)
        elif word in ("block", "open"):
            self.blocked = word == "block"
        return {"port": self.out.getsockname()[1], "seen": dict(self.seen), "treated": dict(self.treated),
                "taken": dict(self.taken)}

    def run(self):
        print("ready", flush=True)
        while True:
            wait = max(0.0, self.pending[0][0] - time.monotonic()) if self.pending else 1.0
            readable, _, _ = select.select([self.listen, self.out, sys.stdin], [], [], wait)
            for endpoint in readable:
                if endpoint is not sys.stdin:
                    self.receive(endpoint)
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                print(json.dumps(self.command(line.strip())), flush=True)
            self.deliver()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("listen")
    parser.add_argument("target")
    for chance in ("loss", "duplicate", "reorder", "corrupt"):
        parser.add_argument(f"--{chance}", type=float, default=0)
    for wait in ("delay", "jitter"):
        parser.add_argument(f"--{wait}", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    Relay(parser.parse_args()).run()


if __name__ == "__main__":
    main()
