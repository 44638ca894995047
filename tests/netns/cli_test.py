#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `culvert` shows of a tunnel that runs: to a person, to a program, and live on a terminal."""
import json
import os
import re
import signal

from lab import STATUS_SOCKETS, case, expect, expect_equal, main, wait_until
from culvert_site import Site, Terminal
from tunnel import CULVERTD, WIREGUARD_GO, expect_echo, pair


@case("the status tells the peer's state, where it is and what went through, to a person and to a program")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    site = Site(left.host)
    before = site.culvert("status", "wg1")
    expect("  state: never connected\n" in before, f"before the first handshake the status says:\n{before}")
    expect_echo(left, right)
    said = site.culvert("status")
    for line in ("interface: wg1\n", "  state: up\n", f"  public key: {right.public}\n", f"  endpoint: {right.endpoint(4)} (as configured)\n",
                 "  latest handshake: ", "  allowed ips: 10.99.0.2/32, fd99::2/128\n"):
        expect(line in said, f"the status lacks {line!r}:\n{said}")
    expect(left.private not in said, "the status tells the private key")
    peer = json.loads(site.culvert("status", "--json"))["wg1"]["peers"][right.public]
    # The counters are those that wg shows: nothing moves between the two looks but a keepalive.
    expect_equal(peer["endpoint"], right.endpoint(4), "endpoint for a program")
    expect_equal(peer["latestHandshake"], left.handshake_time(right), "time of the handshake for a program")
    received, sent = left.transfer(right)
    expect(0 < peer["transferRx"] <= received and 0 < peer["transferTx"] <= sent,
           f"octets for a program {peer['transferRx']}, {peer['transferTx']}; wg shows {received}, {sent}")


@case("names of peers come from the file of the interface")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    site = Site(left.host)
    with open(site.path("wg1.toml"), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(f'[interface]\nprivate_key = "{left.private}"\naddresses = ["10.99.0.1/24"]\n'
                   f'[[peer]]\nname = "far end"\npublic_key = "{right.public}"\nallowed_ips = ["10.99.0.2/32"]\n')
    expect("peer: far end\n" in site.culvert("status", "wg1"), "the name is not shown")
    expect("far end" in site.culvert("peer", "list", "wg1"), "the name is not listed")


@case("nothing that runs is told as such: exit code 4 for a name, nothing to show without one")
def _(lab):
    left, _, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    site = Site(left.host)
    expect("wg7 is not running" in site.culvert("status", "wg7", code=4), "what is said of an interface that does not run")
    left.stop()
    wait_until(lambda: not os.path.exists(f"{STATUS_SOCKETS}/wg1.sock"), "the status socket to go")
    expect_equal(site.culvert("status"), "culvert: no tunnel is running\n", "status of nothing")
    expect_equal(json.loads(site.culvert("status", "--json")), {}, "status of nothing for a program")


for key, name in (("q", "the key q"), ("\x03", "^C"), (None, "SIGTERM")):
    @case(f"a live status shows rates, draws anew, and at {name} leaves the terminal as it was")
    def _(lab, key=key):
        left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
        expect_echo(left, right)
        terminal = Terminal(Site(left.host), "status", "--watch", "wg1")
        try:
            terminal.read_until(r"\x1b\[\?1049h")
            for _ in range(3):
                # One screen: the interface, the peer, and two lines of rates with the graph.
                terminal.read_until(r"wg1.*1 of 1 peer up.*" + re.escape(right.public[:8]) + r".*up.*↓ .*bit/s.*↑ .*bit/s")
            terminal.read_until("▁")
            if key:
                terminal.press(key)
            else:
                # The program runs under `ip netns exec`, which becomes it.
                terminal.process.send_signal(signal.SIGTERM)
            expect_equal(terminal.end(), 0, "exit code")
            terminal.read_until(r"\x1b\[\?25h\x1b\[\?1049l")
            expect_equal(terminal.settings_now(), terminal.before, "settings of the terminal")
        finally:
            terminal.close()


main()
