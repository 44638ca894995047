#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sends pseudo-random octets over TCP, or receives them, and prints count, time and SHA-256 as one line of JSON.

    checked_tcp.py receive ADDRESS PORT            one connection, to its end
    checked_tcp.py send ADDRESS PORT OCTETS [SEED]
"""
import hashlib
import json
import random
import socket
import sys
import time

BLOCK = 1 << 20


def blocks(octets, seed):
    """Blocks that all differ: a number, then a window into a random pool which moves with the number."""
    pool = random.Random(seed).randbytes(2 * BLOCK)
    number = 0
    while octets > 0:
        start = number * 7919 % BLOCK
        block = number.to_bytes(8, "big") + pool[start:start + BLOCK - 8]
        yield block[:octets]
        octets -= len(block)
        number += 1


def send(address, port, octets, seed=1):
    digest = hashlib.sha256()
    with socket.create_connection((address, int(port)), timeout=30) as stream:
        stream.settimeout(120)
        started = time.monotonic()
        for block in blocks(int(octets), int(seed)):
            digest.update(block)
            stream.sendall(block)
        stream.shutdown(socket.SHUT_WR)
        stream.recv(1)  # the receiver closes when it has everything
        return int(octets), time.monotonic() - started, digest


def receive(address, port):
    digest, octets = hashlib.sha256(), 0
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, int(port)), family=family, dualstack_ipv6=address == "::") as server:
        stream, _ = server.accept()
        with stream:
            started = time.monotonic()
            buffer = memoryview(bytearray(BLOCK))
            while count := stream.recv_into(buffer):
                digest.update(buffer[:count])
                octets += count
            return octets, time.monotonic() - started, digest


def main():
    verb, *arguments = sys.argv[1:]
    octets, seconds, digest = {"send": send, "receive": receive}[verb](*arguments)
    print(json.dumps({"octets": octets, "seconds": seconds, "sha256": digest.hexdigest()}), flush=True)


if __name__ == "__main__":
    main()
