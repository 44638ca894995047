#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A packet half that was taken over: somebody else speaks in its place to the host half of a running tunnel. Nothing of the host
changes but what the configuration says, and nonsense ends the packet half, in whose place another goes on.

     a (configured, wg1) -- router -- b (culvertd and `wg`, wg2)
"""
import ctypes
import os
import random
import select
import signal
import socket
import struct
import threading
import time

from configured_end import pair
from lab import case, expect, expect_equal, main, note, wait_until

REQUESTS = 4  # the packet half's end of the request pair
NEWS = 3
LOG = 2
LOG_LINES = 1000  # that are passed on in ten seconds
REQUEST = struct.Struct("=BBBBHBBII16s")
THINNING = struct.Struct("=BBBBIII480I")
OPEN, CLOSE, MARK, SCOPE, DROPS = range(1, 6)
EPERM = 1
SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438
TRIES = 10_000
PORT, FWMARK = 51820, 0x1234

libc = ctypes.CDLL(None, use_errno=True)


def taken(pid, number):
    """The descriptor that a process has at a number, as whoever has taken the process over holds it."""
    pidfd = libc.syscall(SYS_PIDFD_OPEN, pid, 0)
    expect(pidfd >= 0, f"pidfd_open: errno {ctypes.get_errno()}")
    descriptor = libc.syscall(SYS_PIDFD_GETFD, pidfd, number, 0)
    error = ctypes.get_errno()
    os.close(pidfd)
    expect(descriptor >= 0, f"pidfd_getfd: errno {error}")
    return descriptor


def taken_end(pid, number):
    """A socket of its own."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=taken(pid, number))


def request(ask, gso=0, gro=0, port=0, lanes=0, mark=0, serial=0, name=b"", version=2, zero=0):
    return REQUEST.pack(version, ask, gso, gro, port, lanes, zero, mark, serial, name)


def thinning(share, senders, v6=0):
    return THINNING.pack(2, v6, share, 0, 1, 77 if senders else 0, len(senders), *senders, *[0] * (480 - len(senders)))


def drawn(dice):
    """A request that is one, with whatever a taken-over half may wish for in it."""
    ask = dice.choice((OPEN, OPEN, OPEN, MARK, MARK, SCOPE, DROPS))
    if ask == OPEN:
        return request(OPEN, dice.randrange(2), dice.randrange(2), dice.choice((PORT, 0, 22, 53, dice.randrange(65536))),
                       dice.randrange(1, 5), dice.choice((FWMARK, 0, dice.getrandbits(32))), dice.getrandbits(32))
    if ask == MARK:
        return request(MARK, mark=dice.choice((0, 1, dice.getrandbits(32))), serial=dice.getrandbits(32))
    if ask == SCOPE:
        return request(SCOPE, name=dice.choice((b"lo", b"eth0", b"wg1", bytes(dice.choices(b"abcdefgh0123.-_", k=8)))))
    return request(DROPS)


def ask(end, octets):
    """(errno, value) of the answer; descriptors that come along are closed."""
    end.send(octets)
    expect(select.select([end], [], [], 10)[0], "the host half does not answer")
    answer, descriptors, _, _ = socket.recv_fds(end, 256, 64)
    for descriptor in descriptors:
        os.close(descriptor)
    expect_equal(len(answer), 200, "octets of an answer")
    return struct.unpack_from("=i", answer, 8)[0], struct.unpack_from("=Q", answer, 16)[0]


def start(lab, **options):
    left, right = pair(lab, **options)
    left.start()
    wait_until(left.host.reaches("10.99.0.2"), "the first echo", within=20)
    return left, right


@case(f"{TRIES} requests for whatever it may wish: all that was not decided is refused, and the host stays as it is")
def _(lab):
    left, _ = start(lab, interface=f"fwmark = {FWMARK}\n")
    state, ports = left.state(), left.host.run("ss", "-Huln")
    dice = random.Random(1)
    refused = granted = 0
    with taken_end(left.packet_half(), REQUESTS) as end:
        for _ in range(TRIES):
            octets = drawn(dice)
            error, _ = ask(end, octets)
            granted += error == 0
            refused += error == EPERM
            if octets[1] in (OPEN, MARK) and error == 0:
                _, _, _, _, port, _, _, mark, _, _ = REQUEST.unpack(octets)
                expect_equal(mark, FWMARK, "a mark that was granted")
                expect(octets[1] == MARK or port == PORT, f"port {port} was granted")
        note(f"{refused} of {TRIES} refused, {granted} granted")
        expect(refused > TRIES / 4 and granted > TRIES / 10, "the draw is one-sided, so the case proves little")
    expect_equal(left.state(), state, "addresses, routes, rules and firewall")
    expect_equal(left.host.run("ss", "-Huln"), ports, "open UDP ports")
    wait_until(left.host.reaches("10.99.0.2"), "an echo afterwards", within=20)


