#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The interface as an administrator handles it: down and up, its MTU, its port; and what the outside of a packet shows."""
import re
import time

from lab import case, expect, expect_equal, main, wait_until
from tunnel import (CULVERTD, WIREGUARD_GO, expect_echo, expect_perfect, message, pair, start_numbered_udp, start_udp_echo,
                    transfer_tcp)

PAIRS = ((CULVERTD, WIREGUARD_GO), (CULVERTD, CULVERTD))


def set_mtu(end, mtu):
    end.host.ip("link", "set", end.name, "mtu", mtu)


for kind, other in PAIRS:
    @case(f"link down closes the port and drops the session, link up opens the same port; {kind} with {other}")
    def _(lab, kind=kind, other=other):
        left, right, _ = pair(lab, kind, other)
        expect_echo(left, right)
        for _ in range(3):
            left.host.ip("link", "set", left.name, "down")
            wait_until(lambda: not left.host.listening(left.port, "u"), "the port to be closed", within=3)
            expect_equal(left.show("listen-port"), str(left.port), "port that `wg` shows while down")
            expect_equal(right.host.ping(left.inside[4], 1, timeout=0.5), 0, "echoes answered by a link that is down")
            left.host.ip("link", "set", left.name, "up")
            # The kernel forgets the IPv6 addresses of a link that goes down.
            left.host.ip("addr", "replace", f"{left.inside[6]}/64", "dev", left.name, "nodad")
            wait_until(lambda: left.host.listening(left.port, "u"), "the port to be open", within=3)
            wait_until(left.host.reaches(right.inside[4]), "an echo after the link came up", within=7)
            expect_echo(left, right)

    @case(f"link up starts a handshake by itself when a keepalive is set; {kind} with {other}")
    def _(lab, kind=kind, other=other):
        left, right, _ = pair(lab, kind, other, keepalive=25)
        wait_until(lambda: right.handshake_time(left), "the first handshake")
        left.host.ip("link", "set", left.name, "down")
        wait_until(lambda: not left.host.listening(left.port, "u"), "the port to be closed", within=3)
        time.sleep(1.1)  # handshakes are shown by the second
        before = right.handshake_time(left)
        left.host.ip("link", "set", left.name, "up")
        wait_until(lambda: right.handshake_time(left) > before, "a handshake without traffic", within=7)

    @case(f"packets of every MTU from 1280 to 9000 and 65535 cross unharmed, and TCP goes on through changes; {kind} with {other}")
    def _(lab, kind=kind, other=other):
        left, right, _ = pair(lab, kind, other)
        for mtu in (1280, 1420, 1500, 4000, 9000, 1281):
            for end in (left, right):
                set_mtu(end, mtu)
            expect_equal(left.host.ping(right.inside[4], 2, size=mtu - 28), 2, f"full IPv4 echoes at MTU {mtu}")
            expect_equal(right.host.ping(left.inside[6], 2, size=mtu - 48), 2, f"full IPv6 echoes at MTU {mtu}")
            transfer_tcp(left, right, 4 << 20)
        start_udp_echo(right)
        sender = start_numbered_udp(left, right.inside[4], "--seconds", 4, "--rate", 500, "--sizes", "8:1200", "--window", 16)
        for mtu in (1300, 9000, 65535, 1420):
            set_mtu(left, mtu)
            time.sleep(0.5)
        expect_perfect(sender.result())

    @case(f"an MTU of 576 and of 68 carries small IPv4 packets, and the tunnel works again at 1420; {kind} with {other}")
    def _(lab, kind=kind, other=other):
        left, right, _ = pair(lab, kind, other)
        for mtu in (576, 68, 1420):
            set_mtu(left, mtu)
            expect_equal(left.host.ping(right.inside[4], 2, size=mtu - 28), 2, f"full echoes at MTU {mtu}")

    @case(f"the port changes in the middle of a session and {other} follows; {kind} changes")
    def _(lab, kind=kind, other=other):
        left, right, _ = pair(lab, kind, other)
        expect_echo(left, right)
        left.wg("listen-port", 40001)
        expect(left.host.listening(40001, "u") and not left.host.listening(51820, "u"), "the old port is open, or the new is not")
        expect_echo(left, right)
        expect(right.seen_endpoint(left).endswith(":40001"), f"{other} sees {right.seen_endpoint(left)}")


def outer_lengths(capture):
    return {int(length) for line in capture.lines("udp port 51820") for length in re.findall(r"length (\d+)", line)}


@case("data is padded to 16 octets, but never beyond the MTU")
def _(lab):
    left, right, router = pair(lab, CULVERTD, WIREGUARD_GO)
    expect_echo(left, right)
    for mtu, inner, padded in ((1420, 1420, 1420), (1420, 1419, 1420), (1420, 100, 112), (1421, 1421, 1421), (1421, 1418, 1421),
                               (1421, 96, 96)):
        set_mtu(left, mtu)
        capture = router.capture("left", "udp and src host 10.1.0.1")
        expect_equal(left.host.ping(right.inside[4], 1, size=inner - 28), 1, "echoes")
        capture.stop()
        # 16 octets of header and 16 of tag around the inner packet; at MTU 1421 a datagram is 1481 octets long and still whole.
        expect_equal(outer_lengths(capture) - {148}, {padded + 32}, f"UDP payload for {inner} octets inside at MTU {mtu}")


def tos(capture, expression):
    """The octet of DSCP and ECN of the packets, as tcpdump prints it."""
    text = "\n".join(capture.host.run("tcpdump", "-v", "-n", "-r", capture.file, *expression.split()).splitlines())
    return [int(found, 16) for found in re.findall(r"tos (0x[0-9a-f]+)", text)]


@case("handshakes are marked AF41; data shows the inner ECN field outside and no inner DSCP")
def _(lab):
    left, right, router = pair(lab, CULVERTD, WIREGUARD_GO)
    capture = router.capture("left", "udp and src host 10.1.0.1")
    expect_echo(left, right)
    capture.stop()
    expect_equal(set(tos(capture, message(1, 4))), {0x88}, "tos of initiations")
    for inner, outer in ((0xB8, 0), (0xB9, 1), (0xBA, 2), (0xBB, 3), (0, 0)):
        capture = router.capture("left", "udp and src host 10.1.0.1")
        left.host.ping(right.inside[4], 1, options=("-Q", str(inner)))
        capture.stop()
        expect_equal(set(tos(capture, message(4, 4))), {outer}, f"tos outside for {inner:#x} inside")


@case("a mark of congestion on the way reaches the inner packet if that may carry it; a packet that may not is dropped (RFC 6040)")
def _(lab):
    left, right, router = pair(lab, WIREGUARD_GO, CULVERTD)
    expect_echo(left, right)
    router.run("nft", "add table ip congestion; add chain ip congestion f { type filter hook forward priority 0; }; "
               "add rule ip congestion f ip daddr 10.2.0.1 udp dport 51820 ip ecn set ce")
    capture = right.host.capture(right.name, "icmp[icmptype] == icmp-echo")
    for inner in (1, 2, 3):
        left.host.ping(right.inside[4], 1, timeout=1, options=("-Q", str(inner)))
    not_capable = left.host.ping(right.inside[4], 1, timeout=1, options=("-Q", "0"))
    capture.stop()
    expect_equal(tos(capture, ""), [3, 3, 3], "tos of inner packets that say they may be marked")
    expect_equal(not_capable, 0, "echoes of packets that may not be marked")


main()
