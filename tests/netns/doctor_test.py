#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tunnels that are broken on purpose, one way at a time: the status must name the cause, and so must the first thing that the doctor
says is wrong. `wg show` beside wireguard-go knows of all of them only that there was no handshake.

     a (10.1.0.1) -- [router 10.1.0.2, 10.2.0.2] -- b (10.2.0.1)
"""
import json
import os
import time

from lab import case, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, WIREGUARD_GO, Tunnel, connect, expect_echo, genpsk, pair, random_public_keys

# A handshake is known to be lost when it is tried again, after 5.4 s; a slow machine gets its time.
WITHIN = 40


def drop(lab, host, hook, what):
    """A rule of nftables that drops packets."""
    host.run("nft", "-f", lab.write("drop.nft", f"table ip f {{\n chain c {{\n type filter hook {hook} priority 0;\n {what} drop;\n }}\n}}\n"))


def nudge(end, address):
    """Something to send, so that a handshake is wanted."""
    end.host.ping(address, count=1, timeout=0.2)


def cause_of(end, peer):
    return end.status()["peers"][peer.public].get("cause", {})


def expect_cause(end, peer, name, address=None):
    """Waits until the status names the cause, and who told."""
    try:
        wait_until(lambda: cause_of(end, peer).get("name") == name, f"the status to name {name}", within=WITHIN, every=0.1)
    finally:
        note(f"status: {end.status()['peers'][peer.public].get('state')}")
    cause = cause_of(end, peer)
    if address:
        expect_equal(cause.get("address"), address, f"who is to blame for {name}")
    state = end.status()["peers"][peer.public]["state"]
    expect(cause["text"] and cause["advice"], f"{name} says nothing to people")
    return state


def diagnose(end, *options, name=None):
    """All that the doctor says."""
    code, text = end.host.attempt(os.environ["CULVERT"], "doctor", name or end.name, "--json", *options, within=120)
    report = json.loads(text[text.index("{"):text.rindex("}") + 1])
    expect_equal(code, 1 if report["failures"] else 0, "the doctor's exit code")
    return report["checks"]


def expect_first_failure(end, words, *options, name=None):
    checks = diagnose(end, *options, name=name)
    failures = [check for check in checks if check["grade"] == "failure"]
    expect(failures, f"the doctor finds nothing wrong; wanted '{words}': {checks}")
    note(f"doctor: {failures[0]['topic']}: {failures[0]['finding']} -> {failures[0].get('mend', '')}")
    expect(words in failures[0]["finding"], f"the doctor says first: {failures[0]}; wanted '{words}'")
    expect(failures[0].get("mend"), f"it does not say what to do: {failures[0]}")


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


@case("wrong public key for the other end: no answer here, and there a stranger who calls somebody else")
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


@case("an unknown public key: shown on the answering end, with the command that adds it")
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
    @case(f"different preshared keys, calling {other}: the answer does not authenticate")
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


@case("a preshared key on the calling end alone: the answer does not authenticate")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    left.wg("peer", right.public, "preshared-key", lab.write("left.psk", genpsk() + "\n"))
    nudge(left, right.inside[4])
    expect_cause(left, right, "bad_answer")
    expect_first_failure(left, "does not authenticate")


@case("a preshared key on the answering end alone: the caller does not go on")
def _(lab):
    left, right, _ = pair(lab, WIREGUARD_GO, CULVERTD)
    right.wg("peer", left.public, "preshared-key", lab.write("right.psk", genpsk() + "\n"))
    nudge(left, right.inside[4])
    expect_cause(right, left, "never_confirmed")
    expect_first_failure(right, "it does not go on")


@case("nobody listens on the other end's port")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    right.stop()
    nudge(left, right.inside[4])
    expect_cause(left, right, "port_closed", "10.2.0.1")
    expect_first_failure(left, "nobody listens on the port")


@case("the same over IPv6")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO, family=6)
    right.stop()
    nudge(left, right.inside[4])
    expect_cause(left, right, "port_closed", "fd00:2::1")
    expect_first_failure(left, "nobody listens on the port")


for kind, name, words in (("unreachable", "unreachable", "cannot be reached"), ("prohibit", "admin_prohibited", "forbids")):
    @case(f"the router answers '{kind}': named, with the router's address")
    def _(lab, kind=kind, name=name, words=words):
        left, right, router = pair(lab, CULVERTD, WIREGUARD_GO)
        router.ip("route", "add", kind, "10.2.0.1/32")
        nudge(left, right.inside[4])
        expect_cause(left, right, name, "10.1.0.2")
        expect_first_failure(left, words)


@case("the endpoint's address is nobody's: its router says so")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    left.wg("peer", right.public, "endpoint", "10.2.0.77:51820")
    nudge(left, right.inside[4])
    expect_cause(left, right, "unreachable", "10.1.0.2")
    expect_first_failure(left, "cannot be reached")


@case("a firewall on the way swallows the datagrams")
def _(lab):
    left, right, router = pair(lab, CULVERTD, WIREGUARD_GO)
    drop(lab, router, "forward", 'udp dport 51820')
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_answer")
    expect_first_failure(left, "does not answer")


@case("a firewall on the way back swallows the answers: each end says what it can know")
def _(lab):
    left, right, router = pair(lab, CULVERTD, CULVERTD)
    drop(lab, router, "forward", 'iifname "right" udp sport 51820')
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_answer")
    expect_cause(right, left, "never_confirmed")
    expect_first_failure(left, "does not answer")
    expect_first_failure(right, "it does not go on")


@case("this host's own firewall forbids what it sends")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    drop(lab, left.host, "output", 'ip daddr 10.2.0.1')
    nudge(left, right.inside[4])
    expect_cause(left, right, "blocked_by_firewall")
    expect_first_failure(left, "own firewall forbids")


@case("this host's own firewall drops what comes to the port: the rule is shown")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    drop(lab, left.host, "input", 'udp dport 51820')
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_answer")
    expect_first_failure(left, "udp dport 51820 drop")


@case("there is no route to the endpoint")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    left.host.ip("route", "del", "default")
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_route")
    expect_first_failure(left, "There is no route")


@case("the endpoint lies inside its own tunnel")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    left.add_peer(right, allowed="0.0.0.0/0,::/0")
    left.host.ip("route", "add", "10.2.0.1", "dev", left.name)
    nudge(left, right.inside[4])
    expect_cause(left, right, "routing_loop")
    expect_first_failure(left, "routed into the tunnel itself")


@case("the caller's clock went back by a day: its peer names the old timestamp")
def _(lab):
    a, _, b = lab.routed_pair()
    shim = os.environ["CULVERT_SHIFTED_CLOCK"]
    left, right = Tunnel(a, CULVERTD, 1, env={"LD_PRELOAD": shim, "SHIFTED_CLOCK": "86400"}), Tunnel(b, CULVERTD, 2)
    connect(left, right)
    wait_until(left.host.reaches(right.inside[4]), "the tunnel with the clock ahead", within=WITHIN)
    left.stop()
    left.env = {}
    left.start()
    connect(left, right)
    nudge(left, right.inside[4])
    wait_until(lambda: right.status()["peers"][left.public].get("lastProblem", {}).get("name") == "old_timestamp",
               "the old timestamp to be named", within=WITHIN)
    expect_cause(left, right, "no_answer")
    expect_first_failure(left, "does not answer")


@case("an allowed IP was given to another peer: the packets' true owner is named")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    wait_until(left.host.reaches(right.inside[4]), "the tunnel", within=WITHIN)
    right.wg("peer", random_public_keys(1)[0], "allowed-ips", "10.99.0.1/32")
    nudge(left, right.inside[4])
    wait_until(lambda: right.status()["peers"][left.public].get("lastProblem", {}).get("name") == "source_not_allowed",
               "the foreign source to be named", within=WITHIN)
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


@case("a path that swallows large packets without a word: the largest that passes is measured")
def _(lab):
    left, right, router = pair(lab, CULVERTD, WIREGUARD_GO)
    drop(lab, router, "forward", 'ip length > 1300')
    wait_until(left.host.reaches(right.inside[4]), "the tunnel", within=WITHIN)
    # 1300 octets outside hold 1240 inside, padded to 16: packets of 1232 are the largest that fit.
    expect_first_failure(left, "Packets of up to 1232 octets come back")


@case("a NAT without keepalive has forgotten the peer: it was here before, and answers no more")
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


@case("strict reverse-path filtering under a mark: the answers are dropped where they arrive")
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


@case("the other end has no endpoint and has not called: said when something is sent to it")
def _(lab):
    a, _, b = lab.routed_pair()
    left, right = Tunnel(a, CULVERTD, 1), Tunnel(b, WIREGUARD_GO, 2)
    left.add_peer(right)
    nudge(left, right.inside[4])
    expect_cause(left, right, "no_endpoint")
    expect_first_failure(left, "no endpoint")


@case("what is missing on the interface itself: link, address, key, peers, allowed IPs, routes")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    left.host.ip("link", "set", left.name, "down")
    wait_until(lambda: left.status()["peers"][right.public]["stateName"] == "link_down", "the state to say down")
    expect_first_failure(left, "The interface is down")
    left.host.ip("link", "set", left.name, "up")
    wait_until(lambda: left.status()["link"] == "up", "the link to be up again")
    left.host.ip("addr", "flush", "dev", left.name)
    expect_first_failure(left, "has no address")
    left.host.ip("addr", "add", "10.99.0.1/24", "dev", left.name)
    left.add_peer(right, allowed="10.50.0.0/16")
    expect_first_failure(left, "Packets for 10.50.0.0/16 go to eth0, not into the tunnel")
    left.wg("peer", right.public, "allowed-ips", "")
    expect_first_failure(left, "no allowed IPs")
    left.wg("peer", right.public, "remove")
    expect_first_failure(left, "has no peers")
    left.wg("private-key", "/dev/null")
    expect_first_failure(left, "has no private key")


@case("no daemon runs, or its socket is another's to read")
def _(lab):
    left, _, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    expect_first_failure(left, "", name="wg77")
    code, text = left.host.attempt("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", os.environ["CULVERT"], "doctor",
                                   left.name, "--json")
    checks = json.loads(text[text.index("{"):text.rindex("}") + 1])["checks"]
    expect(code == 1 and any(c["topic"] == "permissions" and c["grade"] == "failure" for c in checks), f"as nobody: {checks}")


@case("what only the file can tell: its date, a mistake in it, a dead name, a peer switched off or over, a gateway that does not forward")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    wait_until(left.host.reaches(right.inside[4]), "the tunnel", within=WITHIN)
    folder = os.path.join(lab.directory, "etc")
    os.mkdir(folder)
    peer = f'[[peer]]\nname = "b"\npublic_key = "{right.public}"\nallowed_ips = ["10.99.0.2/32"]\n'

    def configured(extra_peer="", more=""):
        with open(os.open(f"{folder}/{left.name}.toml", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(f'[interface]\nprivate_key = "{left.private}"\naddresses = ["10.99.0.1/24"]\n{more}\n{peer}{extra_peer}')

    options = ("--config-dir", folder)
    configured()
    os.utime(f"{folder}/{left.name}.toml", times=(time.time() + 86400,) * 2)
    expect_first_failure(left, "The clock is behind", *options)
    configured("allowed_ip = 7\n")
    expect_first_failure(left, "allowed_ip", *options)
    configured('endpoint = "nowhere.invalid:51820"\n')
    expect_first_failure(left, "nowhere.invalid does not resolve", *options)
    configured("enabled = false\n")
    expect_first_failure(left, "switched off", *options)
    configured("expires = 2001-01-01T00:00:00Z\n")
    expect_first_failure(left, "is over", *options)
    left.host.sysctl("net.ipv4.ip_forward", 0)
    configured(more="[gateway]\nenabled = true\n")
    expect_first_failure(left, "forwards nothing", *options)


main()
