#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two daemons carry numbered packets for as long as they are told to, an hour without a word, and are watched.

    CULVERTD=build-release/src/daemon/culvertd tests/faults/soak.py [SECONDS]        (tools/dev soak [SECONDS])

What must hold: no packet lost, doubled or changed, also at the renewal of a session every two minutes; after the first tenth of
the time memory grows by no more than a MiB, and descriptors and threads are as many as then; the books of packets add up exactly
at each end, all the time, and what one end sent the other received. One line a minute says how it goes.
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "netns"))

from lab import case, expect, main, note  # noqa: E402
from tunnel import (CULVERTD, expect_echo, expect_nothing_lost_between, expect_perfect, pair, start_numbered_udp,  # noqa: E402
                    start_udp_echo)

SECONDS = int(os.environ.get("CULVERT_SOAK") or (sys.argv[1] if len(sys.argv) > 1 else 3600))
RATE = 2000
MEBI = 1 << 20


def figures(tunnel):
    """(octets of memory, descriptors, threads) of both halves."""
    memory = files = threads = 0
    for pid in tunnel.process.pids():
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            memory += int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        files += len(os.listdir(f"/proc/{pid}/fd"))
        threads += len(os.listdir(f"/proc/{pid}/task"))
    return memory, files, threads


@case(f"{SECONDS} s under load: nothing is lost, and memory, descriptors and threads stay as they were")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    start_udp_echo(right)
    expect_echo(left, right)
    sender = start_numbered_udp(left, right.inside[4], "--rate", RATE, "--seconds", SECONDS)
    started = time.monotonic()
    first, said = None, 0.0
    while sender.running():
        time.sleep(1)
        passed = time.monotonic() - started
        if first is None and passed > SECONDS / 10:
            first = [figures(end) for end in (left, right)]
        if passed - said >= 60:
            said = passed
            for end in (left, right):
                end.settled_status()
            note(f"{passed:6.0f} s: books exact, " + ", ".join(
                f"{end.name} {memory / MEBI:.1f} MiB {files} descriptors {threads} threads"
                for end, (memory, files, threads) in ((e, figures(e)) for e in (left, right))))
    expect_perfect(sender.result(within=60), least=SECONDS * RATE // 4)
    for end, before, now in zip((left, right), first, (figures(end) for end in (left, right))):
        expect(now[0] - before[0] <= MEBI, f"the memory of {end.name} grew by {(now[0] - before[0]) / MEBI:.1f} MiB")
        expect(now[1] <= before[1] and now[2] == before[2], f"descriptors and threads of {end.name}: {before[1:]}, then {now[1:]}")
    time.sleep(12)  # the last keepalives
    sent, received = left.transfer(right), right.transfer(left)
    expect(sent[1] == received[0] and sent[0] == received[1], f"the ends count differently: {sent}, {received}")
    expect_nothing_lost_between(left, right)
    for end, other in ((left, right), (right, left)):
        status = end.settled_status()
        note(f"{end.name}: {status['packets']}; lost on the way here: {status['peers'][other.public].get('lossHere')}")


sys.argv[1:] = []  # what is left would choose among the cases
main()
