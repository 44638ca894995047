#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A resolver that knows the names of one file, read anew for each question: a line each, NAME ADDRESS [ADDRESS ...].

    names.py ADDRESS FILE

A name that is not there does not exist. It prints "ready", and then each name that it was asked for.
"""
import socket
import struct
import sys

A, AAAA = 1, 28


def known(path):
    with open(path, encoding="utf-8") as file:
        return {words[0]: words[1:] for words in map(str.split, file) if words}


def answer(question, path):
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode(errors="replace"))
        at += 1 + question[at]
    name, (kind,) = ".".join(labels).lower(), struct.unpack_from("!H", question, at + 1)
    print(name, flush=True)
    addresses = known(path).get(name)
    records = b""
    count = 0
    for text in addresses or []:
        octets = socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
        if kind == (AAAA if ":" in text else A):
            records += struct.pack("!3HIH", 0xC00C, kind, 1, 1, len(octets)) + octets
            count += 1
    flags = 0x8180 if addresses is not None else 0x8183
    return question[:2] + struct.pack("!5H", flags, 1, count, 0, 0) + question[12:at + 5] + records


def main():
    address, path = sys.argv[1:]
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        print("ready", flush=True)
        while True:
            question, client = server.recvfrom(2000)
            try:
                server.sendto(answer(question, path), client)
            except (IndexError, struct.error, OSError):
                pass


main()
