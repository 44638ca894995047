#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Peers come and go by the thousand, and clients of the control socket misbehave, while a tunnel carries numbered packets: not one
is lost, and memory and descriptors stay as they were.

CULVERT_FAULTS=all takes 100,000 peers instead of 4,000.
"""
import os
import secrets
import socket
import time

from lab import SOCKETS, case, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, expect_echo, expect_perfect, pair, start_numbered_udp, start_udp_echo

PEERS = 100_000 if os.environ.get("CULVERT_FAULTS", "") == "all" else 4_000
AT_ONCE = 200  # peers of one request
MEBI = 1 << 20


class Client:
    """One connection to a tunnel's control socket."""

    def __init__(self, tunnel):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(f"{SOCKETS}/{tunnel.name}.sock")

    def ask(self, text):
        self.socket.sendall(text.encode())
        answer = b""
        while not answer.endswith(b"\n\n"):
            piece = self.socket.recv(65536)
            if not piece:
                break
            answer += piece
        return answer.decode()

    def close(self):
        self.socket.close()


def resident(tunnel):
    """Octets of memory of both halves."""
    total = 0
    for pid in tunnel.process.pids():
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            total += int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def descriptors(tunnel):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in tunnel.process.pids())


def come_and_go(tunnel, rounds):
    """Adds peers with allowed IPs, an endpoint that answers nothing, and a keepalive, and removes them again."""
    client = Client(tunnel)
    for _ in range(rounds):
        keys = [secrets.token_hex(32) for _ in range(AT_ONCE)]
        added = "".join(f"public_key={key}\nendpoint=10.1.0.2:{9 + i}\npersistent_keepalive_interval=25\nallowed_ip=10.200.{i}.0/24\n"
                        f"allowed_ip=fd00:200:{i:x}::/48\n" for i, key in enumerate(keys))
        expect_equal(client.ask(f"set=1\n{added}\n"), "errno=0\n\n", "the answer to new peers")
        removed = "".join(f"public_key={key}\nremove=true\n" for key in keys)
        expect_equal(client.ask(f"set=1\n{removed}\n"), "errno=0\n\n", "the answer to their removal")
    client.close()


@case(f"{PEERS} peers are added and removed under traffic: no packet of another peer is lost, and nothing stays behind")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    start_udp_echo(right)
    expect_echo(left, right, families=(4,))
    come_and_go(left, 4)  # so that what is made once has been made
    memory, files = resident(left), descriptors(left)
    sender = start_numbered_udp(left, right.inside[4], "--rate", 300, "--seconds", 5)
    started = time.monotonic()
    come_and_go(left, PEERS // AT_ONCE)
    note(f"{PEERS} peers came and went in {time.monotonic() - started:.1f} s")
    expect_perfect(sender.result(within=300))
    expect_equal(left.show("peers"), right.public, "peers that stay")
    wait_until(lambda: descriptors(left) <= files, "the descriptors to be as many as before", within=60)
    grown = resident(left) - memory
    note(f"memory grew by {grown / MEBI:.1f} MiB")
    expect(grown < 16 * MEBI, f"memory grew by {grown / MEBI:.1f} MiB")
    expect_echo(left, right, families=(4,))


@case("clients that are idle, slow, endless or deaf: the tunnel carries on, `wg` is served, and the descriptors come back")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    start_udp_echo(right)
    expect_echo(left, right, families=(4,))
    files = descriptors(left)
    sender = start_numbered_udp(left, right.inside[4], "--rate", 300, "--seconds", 5)
    hostile = []
    for number in range(120):
        client = Client(left)
        hostile.append(client)
        client.socket.setblocking(False)
        try:
            if number % 4 == 1:
                client.socket.send(b"s")  # the first octet of many, and then none
            elif number % 4 == 2:
                client.socket.send(b"set=1\n" + b"x" * (1 << 17))  # a line without an end
            elif number % 4 == 3:
                client.socket.send(b"get=1\n\n" * 500)  # and nobody reads
        except OSError:
            pass  # turned away already
    wait_until(lambda: left.host.attempt("wg", "show", left.name, "peers")[0] == 0, "wg to be served", within=30)
    expect_perfect(sender.result(within=300))
    for client in hostile:
        client.close()
    wait_until(lambda: descriptors(left) <= files, "the descriptors to come back", within=60)
    expect_echo(left, right, families=(4,))


main()
