#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A bad path between the ends: loss, repetition, reordering, delay and damage, drawn from a fixed seed. The tunnel adds no fault
of its own: nothing comes twice, nothing is changed, and as many packets are lost as the path took, not one more.

Six of 60 cells of loss, delay and weather; CULVERT_CELLS=all takes each of them, which is a quarter of an hour. What TCP gets
through in each is compared with the same path under packets that are carried as they are.
"""
import math
import os

from lab import case, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, WIREGUARD_GO, Relay, Tunnel, start_numbered_udp, start_udp_echo, transfer_tcp

ALL = os.environ.get("CULVERT_CELLS", "") == "all"
COUNT = 2000  # numbered packets of a cell
SEGMENT = 1360

LOSSES = (1, 2, 5, 10, 20)  # per cent, each way
DELAYS = (0, 20, 100)  # ms, each way
WEATHERS = {
    "steady": (),
    "jitter of 20 ms": ("--jitter", 20),
    "25 % late": ("--reorder", 0.25),
    "25 % late and 1 % doubled": ("--reorder", 0.25, "--jitter", 5, "--duplicate", 0.01),
}
CELLS = [(loss, delay, weather) for loss in LOSSES for delay in DELAYS for weather in WEATHERS]
FEW = ((1, 0, "25 % late and 1 % doubled"), (2, 20, "steady"), (5, 0, "25 % late"), (5, 100, "jitter of 20 ms"),
       (10, 20, "25 % late and 1 % doubled"), (20, 0, "steady"))
OTHERS = (
    ("20 % repeated", "--duplicate", 0.2),
    ("5 % damaged", "--corrupt", 0.05),
    ("all at once", "--loss", 0.05, "--duplicate", 0.05, "--reorder", 0.05, "--delay", 5, "--jitter", 5, "--corrupt", 0.02),
)
ratios = []  # of TCP's throughput through the tunnel to that without, one a cell that was compared


def through(lab, left_kind, right_kind, *options):
    a, router, b = lab.routed_pair()
    left, right = Tunnel(a, left_kind, 1), Tunnel(b, right_kind, 2)
    relay = Relay(router, "10.1.0.2:4500", right.endpoint(4), *options)
    right.add_peer(left)
    left.add_peer(right, endpoint="10.1.0.2:4500")
    # With 20 % lost each way a handshake needs 1.6 tries on average, 5 s apart.
    wait_until(left.host.reaches(right.inside[4]), "the first echo", within=90)
    return left, right, relay


def expect_no_fault_added(left, right, relay, delay=0):
    start_udp_echo(right)
    before = relay.command("stats")["taken"]
    sender = start_numbered_udp(left, right.inside[4], "--count", COUNT, "--patience", 0.4 + delay / 200, "--window", 128,
                                "--rate", 1500)
    result = sender.result(within=240)
    after = relay.command("stats")
    taken = {kind: after["taken"].get(kind, 0) - before.get(kind, 0) for kind in ("out data", "back data")}
    note(f"of {result['sent']} numbered packets {result['lost']} lost and {result['reordered']} reordered; the path took {taken}")
    expect_equal(result["duplicated"], 0, "packets that came twice")
    expect_equal(result["corrupted"], 0, "packets that were changed")
    expect_equal(after["treated"].get("refused", 0), 0, "datagrams that the relay could not send")
    # What is counted here is ours: the other program drops some of its own when the machine is busy.
    least = sum(taken.values())
    most = least if right.kind == CULVERTD else least + result["sent"] // 50
    expect(least <= result["lost"] <= most, f"{result['lost']} packets lost, where the path took {least}")


class PlainEnd:
    """One end of the same path without a tunnel, as far as a transfer of TCP needs it."""

    def __init__(self, host, number, *peer):
        self.host, self.kind, self.inside = host, "plain", {4: f"10.97.0.{number}"}
        name = f"plain{number}"
        process = host.script("plain_tunnel.py", name, 5000, *peer)
        wait_until(lambda: "ready" in process.output(), "the plain carrier to be ready")
        host.ip("addr", "add", f"{self.inside[4]}/24", "dev", name)
        host.ip("link", "set", name, "mtu", 1420, "up")


def compare_tcp(left, right, loss, delay, options):
    """The same octets through the tunnel and without; how many follows from what TCP can do at such a loss (Mathis)."""
    p, round_trip = loss / 100, 2 * delay / 1000 + 0.01
    octets = round(min(8 << 20, max(64 << 10, 3 * SEGMENT / round_trip * 1.2 / math.sqrt(2 * p))))
    router = left.host.lab.hosts["router"]
    Relay(router, "10.1.0.2:4600", "10.2.0.1:5000", *options)
    one, other = PlainEnd(left.host, 1, "10.1.0.2:4600"), PlainEnd(right.host, 2)
    wait_until(one.host.reaches(other.inside[4]), "an echo without the tunnel", within=30)
    tunnelled = transfer_tcp(left, right, octets, port=7009)
    plain = transfer_tcp(one, other, octets, port=7010)
    note(f"TCP, {octets >> 10} KiB: {tunnelled / 1000:.0f} kB/s in the tunnel, {plain / 1000:.0f} kB/s without")
    ratios.append(tunnelled / plain)


for loss, delay, weather in CELLS if ALL else FEW:
    @case(f"{loss} % lost, {delay} ms, {weather}: as many packets are lost as the path takes, none comes twice, and TCP gets through")
    def _(lab, loss=loss, delay=delay, weather=weather):
        options = ("--loss", loss / 100, "--delay", delay, *WEATHERS[weather])
        left, right, relay = through(lab, CULVERTD, CULVERTD, *options)
        expect_no_fault_added(left, right, relay, delay)
        if loss <= 5:
            compare_tcp(left, right, loss, delay, options)
        else:
            transfer_tcp(left, right, 64 << 10)  # so little comes through that its pace is a matter of luck


for right_kind in (WIREGUARD_GO, CULVERTD):
    for name, *options in OTHERS:
        @case(f"{CULVERTD} to {right_kind}, {name}: as many packets are lost as the path takes, and TCP gets through")
        def _(lab, right_kind=right_kind, options=options):
            left, right, relay = through(lab, CULVERTD, right_kind, *options)
            expect_no_fault_added(left, right, relay)
            transfer_tcp(left, right, 256 << 10)


@case("TCP gets as much through bad paths in the tunnel as without")
def _(lab):
    if not ratios:
        return note("no cell was run")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    note(f"{len(ratios)} cells: {min(ratios):.2f} to {max(ratios):.2f} times what comes through without, on average {mean:.2f} times")
    # A loss at another moment changes a transfer's time twofold: what holds is the mean of many.
    expect(mean >= (0.8 if ALL else 0.4), f"on average {mean:.2f} times what comes through without the tunnel")


main()
