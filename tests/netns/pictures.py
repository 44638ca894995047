#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pictures of the README: a gateway with four peers, as `culvert status --watch` and `culvert doctor` show it.

    pictures.py FOLDER     writes status-light.svg, status-dark.svg, doctor-light.svg and doctor-dark.svg

     gateway (10.1.0.1) -- [router 10.N.0.2] -- alice, phone, north (10.N.0.1), which run wireguard-go; bob never called
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))

from culvert_site import Site, Terminal
from lab import Failure, Lab, enter, wait_until
from terminal_picture import SCHEMES, Screen, svg
from tunnel import WIREGUARD_GO, Tunnel, genkey, genpsk, pubkey

LINES, COLUMNS = 40, 96
RATES = (3, 6, 11, 17, 22, 26, 24, 17, 11, 7, 12, 18, 24, 29, 31, 27, 20, 12, 6, 4)  # Mbit/s, a second each


def build(lab):
    """The gateway's site, and the ends of its peers by name."""
    gateway, router = lab.host("gateway"), lab.host("router")
    lab.wire(gateway, "eth0", router, "uplink", 1)
    gateway.ip("route", "add", "default", "via", "10.1.0.2")
    router.sysctl("net.ipv4.ip_forward", 1)
    private = genkey()
    ends = {}
    for number, name in enumerate(("alice", "phone", "north"), 2):
        host = lab.host(name)
        lab.wire(host, "eth0", router, name, number)
        host.ip("route", "add", "default", "via", f"10.{number}.0.2")
        ends[name] = Tunnel(host, WIREGUARD_GO, number, name=f"far{number}")
        # North was given another preshared key: that is the one thing that is wrong.
        words = ["peer", pubkey(private), "allowed-ips", "10.99.0.1/32", "endpoint", "10.1.0.1:51820"]
        if name == "north":
            words += ["preshared-key", lab.write("north.psk", genpsk() + "\n")]
        ends[name].wg(*words)
    site = Site(gateway)
    peers = "".join(f'[[peer]]\nname = "{name}"\npublic_key = "{end.public}"\nallowed_ips = ["10.99.0.{end.number}/32"]\n'
                    + (f'endpoint = "{end.endpoint(4)}"\npreshared_key = "{genpsk()}"\n' if name == "north" else "")
                    for name, end in ends.items())
    peers += f'[[peer]]\nname = "bob"\npublic_key = "{pubkey(genkey())}"\nallowed_ips = ["10.99.0.9/32"]\n'
    # Its usual place: the laboratory has an /etc of its own.
    folder = site.environment["CULVERT_CONFIG_DIR"] = "/etc/culvert"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.open(f"{folder}/wg0.toml", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(f'[interface]\nprivate_key = "{private}"\naddresses = ["10.99.0.1/24"]\nlisten_port = 51820\n\n[gateway]\n'
                   f'enabled = true\nmasquerade = true\n{peers}')
    with open(os.open("/etc/resolv.conf.new", os.O_CREAT | os.O_WRONLY, 0o644), "w", encoding="utf-8") as file:
        file.write("nameserver 10.1.0.2\n")
    os.rename("/etc/resolv.conf.new", "/etc/resolv.conf")
    site.environment.update({"WG_COLOR_MODE": "always", "TERM": "xterm-256color"})
    site.culvert("up", "wg0")
    for name in ("alice", "phone"):
        wait_until(ends[name].host.reaches("10.99.0.1"), f"the tunnel of {name}", within=30)
    return site, ends


def status_screen(site, ends):
    """The last whole screen, after some seconds with traffic."""
    terminal = Terminal(site, "status", "--watch", "wg0", lines=LINES, columns=COLUMNS)
    alice = ends["alice"]
    server = site.host.spawn("iperf3", "-s", "-B", "10.99.0.1")
    wait_until(lambda: site.host.listening(5201, "t"), "iperf3 to listen")
    site.host.ping("10.99.0.4", count=1, timeout=0.2)  # so that north is called
    for rate in RATES:
        alice.host.attempt("iperf3", "-u", "-c", "10.99.0.1", "-t", "1", "-b", f"{rate}M", "-l", "1200")
        ends["phone"].host.ping("10.99.0.1", count=rate, size=rate * 40, timeout=0.5)
        terminal.drain()
    last = alice.host.spawn("iperf3", "-u", "-c", "10.99.0.1", "-t", "4", "-b", f"{RATES[-1]}M", "-l", "1200")
    time.sleep(3)
    terminal.press("q")
    terminal.end()
    terminal.read_until(r"\x1b\[\?1049l")
    text = terminal.all_text
    terminal.close()
    last.wait()
    server.stop()
    return Screen(LINES, COLUMNS).feed(text[:text.rindex("\x1b[?1049l")])


def doctor_screen(site):
    terminal = Terminal(site, "doctor", "wg0", lines=LINES * 2, columns=COLUMNS)
    terminal.read_until(r"begin with the first", within=90)
    terminal.end()
    text = terminal.all_text
    terminal.close()
    return Screen(LINES * 2, COLUMNS).feed(text)


def main():
    enter(refuse=lambda why, _: sys.exit(f"pictures.py: {why}"))
    folder = sys.argv[1]
    lab = Lab()
    try:
        site, ends = build(lab)
        screens = {"status": ("culvert status --watch wg0", status_screen(site, ends)), "doctor": ("culvert doctor wg0", doctor_screen(site))}
    except Failure as failure:
        lab.show_logs()
        sys.exit(f"pictures.py: {failure}")
    finally:
        lab.close()
    for name, (title, screen) in screens.items():
        for scheme in SCHEMES:
            with open(os.path.join(folder, f"{name}-{scheme}.svg"), "w", encoding="utf-8") as file:
                file.write(svg(screen, scheme, title))


main()
