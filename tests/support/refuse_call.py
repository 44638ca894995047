#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a program for which one system call fails, as on a kernel built without it.

    refuse_call.py NUMBER ERRNO PROGRAM [ARGUMENT...]
"""
import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # of classic BPF, in words
RETURN_ERRNO, RETURN_ALLOW = 0x00050000, 0x7FFF0000


def main():
    number, error, *command = sys.argv[1:]
    # struct seccomp_data: the call's number at 0.
    steps = [(LOAD, 0, 0, 0), (EQUAL, 0, 1, int(number)), (RETURN, 0, 0, RETURN_ERRNO | int(error)), (RETURN, 0, 0, RETURN_ALLOW)]
    program = b"".join(struct.pack("HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header):
        sys.exit(f"refuse_call.py: {os.strerror(ctypes.get_errno())}")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
