#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The interface moves into another network namespace and the sockets stay where the program started: programs in the new
namespace have the tunnel and nothing else.

     [room: wg1 only]      a (program, UDP socket) -- router -- b
"""
from lab import case, expect, expect_equal, main, wait_until
from tunnel import (CULVERTD, WIREGUARD_GO, expect_echo, expect_perfect, pair, start_numbered_udp, start_udp_echo, transfer_tcp)


def move_into_room(lab, end):
    room = lab.host("room")
    end.host.ip("link", "set", end.name, "netns", room.name)
    for family, length in ((4, 24), (6, 64)):
        room.ip("addr", "add", f"{end.inside[family]}/{length}", "dev", end.name, *(["nodad"] if family == 6 else []))
    room.ip("link", "set", end.name, "up")
    return room


for kind, other in ((CULVERTD, WIREGUARD_GO), (CULVERTD, CULVERTD)):
    @case(f"the interface of {kind} lives on in another namespace, with {other} at the far end; the port stays")
    def _(lab, kind=kind, other=other):
        left, right, _ = pair(lab, kind, other)
        expect_echo(left, right)
        outside, room = left.host, move_into_room(lab, left)
        expect(not outside.has_link(left.name), "the link is still in the first namespace")
        left.host = room  # `wg` and traffic from here on
        wait_until(room.reaches(right.inside[4]), "an echo from the room")
        expect_echo(left, right)
        expect(outside.listening(left.port, "u"), "the port is no longer open where the program started")
        expect(not room.listening(left.port, "u"), "the port moved along")
        expect_equal(room.ping(right.host.addresses[4], 1, timeout=1), 0, "echoes past the tunnel out of the room")
        transfer_tcp(left, right, 8 << 20)
        start_udp_echo(right)
        expect_perfect(start_numbered_udp(left, right.inside[4], "--count", 5000).result(), 5000)

    @case(f"in another namespace, {kind} still notices that its link goes down, up, changes MTU and is deleted ({other} afar)")
    def _(lab, kind=kind, other=other):
        left, right, _ = pair(lab, kind, other)
        outside, room = left.host, move_into_room(lab, left)
        left.host = room
        wait_until(room.reaches(right.inside[4]), "an echo from the room")
        room.ip("link", "set", left.name, "mtu", 1280)
        expect_equal(room.ping(right.inside[4], 2, size=1252), 2, "echoes of the new MTU")
        room.ip("link", "set", left.name, "down")
        wait_until(lambda: not outside.listening(left.port, "u"), "the port to be closed after the link went down", within=5)
        room.ip("link", "set", left.name, "up")
        wait_until(lambda: outside.listening(left.port, "u"), "the port to be opened after the link came up", within=5)
        wait_until(room.reaches(right.inside[4]), "an echo after the link came up", within=7)
        room.ip("link", "del", left.name)
        expect_equal(left.process.wait(5) in (0, 3), True, "that it ended orderly")


main()
