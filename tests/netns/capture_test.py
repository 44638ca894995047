#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `culvert capture` writes: inner packets that tshark reads, and a key log by which tshark opens what the router saw.

     a (the daemon that captures) -- router (tcpdump) -- b
"""
import os
import re
import signal
import subprocess
import time

from lab import STATUS_SOCKETS, case, expect, expect_equal, main, wait_until
from tunnel import CULVERTD, Tunnel, connect, expect_echo, expect_perfect, genkey, genpsk, pair, program_path, pubkey, \
    start_numbered_udp, start_udp_echo, transfer_tcp

CULVERT = os.environ["CULVERT"]


def fields(file, *names, options=(), display=""):
    """A tuple for each packet; of a field that is there more than once, the innermost."""
    words = ["tshark", "-n", "-r", file, *options, "-T", "fields", "-E", "occurrence=l"]
    if display:
        words += ["-Y", display]
    for name in names:
        words += ["-e", name]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True, timeout=120)
    expect(done.returncode == 0, f"tshark: {done.stderr}")
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


def start_capture(host, name, *words, label="capture"):
    """Running, and the daemon's lanes know of it."""
    file = host.lab.path("inner.pcapng")
    process = host.spawn(CULVERT, "capture", name, "-w", file, *words, label=label)
    wait_until(lambda: os.path.exists(file) and os.path.getsize(file) > 0 or not process.running(), "the capture to begin")
    expect(process.running(), f"it ended: {process.output()}")
    return process, file


def finish(process):
    """\\returns (packets captured, packets left out)."""
    process.stop(signal.SIGINT)
    counts = re.search(r"(\d+) packets captured, (\d+) left out", process.output())
    expect(counts, f"no counts: {process.output()}")
    return int(counts.group(1)), int(counts.group(2))


@case("packets inside are written both ways, with their peer's name, the interface, and nanoseconds")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    expect_echo(left, right)
    process, file = start_capture(left.host, left.name)
    before = time.time()
    expect_equal(left.host.ping(right.inside[4], 3, size=1000), 3, "echoes")
    expect_equal(left.host.ping(right.inside[6], 2), 2, "echoes of IPv6")
    after = time.time()
    captured, left_out = finish(process)
    expect_equal((process.wait(), left_out), (0, 0), "exit code, and what was left out")
    packets = fields(file, "frame.interface_name", "frame.comment", "frame.packet_flags_direction", "frame.time_epoch", "ip.src",
                     "ipv6.src", "icmp.type", "icmpv6.type", "icmp.checksum.status", "frame.len", "frame.cap_len")
    expect_equal(len(packets), captured, "packets in the file")
    echoes = [packet for packet in packets if packet[6] or packet[7] in ("128", "129")]
    expect_equal(len(echoes), 10, "requests and answers")
    key = right.public
    for name, comment, direction, when, ip4, ip6, type4, type6, status, length, kept in echoes:
        request = type4 == "8" or type6 == "128"
        expect_equal(name, left.name, "interface")
        expect(key[:4] in comment, f"the comment: {comment}")
        expect_equal(int(direction, 0), 2 if request else 1, "direction")
        expect(before - 1 < float(when) < after + 1, f"the time {when}")
        expect(re.search(r"\.\d{9}$", when), f"no nanoseconds: {when}")
        expect_equal(ip4 or ip6, (left if request else right).inside[4 if ip4 else 6], "source")
        expect(not type4 or status == "1" and length == "1028", f"a packet that is not whole: {status} {length}")
        expect_equal(kept, length, "octets kept")


