#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bursts of numbered UDP packets on many flows, echoed and checked for order alone; what is lost is counted beside it.

    numbered_udp.py serve ADDRESS PORT                              the other end
    ordered_udp.py PORT SECONDS ADDRESS... [--flows N] [--renew N] [--seed N]

Each flow is a socket of its own, which sends bursts without a pause, of sizes that differ, some cut by the kernel from one large
write, and goes on while answers come: packets of one flow are on their way both ways all the time. After `renew` packets
another flow, with another port, takes its place, since a flow may behave otherwise at its first answer. The verdict is one line
of JSON.
"""
import argparse
import json
import random
import select
import socket
import sys
import time

WINDOW = 48  # packets of a flow on their way
BURST = 12
PATIENCE = 0.3  # seconds without an answer, until what is on its way counts as lost and more is sent
UDP_SEGMENT = 103


class Flow:
    def __init__(self, address, port, renew, chance):
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setblocking(False)
        self.socket.connect((address, port))
        self.renew, self.random = renew, chance
        self.next, self.highest, self.given_up = 0, -1, -1
        self.answers = bytearray(renew + 2 * WINDOW)
        self.reordered, self.duplicated = [], 0
        self.heard = time.monotonic()

    def on_its_way(self):
        return self.next - 1 - max(self.highest, self.given_up)

    def send_burst(self):
        """As one write that the kernel cuts, or packet by packet."""
        if self.random.random() < 0.3:
            size = self.random.randint(64, 1300)
            numbers = range(self.next, self.next + BURST)
            data = b"".join(number.to_bytes(4, "big").ljust(size, b".") for number in numbers)
            if self._send(data, [(socket.IPPROTO_UDP, UDP_SEGMENT, size.to_bytes(2, sys.byteorder))]):
                self.next += BURST
            return
        for _ in range(BURST):
            if not self._send(self.next.to_bytes(4, "big").ljust(self.random.choice((8, 60, 500, 1300)), b".")):
                return
            self.next += 1

    def _send(self, data, control=()):
        try:
            self.socket.sendmsg([data], control)
        except BlockingIOError:
            return False
        except OSError:
            pass  # nobody listens yet, or there is no way for a moment: it counts as sent
        return True

    def take_answers(self):
        for _ in range(2 * WINDOW):
            try:
                number = int.from_bytes(self.socket.recv(2048)[:4], "big")
            except BlockingIOError:
                return
            except OSError:
                continue
            self.heard = time.monotonic()
            if self.answers[number]:
                self.duplicated += 1
            elif number < self.highest:
                self.reordered.append((number, self.highest))
            self.answers[number] = 1
            self.highest = max(self.highest, number)

    def work(self):
        """False: it is at its end."""
        self.take_answers()
        if self.on_its_way() and time.monotonic() - self.heard > PATIENCE:
            self.given_up = self.next - 1
        if self.next >= self.renew:
            return self.on_its_way() > 0
        if self.on_its_way() <= WINDOW - BURST:
            if not self.on_its_way():
                self.heard = time.monotonic()
            self.send_burst()
        return True


class Sender:
    def __init__(self, options):
        self.options, self.random = options, random.Random(options.seed)
        self.verdict = dict(flows=0, sent=0, lost=0, reordered=0, duplicated=0)
        self.examples = []
        self.started = time.monotonic()
        self.flows = {}
        for serial in range(options.flows):
            self.begin(options.addresses[serial % len(options.addresses)])

    def begin(self, address):
        flow = Flow(address, self.options.port, self.random.randint(self.options.renew // 2, self.options.renew), self.random)
        self.flows[flow] = address

    def end(self, flow):
        flow.take_answers()
        name = flow.socket.getsockname()
        flow.socket.close()
        answered = sum(flow.answers)
        self.verdict["flows"] += 1
        self.verdict["sent"] += flow.next
        self.verdict["lost"] += flow.next - answered
        self.verdict["reordered"] += len(flow.reordered)
        self.verdict["duplicated"] += flow.duplicated
        self.examples += [f"port {name[1]} to {self.flows[flow]}: {number} after {highest} of {flow.next} at "
                          f"{time.monotonic() - self.started:.2f} s" for number, highest in flow.reordered]
        return self.flows.pop(flow)

    def run(self):
        while self.flows:
            over = time.monotonic() - self.started > self.options.seconds
            for flow in list(self.flows):
                if over:
                    flow.renew = min(flow.renew, flow.next)
                if not flow.work():
                    address = self.end(flow)
                    if not over:
                        self.begin(address)
            select.select([flow.socket for flow in self.flows], [], [], 0.01)
        return dict(**self.verdict, seconds=time.monotonic() - self.started, examples=self.examples[:10])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("addresses", nargs="+")
    parser.add_argument("--flows", type=int, default=8)
    parser.add_argument("--renew", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    print(json.dumps(Sender(parser.parse_args()).run()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
