# SPDX-License-Identifier: MIT
"""Captures as an observer keeps them, and the questions asked of them.

A Tap records one device with tcpdump, whole packets. Afterwards tshark dissects it (dissect), and octets are searched in it: in each
frame as it crossed, and in each TCP stream put together again (Recording.find), plainly and in the disguises that old protocols
wear (Base64, hexadecimal, percent signs). Whoever finds a secret by these means needed no key.
"""
import base64
import os
import re
import signal
import struct
import subprocess
from collections import namedtuple
from urllib.parse import quote

from lab import Failure, run, wait_until

Frame = namedtuple("Frame", "number time source target protocol sport dport sequence flags payload length")
Hit = namedtuple("Hit", "frame disguise context")
ETHERNET, RAW = 1, 101
# More than any packet of a device without offloads; the kernel's ring has a slot of this size for each packet.
SNAPSHOT = 2048


class Tap:
    """A recording of one device from this moment on, whole packets. `lost` counts what the kernel could not hand over."""

    def __init__(self, host, device, label, expression=""):
        self.host, self.device, self.lost = host, device, 0
        self.file = host.lab.path(f"{label}.pcap")
        self._process = host.spawn("tcpdump", "-n", "-U", "--immediate-mode", "-B", "65536", "-s", str(SNAPSHOT), "-Z", "root", "-i", device, "-w",
                                   self.file, *expression.split(), label=f"{label}-tcpdump")
        wait_until(lambda: "listening on" in self._process.output() or not self._process.running(), "tcpdump to listen", within=60)
        if not self._process.running():
            raise Failure(f"tcpdump ended: {self._process.output()}")

    def stop(self):
        """Ends when everything that the kernel handed over is in the file; returns the recording."""
        wait_until(self._caught_up, "tcpdump to write what the kernel handed it", within=60, every=0.1)
        self._process.stop(signal.SIGINT, within=60)
        return Recording(self.file, f"{self.host.name}:{self.device}")

    def _caught_up(self):
        before = self._process.output().count("received by filter")
        os.kill(self._process.pid, signal.SIGUSR1)
        wait_until(lambda: self._process.output().count("received by filter") > before, "tcpdump to count", within=30)
        counts = re.findall(r"(\d+) packets? captured, (\d+) packets? received by filter, (\d+) packets? dropped", self._process.output())
        if not counts:
            return False
        written, matched, self.lost = map(int, counts[-1])
        return written + self.lost >= matched


class Recording:
    """A finished capture. Frames are read once, when first asked for."""

    def __init__(self, file, where="capture"):
        self.file, self.where, self._frames, self._streams = file, where, None, None

    @property
    def frames(self):
        if self._frames is None:
            self._frames = list(read_frames(self.file))
        return self._frames

    @property
    def streams(self):
        if self._streams is None:
            self._streams = assemble(self.frames)
        return self._streams

    def find(self, secret):
        """The first place where the secret stands, in any disguise; None if nowhere."""
        for disguise, needle in disguises(secret):
            for frame in self.frames:
                at = frame.payload.find(needle)
                if at >= 0:
                    return Hit(frame.number, disguise, excerpt(frame.payload, at, len(needle)))
            for text, first in self.streams.values():
                at = text.find(needle)
                if at >= 0:
                    return Hit(first, disguise, excerpt(text, at, len(needle)))
        return None