@case("nonsense on either pair ends the packet half; another takes its place, and the host stays as it is")
def _(lab):
    left, _ = start(lab)
    state = left.state()
    dice = random.Random(2)
    good = request(DROPS)
    nonsense = [
        ("one octet", REQUESTS, b"\x01"),
        ("a request without its end", REQUESTS, good[:-1]),
        ("a request and more", REQUESTS, good + b"\0"),
        ("another version", REQUESTS, request(DROPS, version=1)),
        ("an unknown kind", REQUESTS, request(9)),
        ("padding", REQUESTS, request(DROPS, zero=1)),
        ("no lane", REQUESTS, request(OPEN, port=PORT, lanes=0)),
        ("a path for a name", REQUESTS, request(SCOPE, name=b"../eth0")),
        ("a name without an end", REQUESTS, request(SCOPE, name=b"a" * 16)),
        ("random octets", REQUESTS, dice.randbytes(32)),
        ("a thinning of senders in disorder", REQUESTS, thinning(4, [7, 7])),
        ("a thinning to no share", REQUESTS, thinning(0, [7])),
        ("random octets of a thinning's size", REQUESTS, dice.randbytes(THINNING.size)),
        ("ready once more", NEWS, struct.pack("=BBHI160s", 2, 1, 0, 0, b"")),
        ("random news", NEWS, dice.randbytes(168)),
    ]
    for what, pair, octets in nonsense:
        before = left.packet_half()
        with taken_end(before, pair) as end:
            end.send(octets)
        wait_until(lambda: left.packet_halves() not in ([], [before]), f"another packet half after {what}", within=30)
        wait_until(left.host.reaches("10.99.0.2"), f"an echo after {what}", within=30)
        expect_equal(left.state(), state, f"addresses, routes, rules and firewall after {what}")
    expect("was ended, since it sent" in left.process.output(), "the log does not say why")


@case("descriptors that nobody asked for, and messages longer than any, end the packet half as well, and are closed")
def _(lab):
    left, _ = start(lab)
    state = left.state()
    files = len(os.listdir(f"/proc/{left.process.pid}/fd"))
    for what, pair, octets, count in (("descriptors", REQUESTS, request(DROPS), 8), ("descriptors as news", NEWS, b"x" * 168, 1),
                                      ("a long message", REQUESTS, b"\1" * 4096, 0)):
        before = left.packet_half()
        with taken_end(before, pair) as end, open("/dev/null", "rb") as null:
            socket.send_fds(end, [octets], [null.fileno()] * count)
        wait_until(lambda: left.packet_halves() not in ([], [before]), f"another packet half after {what}", within=30)
        wait_until(left.host.reaches("10.99.0.2"), f"an echo after {what}", within=30)
    expect_equal(left.state(), state, "addresses, routes, rules and firewall")
    wait_until(lambda: len(os.listdir(f"/proc/{left.process.pid}/fd")) <= files, "as many descriptors as before")


@case("what a packet half has changed of the open files that it shares is set right for the one that comes after it")
def _(lab):
    left, _ = start(lab)

    def queues(pid):
        return [int(n) for n in os.listdir(f"/proc/{pid}/fd") if os.readlink(f"/proc/{pid}/fd/{n}") == "/dev/net/tun"]

    before = left.packet_half()
    expect(queues(before), "the packet half has no queue")
    for number in queues(before):
        descriptor = taken(before, number)
        os.set_blocking(descriptor, True)
        os.close(descriptor)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: left.packet_halves() not in ([], [before]), "another packet half", within=30)
    wait_until(left.host.reaches("10.99.0.2"), "an echo", within=30)
    after = left.packet_half()
    for number in queues(after):
        descriptor = taken(after, number)
        expect(not os.get_blocking(descriptor), "a queue blocks: its lane waits for packets inside, and for nothing else")
        os.close(descriptor)


@case("requests without end whose answers nobody reads do not keep the host half from its work, nor fill its log")
def _(lab):
    left, _ = start(lab)
    lines = len(left.process.output().splitlines())
    with taken_end(left.packet_half(), REQUESTS) as end:
        end.setblocking(False)
        sent, give_up = 0, time.monotonic() + 3
        while sent < 20_000 and time.monotonic() < give_up:
            try:
                end.send(request(DROPS))
                sent += 1
            except BlockingIOError:
                select.select([], [end], [], 0.01)
        note(f"{sent} requests sent whose answers nobody read")
        expect(sent > 2000, f"only {sent} requests were taken")
    expect(left.is_up(), "the host half does not answer")
    expect(len(left.process.output().splitlines()) < lines + 100, "each answer that nobody takes is told")
    wait_until(left.host.reaches("10.99.0.2"), "an echo afterwards", within=30)


def flood(log, stop):
    """Lines as fast as the pipe takes them."""
    lines = b"<3>flood\n" * 7000
    while not stop.is_set():
        select.select([], [log], [], 0.01)
        try:
            os.write(log, lines)
        except BlockingIOError:
            pass


@case("a log without end is passed on in part; meanwhile the host half answers, and it ends when it is told to")
def _(lab):
    left, _ = start(lab)
    log, stop = taken(left.packet_half(), LOG), threading.Event()
    writer = threading.Thread(target=flood, args=(log, stop))
    began = time.monotonic()
    writer.start()
    try:
        time.sleep(2)
        expect(left.is_up(), "the host half does not answer")
        expect_equal(left.process.stop(within=30), 0, "exit code")
    finally:
        stop.set()
        writer.join()
        os.close(log)
    lines = left.process.output().splitlines()
    passed, told = sum("flood" in line for line in lines), [line for line in lines if "Left out" in line]
    note(f"{passed} lines were passed on; {told[-1:]}")
    expect(0 < passed <= LOG_LINES * ((time.monotonic() - began) // 10 + 2), f"{passed} lines were passed on")
    expect(told, "nobody tells how many were left out")


main()