@case("peers are chosen by key; so many packets, so long, so many octets of each; a pipe is taken as well")
def _(lab):
    a, router, b = lab.routed_pair()
    c = lab.host("c")
    lab.wire(c, "eth0", router, "third", 3)
    c.ip("route", "add", "default", "via", "10.3.0.2")
    left, right, third = Tunnel(a, CULVERTD, 1), Tunnel(b, CULVERTD, 2), Tunnel(c, CULVERTD, 3)
    connect(left, right)
    connect(left, third)
    for other in (right, third):
        wait_until(left.host.reaches(other.inside[4]), "an echo", within=30)
    process, file = start_capture(a, left.name, "--peer", third.public, "--count", "4", "--snap", "40")
    expect_equal(a.ping(right.inside[4], 2), 2, "echoes of another")
    expect_equal(a.ping(third.inside[4], 3), 3, "echoes")
    expect_equal(process.wait(within=20), 0, "exit code after four packets")
    packets = fields(file, "ip.src", "frame.len", "frame.cap_len")
    expect_equal(len(packets), 4, "packets")
    for source, length, kept in packets:
        expect(source in (left.inside[4], third.inside[4]), f"of another peer: {source}")
        expect_equal((length, kept), ("84", "40"), "octets of a packet, and those kept")

    code, text = a.attempt("sh", "-c", f"{CULVERT} capture {left.name} --seconds 2 | tshark -n -r - -c 1", within=60)
    expect_equal(code, 0, f"exit code of a pipe: {text}")
    code, text = a.attempt(CULVERT, "capture", left.name, "-w", lab.path("none"), "--peer", "nobody")
    expect(code == 1 and "has no peer of the name or key nobody" in text, f"a peer that does not exist: {code} {text}")
    code, text = a.attempt(CULVERT, "capture", "wg77", "-w", lab.path("none"))
    expect(code == 4, f"a tunnel that does not exist: {code} {text}")


@case("one captures at a time, nobody but root, and the end of either side ends it")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    wait_until(left.host.reaches(right.inside[4]), "an echo", within=30)
    process, _ = start_capture(left.host, left.name)
    kept = lab.write("kept", "as it was")
    code, text = left.host.attempt(CULVERT, "capture", left.name, "-w", kept)
    expect(code == 1 and "somebody else captures" in text, f"a second one: {code} {text}")
    with open(kept, encoding="utf-8") as file:
        expect_equal(file.read(), "as it was", "a file that a refused capture was to write")
    os.kill(process.pids()[-1], signal.SIGKILL)
    process.wait()
    expect_echo(left, right)
    process, _ = start_capture(left.host, left.name, label="capture-2")
    code, text = left.host.attempt("setpriv", "--reuid", "65534", "--clear-groups", CULVERT, "capture", left.name)
    expect(code == 5, f"another user: {code} {text}")
    left.stop()
    expect_equal(process.wait(within=20), 0, "exit code when the tunnel ends")
    expect(not os.path.exists(f"{STATUS_SOCKETS}/{left.name}.capture"), "the socket's file stays behind")


@case("a reader that stops loses packets, which are counted, and the tunnel none")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    wait_until(left.host.reaches(right.inside[4]), "an echo", within=30)
    lost = lab.path("summary")
    stuck = left.host.spawn("sh", "-c", f"{CULVERT} capture {left.name} -w - 2>{lost} | sleep 1000")
    wait_until(lambda: any("captured" in line for line in left.process.output().splitlines()), "the capture to begin")
    transfer_tcp(left, right, 24_000_000)
    server = start_udp_echo(right)
    client = start_numbered_udp(left, right.inside[4], "--count", 200, "--rate", 400)
    expect_perfect(client.result(), least=200)
    server.stop()
    (sleeper,) = [pid for pid in stuck.pids() if "sleep" in open(f"/proc/{pid}/cmdline", encoding="utf-8").read().split("\0")[0]]
    os.kill(sleeper, signal.SIGKILL)

    def summary():
        with open(lost, encoding="utf-8") as file:
            return re.search(r"captured, (\d+) left out", file.read())

    wait_until(summary, "the counts", within=20)
    expect(int(summary().group(1)) > 100, f"left out: {summary().group(0)}")


class Configured:
    """The end on host a, with the file of the test."""

    def __init__(self, lab, host, other, psk):
        self.lab, self.host, self.name = lab, host, "wg1"
        self.private, self.other, self.psk = genkey(), other, psk
        self.public = pubkey(self.private)

    def write(self, key_log, endpoint=""):
        reach = f'endpoint = "{endpoint}"\n' if endpoint else ""
        self.lab.write("wg1.toml", f'[interface]\nprivate_key = "{self.private}"\naddresses = ["10.99.0.1/24"]\n'
                       f"listen_port = 51820\n[observe]\nkey_log = {key_log}\n"
                       f'[[peer]]\nname = "gate"\npublic_key = "{self.other.public}"\npreshared_key = "{self.psk}"\n{reach}'
                       'allowed_ips = ["10.99.0.2/32"]\n')

    def start(self):
        path = os.path.join(self.lab.directory, "wg1.toml")
        self.process = self.host.spawn(program_path(CULVERTD), "-f", "--config", path, env={**os.environ, "LOG_LEVEL": "verbose"})
        wait_until(lambda: "Interface state was Down" in self.process.output() or not self.process.running(), "the tunnel", within=60)
        expect(self.process.running(), f"it ended:\n{self.process.output()}")


