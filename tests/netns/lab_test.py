#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The oracles of the other tests, tried on paths without a tunnel that are broken on purpose: each must notice."""
import copy
import json
import os
import socket
import threading

import books
from lab import STATUS_SOCKETS, Failure, case, expect, expect_equal, main, wait_until
from tunnel import HOUSEKEEPING, TUNNEL, Relay


def through_relay(lab, *options):
    host = lab.host("a")
    host.script("numbered_udp.py", "serve", "127.0.0.1", 7007)
    wait_until(lambda: host.listening(7007, "u"), "the echo server to listen")
    Relay(host, "127.0.0.1:7000", "127.0.0.1:7007", *options)
    return host.script("numbered_udp.py", "send", "127.0.0.1", 7000, "--count", 2000, "--patience", 1).result()


@case("a faultless path is reported as faultless")
def _(lab):
    result = through_relay(lab)
    expect_equal([result[key] for key in ("sent", "lost", "duplicated", "reordered", "corrupted")], [2000, 0, 0, 0, 0], "counts")


for fault, found in (("loss", "lost"), ("duplicate", "duplicated"), ("reorder", "reordered"), ("corrupt", "corrupted")):
    @case(f"numbered packets notice a path with faults of the kind '{fault}'")
    def _(lab, fault=fault, found=found):
        result = through_relay(lab, f"--{fault}", 0.01)
        expect(10 <= result[found] <= 200, f"{found}: {result[found]} of {result['sent']}")


@case("a packet outside the tunnel is seen by the filter, and housekeeping is not taken for one")
def _(lab):
    a, router, _ = lab.routed_pair()
    capture = router.capture("left", f"not {TUNNEL}")
    for family in (4, 6):
        expect_equal(a.ping(router.addresses[family], 1), 1, "echoes")
    a.attempt("bash", "-c", "echo leak > /dev/udp/10.2.0.1/9")
    capture.stop()
    expect(capture.count(HOUSEKEEPING) > 0, "no ARP seen at all")
    expect(capture.count(f"not {HOUSEKEEPING} and udp port 9") == 1, "the stray packet was not seen")


# A daemon that read 10 packets and sent 6, and received 20 datagrams; all of it in order.
OUTSIDE = {"sentDatagrams": 10, "receivedDatagrams": 12, "kernelDrops": 0}
STATUS = {
    "interface": "wg1", "interfaceDrops": 0,
    "packets": {"out": {"read": 10, "sent": 6, "dropped": 3, "waiting": 1, "drops": {"no_endpoint": 3}},
                "in": {"received": 20, "delivered": 9, "handshakes": 4, "keepalives": 2, "dropped": 4, "waiting": 1,
                       "drops": {"bad_mac1": 4}},
                "own": {"handshakes": 6, "keepalives": 6, "sent": 11, "dropped": 1, "injected": 3, "drops": {"too_big": 1}}},
    "lanes": [{"inside": {"writtenPackets": 12}, "outside": OUTSIDE, "drops": {"no_endpoint": 3, "bad_mac1": 1}}],
    "control": {"outside": {"sentDatagrams": 7, "receivedDatagrams": 8, "kernelDrops": 0}, "drops": {"bad_mac1": 3, "too_big": 1}},
}


@case("books that add up pass, and each number that is off by one is found")
def _(lab):
    expect_equal(books.complaint(STATUS), "", "a complaint about books in order")
    places = [("packets", way, term) for way, terms in STATUS["packets"].items() for term in terms if term != "drops"]
    places += [("packets", "in", "drops", "bad_mac1"), ("control", "drops", "too_big"), ("control", "outside", "sentDatagrams"),
               ("lanes", 0, "outside", "receivedDatagrams"), ("lanes", 0, "inside", "writtenPackets")]
    for *path, last in places:
        wrong = copy.deepcopy(STATUS)
        table = wrong
        for key in path:
            table = table[key]
        table[last] += 1
        expect(books.complaint(wrong), f"{[*path, last]} off by one was not noticed")


@case("a case whose daemon cannot say where a packet is does not pass; one that is gone is not asked")
def _(lab):
    def serve(listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.sendall(json.dumps(wrong).encode())
            client.close()

    wrong = copy.deepcopy(STATUS)
    wrong["packets"]["out"]["sent"] -= 1
    path = f"{STATUS_SOCKETS}/wg1.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        try:
            lab.expect_books()
        except Failure as failure:
            expect("the books of wg1 do not add up" in str(failure), f"it says: {failure}")
        else:
            raise Failure("nothing was noticed")
        listener.shutdown(socket.SHUT_RDWR)
    lab.expect_books()
    os.unlink(path)


main()
