#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A flood of handshake messages that fills control's socket: the kernel holds its senders back, and a newcomer gets in beside it.

How fast this machine is decides nothing here: see volleys.py.
"""
from lab import Skip, case, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, Tunnel, connect, expect_echo

VOLLEY = 3000  # datagrams, as in volleys.py


def flood(flooder, end, family, seconds):
    packet_half = max(end.process.pids())
    return flooder.script("volleys.py", packet_half, end.host.addresses[family], end.port, seconds)


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
    expect_equal(sum("back any more" in line for line in lines), 2, f"ends in {lines}")
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
    volleys.stop()
    lines = [line for line in right.process.output().splitlines() if "flood" in line]
    expect_equal(lines, [], "lines about floods")


@case("the flood's filter goes with its socket: behind a new port nobody is held back")
def _(lab):
    _, router, b = lab.routed_pair()
    right = Tunnel(b, CULVERTD, 2)
    volleys = flood(router, right, 4, seconds=40)
    wait_until(lambda: control(right)["thinnedSenders"] == 1, "the flood to be held back", within=30)
    volleys.stop()
    right.wg("listen-port", right.port + 1)
    expect_equal(control(right)["thinnedSenders"], 0, "senders held back behind a new port")
    wait_until(lambda: "back any more" in right.process.output(), "the log to say so")
    before = control(right)["drops"].get("bad_mac1", 0)
    router.run("python3", "-c", "import socket,sys\n"
               "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
               "for _ in range(64): s.sendto(b'\\x01\\0\\0\\0' + b'x' * 144, (sys.argv[1], int(sys.argv[2])))\n",
               right.host.addresses[4], right.port + 1)
    wait_until(lambda: control(right)["drops"].get("bad_mac1", 0) - before == 64, "all messages to arrive behind the new port")


@case("where the kernel refuses the filter, the log says so, and it is tried again")
def _(lab):
    _, router, b = lab.routed_pair()
    if b.attempt("sysctl", "-n", "net.core.optmem_max")[0] != 0:
        raise Skip("this kernel has one net.core.optmem_max for all namespaces (before Linux 6.8)")
    right = Tunnel(b, CULVERTD, 2)
    usual = b.run("sysctl", "-n", "net.core.optmem_max").strip()
    b.sysctl("net.core.optmem_max", 200)  # less than the filter for one sender takes
    volleys = flood(router, right, 4, seconds=80)
    wait_until(lambda: "may not be held back" in right.process.output(), "the log to say that there is no filter", within=30)
    b.sysctl("net.core.optmem_max", usual)
    wait_until(lambda: "holds most of it back" in right.process.output().rpartition("may not be held back")[2],
               "another try to succeed", within=40)
    expect_equal(control(right)["thinnedSenders"], 1, "senders held back")
    expect(right.process.output().count("may not be held back") <= 4, "the log says it more often than it is tried")
    volleys.stop()


main()