def disguises(secret):
    """(name, octets) of each form in which a secret is searched. Base64 has three, by where in the text it begins."""
    plain = secret.encode()
    yield "plainly", plain
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + plain)
        yield "in Base64", text[(0, 2, 3)[offset]:(offset + len(plain)) * 8 // 6]  # what hangs on the neighbours is left out
    yield "in hexadecimal", plain.hex().encode()
    if quote(secret) != secret:
        yield "percent-coded", quote(secret).encode()


def excerpt(text, at, length, around=48):
    """The octets around a place, printable."""
    part = text[max(0, at - around):at + length + around]
    return "".join(chr(octet) if 32 <= octet < 127 else "·" for octet in part)


# ---------------------------------------------------------------------------------------------------------------- reading


def read_frames(file):
    """IPv4 frames of a capture file of Ethernet or of bare IP; `payload` is what stands above TCP, UDP or ICMP's eight octets."""
    with open(file, "rb") as source:
        data = source.read()
    if len(data) < 24:
        return
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    fraction = 1e-9 if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e-6
    link = struct.unpack(order + "I", data[20:24])[0]
    at, number = 24, 0
    while at + 16 <= len(data):
        seconds, parts, kept, _ = struct.unpack(order + "IIII", data[at:at + 16])
        frame = data[at + 16:at + 16 + kept]
        at, number = at + 16 + kept, number + 1
        if link == ETHERNET:
            if frame[12:14] != b"\x08\x00":
                continue
            frame = frame[14:]
        parsed = parse_ip(frame)
        if parsed:
            yield Frame(number, seconds + parts * fraction, *parsed)


def parse_ip(packet):
    """(source, target, protocol, sport, dport, sequence, flags, payload, length) or None."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    head, length, protocol = (packet[0] & 15) * 4, struct.unpack("!H", packet[2:4])[0], packet[9]
    source, target = (".".join(map(str, packet[i:i + 4])) for i in (12, 16))
    body = packet[head:length] if length else packet[head:]  # a super-packet beyond 65,535 octets tells no length
    sport = dport = sequence = flags = 0
    if protocol == 6 and len(body) >= 20:
        sport, dport, sequence = struct.unpack("!HHI", body[:8])
        flags, payload = body[13], body[(body[12] >> 4) * 4:]
    elif protocol == 17 and len(body) >= 8:
        sport, dport = struct.unpack("!HH", body[:4])
        payload = body[8:]
    else:
        payload = body[8:]
    return source, target, protocol, sport, dport, sequence, flags, payload, length or len(packet)


def assemble(frames):
    """{(source, sport, target, dport, serial): (octets, first frame)} of TCP; a new SYN begins a new serial."""
    serial, parts, base = {}, {}, {}
    for frame in frames:
        if frame.protocol != 6:
            continue
        way = (frame.source, frame.sport, frame.target, frame.dport)
        if frame.flags & 2:
            serial[way] = serial.get(way, -1) + 1
            base[way] = frame.sequence + 1
        if frame.payload:
            key = (*way, serial.get(way, 0))
            start = (frame.sequence - base.setdefault(way, frame.sequence)) & 0xFFFFFFFF
            parts.setdefault(key, {}).setdefault(start, (frame.payload, frame.number))
    return {key: (_join(pieces), min(number for _, number in pieces.values())) for key, pieces in parts.items()}


def _join(pieces):
    """Octets in order, without what was sent twice; a hole shows as eight zero octets."""
    whole, end = [], 0
    for start in sorted(pieces):
        payload = pieces[start][0]
        if start > end and whole:
            whole.append(bytes(8))
        elif start < end:
            payload = payload[end - start:]
        whole.append(payload)
        end = max(end, start + len(pieces[start][0]))
    return b"".join(whole)


# -------------------------------------------------------------------------------------------------------------- dissection


def dissect(file, fields, display="", options=(), within=120):
    """tshark's reading: a list of dicts, one a frame that `display` keeps; a field that occurs more than once is joined by '|'."""
    argv = ["tshark", "-n", "-r", file, "-T", "fields", "-E", "separator=\t", "-E", "occurrence=a", "-E", "aggregator=|", *options]
    for field in fields:
        argv += ["-e", field]
    if display:
        argv += ["-Y", display]
    text = run(argv, stderr=subprocess.DEVNULL, within=within)
    return [dict(zip(fields, line.split("\t"))) for line in text.splitlines()]


def summary_lines(file, display, count=3, options=()):
    """tshark's one-line summaries, as evidence."""
    text = run(["tshark", "-n", "-r", file, *options, "-Y", display], stderr=subprocess.DEVNULL, within=120)
    return [" ".join(line.split())[:220] for line in text.splitlines()[:count]]
