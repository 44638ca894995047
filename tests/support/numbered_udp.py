#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Numbered UDP packets, sent, echoed and checked: the proof that a path loses, repeats, reorders and changes nothing.

    numbered_udp.py serve ADDRESS PORT             echoes everything until it is ended
    numbered_udp.py send ADDRESS PORT [--count N] [--seconds S] [--rate N] [--window N] [--sizes LEAST:MOST] [--seed N]

A packet is an 8-octet number, then octets that follow from the seed and the number. The sender keeps at most `window` packets
unanswered, so that no queue on a healthy path can overflow however busy the machine is: whatever is missing was lost by the
path. When nothing came back for `patience` seconds, those that are out no longer count as unanswered; they count as lost if
they have not come by the end.
The verdict is one line of JSON.
"""
import argparse
import json
import random
import select
import socket
import sys
import time


def serve(options):
    family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as endpoint:
        if family == socket.AF_INET6:
            endpoint.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        endpoint.bind((options.address, options.port))
        while True:
            try:
                packet, sender = endpoint.recvfrom(65535)
                endpoint.sendto(packet, sender)
            except OSError:
                continue  # a tunnel that is down for a moment is the sender's to notice


class Sender:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.pool = self.random.randbytes(1 << 17)
        family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self.socket.connect((options.address, options.port))
        self.socket.setblocking(False)
        self.next = 0
        self.waiting = {}  # number: packet
        self.given_up = {}  # number: (packet, when)
        self.answered = set()
        self.highest = -1
        self.counts = dict(lost=0, duplicated=0, reordered=0, corrupted=0)
        self.examples = []
        self.longest_gap = 0.0
        self.last_answer = self.started = time.monotonic()

    def fault(self, kind, number, when=None):
        self.counts[kind] += 1
        if len(self.examples) < 10:
            self.examples.append(f"{kind} {number} at {(when or time.monotonic()) - self.started:.2f} s")

    def send_one(self):
        least, most = self.options.sizes
        size = self.random.randint(least, most)
        start = self.next * 131 % (1 << 16)
        packet = self.next.to_bytes(8, "big") + self.pool[start:start + size - 8]
        try:
            self.socket.send(packet)
        except BlockingIOError:
            return False
        except ConnectionRefusedError:
            pass  # an answer to an earlier packet; this one counts as sent
        self.waiting[self.next] = packet
        self.next += 1
        return True

    def take_answers(self):
        while True:
            try:
                packet = self.socket.recv(65535)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - self.last_answer)
            self.last_answer = now
            number = int.from_bytes(packet[:8], "big")
            if number in self.answered or number >= self.next:
                self.fault("duplicated" if number in self.answered else "corrupted", number)
                continue
            if number < self.highest:
                self.fault("reordered", number)
            sent = self.waiting.pop(number) if number in self.waiting else self.given_up.pop(number)[0]
            if packet != sent:
                self.fault("corrupted", number)
            self.answered.add(number)
            self.highest = max(self.highest, number)

    def give_up_on_late(self):
        if self.waiting and time.monotonic() - self.last_answer > self.options.patience:
            self.last_answer = time.monotonic()
            self.given_up.update((number, (packet, self.last_answer)) for number, packet in self.waiting.items())
            self.waiting.clear()

    def wants_more(self):
        if self.options.seconds:
            return time.monotonic() - self.started < self.options.seconds
        return self.next < self.options.count

    def due(self):
        if not self.wants_more() or len(self.waiting) >= self.options.window:
            return False
        return not self.options.rate or self.next <= (time.monotonic() - self.started) * self.options.rate

    def run(self):
        while self.wants_more() or self.waiting:
            if not self.waiting:
                self.last_answer = time.monotonic()
            while self.due() and self.send_one():
                if self.next % 16 == 0:
                    self.take_answers()
            select.select([self.socket], [], [], 0.001 if self.options.rate else 0.02)
            self.take_answers()
            self.give_up_on_late()
        # What the path still holds back is late, or a duplicate.
        time.sleep(self.options.patience if self.given_up else 0.2)
        self.take_answers()
        for number, (_, when) in self.given_up.items():
            self.fault("lost", number, when)
        return dict(sent=self.next, seconds=time.monotonic() - self.started, longest_gap=self.longest_gap, **self.counts,
                    examples=self.examples)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("serve", "send"))
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--window", type=int, default=32)
    parser.add_argument("--sizes", type=lambda text: tuple(map(int, text.split(":"))), default=(8, 1372))
    parser.add_argument("--patience", type=float, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.verb == "serve":
        serve(options)
    print(json.dumps(Sender(options).run()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
