#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tunnels that are broken on purpose, one way at a time: the status must name the cause, and so must the first thing that the doctor
says is wrong. `wg show` beside wireguard-go knows of all of them only that there was no handshake.

     a (10.1.0.1) -- [router 10.1.0.2, 10.2.0.2] -- b (10.2.0.1)
"""
import json
import os
import time

from doctor_lab import (REAL_CULVERTD, WITHIN, broken, cause_of, diagnose, drop, expect_cause, expect_first_failure, expect_last_problem,
                        file_for, foreign, nudge)
from lab import case, expect, expect_equal, main, wait_until
from tunnel import CULVERTD, WIREGUARD_GO, Tunnel, connect, expect_echo, genpsk, pair, random_public_keys


@case("nothing is wrong: up on both ends, and the doctor finds no failure")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    expect_echo(left, right)
    for end, other in ((left, right), (right, left)):
        peer = end.status()["peers"][other.public]
        expect_equal(peer["stateName"], "up", "state")
        expect("cause" not in peer, f"a cause although nothing is wrong: {peer}")
        failures = [check for check in diagnose(end) if check["grade"] == "failure"]
        expect_equal(failures, [], "failures")
    expect(left.status()["peers"][right.public]["roundTripMs"] > 0, "no round trip was measured")
    expect_equal(left.status()["peers"][right.public]["endpointOrigin"], "configured", "where the endpoint is from, at the initiator")
    expect_equal(right.status()["peers"][left.public]["endpointOrigin"], "handshake", "where the endpoint is from, at the responder")


@broken("wrong public key for the other end: no answer here, and there a stranger who calls somebody else")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    wrong = random_public_keys(1)[0]
    left.wg("peer", right.public, "remove")
    left.wg("peer", wrong, "allowed-ips", "10.99.0.2/32", "endpoint", right.endpoint(4))
    nudge(left, right.inside[4])
    wait_until(lambda: left.status()["peers"][wrong].get("cause", {}).get("name") == "no_answer", "no answer", within=WITHIN)
    expect_first_failure(left, "does not answer")
    networks = right.status()["strangers"]["networks"]
    expect_equal([(n["network"], list(n["reasons"])) for n in networks], [("10.1.0.0/24", ["bad_mac1"])], "strangers")
    expect_first_failure(right, "another public key than ours")


@broken("an unknown public key: shown on the answering end, with the command that adds it")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    right.wg("peer", left.public, "remove")
    right.wg("peer", random_public_keys(1)[0], "allowed-ips", "10.99.0.1/32")
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_answer")
    expect_equal([k["publicKey"] for k in right.status()["strangers"]["keys"]], [left.public], "keys shown")
    expect_first_failure(right, left.public)
    right.add_peer(left)
    wait_until(left.host.reaches(right.inside[4]), "the tunnel after the key was added", within=WITHIN)
    expect_equal(right.status()["strangers"]["keys"], [], "keys shown after it was added")


for other in (CULVERTD, WIREGUARD_GO):
    @broken(f"different preshared keys, calling {other}: the answer does not authenticate")
    def _(lab, other=other):
        left, right, _ = pair(lab, CULVERTD, other)
        for end, peer in ((left, right), (right, left)):
            end.wg("peer", peer.public, "preshared-key", lab.write(f"{end.name}.psk", genpsk() + "\n"))
        nudge(left, right.inside[4])
        expect_cause(left, right, "bad_answer", "10.2.0.1")
        expect_first_failure(left, "does not authenticate")
        if other == CULVERTD:
            expect_cause(right, left, "never_confirmed")
            expect_first_failure(right, "it does not go on")


@broken("a preshared key on the calling end alone: the answer does not authenticate")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    left.wg("peer", right.public, "preshared-key", lab.write("left.psk", genpsk() + "\n"))
    nudge(left, right.inside[4])
    expect_cause(left, right, "bad_answer")
    expect_first_failure(left, "does not authenticate")


@broken("a preshared key on the answering end alone: the caller does not go on")
def _(lab):
    left, right, _ = pair(lab, WIREGUARD_GO, CULVERTD)
    right.wg("peer", left.public, "preshared-key", lab.write("right.psk", genpsk() + "\n"))
    nudge(left, right.inside[4])
    expect_cause(right, left, "never_confirmed")
    expect_first_failure(right, "it does not go on")


@broken("nobody listens on the other end's port")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    right.stop()
    nudge(left, right.inside[4])
    expect_cause(left, right, "port_closed", "10.2.0.1")
    expect_first_failure(left, "nobody listens on the port")


@broken("the same over IPv6")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO, family=6)
    right.stop()
    nudge(left, right.inside[4])
    expect_cause(left, right, "port_closed", "fd00:2::1")
    expect_first_failure(left, "nobody listens on the port")


for kind, name, words in (("unreachable", "unreachable", "cannot be reached"), ("prohibit", "admin_prohibited", "forbids")):
    @broken(f"the router answers '{kind}': named, with the router's address")
    def _(lab, kind=kind, name=name, words=words):
        left, right, router = pair(lab, CULVERTD, WIREGUARD_GO)
        router.ip("route", "add", kind, "10.2.0.1/32")
        nudge(left, right.inside[4])
        expect_cause(left, right, name, "10.1.0.2")
        expect_first_failure(left, words)


@broken("the endpoint's address is nobody's: its router says so")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    left.wg("peer", right.public, "endpoint", "10.2.0.77:51820")
    nudge(left, right.inside[4])
    expect_cause(left, right, "unreachable", "10.1.0.2")
    expect_first_failure(left, "cannot be reached")


@broken("a firewall on the way swallows the datagrams")
def _(lab):
    left, right, router = pair(lab, CULVERTD, WIREGUARD_GO)
    drop(lab, router, "forward", 'udp dport 51820')
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_answer")
    expect_first_failure(left, "does not answer")


@broken("a firewall on the way back swallows the answers: each end says what it can know")
def _(lab):
    left, right, router = pair(lab, CULVERTD, CULVERTD)
    drop(lab, router, "forward", 'iifname "right" udp sport 51820')
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_answer")
    expect_cause(right, left, "never_confirmed")
    expect_first_failure(left, "does not answer")
    expect_first_failure(right, "it does not go on")


@broken("this host's own firewall forbids what it sends")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    drop(lab, left.host, "output", 'ip daddr 10.2.0.1')
    nudge(left, right.inside[4])
    expect_cause(left, right, "blocked_by_firewall")
    expect_first_failure(left, "own firewall forbids")


@broken("this host's own firewall drops what comes to the port: the rule is shown")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    drop(lab, left.host, "input", 'udp dport 51820')
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_answer")
    expect_first_failure(left, "udp dport 51820 drop")


@broken("there is no route to the endpoint")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    left.host.ip("route", "del", "default")
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_route")
    expect_first_failure(left, "There is no route")


@broken("the endpoint lies inside its own tunnel")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    left.add_peer(right, allowed="0.0.0.0/0,::/0")
    left.host.ip("route", "add", "10.2.0.1", "dev", left.name)
    nudge(left, right.inside[4])
    expect_cause(left, right, "routing_loop")
    expect_first_failure(left, "routed into the tunnel itself")


@broken("the caller's clock went back by a day: its doctor says so, and its peer names the old timestamp")
def _(lab):
    a, _, b = lab.routed_pair()

    def shifted(by):
        return {"LD_PRELOAD": os.environ["CULVERT_SHIFTED_CLOCK"], "SHIFTED_CLOCK": str(by)}
    # No library shifts the clock of a program in Go: there the clock was ahead before, which is the same to its peer.
    left, right = Tunnel(a, REAL_CULVERTD, 1, env=shifted(86400 if foreign() else 0)), Tunnel(b, CULVERTD, 2)
    connect(left, right)
    wait_until(left.host.reaches(right.inside[4]), "the tunnel with the true clock", within=WITHIN)
    left.stop()
    left.kind, left.env = CULVERTD, {} if foreign() else shifted(-86400)
    left.start()
    connect(left, right)
    nudge(left, right.inside[4])
    expect_last_problem(right, left, "old_timestamp")
    expect_cause(left, right, "no_answer")  # before the other end calls, which brings the tunnel up
    os.environ.update(left.env)
    try:
        expect_first_failure(left, "The clock is behind")
    finally:
        for key in left.env:
            del os.environ[key]
    expect_first_failure(right, "a time that is not newer")


@broken("an allowed IP was given to another peer: the packets' true owner is named")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    wait_until(left.host.reaches(right.inside[4]), "the tunnel", within=WITHIN)
    right.wg("peer", random_public_keys(1)[0], "allowed-ips", "10.99.0.1/32")
    nudge(left, right.inside[4])
    expect_last_problem(right, left, "source_not_allowed")
    expect_equal(right.status()["peers"][left.public]["lastProblem"]["address"], "10.99.0.1", "the source")
    expect_first_failure(right, "an inner address that is not its own")


@case("packets for which there is no peer: the destination is shown")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    wait_until(left.host.reaches(right.inside[4]), "the tunnel", within=WITHIN)
    nudge(left, "10.99.0.77")
    wait_until(lambda: left.status()["lastDrops"].get("no_peer_for_destination", {}).get("address") == "10.99.0.77",
               "the destination", within=WITHIN)
    told = [check for check in diagnose(left) if check["topic"] == "destinations"]
    expect(told and "10.99.0.77" in told[0]["finding"], f"the doctor says {told}")


@broken("a path that swallows large packets without a word: the largest that passes is measured")
def _(lab):
    left, right, router = pair(lab, CULVERTD, WIREGUARD_GO)
    drop(lab, router, "forward", 'ip length > 1300')
    wait_until(left.host.reaches(right.inside[4]), "the tunnel", within=WITHIN)
    # 1300 octets outside hold 1240 inside, padded to 16: packets of 1232 are the largest that fit.
    expect_first_failure(left, "Packets of up to 1232 octets come back")


@broken("a NAT without keepalive has forgotten the peer: it was here before, and answers no more")
def _(lab):
    a, router, b = lab.routed_pair()
    router.run("nft", "-f", lab.write("nat.nft", """
