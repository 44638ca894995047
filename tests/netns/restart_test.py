#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An end dies without a word and comes back, or the link does: traffic returns within the bounds that follow from the protocol.

    the end that came back speaks first    one round trip
    the other end speaks                   10 + 5 s to notice the silence, and up to a third of a second
    the link comes back                    the next try, at most 5 s and a third later
"""
import signal
import time

from lab import case, expect, main, note, wait_until
from tunnel import CULVERTD, DEAD_PEER, RETRY, WIREGUARD_GO, connect, expect_echo, pair

PAIRS = ((CULVERTD, WIREGUARD_GO), (WIREGUARD_GO, CULVERTD), (CULVERTD, CULVERTD))


def crash_and_return(end):
    end.stop(signal.SIGKILL)
    end.start()


def recover(asker, address, within, what):
    started = time.monotonic()
    wait_until(asker.reaches(address), what, within=within, every=0)
    return time.monotonic() - started


for mortal, survivor in PAIRS:
    @case(f"{mortal} is killed, returns and speaks first: {survivor} accepts it at once")
    def _(lab, mortal=mortal, survivor=survivor):
        left, right, _ = pair(lab, mortal, survivor)
        expect_echo(left, right)
        crash_and_return(left)
        connect(left, right)
        expect(left.host.ping(right.inside[4], 1, timeout=2) == 1, "the first echo after the return was not answered")
        expect_echo(right, left)


@case("an end is killed and returns, and only the other speaks: found again within 15.4 s, with Culvert at either end and at both")
def _(lab):
    pairs = []
    for serial, (survivor, mortal) in enumerate(PAIRS):
        left, right, _ = pair(lab, survivor, mortal, serial=serial)
        expect_echo(left, right)
        pairs.append((left, right))
    for left, right in pairs:
        crash_and_return(right)
        right.add_peer(left)
    # One echo every half second each, all at once: what counts is when the first is answered.
    started = time.monotonic()
    askers = [left.host.spawn("ping", "-n", "-i", "0.5", "-c", "1000", right.inside[4]) for left, right in pairs]
    for (left, right), asker in zip(pairs, askers):
        rest = started + DEAD_PEER - time.monotonic()
        wait_until(lambda: "bytes from" in asker.output(), f"{left.kind} to find {right.kind} again", within=max(rest, 0))
        note(f"{left.kind} found {right.kind} again after at most {time.monotonic() - started:.1f} s")


for initiator, responder in PAIRS:
    @case(f"{initiator} keeps trying while the link to {responder} is dead, and succeeds within 5.4 s of its return")
    def _(lab, initiator=initiator, responder=responder):
        left, right, router = pair(lab, initiator, responder)
        router.run("nft", "add table inet fault; add chain inet fault f { type filter hook forward priority 0; policy drop; }")
        expect(left.host.ping(right.inside[4], 1, timeout=1) == 0, "the link is not dead, so the case proves nothing")
        time.sleep(6.5)
        router.run("nft", "delete table inet fault")
        took = recover(left.host, right.inside[4], RETRY, "the next try to succeed")
        note(f"{took:.1f} s after the return")


main()
