#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A flood that fills a receive buffer however fast the machine is: its reader is stopped for a moment while each volley arrives.

    volleys.py PID ADDRESS PORT SECONDS [SOURCE]    PID reads ADDRESS PORT; it goes on when this ends, also by SIGTERM

The datagrams are WireGuard's initiations by type and length, with a mac1 that fits nobody.
"""
import os
import signal
import socket
import sys
import time

VOLLEY = 3000  # datagrams; four times what the buffer of culvertd's control socket holds
JUNK = b"\x01\0\0\0" + b"x" * 144


def main():
    pid, address, port, seconds = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as outside:
        if len(sys.argv) > 5:
            outside.bind((sys.argv[5], 0))
        end = time.monotonic() + seconds
        while time.monotonic() < end and not told:
            os.kill(pid, signal.SIGSTOP)
            try:
                for _ in range(VOLLEY):
                    outside.sendto(JUNK, (address, port))
            finally:
                os.kill(pid, signal.SIGCONT)
            time.sleep(0.005)


if __name__ == "__main__":
    main()
