#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A rekey in real time: keys are renewed after 120 s while numbered packets fly both ways, and not one may be lost, repeated,
reordered or changed. The virtual clock of the unit tests covers the rest of the timers; this is the one look at a real clock.
"""
import time

from lab import case, expect, expect_equal, main, note
from tunnel import (CULVERTD, WIREGUARD_GO, capture_all_but_data, expect_nothing_lost_between, expect_perfect,
                    initiations_and_responses, pair, start_numbered_udp, start_udp_echo)

SECONDS = 132
RATE = 800  # packets a second, each way
PAIRS = ((CULVERTD, WIREGUARD_GO), (WIREGUARD_GO, CULVERTD), (CULVERTD, CULVERTD))


@case(f"a handshake after 120 s costs no packet of {SECONDS} s of traffic, with Culvert at either end and at both")
def _(lab):
    running = []
    for serial, (initiator, responder) in enumerate(PAIRS):
        left, right, router = pair(lab, initiator, responder, serial=serial)
        capture = capture_all_but_data(router, "left", 4)
        start_udp_echo(right)
        sender = start_numbered_udp(left, right.inside[4], "--seconds", SECONDS, "--rate", RATE, "--seed", serial + 1)
        running.append((left, right, capture, sender))
    time.sleep(5)
    first = [(left.handshake_time(right), right.handshake_time(left)) for left, right, _, _ in running]

    for (left, right, capture, sender), before in zip(running, first):
        what = f"{left.kind} to {right.kind}"
        result = sender.result(within=SECONDS + 60)
        expect_perfect(result, RATE * SECONDS // 2)
        capture.stop()
        expect_equal(initiations_and_responses(capture, 4), (2, 2), f"initiations and responses, {what}")
        for end, other, old in ((left, right, before[0]), (right, left, before[1])):
            age = end.handshake_time(other) - old
            expect(118 <= age <= 128, f"the second handshake at {end.kind} is {age} s after the first, wanted 120")
        if left.kind == right.kind == CULVERTD:
            expect_nothing_lost_between(left, right)
        note(f"{what}: {result['sent']} numbered packets in {result['seconds']:.0f} s, two handshakes, nothing lost; "
             f"the longest silence was {result['longest_gap'] * 1000:.0f} ms")


main()
