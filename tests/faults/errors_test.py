#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The N-th call of a system call fails, for N = 1, 2, 3 and so on, until a whole life of a tunnel passes without the failure.

One life: start, configuration, link up, an echo each way, end. Whatever call fails, either the program does not start, says so
and leaves nothing behind; or all comes about, if need be at the second try of a command or the next try of a handshake.

The run is bounded in time, and goes through the rows in turn; CULVERT_FAULTS=all takes every N of every row instead, and as
long as it takes.
"""
import errno
import os
import struct
import threading
import time

from lab import Failure, case, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, Tunnel

ALL = os.environ.get("CULVERT_FAULTS", "") == "all"
SECONDS = 25
STANDS = 8  # most of a life is waiting, so several are lived at once
RECOVERY = 60  # a handshake and the opening of sockets are tried again after 5 s; the rest is for a busy machine

# Call and errors. Not epoll_ctl: asio does not look at its result where it watches descriptors of its own.
ROWS = [
    ("sendmmsg", "ENOBUFS EPERM ENETUNREACH EHOSTUNREACH EIO EINVAL EMSGSIZE EADDRNOTAVAIL EOPNOTSUPP"),
    ("recvmmsg", "ECONNREFUSED EINTR ENOMEM EAGAIN"),
    ("sendmsg", "ENOBUFS ENOMEM EINTR"),
    ("recvmsg", "ENOBUFS EINTR"),
    ("read", "EINTR EIO EAGAIN"),
    ("write", "EINTR EAGAIN ENOSPC"),
    ("readv", "EINTR EAGAIN"),
    ("writev", "EINVAL EAGAIN ENOMEM"),
    ("socket", "EMFILE ENOBUFS"),
    ("socketpair", "EMFILE"),
    ("bind", "EADDRINUSE EACCES"),
    ("listen", "EADDRINUSE"),
    ("accept4", "EMFILE ECONNABORTED EINTR"),
    ("setsockopt", "ENOPROTOOPT EPERM ENOMEM"),
    ("getsockopt", "ENOBUFS"),
    ("getsockname", "ENOBUFS"),
    ("ioctl", "EINVAL EBUSY ENOMEM"),
    ("open64", "EMFILE EACCES"),
    ("epoll_create1", "EMFILE"),
    ("epoll_wait", "EINTR"),
    ("eventfd", "EMFILE"),
    ("timerfd_create", "EMFILE"),
    ("timerfd_settime", "ECANCELED"),
]


class Fault:
    """One planned failure, and the book in which the library that injects it keeps count."""

    def __init__(self, lab, call, error, first):
        self.call, self.error, self.first = call, error, first
        self.book = lab.path("book")
        with open(self.book, "wb") as book:
            book.write(bytes(16))

    def __str__(self):
        return f"{self.call} number {self.first} fails with {self.error}"

    def environment(self):
        return {"LD_PRELOAD": os.environ["CULVERT_FAILING_CALLS"],
                "CULVERT_FAULT": f"{self.call}:{getattr(errno, self.error)}:{self.first}:1",
                "CULVERT_FAULT_BOOK": self.book}

    def happened(self):
        with open(self.book, "rb") as book:
            return struct.unpack("<QQ", book.read(16))[1] > 0


def twice(host, *command):
    """A command that asks the program for something may meet the failure; the next one must not."""
    code, _ = host.attempt(*command)
    if code != 0:
        code, text = host.attempt(*command)
        expect(code == 0, f"`{' '.join(map(str, command))}` failed twice: {text.strip()}")


class Stand:
    """Two hosts; the program on the right is healthy and stays, the one on the left lives one life after the other."""

    def __init__(self, lab, serial):
        self.lab = lab
        self.host, _, other = lab.routed_pair(str(serial))
        self.right = Tunnel(other, CULVERTD, 2 * serial + 2)
        self.left = Tunnel(self.host, CULVERTD, 2 * serial + 1)  # for its keys and names
        self.right.add_peer(self.left)
        self.left.stop()

    def life(self, fault):
        """Raises Failure. False: the program did not start, and said so."""
        left, host = self.left, self.host
        environment = {**os.environ, "WG_PROCESS_FOREGROUND": "1", **fault.environment()}
        left.process = host.spawn(os.environ["CULVERTD"], "-f", left.name, env=environment, label="left")
        wait_until(lambda: left._ready() or not left.process.running(), "the program to start or to end", within=RECOVERY)
        if not left.process.running():
            expect(left.process.wait() != 0, "it ended at its start as if all were well")
            expect(left.process.output().strip(), "it ended at its start without a word")
            self.expect_nothing_left()
            return False
        try:
            self.use()
        except Failure:
            # It may have found out only after its socket answered: then it must have said so, and be gone.
            time.sleep(1)
            if left.process.running() or left.process.wait() == 0 or not left.process.output().strip():
                raise
            self.expect_nothing_left()
            return False
        code = left.process.stop(within=RECOVERY)
        expect(code == 0, f"it ended with {code} by SIGTERM")
        self.expect_nothing_left()
        return True

    def use(self):
        left, host = self.left, self.host
        twice(host, "wg", "set", left.name, "private-key", left.key_file, "listen-port", left.port,
              "peer", self.right.public, "allowed-ips", f"{self.right.inside[4]}/32", "endpoint", self.right.endpoint(4))
        twice(host, "ip", "addr", "replace", f"{left.inside[4]}/24", "dev", left.name)
        twice(host, "ip", "link", "set", left.name, "up")
        self.await_echo(host.reaches(self.right.inside[4]), "an echo from the left")
        self.await_echo(self.right.host.reaches(left.inside[4]), "an echo from the right")
        twice(host, "wg", "show", left.name, "dump")

    def await_echo(self, reaches, what):
        wait_until(lambda: reaches() or not self.left.process.running(), what, within=RECOVERY)
        expect(self.left.process.running(), f"it ended instead of {what}")

    def expect_nothing_left(self):
        wait_until(lambda: not self.host.has_link(self.left.name), "the link to go with its program")
        expect(not os.path.exists(f"/var/run/wireguard/{self.left.name}.sock"), "the socket file stays behind")

    def abandon(self):
        if self.left.process.running():
            self.left.process.stop(9)


class Programme:
    """Which failure is next, and what was seen. Shared by the threads of all stands."""

    def __init__(self, rows, seconds=None):
        self.waiting = [(call, error, 1) for call, errors in rows for error in errors.split()]
        self.rows = len(self.waiting)
        self.end = time.monotonic() + seconds if seconds else float("inf")
        self.lives = self.refused = self.ended_rows = 0
        self.wrong = []
        self.lock = threading.Lock()

    def next(self, at_least_one):
        with self.lock:
            goes_on = at_least_one or time.monotonic() < self.end
            return self.waiting.pop(0) if self.waiting and goes_on else None

    def live(self, stand):
        first = True
        while row := self.next(at_least_one=first):
            first = False
            fault = Fault(stand.lab, *row)
            verdict, came_up = None, True
            try:
                came_up = stand.life(fault)
            except Exception as failure:  # whatever it is, it belongs to this failure and not to the thread
                verdict = f"{fault}: {failure}\n{stand.left.process.output()[-2000:]}"
                stand.abandon()
            with self.lock:
                self.lives += 1
                self.refused += not came_up
                if verdict:
                    self.wrong.append(verdict)
                if fault.happened():
                    self.waiting.append((fault.call, fault.error, fault.first + 1))
                else:
                    self.ended_rows += 1


def run_through(lab, programme, stands=STANDS):
    threads = [threading.Thread(target=programme.live, args=(Stand(lab, serial),)) for serial in range(stands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    note(f"{programme.lives} lives, {programme.refused} of which were refused at the start; "
         f"{programme.ended_rows} of {programme.rows} rows seen to their end")
    expect(programme.lives >= stands, "hardly anything was tried, so the case proves nothing")
    expect(not programme.wrong, "\n".join(programme.wrong))


@case("whichever call fails at whichever time: the tunnel comes about, or the start fails with a word and without a trace")
def _(lab):
    run_through(lab, Programme(ROWS, None if ALL else SECONDS))


@case("whichever message of one half the other cannot read for a moment: it is read later, or the start fails with a word")
def _(lab):
    programme = Programme([("recvmsg", "ENOBUFS ENOMEM")])
    run_through(lab, programme, stands=2)
    expect_equal(programme.ended_rows, programme.rows, "rows seen to their end")


main()
