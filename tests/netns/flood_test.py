#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A flood of handshake messages that fills control's socket: the kernel holds its senders back, and a newcomer gets in beside it.

How fast this machine is decides nothing here: the packet half is stopped for a moment while each volley arrives, so its
socket overflows however few they are.
"""
from lab import case, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, Tunnel, connect, expect_echo

VOLLEY = 3000  # datagrams; the socket holds a quarter of them
# Initiations by type and length, with a mac1 that fits nobody: the cheapest to refuse, so the hardest to overflow with.
FLOOD = """
import os, signal, socket, sys, time
pid, family, address, port, seconds = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5])
s = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))
end = time.monotonic() + seconds
while time.monotonic() < end and not told:
    os.kill(pid, signal.SIGSTOP)
    for _ in range(%d):
        s.sendto(b"\\x01\\0\\0\\0" + b"x" * 144, (address, port))
    os.kill(pid, signal.SIGCONT)
    time.sleep(0.02)
""" % VOLLEY


def flood(flooder, end, family, seconds):
    packet_half = max(end.process.pids())
    return flooder.spawn("python3", "-c", FLOOD, packet_half, family, end.host.addresses[family], end.port, seconds, label=f"flood-{family}")


def control(end):
    return end.status()["control"]


@case("the senders of a flood are held back while it lasts, others are not, and the log tells of its beginning and end")
def _(lab):
    a, router, b = lab.routed_pair()
    right = Tunnel(b, CULVERTD, 2)
    for number, family in enumerate((4, 6)):
        before = control(right)
        volleys = flood(router, right, family, seconds=40)
        wait_until(lambda: control(right)["thinnedSenders"] == 1, f"the flood by IPv{family} to be held back", within=30)
        newcomer = Tunnel(a, CULVERTD, 3 + number)
        connect(newcomer, right, family)
        wait_until(a.reaches(right.inside[4]), f"a newcomer's echo beside a flood by IPv{family}", within=20)
        expect_equal(control(right)["thinnedSenders"], 1, "senders held back beside a newcomer")
        volleys.stop()
        wait_until(lambda: control(right)["thinnedSenders"] == 0, "the flood to be over", within=30)
        after = control(right)
        refused, held = (after["drops"].get("bad_mac1", 0) - before["drops"].get("bad_mac1", 0),
                         after["outside"]["kernelDrops"] - before["outside"]["kernelDrops"])
        note(f"IPv{family}: {refused} were refused by us, {held} by the kernel")
        expect(held > VOLLEY // 2, "the kernel dropped too few for a flood")
        expect_echo(newcomer, right, count=3)
        newcomer.stop()
    lines = [line for line in right.process.output().splitlines() if "flood" in line]
    expect_equal(sum("(senders: 1)" in line for line in lines), 2, f"beginnings in {lines}")
    expect_equal(sum("is over" in line for line in lines), 2, f"ends in {lines}")
    expect_equal(len(lines), 4, f"lines about floods: {lines}")


@case("the address of a peer is never held back, or a forger could cut that peer off")
def _(lab):
    a, _, b = lab.routed_pair()
    left, right = Tunnel(a, CULVERTD, 1), Tunnel(b, CULVERTD, 2)
    connect(left, right)
    wait_until(a.reaches(right.inside[4]), "the first echo", within=20)
    before = control(right)["outside"]["kernelDrops"]
    volleys = flood(a, right, 4, seconds=40)
    wait_until(lambda: control(right)["outside"]["kernelDrops"] - before > 20 * VOLLEY, "the flood to overflow often", within=60)
    expect_equal(control(right)["thinnedSenders"], 0, "senders held back")
    volleys.stop()


@case("the flood's filter goes with its socket: behind a new port nobody is held back")
def _(lab):
    _, router, b = lab.routed_pair()
    right = Tunnel(b, CULVERTD, 2)
    volleys = flood(router, right, 4, seconds=40)
    wait_until(lambda: control(right)["thinnedSenders"] == 1, "the flood to be held back", within=30)
    volleys.stop()
    right.wg("listen-port", right.port + 1)
    expect_equal(control(right)["thinnedSenders"], 0, "senders held back behind a new port")
    before = control(right)["drops"].get("bad_mac1", 0)
    router.run("python3", "-c", "import socket,sys\n"
               "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
               "for _ in range(64): s.sendto(b'\\x01\\0\\0\\0' + b'x' * 144, (sys.argv[1], int(sys.argv[2])))\n",
               right.host.addresses[4], right.port + 1)
    wait_until(lambda: control(right)["drops"].get("bad_mac1", 0) - before == 64, "all messages to arrive behind the new port")


main()