def configured(lab, initiates):
    """`initiates`: whether the end that captures knows where the other is; else the other calls."""
    a, router, b = lab.routed_pair()
    right, psk = Tunnel(b, CULVERTD, 2), genpsk()
    left = Configured(lab, a, right, psk)
    left.write("true", endpoint=right.endpoint(4) if initiates else "")
    words = ["peer", left.public, "allowed-ips", "10.99.0.1/32", "preshared-key", lab.write("psk", psk + "\n")]
    right.wg(*words, *([] if initiates else ["endpoint", f"{a.addresses[4]}:51820"]))
    left.start()
    return left, right, router


def opened_by_key_log(lab, initiates):
    left, right, router = configured(lab, initiates)
    outside = router.capture("left", "udp")
    keys = lab.path("wg.keys")
    process, file = start_capture(left.host, left.name, "--keys", keys)
    caller, called = (left.host, "10.99.0.2") if initiates else (right.host, "10.99.0.1")
    wait_until(caller.reaches(called), "an echo", within=30)
    expect_equal(caller.ping(called, 5, interval=0.2), 5, "echoes")
    expect_equal(finish(process)[1], 0, "packets left out")
    outside.stop()
    expect_equal(os.stat(keys).st_mode & 0o777, 0o600, "mode of the key log")
    with open(keys, encoding="utf-8") as log:
        text = log.read()
    expect("LOCAL_EPHEMERAL_PRIVATE_KEY = " in text and f"PRESHARED_KEY = {left.psk}" in text, f"the key log:\n{text}")
    expect(left.private not in text, "the private key is in the key log")
    names = ("ip.src", "ip.dst", "icmp.type", "icmp.ident", "icmp.seq", "icmp.checksum", "data.data")
    inner = sorted(fields(file, *names, display="icmp"))
    expect(len(inner) >= 10, f"captured: {inner}")
    comments = {comment for (comment,) in fields(file, "frame.comment")}
    expect_equal(len(comments), 1, "comments")
    expect(comments.pop().startswith("gate ("), "the peer's name")

    def opened(log):
        path = lab.write("for-tshark.keys", log)
        return sorted(fields(outside.file, *names, options=("-o", f"wg.keylog_file:{path}"), display="wg && icmp"))

    expect_equal(opened(text), [], "what a key log opens alone")
    expect_equal(opened(f"LOCAL_STATIC_PRIVATE_KEY = {left.private}\n" + text), inner, "what tshark opens")


@case("with the key log of the end that calls, and its private key, tshark opens what the router saw")
def _(lab):
    opened_by_key_log(lab, initiates=True)


@case("with the key log of the end that is called, likewise")
def _(lab):
    opened_by_key_log(lab, initiates=False)


@case("no key log where the configuration does not allow one, and none any more when it is taken back")
def _(lab):
    left, right, _ = configured(lab, initiates=True)
    wait_until(left.host.reaches("10.99.0.2"), "an echo", within=30)
    code, text = left.host.attempt(CULVERT, "check", os.path.join(lab.directory, "wg1.toml"))
    expect("observe.key_log" in text, f"what check says of it: {code} {text}")
    process, _ = start_capture(left.host, left.name, "--keys", lab.path("keys"))
    left.write("false", endpoint=right.endpoint(4))
    left.host.run(CULVERT, "reload", "wg1")
    expect_equal(process.wait(within=20), 0, "the capture's exit code")
    keys = lab.path("none")
    code, text = left.host.attempt(CULVERT, "capture", "wg1", "-w", lab.path("none"), "--keys", keys)
    expect(code == 1 and "allows no key log" in text and not os.path.exists(keys), f"a key log: {code} {text}")
    code, text = right.host.attempt(CULVERT, "capture", right.name, "-w", lab.path("none"), "--keys", keys)
    expect(code == 1 and "allows no key log" in text, f"a daemon without a configuration: {code} {text}")


main()
