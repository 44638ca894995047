#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The least that a tunnel can be: each packet of a TUN interface is one datagram to the other end, as it is.

    plain_tunnel.py DEVICE PORT [PEER]        PEER is HOST:PORT; without one, whoever was heard last

A path through it is the path without a tunnel, to compare with: it has an inside, and adds nothing.
"""
import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000


def main():
    device, port, *peer = sys.argv[1:]
    inside = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(inside, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
    outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outside.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    outside.bind(("0.0.0.0", int(port)))
    outside.setblocking(False)
    other = None
    if peer:
        host, _, number = peer[0].rpartition(":")
        other = (host, int(number))
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([inside, outside], [], [])
        try:
            for _ in range(64 if inside in readable else 0):
                packet = os.read(inside, 65535)
                if other:
                    outside.sendto(packet, other)
        except OSError:
            pass
        try:
            for _ in range(64 if outside in readable else 0):
                packet, other = outside.recvfrom(65535)
                os.write(inside, packet)
        except OSError:
            pass


if __name__ == "__main__":
    main()
