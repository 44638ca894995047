#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The interoperability matrix: Culvert and wireguard-go in both roles, outside over IPv4 and IPv6, with and without a
preshared key. In each cell echoes of IPv4 and IPv6 cross in both directions, random octets cross by TCP in both directions and
keep their checksum, and numbered UDP packets come back once each, in order and unchanged.

CELL_MIB sets the size of each TCP stream against wireguard-go; Culvert against itself takes a quarter.
"""
import os

from lab import case, expect, expect_equal, main, note
from tunnel import (CULVERTD, HOUSEKEEPING, TUNNEL, WIREGUARD_GO, capture_all_but_data, expect_echo, expect_nothing_lost_between,
                    expect_perfect, genpsk, initiations_and_responses, message, pair, start_numbered_udp, start_udp_echo, transfer_tcp)

OCTETS = int(os.environ.get("CELL_MIB", "1024")) << 20
UDP_PACKETS = 20000
ROLES = ((CULVERTD, WIREGUARD_GO), (WIREGUARD_GO, CULVERTD), (CULVERTD, CULVERTD))


def cell(lab, initiator, responder, family, keyed):
    octets = OCTETS if WIREGUARD_GO in (initiator, responder) else OCTETS // 4
    left, right, router = pair(lab, initiator, responder, family, psk=genpsk() if keyed else None)
    capture = capture_all_but_data(router, "left", family)
    expect_echo(left, right)
    expect_echo(left, right, count=2, size=1372)
    if left.kind == right.kind == CULVERTD:
        expect_nothing_lost_between(left, right)

    forth = transfer_tcp(left, right, octets)
    back = transfer_tcp(right, left, octets, family=6)

    start_udp_echo(right)
    result = start_numbered_udp(left, right.inside[4], "--count", UDP_PACKETS).result()
    expect_perfect(result, UDP_PACKETS)

    capture.stop()
    expect_equal(capture.lines(f"not {TUNNEL} and not {HOUSEKEEPING}")[:3], [], "packets on the router's link outside the tunnel")
    initiations, responses = initiations_and_responses(capture, family)
    expect(initiations == responses >= 1, f"the link saw {initiations} initiations and {responses} responses, wanted as many")
    first = capture.lines(message(1, family))[0]
    expect(f" {left.host.addresses[family]}.51820 >" in first, f"the first initiation does not come from {initiator}: {first}")
    expect(left.handshake_time(right) > 0 and right.handshake_time(left) > 0, "no handshake is shown by wg")
    received, sent = right.transfer(left)
    expect(received > octets and sent > octets, f"wg shows {received} octets received and {sent} sent for {octets} each way")
    note(f"{octets >> 20} MiB by TCP each way at {forth / 1e6:.0f} and {back / 1e6:.0f} MB/s; "
         f"{result['sent']} UDP packets echoed in {result['seconds']:.1f} s, none lost, repeated, reordered or changed")


for initiator, responder in ROLES:
    for family in (4, 6):
        for keyed in (False, True):
            sentence = (f"{initiator} starts, {responder} answers, over IPv{family}, "
                        f"{'with a' if keyed else 'without'} preshared key")
            case(sentence)(lambda lab, a=initiator, b=responder, f=family, k=keyed: cell(lab, a, b, f, k))

main()
