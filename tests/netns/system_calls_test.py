#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The system calls of both halves in a tunnel's whole life, as strace sees them, are those of system_calls.txt and no others.

A change that brings another call shows here, and in the difference of that file: it is looked at, and allowed or not. With
CULVERT_STORE=1 the file is written anew.
"""
import os
import re
import signal

import books
from configured_end import PROGRAM, ask, gateway, pair, peer
from lab import HERE, STATUS_SOCKETS, Skip, case, children, expect, expect_equal, main, note, wait_until
from tunnel import expect_echo, random_public_keys, transfer_tcp

STORED = os.path.join(HERE, "system_calls.txt")
HALVES = ("host half", "packet half")
# Made or not as threads and memory happen to fall.
SOMETIMES = {"futex", "madvise", "brk", "mmap", "munmap", "mremap", "mprotect", "restart_syscall", "sched_yield", "rt_sigreturn",
             "tgkill", "getrandom", "clock_nanosleep", "gettid", "set_robust_list", "rseq", "exit", "lseek"}
METRICS = '[observe]\nmetrics_listen = "127.0.0.1:9586"\n'
# Of these the argument named says what is done.
BY_ARGUMENT = {"ioctl": 1, "fcntl": 1, "prctl": 0, "socket": 0}

LINE = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")


def named(call, arguments):
    """The call as the list has it: with the option that is set or the command that is given."""
    words = [word.strip() for word in arguments.split(",")]
    if call in ("setsockopt", "getsockopt") and len(words) > 2:
        return f"{call} {words[1]} {words[2].removesuffix(')')}"
    if call in BY_ARGUMENT and len(words) > BY_ARGUMENT[call]:
        return f"{call} {re.split(r'[ )]', words[BY_ARGUMENT[call]])[0]}"
    return call


class Trace:
    """What each process did from its filter on. Threads belong to the process that made them."""

    def __init__(self, path):
        self.process, self.parent, self.filtered = {}, {}, set()
        self.calls, self.killed = {}, []
        begun = {}
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if "killed by SIGSYS" in line:
                    self.killed.append(line.strip())
                match = LINE.match(line)
                if not match:
                    continue
                thread, resumed, call, rest = int(match[1]), match[2], match[3], match[4]
                if call and rest.endswith("<unfinished ...>"):
                    begun[thread] = rest
                    self.take(thread, call, rest)
                elif resumed:
                    self.end(thread, resumed, begun.pop(thread, "") + rest)
                else:
                    self.take(thread, call, rest)
                    self.end(thread, call, rest)

    def take(self, thread, call, arguments):
        process = self.process.setdefault(thread, thread)
        if process in self.filtered:
            self.calls.setdefault(process, set()).add(named(call, arguments))

    def end(self, thread, call, whole):
        result = re.search(r"= (\d+)", whole)
        if not result:
            return
        if call in ("clone", "clone3", "fork", "vfork") and int(result[1]) > 0:
            child, process = int(result[1]), self.process.setdefault(thread, thread)
            if "CLONE_THREAD" in whole:
                self.process[child] = process
            else:
                self.parent[child] = process
        if call == "seccomp" and "SECCOMP_SET_MODE_FILTER" in whole and "NULL" not in whole:
            self.filtered.add(self.process[thread])

    def of_halves(self):
        """By half. The host half is the parent of all others."""
        (first,) = (process for process in self.filtered if process not in self.parent)
        calls = {half: set() for half in HALVES}
        for process, made in self.calls.items():
            calls["host half" if process == first else "packet half"] |= made
        return calls


def stored():
    calls, half = {half: set() for half in HALVES}, None
    with open(STORED, encoding="utf-8") as lines:
        for line in lines:
            line = line.split("#")[0].strip()
            if line.endswith(":"):
                half = line[:-1]
            elif line:
                calls[half].add(line)
    return calls


def store(calls):
    with open(STORED, "w", encoding="utf-8") as file:
        file.write("# The system calls that each half makes once it has its filter, held by system_calls_test.py.\n")
        for half in HALVES:
            file.write(f"\n{half}:\n" + "".join(f"  {call}\n" for call in sorted(calls[half])))


def live(lab, left, right):
    """A tunnel's life: all that users do with it."""
    expect_echo(left, right)
    for sender, receiver in ((left, right), (right, left)):
        transfer_tcp(sender, receiver, 8 << 20)
    left.host.ip("route", "add", "local", "10.200.0.1", "dev", "lo")
    ((packet_half,),) = (children(daemon) for daemon in children(left.process.pid))
    volleys = left.host.script("volleys.py", packet_half, "10.1.0.1", 51820, 40, "10.200.0.1")
    wait_until(lambda: books.ask(f"{STATUS_SOCKETS}/wg1.sock")["control"]["thinnedSenders"] == 1, "a flood to be held back", within=35)
    volleys.stop()
    wait_until(lambda: books.ask(f"{STATUS_SOCKETS}/wg1.sock")["control"]["thinnedSenders"] == 0, "the flood to be over", within=30)
    left.host.run("wg", "show", "wg1")
    left.host.run("wg", "set", "wg1", "peer", random_public_keys(1)[0], "allowed-ips", "10.77.0.0/24", "persistent-keepalive", "1",
                  "endpoint", "10.2.0.77:1")
    culvert = os.environ["CULVERT"]
    left.host.run(culvert, "status", "wg1")
    left.host.run(culvert, "status", "--json", "wg1")
    left.host.attempt(culvert, "doctor", "wg1", within=90)
    inner = lab.path("inner.pcapng")
    watchers = [left.host.spawn(culvert, "events", "--follow", "wg1"),
                left.host.spawn(culvert, "capture", "wg1", "-w", inner)]
    left.host.run("curl", "-sf", "--max-time", "20", "http://127.0.0.1:9586/metrics")
    wait_until(lambda: os.path.exists(inner) and os.path.getsize(inner), "the capture")
    expect_echo(left, right)
    for n, interface in enumerate(('mtu = 1300\n[dns]\nservers = ["10.99.0.2"]\nbackend = "file"\n', "[firewall]\nkill_switch = true\n",
                                   "[gateway]\nmasquerade = true\n[limits]\nsocket_buffer = 1000000\n", "lanes = 1\n")):
        others = [peer(f"other-{i}", key, [f"10.{80 + n}.{i}.0/24"]) for i, key in enumerate(random_public_keys(3))]
        left.write(gateway(right), *others, interface=interface + METRICS)
        answer = ask({"do": "reload"})
        expect(answer["ok"], f"the reload: {answer}")
    left.host.ip("link", "set", "wg1", "down")
    left.host.ip("link", "set", "wg1", "up")
    wait_until(left.host.reaches("10.99.0.2"), "an echo after the link was down, which took the routes along", within=30)
    right.host.ip("addr", "flush", "dev", "eth0")  # its router says that nobody is there
    left.host.run("wg", "set", "wg1", "peer", right.public, "endpoint", "10.2.0.99:9")
    left.host.ping("10.99.0.2", 2, timeout=1)
    for watcher in watchers:
        watcher.stop()



