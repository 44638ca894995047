#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Opens a TUN queue and a control socket, then becomes a program that takes them over by WG_TUN_FD and WG_UAPI_FD.

    inherit.py PROGRAM INTERFACE SOCKET plain|vnet|information
"""
import fcntl
import os
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000


def main():
    program, interface, path, kind = sys.argv[1:]
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TUN | {"plain": IFF_NO_PI, "vnet": IFF_NO_PI | IFF_VNET_HDR, "information": 0}[kind]
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", interface.encode(), flags))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    for descriptor in (tun, listener.fileno()):
        os.set_inheritable(descriptor, True)
    os.environ.update(WG_TUN_FD=str(tun), WG_UAPI_FD=str(listener.fileno()), WG_PROCESS_FOREGROUND="1")
    os.execvp(program, [program, interface])


if __name__ == "__main__":
    main()
