#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`wg-quick up` and `down` of a file that sends everything through the tunnel, with the program named by
WG_QUICK_USERSPACE_IMPLEMENTATION. The same is done with wireguard-go, and must leave the same addresses, routes, rules and
firewall. Behind the far end lies a small internet:

     a -- router -- b: 203.0.113.1, 2001:db8:5::1
"""
import os
import re

from lab import SOCKETS, Skip, case, expect, expect_equal, main, process_ids, wait_until
from tunnel import CULVERTD, HOUSEKEEPING, TUNNEL, WIREGUARD_GO, Tunnel, genkey, genpsk, program_path, pubkey

INTERNET = {4: "203.0.113.1", 6: "2001:db8:5::1"}


def quick(host, verb, file, kind):
    environment = {**os.environ, "WG_QUICK_USERSPACE_IMPLEMENTATION": program_path(kind)}
    code, text = host.attempt("wg-quick", verb, file, env=environment)
    expect_equal(code, 0, f"exit code of `wg-quick {verb}` (it said: {text})")
    return text


def configuration(key, server, psk, extra=""):
    return f"""[Interface]
PrivateKey = {key}
Address = 10.99.0.1/24, fd99::1/64
{extra}
[Peer]
PublicKey = {server.public}
PresharedKey = {psk}
Endpoint = {server.endpoint(4)}
AllowedIPs = 0.0.0.0/0, ::/0
PersistentKeepalive = 25
"""


def system_state(host):
    """Everything that wg-quick may touch, but for what differs between two runs by nature."""
    parts = [host.ip("-o", "addr", "show"), host.ip("-4", "rule", "show"), host.ip("-6", "rule", "show"),
             host.ip("-4", "route", "show", "table", "all"), host.ip("-6", "route", "show", "table", "all"),
             host.run("nft", "list", "ruleset")]
    text = "\n".join(parts)
    text = re.sub(r"fe80:[0-9a-f:]+", "LINKLOCAL", text)
    text = re.sub(r"(?m)^.*LINKLOCAL.*$", "", text)  # the kernel invents one for each new TUN
    text = re.sub(r"(valid_lft|preferred_lft) \S+|\bif\d+\b", "", text)
    return sorted(line.strip() for line in re.sub(r"(?m)^\d+: ", "", text).splitlines() if line.strip())


def laboratory(lab):
    a, router, b = lab.routed_pair()
    server = Tunnel(b, WIREGUARD_GO, 2)
    for family, length in ((4, 32), (6, 128)):
        b.ip("addr", "add", f"{INTERNET[family]}/{length}", "dev", "lo")
    key, psk = genkey(), genpsk()
    server.wg("peer", pubkey(key), "preshared-key", lab.write("psk", psk), "allowed-ips", "10.99.0.1/32,fd99::1/128")
    if os.path.exists("/sys/module/wireguard"):
        raise Skip("this kernel has its own WireGuard, which wg-quick prefers to any program")
    return a, router, server, key, psk


@case("a full tunnel goes up, carries everything in the tunnel, and down, and leaves what wireguard-go leaves")
def _(lab):
    a, router, server, key, psk = laboratory(lab)
    file = lab.write("wg1.conf", configuration(key, server, psk))
    seen = {}
    for kind in (CULVERTD, WIREGUARD_GO):
        before, others = system_state(a), set(process_ids())
        said_up = quick(a, "up", file, kind)
        capture = router.capture("left", f"not {TUNNEL}")
        for family in (4, 6):
            expect_equal(a.ping(INTERNET[family], 3), 3, f"echoes of IPv{family} from behind the far end, by {kind}")
        expect_equal(a.attempt("ping", "-n", "-c1", "-W1", "192.0.2.77")[0], 1, "exit code of ping to nowhere")
        capture.stop()
        expect_equal(capture.lines(f"not {HOUSEKEEPING}")[:3], [], f"packets past the tunnel, by {kind}")
        up = system_state(a)
        expect(up != before, "nothing changed, so the case proves nothing")
        settings = a.run("wg", "showconf", "wg1")
        said_down = quick(a, "down", file, kind)
        wait_until(lambda: set(process_ids()) <= others, "the program to end after `wg-quick down`", within=5)
        expect_equal(system_state(a), before, f"state after `wg-quick down`, by {kind}")
        expect_equal([name for name in os.listdir(SOCKETS) if name.startswith("wg1")], [], "sockets left")
        commands = [line for line in (said_up + said_down).splitlines() if line.startswith("[#]") and program_path(kind) not in line]
        seen[kind] = dict(up=up, settings=re.sub(r"ListenPort = \d+", "", settings), commands=[
            re.sub(r"/tmp\S+|/dev/fd/\d+", "FILE", line) for line in commands])
    for what in ("commands", "up", "settings"):
        expect_equal(seen[CULVERTD][what], seen[WIREGUARD_GO][what], f"{what} with Culvert, against wireguard-go")


@case("hooks, MTU, a table of its own and a save of the running settings work as with wireguard-go")
def _(lab):
    a, _, server, key, psk = laboratory(lab)
    log = lab.path("hooks")
    extra = f"MTU = 1333\nTable = 77\nSaveConfig = true\nPostUp = echo up %i >> {log}; wg show %i public-key >> {log}\n" \
            f"PreDown = echo down %i >> {log}\nListenPort = 4567\nFwMark = 0x99\n"
    results = []
    for kind in (CULVERTD, WIREGUARD_GO):
        file = lab.write("wg1.conf", configuration(key, server, psk, extra))
        quick(a, "up", file, kind)
        expect("mtu 1333" in a.ip("link", "show", "dev", "wg1"), "the MTU is not that of the file")
        routes = a.ip("-4", "route", "show", "table", "77")
        expect_equal(a.ping(server.inside[4], 1), 1, f"echoes to the tunnel's own network, by {kind}")
        quick(a, "down", file, kind)
        with open(log, encoding="utf-8") as lines, open(file, encoding="utf-8") as saved:
            settings = sorted(line for line in saved.read().splitlines() if "fe80:" not in line)  # the kernel invents one
            results.append((lines.read(), routes, settings))
        os.unlink(log)
    expect_equal(results[0], results[1], "hooks, routes and saved file, against wireguard-go")


@case("`up` of an interface that is up is refused and leaves it alone; `wg syncconf` with `wg-quick strip` reloads it")
def _(lab):
    a, _, server, key, psk = laboratory(lab)
    # Without a mark in the file `wg syncconf` would take away the one that wg-quick chose.
    text = configuration(key, server, psk, "FwMark = 51820\n")
    file = lab.write("wg1.conf", text)
    quick(a, "up", file, CULVERTD)
    expect_equal(a.ping(INTERNET[4], 1), 1, "echoes")
    code, said = a.attempt("wg-quick", "up", file, env={**os.environ, "WG_QUICK_USERSPACE_IMPLEMENTATION": program_path(CULVERTD)})
    expect(code != 0 and "already exists" in said, f"`wg-quick up` said: {said}")
    lab.write("wg1.conf", text.replace("Keepalive = 25", "Keepalive = 77"))
    a.run("bash", "-c", f"wg syncconf wg1 <(wg-quick strip {file})")
    expect("77" in a.run("wg", "show", "wg1", "persistent-keepalive"), "the new keepalive is not shown")
    expect_equal(a.ping(INTERNET[4], 1), 1, "echoes")
    quick(a, "down", file, CULVERTD)


main()
