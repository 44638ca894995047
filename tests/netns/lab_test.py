#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The oracles of the other tests, tried on paths without a tunnel that are broken on purpose: each must notice."""
from lab import case, expect, expect_equal, main, wait_until
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


main()
