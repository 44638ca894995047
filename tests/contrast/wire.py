# SPDX-License-Identifier: MIT
"""A stretch of wire in hostile or merely bad hands: reads packets from a TUN interface, and puts them back late, changed, or not at all.

    wire.py DEVICE OPTIONS        OPTIONS is a JSON object; see Wire. Prints "ready", and at SIGTERM one JSON object of counts.

The access point routes what crosses it into the interface, in both directions, and what comes back out of it onwards. `down` is
towards the client. Whoever changes a packet mends its checksums: an attacker would.
"""
import fcntl
import heapq
import json
import os
import random
import select
import signal
import socket
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
TCP, UDP, ICMP = 6, 17, 1
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
LAN = b"\x0a\x0a\x00"  # 10.10.0.0/24


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Packet:
    """An IPv4 packet that can be taken apart and put together again with true checksums."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.head = (data[0] & 15) * 4
        self.protocol, self.source, self.target = data[9], bytes(data[12:16]), bytes(data[16:20])
        self.down = self.target[:3] == LAN
        self.sport = self.dport = 0
        body = self.head
        if self.protocol == TCP:
            self.sport, self.dport, self.sequence, self.acknowledged = struct.unpack("!HHII", data[body:body + 12])
            self.flags, self.start = data[body + 13], body + (data[body + 12] >> 4) * 4
        elif self.protocol == UDP:
            self.sport, self.dport = struct.unpack("!HH", data[body:body + 4])
            self.start = body + 8
        else:
            self.start = len(data)

    @property
    def payload(self):
        return bytes(self.data[self.start:])

    def seal(self):
        """Mends length and checksums; returns the octets."""
        data, body = self.data, self.head
        struct.pack_into("!H", data, 2, len(data))
        data[10:12] = b"\0\0"
        struct.pack_into("!H", data, 10, checksum(bytes(data[:body])))
        at = {TCP: body + 16, UDP: body + 6}.get(self.protocol)
        if at:
            if self.protocol == UDP:
                struct.pack_into("!H", data, body + 4, len(data) - body)
            data[at:at + 2] = b"\0\0"
            pseudo = self.source + self.target + struct.pack("!BBH", 0, self.protocol, len(data) - body)
            struct.pack_into("!H", data, at, checksum(pseudo + bytes(data[body:])) or 0xFFFF)
        return bytes(data)


def build(protocol, source, target, body):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), random.getrandbits(16), 0, 64, protocol, 0, source, target)
    return Packet(head + body).seal()


def segment_back(packet, flags, payload=b""):
    """A TCP segment that seems to answer `packet`."""
    return build(TCP, packet.target, packet.source, struct.pack("!HHIIBBHHH", packet.dport, packet.sport, packet.acknowledged,
                 (packet.sequence + len(packet.payload)) & 0xFFFFFFFF, 0x50, flags, 65535, 0, 0) + payload)


def reset_behind(packet):
    """A reset that continues the stream just where `packet` ends; one that is a single octet off would be ignored."""
    return build(TCP, packet.source, packet.target, struct.pack("!HHIIBBHHH", packet.sport, packet.dport,
                 (packet.sequence + len(packet.payload)) & 0xFFFFFFFF, packet.acknowledged, 0x50, RST | ACK, 65535, 0, 0))


def datagram_back(packet, payload):
    return build(UDP, packet.target, packet.source, struct.pack("!HHHH", packet.dport, packet.sport, 8 + len(payload), 0) + payload)


def unreachable_back(packet):
    """An ICMP error that says that nobody listens there, as if from the called host."""
    body = struct.pack("!BBHI", 3, 3, 0, 0) + bytes(packet.data[:packet.head + 8])
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    return build(ICMP, packet.target, packet.source, body)


class Wire:
    """What happens to each packet. Options, all left out by default:

    delay       seconds each way          loss, reorder   shares of packets        seed    of their dice
    flip        {least, skip, times}: one bit of the payload of packets down of at least so many octets, after the first few
    replace     [[from, to], ...] in hexadecimal, of equal length, in TCP payloads of both directions
    inject      text in hexadecimal: answers the first request up, and swallows the true answer; in a tunnel forges a datagram
    reset       true: a reset right behind each of the first three large packets down; in a tunnel one ICMP error
    dns         address: every question on port 53 is answered by it
    watch       [secret, ...] looked for in every payload
    """

    def __init__(self, options):
        self.options, self.counts = options, {"packets": 0, "acted": 0, "lost": 0, "late": 0, "watched": []}
        self.dice = random.Random(options.get("seed", 1))
        self.large = self.requests = 0
        self.muted, self.last_down = set(), None

    def handle(self, data):
        """[(extra delay in seconds, octets), ...] to send on for one packet."""
        packet = Packet(data)
        self.counts["packets"] += 1
        for secret in self.options.get("watch", ()):
            if secret.encode() in packet.payload and secret not in self.counts["watched"]:
                self.counts["watched"].append(secret)
        if self.dice.random() < self.options.get("loss", 0):
            self.counts["lost"] += 1
            return []
        late = 0.0
        if self.dice.random() < self.options.get("reorder", 0):
            self.counts["late"] += 1
            late = 0.01
        return [(late, each) for each in self._attack(packet)]

    def _attack(self, packet):
        options, payload = self.options, packet.payload
        if packet.down and packet.protocol == UDP and payload[:1] == b"\x04":
            self.last_down = payload
        if packet.down and (packet.source, packet.sport, packet.dport) in self.muted:
            return []
        if "dns" in options and not packet.down and packet.protocol == UDP and packet.dport == 53:
            self.counts["acted"] += 1
            return [datagram_back(packet, forged_answer(payload, options["dns"]))]
        if "flip" in options and packet.down and payload and packet.protocol in (TCP, UDP):
            self._flip(packet, options["flip"])
        if packet.protocol == TCP and payload:
            self._replace(packet)
        extra = []
        if not packet.down and len(payload) > 0 and packet.protocol in (TCP, UDP):
            extra = self._answer(packet, payload)
        if "reset" in options and packet.down and packet.protocol == TCP and len(payload) >= 600 and self.counts["acted"] < 3:
            self.counts["acted"] += 1
            extra = [reset_behind(packet)]
        return [packet.seal() if packet.protocol in (TCP, UDP) else bytes(packet.data), *extra]

    def _flip(self, packet, how):
        if len(packet.payload) < how["least"]:
            return
        self.large += 1
        if how["skip"] < self.large <= how["skip"] + how["times"]:
            packet.data[packet.start + len(packet.payload) // 2] ^= 1
            self.counts["acted"] += 1

    def _replace(self, packet):
        for wanted, instead in self.options.get("replace", ()):
            wanted, instead = bytes.fromhex(wanted), bytes.fromhex(instead)
            at = packet.payload.find(wanted)
            if at >= 0:
                packet.data[packet.start + at:packet.start + at + len(wanted)] = instead
                self.counts["acted"] += 1

    def _answer(self, packet, payload):
        """What seems to come back from the called end: a forged answer or a reset, once."""
        if packet.protocol == UDP and payload[:1] != b"\x04":
            return []
        request = payload[:4] in (b"GET ", b"POST") or payload[:1] == b"\x17" or packet.protocol == UDP
        if not request:
            return []
        self.requests += 1
        if self.requests != 2 and not (self.requests == 1 and payload[:1] in (b"G", b"P")):
            return []
        if "reset" in self.options and packet.protocol == UDP:
            self.counts["acted"] += 1
            return [unreachable_back(packet)]
        if "inject" not in self.options:
            return []
        text = bytes.fromhex(self.options["inject"])
        if packet.protocol == UDP:
            if not self.last_down:
                self.requests = 1  # the receiver's index is not known yet
                return []
            counter = int.from_bytes(self.last_down[8:16], "little") + 3
            self.counts["acted"] += 1
            return [datagram_back(packet, self.last_down[:8] + counter.to_bytes(8, "little") + os.urandom(max(96, len(text) // 16 * 16)))]
        if payload[:1] == b"\x17":
            text = b"\x17\x03\x03" + struct.pack("!H", len(text)) + text
        self.counts["acted"] += 1
        self.muted.add((packet.target, packet.dport, packet.sport))
        return [segment_back(packet, PSH | ACK, text)]


def forged_answer(question, address):
    """A DNS answer with one A record; a question for anything else is answered by nothing found."""
    end = question.index(b"\0", 12) + 5
    wants_address = question[end - 4:end - 2] == b"\0\x01"
    head = question[:2] + b"\x85\x80\0\x01" + (b"\0\x01" if wants_address else b"\0\0") + b"\0\0\0\0"
    record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + socket.inet_aton(address) if wants_address else b""
    return head + question[12:end] + record


def open_tun(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def main():
    name, options = sys.argv[1], json.loads(sys.argv[2])
    descriptor, wire, waiting, serial, going = open_tun(name), Wire(options), [], 0, [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    delay = options.get("delay", 0.0)
    print("ready", flush=True)
    while going:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            try:
                os.write(descriptor, heapq.heappop(waiting)[2])
            except OSError:
                pass  # the interface is not up, or its queue is full: a wire loses packets too
        select.select([descriptor], [], [], max(0.0, min(0.1, waiting[0][0] - now)) if waiting else 0.1)
        try:
            for _ in range(64):
                data = os.read(descriptor, 65535)
                if data[0] >> 4 == 4:
                    for late, each in wire.handle(data):
                        serial += 1
                        heapq.heappush(waiting, (time.monotonic() + delay + late, serial, each))
        except BlockingIOError:
            pass
    print(json.dumps(wire.counts), flush=True)


if __name__ == "__main__":
    main()
