#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The control socket of a running program, octet by octet, and by `wg`: answers, errors and their signs, requests applied whole
or not at all, clients that misbehave. Where a rule is a matter of taste, wireguard-go's answer to the same request decides.
"""
import base64
import os
import random
import re
import secrets
import socket
import time

from lab import SOCKETS, case, expect, expect_equal, main, note, wait_until
from tunnel import (CULVERTD, WIREGUARD_GO, Tunnel, expect_perfect, genkey, pair, pubkey, random_public_keys, start_numbered_udp,
                    start_udp_echo)

EINVAL, EADDRINUSE = 22, 98


class Client:
    def __init__(self, tunnel):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(f"{SOCKETS}/{tunnel.name}.sock")
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text.encode())

    def reply(self):
        while b"\n\n" not in self.buffer:
            part = self.socket.recv(1 << 20)
            expect(part, f"the socket was closed after {self.buffer[-200:]!r}")
            self.buffer += part
        reply, _, self.buffer = self.buffer.partition(b"\n\n")
        return reply.decode() + "\n"


def ask(tunnel, request):
    with Client(tunnel) as client:
        client.send(request + "\n")
        return client.reply()


def errno_of(reply):
    return int(reply.strip().splitlines()[-1].removeprefix("errno="))


def lone(lab, kind=CULVERTD, number=1):
    return Tunnel(lab.host(f"host-{kind}"), kind, number)


def settings(tunnel):
    """The answer to get=1 without what changes by itself: handshakes count octets."""
    lines = ask(tunnel, "get=1\n").splitlines()
    return [line for line in lines if not line.startswith(("tx_bytes=", "rx_bytes=", "last_handshake_time_"))]


def hexkey():
    return secrets.token_bytes(32).hex()


def resident(tunnel):
    """KiB of memory in use."""
    total = 0
    for pid in tunnel.process.pids():
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            total += next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    return total


SETTINGS = """set=1
private_key=e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a
fwmark=51
listen_port=12912
public_key=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33
preshared_key=188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52
endpoint=10.9.8.7:51820
persistent_keepalive_interval=111
replace_allowed_ips=true
allowed_ip=192.168.4.4/32
allowed_ip=10.20.30.0/24
allowed_ip=2001:db8:1::/48
public_key=58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376
endpoint=[2001:db8::9]:1024
allowed_ip=0.0.0.0/0
allowed_ip=::/0
"""


@case("the answer to get=1 has the lines of wireguard-go's after the same settings")
def _(lab):
    answers = []
    for number, kind in enumerate((CULVERTD, WIREGUARD_GO), 1):
        end = lone(lab, kind, number)
        expect_equal(ask(end, SETTINGS), "errno=0\n", f"reply of {kind} to the settings")
        answers.append(sorted(settings(end)))
    expect_equal(answers[0], answers[1], "sorted lines")


@case("operations follow one another on a connection, and each has one answer")
def _(lab):
    end = lone(lab)
    with Client(end) as client:
        client.send("get=1\n\n" + SETTINGS + "\nget=1\n\nset=1\nlisten_port=x\n\nget=1\n\n")
        before, done, after, refused, still = (client.reply() for _ in range(5))
    expect(before.endswith("errno=0\n"), before)
    expect_equal(done, "errno=0\n", "answer to set")
    expect("fwmark=51\n" in after and after.count("public_key=") == 2, f"the settings are not shown: {after}")
    expect(errno_of(refused) < 0, f"answer to a bad set: {refused}")
    expect_equal(re.sub(r"tx_bytes=\d+", "", still), re.sub(r"tx_bytes=\d+", "", after), "settings after the bad set")


BAD_SETS = (
    "listen_port=65536", "listen_port=-1", "listen_port=", "listen_port= 1", "fwmark=x", "fwmark=4294967296", "private_key=00",
    "private_key=" + "g" * 64, "private_key=" + "0" * 66, "replace_peers=false", "replace_peers=1", "no_such_key=1",
    "public_key=" + "0" * 63, "protocol_version=1", "endpoint=1.2.3.4:5", "allowed_ip=1.2.3.4/32", "no equals sign",
    "public_key={peer}\nendpoint=1.2.3.4", "public_key={peer}\nendpoint=example.org:1", "public_key={peer}\nendpoint=1.2.3.4:65536",
    "public_key={peer}\nendpoint=[::1:1", "public_key={peer}\nallowed_ip=1.2.3.4/33", "public_key={peer}\nallowed_ip=::/129",
    "public_key={peer}\nallowed_ip=1.2.3/24", "public_key={peer}\nallowed_ip=", "public_key={peer}\npersistent_keepalive_interval=65536",
    "public_key={peer}\npersistent_keepalive_interval=off", "public_key={peer}\nremove=yes", "public_key={peer}\nupdate_only=false",
    "public_key={peer}\nprotocol_version=2", "public_key={peer}\npreshared_key=zz", "public_key={peer}\nlisten_port=4",
    "public_key={peer}\nreplace_allowed_ips=0", "=1", "=",
)


@case("a set with a bad line is refused with a negative errno, and nothing of it is applied, wherever the bad line stands")
def _(lab):
    end = lone(lab)
    expect_equal(ask(end, SETTINGS), "errno=0\n", "reply")
    before = settings(end)
    for bad in BAD_SETS:
        bad = bad.format(peer=hexkey())
        good = f"fwmark=99\nlisten_port=4711\nreplace_peers=true\npublic_key={hexkey()}\nallowed_ip=10.20.30.0/24\n"
        requests = [f"set=1\n{bad}\n"]
        if bad.startswith("public_key="):
            requests.append(f"set=1\n{good}{bad}\n")
        for request in requests:
            reply = ask(end, request)
            expect(errno_of(reply) < 0 and reply.count("\n") == 1, f"reply {reply!r} to:\n{request}")
            expect_equal(settings(end), before, f"settings after:\n{request}")


@case("a get with a bad line is refused with a positive errno, and an operation that is neither is refused")
def _(lab):
    end = lone(lab)
    for request in ("get=1\nfwmark=1\n", "get=0\n", "get=2\n"):
        with Client(end) as client:
            client.send(request + "\n")
            try:
                reply = client.reply()
            except ConnectionError:
                continue
            expect(errno_of(reply) > 0, f"reply {reply!r} to {request!r}")
    for request in ("set=2\n", "put=1\n", "nonsense\n"):
        with Client(end) as client:
            client.send(request + "\n")
            # Whether the connection is closed or an error is told is all the same; success is not.
            answer = client.socket.recv(4096)
            expect(b"errno=0\n" not in answer, f"reply {answer!r} to {request!r}")
    expect(ask(end, "get=1\n").endswith("errno=0\n"), "it answers no more")


@case("a port that another program holds: errno -98, in words by `wg`, and the old port and the traffic stay")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    start_udp_echo(right)
    sender = start_numbered_udp(left, right.inside[4], "--seconds", 3, "--rate", 500)
    for family in ("-4", "-6"):
        squatter = left.host.spawn("python3", "-c", "import socket, time; s = socket.socket(socket.AF_INET%s, socket.SOCK_DGRAM); "
                                   "s.bind(('%s', 7777)); time.sleep(60)" % (("", "0.0.0.0") if family == "-4" else ("6", "::1")))
        wait_until(lambda: left.host.listening(7777, "u"), "the squatter")
        expect_equal(errno_of(ask(left, "set=1\nlisten_port=7777\n")), -EADDRINUSE, "errno")
        code, text = left.host.attempt("wg", "set", left.name, "listen-port", 7777)
        expect(code != 0 and "Address already in use" in text, f"`wg` said: {text}")
        squatter.stop()
    expect_equal(left.show("listen-port"), str(left.port), "port shown")
    expect(left.host.listening(left.port, "u"), "the old port is not open")
    expect_perfect(sender.result())


@case("the program's own public key is not taken for a peer; a peer whose key becomes the program's own goes")
def _(lab):
    end = lone(lab)
    own, other = genkey(), genkey()
    end.wg("private-key", lab.write("own", own))
    end.wg("peer", pubkey(own), "allowed-ips", "10.0.0.1/32")
    expect_equal(end.show("peers"), "", "peers after adding itself")
    end.wg("peer", pubkey(other), "allowed-ips", "10.0.0.2/32")
    end.wg("private-key", lab.write("other", other))
    expect_equal(end.show("peers"), "", "peers after taking the key of one")


@case("a client that sends half a request, one that sends an endless line and one that never reads do not keep others waiting")
def _(lab):
    end = lone(lab)
    expect_equal(ask(end, SETTINGS + "".join(f"public_key={hexkey()}\nallowed_ip=10.{n // 250}.{n % 250}.0/24\n" for n in range(2000))),
                 "errno=0\n", "reply")
    before = resident(end)
    half, endless, deaf = Client(end), Client(end), Client(end)
    half.send("set=1\nlisten_p")
    try:
        for _ in range(100):
            endless.socket.settimeout(0.5)
            endless.socket.sendall(b"x" * (1 << 20))
    except OSError:
        pass  # closed, or no longer read
    deaf.socket.settimeout(0.5)
    try:
        while True:
            deaf.socket.sendall(b"get=1\n\n" * 1000)
    except OSError:
        pass
    started = time.monotonic()
    expect(ask(end, "get=1\n").endswith("errno=0\n"), "a fourth client has no answer")
    note(f"a fourth client waited {(time.monotonic() - started) * 1000:.0f} ms; "
         f"memory went from {before} to {resident(end)} KiB")
    expect(resident(end) < before + 40960, f"memory went from {before} to {resident(end)} KiB")

    half.socket.settimeout(20)
    expect_equal(half.socket.recv(1) if _closed_softly(half) else b"", b"", "what the silent client reads at the end")
    descriptors = lambda: sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in end.process.pids())  # noqa: E731
    for client in (half, endless, deaf):
        client.socket.close()
    rest = descriptors()
    clients = []
    for _ in range(50):
        clients.append(Client(end))
    for client in clients:
        client.socket.close()
    wait_until(lambda: descriptors() <= rest, "the descriptors of clients to be closed")


def _closed_softly(client):
    """Waits for the program to end a connection that does nothing; a reset counts as well."""
    try:
        return client.socket.recv(1, socket.MSG_PEEK) == b""
    except ConnectionError:
        return False


@case("removing a peer of another's prefix, moving prefixes, keepalives, keys: 400 random `wg set` leave what they leave in wireguard-go")
def _(lab):
    seed = int(os.environ.get("SEED", "20"))
    dice = random.Random(seed)
    note(f"SEED={seed}")
    ours, reference = lone(lab, CULVERTD, 1), lone(lab, WIREGUARD_GO, 2)
    peers = random_public_keys(12)
    psk = [lab.write(f"psk{n}", base64.b64encode(dice.randbytes(32)).decode()) for n in range(3)]
    own = [lab.write(f"own{n}", genkey()) for n in range(2)]
    prefixes = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "10.1.2.3/8", "0.0.0.0/0", "::/0", "fd00::/8", "fd00:1::/32",
                "fd00:1::5/128", "fd00:1::5/64", "192.168.7.7"]

    for end in (ours, reference):
        end.wg("private-key", own[0])

    def step():
        what = dice.randrange(10)
        if what == 0:
            return ["listen-port", str(dice.randrange(20000, 60000))]
        if what == 1:
            return ["fwmark", dice.choice(["off", "0x20", "7"])]
        if what == 2:
            return ["private-key", dice.choice(own)]
        words = ["peer", dice.choice(peers)]
        if what == 3:
            return words + ["remove"]
        for _ in range(dice.randrange(1, 4)):
            words += dice.choice([
                ["allowed-ips", ",".join(dice.sample(prefixes, dice.randrange(0, 5)))],
                ["endpoint", dice.choice(["192.0.2.1:1", "[2001:db8::1]:65535", "192.0.2.200:51820"])],
                ["persistent-keepalive", dice.choice(["off", "25", "65535"])],
                ["preshared-key", dice.choice(psk + ["/dev/null"])]])
        return words

    def state(end):
        lines = end.show("dump").splitlines()
        rows = []
        for line in lines[1:]:
            fields = line.split("\t")
            rows.append(fields[:3] + [",".join(sorted(fields[3].split(",")))] + fields[7:])
        return lines[0].split("\t"), sorted(rows)

    done = 0
    for number in range(400):
        words = step()
        for end in (ours, reference):
            end.wg(*words)
        if number % 4 == 3 or number > 390:
            expect_equal(state(ours), state(reference), f"`wg show dump` after step {number}, `wg set {' '.join(words)}`")
            done += 1
    note(f"{done} comparisons")


@case("adding and removing other peers a thousand times costs a running session no packet")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    start_udp_echo(right)
    sender = start_numbered_udp(left, right.inside[4], "--seconds", 8, "--rate", 1000)
    rounds = 0
    dice = random.Random(1)
    with Client(left) as client:
        while sender.running() and rounds < 5000:
            keys = [hexkey() for _ in range(4)]
            client.send("set=1\n" + "".join(
                f"public_key={key}\nallowed_ip=10.{dice.randrange(100, 200)}.{dice.randrange(256)}.0/24\nallowed_ip=fd01::{n:x}/128\n"
                for n, key in enumerate(keys)) + "\n")
            expect_equal(client.reply(), "errno=0\n", "reply to additions")
            client.send("set=1\n" + "".join(f"public_key={key}\nremove=true\n" for key in keys) + "\n")
            expect_equal(client.reply(), "errno=0\n", "reply to removals")
            rounds += 1
    result = sender.result()
    note(f"{rounds} rounds of four peers during {result['sent']} numbered packets")
    expect(rounds >= 250, f"only {rounds} rounds")
    expect_perfect(result)
    expect_equal(left.show("peers"), right.public, "peers left")


main()