@case("from its filter on, each half makes the system calls of the stored list and no others, and none ends it")
def _(lab):
    if os.environ.get("CULVERT_FILTERED") == "no":
        raise Skip("this build has no filter of system calls, since its sanitizers make calls of their own")
    left, right = pair(lab, interface=METRICS)
    traced = lab.path("system-calls")
    left.start("strace", "-f", "-qq", "-e", "signal=none", "-o", traced)
    wait_until(left.host.reaches("10.99.0.2"), "an echo", within=30)
    live(lab, left, right)
    (daemon,) = children(left.process.pid)
    os.kill(daemon, signal.SIGTERM)
    expect_equal(left.process.wait(60), 0, "exit code")
    trace = Trace(traced)
    expect_equal(trace.killed, [], "processes that the filter ended")
    seen = trace.of_halves()
    if os.environ.get("CULVERT_STORE"):
        store(seen)
    wanted = stored()
    for half in HALVES:
        note(f"{half}: {len(seen[half])} kinds of calls")
        expect(len(seen[half]) > 10, f"the {half} was hardly seen: {sorted(seen[half])}")
        new = {call for call in seen[half] - wanted[half] if call not in SOMETIMES}
        expect(not new, f"the {half} makes calls that {os.path.basename(STORED)} does not have: {sorted(new)}")
        gone = {call for call in wanted[half] - seen[half] if call not in SOMETIMES}
        expect(not gone, f"the {half} makes these calls of {os.path.basename(STORED)} no more: {sorted(gone)}")


main()