table inet nat {
  chain out { type nat hook postrouting priority srcnat; oifname "right" meta l4proto udp masquerade fully-random; }
  chain in { type filter hook forward priority filter; iifname "right" ct state new drop; }
}
"""))
    for key in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
        router.sysctl(f"net.netfilter.{key}", 3)
    left, right = Tunnel(a, WIREGUARD_GO, 1), Tunnel(b, CULVERTD, 2)
    connect(left, right)
    wait_until(left.host.reaches(right.inside[4]), "the tunnel", within=WITHIN)
    time.sleep(17)  # the last keepalive leaves 10 s after the echo, and 3 s later the NAT has forgotten

    def speak():  # seldom enough for the NAT to forget in between
        nudge(right, left.inside[4])
        return cause_of(right, left).get("name") == "answers_no_more"
    wait_until(speak, "the status to name the NAT", within=120, every=6)
    expect_first_failure(right, "answers no more")


@broken("strict reverse-path filtering under a mark: the answers are dropped where they arrive")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    left.wg("fwmark", 51820)
    left.add_peer(right, allowed="0.0.0.0/0,::/0")
    left.host.ip("route", "add", "default", "dev", left.name, "table", 51820)
    left.host.ip("rule", "add", "not", "fwmark", 51820, "table", 51820)
    for scope in ("all", "eth0"):
        left.host.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 1)
    left.host.sysctl("net.ipv4.conf.all.src_valid_mark", 0)
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_answer")
    expect_first_failure(left, "reverse-path filter")
    left.host.sysctl("net.ipv4.conf.all.rp_filter", 2)
    wait_until(left.host.reaches(right.inside[4]), "the tunnel once the filter is loose", within=WITHIN)


@broken("the other end has no endpoint and has not called: said when something is sent to it")
def _(lab):
    a, _, b = lab.routed_pair()
    left, right = Tunnel(a, CULVERTD, 1), Tunnel(b, WIREGUARD_GO, 2)
    left.add_peer(right)
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_endpoint")
    expect_first_failure(left, "no endpoint")


def missing(sentence, words):
    """A tunnel that works, from which something is taken away."""
    def register(take_away):
        @broken(sentence)
        def _(lab):
            left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
            take_away(left, right)
            nudge(left, right.inside[4])
            expect_first_failure(left, words)
    return register


@missing("the interface is down", "The interface is down")
def _(left, right):
    left.host.ip("link", "set", left.name, "down")
    if not foreign():
        wait_until(lambda: left.status()["peers"][right.public]["stateName"] == "link_down", "the state to say down")


@missing("the interface has no address", "has no address")
def _(left, _right):
    left.host.ip("addr", "flush", "dev", left.name)


@missing("an allowed network is not routed into the tunnel", "Packets for 10.50.0.0/16 go to eth0, not into the tunnel")
def _(left, right):
    left.add_peer(right, allowed="10.50.0.0/16")


@missing("the peer has no allowed IPs", "no allowed IPs")
def _(left, right):
    left.wg("peer", right.public, "allowed-ips", "")


@missing("there is no peer", "has no peers")
def _(left, right):
    left.wg("peer", right.public, "remove")


@missing("there is no private key", "has no private key")
def _(left, _right):
    left.wg("private-key", "/dev/null")


@case("no daemon runs, or its socket is another's to read")
def _(lab):
    left, _, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    expect_first_failure(left, "", name="wg77")
    code, text = left.host.attempt("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", os.environ["CULVERT"], "doctor",
                                   left.name, "--json")
    checks = json.loads(text[text.index("{"):text.rindex("}") + 1])["checks"]
    expect(code == 1 and any(c["topic"] == "permissions" and c["grade"] == "failure" for c in checks), f"as nobody: {checks}")


@case("what only the file can tell: its date, and a mistake in it")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    wait_until(left.host.reaches(right.inside[4]), "the tunnel", within=WITHIN)
    folder = file_for(left, right)
    os.utime(f"{folder}/{left.name}.toml", times=(time.time() + 86400,) * 2)
    expect_first_failure(left, "The clock is behind", "--config-dir", folder)
    file_for(left, right, "allowed_ip = 7")
    expect_first_failure(left, "allowed_ip", "--config-dir", folder)


main()
