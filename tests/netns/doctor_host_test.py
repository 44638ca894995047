#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tunnels that work, on hosts that are broken on purpose, one way at a time: gateways that do not forward, names that are asked in the
wrong place, rules that somebody flushed. The first thing that the doctor says is wrong must be the cause. See doctor_test.py.

     a (10.1.0.1) -- [router 10.1.0.2, 10.2.0.2] -- b (10.2.0.1)
"""
import os

from culvert_site import Site
from doctor_lab import (WITHIN, broken, diagnose, diagnose_on, drop, expect_first_failure, expect_first_on, file_for, foreign, record)
from lab import case, expect, expect_equal, main, wait_until
from tunnel import CULVERTD, WIREGUARD_GO, Tunnel, genkey, pair, pubkey

RESOLV = "/etc/resolv.conf"


def ask_for_names_at(*servers):
    """All hosts of the laboratory share a copy of /etc."""
    if os.path.islink(RESOLV):
        os.unlink(RESOLV)
    with open(RESOLV, "w", encoding="utf-8") as file:
        file.write("".join(f"nameserver {server}\n" for server in servers))


def working_pair(lab, **options):
    left, right, router = pair(lab, CULVERTD, WIREGUARD_GO, **options)
    wait_until(left.host.reaches(right.inside[4]), "the tunnel", within=WITHIN)
    return left, right, router


def full_tunnel(left, right):
    """As wg-quick makes it."""
    left.wg("fwmark", 51820)
    left.add_peer(right, allowed="0.0.0.0/0,::/0")
    for family in ("-4", "-6"):
        left.host.ip(family, "route", "add", "default", "dev", left.name, "table", 51820)
        left.host.ip(family, "rule", "add", "not", "fwmark", 51820, "table", 51820)
        left.host.ip(family, "rule", "add", "table", "main", "suppress_prefixlength", 0)
    left.host.sysctl("net.ipv4.conf.all.src_valid_mark", 1)


def checks_of(checks, section):
    return [(check["topic"], check["grade"], check["finding"]) for check in checks if check["section"] == section]


# ------------------------------------------------------------------------------------------------------------------- names


@broken("the resolver inside the tunnel does not run")
def _(lab):
    left, right, _ = working_pair(lab)
    ask_for_names_at(right.inside[4])
    folder = file_for(left, right, more=f'[dns]\nservers = ["{right.inside[4]}"]')
    expect_first_failure(left, f"Nobody answers for names on port 53 of {right.inside[4]}", "--config-dir", folder)


@broken("questions for names are swallowed behind the tunnel")
def _(lab):
    left, right, _ = working_pair(lab)
    drop(lab, right.host, "input", "udp dport 53")
    ask_for_names_at(right.inside[4])
    folder = file_for(left, right, more=f'[dns]\nservers = ["{right.inside[4]}"]')
    expect_first_failure(left, f"{right.inside[4]} does not answer questions for names", "--config-dir", folder)


@broken("the host asks another resolver than the tunnel's")
def _(lab):
    left, right, _ = working_pair(lab)
    ask_for_names_at("10.1.0.2")
    folder = file_for(left, right, more=f'[dns]\nservers = ["{right.inside[4]}"]')
    expect_first_failure(left, f"The file's resolver {right.inside[4]} is not asked by this host, which asks 10.1.0.2", "--config-dir", folder)


@broken("everything goes through the tunnel, but names are asked of the access point")
def _(lab):
    left, right, _ = working_pair(lab)
    full_tunnel(left, right)
    ask_for_names_at("10.1.0.2")
    expect_first_failure(left, "Names are asked of 10.1.0.2, by eth0, outside the tunnel")


@case("a resolver inside the tunnel answers: asked and timed; one that refuses is told from one that is silent")
def _(lab):
    left, right, _ = working_pair(lab)
    full_tunnel(left, right)
    ask_for_names_at(right.inside[4])
    right.host.spawn("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", f"--listen-address={right.inside[4]}",
                     "--bind-interfaces", "--auth-server=ns.example,wg2", "--auth-zone=example", "--pid-file=")
    wait_until(lambda: right.host.listening(53, "u"), "dnsmasq to listen")
    told = checks_of(diagnose(left), "names")
    expect(("resolver", "good", f"Names are asked of {right.inside[4]}, inside the tunnel.") in told, f"{told}")
    expect(any(topic == "answer" and grade == "warning" and "refuses" in finding for topic, grade, finding in told), f"{told}")
    expect(any(topic == "leak" and grade == "note" for topic, grade, _ in told), f"nothing is said of what no kill switch closes: {told}")
    left.add_peer(right)
    ask_for_names_at("10.1.0.2")
    told = checks_of(diagnose(left), "names")
    expect_equal([(topic, grade) for topic, grade, _ in told], [("resolver", "note")], "what is said of names in a tunnel of some networks")


# ---------------------------------------------------------------------------------------------------------------- gateways


def gateway(lab, router_sysctl=True, **sections):
    """`culvert up` of a gateway that nobody calls yet: (site, name). Where wireguard-go is to speak, it serves the same peer."""
    a, _, b = lab.routed_pair()
    peer_key = pubkey(genkey())
    if foreign():
        left, right = Tunnel(a, CULVERTD, 1, name="wg0"), Tunnel(b, WIREGUARD_GO, 2)
        left.add_peer(right)
        right.add_peer(left, endpoint=left.endpoint(4))
        wait_until(right.host.reaches(left.inside[4]), "the tunnel", within=WITHIN)
        return left, None
    site = Site(a)
    text = "".join(f"[{name}]\n{keys}\n" for name, keys in sections.items())
    with open(os.open(site.path("wg0.toml"), os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(f'[interface]\nprivate_key = "{genkey()}"\naddresses = ["10.86.0.1/24"]\nlisten_port = 51820\n{text}\n'
                   f'[[peer]]\nname = "phone"\npublic_key = "{peer_key}"\nallowed_ips = ["10.86.0.2/32"]\n')
    site.culvert("up", "wg0")
    return None, site


def broken_gateway(sentence, words, gateway_keys='enabled = true\nmasquerade = true\noutside_interface = "eth0"'):
    """Registers a case in which the function breaks the host of a gateway that runs."""
    def register(break_it):
        @broken(sentence)
        def _(lab):
            left, site = gateway(lab, gateway=gateway_keys)
            host = left.host if left else site.host
            break_it(lab, host)
            if left:
                record(left)
            expect_first_on(host, "wg0", words, "--config-dir", site.folder)
    return register


@case("a gateway on which nothing is wrong: forwarding and NAT are good, and no failure is told")
def _(lab):
    _, site = gateway(lab, gateway='enabled = true\nmasquerade = true\nallowed_subnets = ["10.1.0.0/24"]')
    checks = diagnose_on(site.host, "wg0", "--config-dir", site.folder)
    expect_equal([check for check in checks if check["grade"] == "failure"], [], "failures")
    told = checks_of(checks, "wg0")
    for topic in ("configuration", "addresses", "forwarding", "NAT", "firewall"):
        expect(any(t == topic and grade == "good" for t, grade, _ in told), f"{topic} is not told to be good: {told}")
    expect(any("10.1.0.0/24 and nowhere else" in finding for _, _, finding in told), f"the allowed subnets: {told}")


@broken_gateway("forwarding is off on the gateway", "forwards nothing: net.ipv4.ip_forward = 0")
def _(_lab, host):
    host.sysctl("net.ipv4.ip_forward", 0)


@broken_gateway("somebody flushed the gateway's rules, the masquerade among them", "somebody has flushed nftables")
def _(_lab, host):
    host.run("nft", "flush", "ruleset")


@broken_gateway("the gateway's masquerade is missing", "there is no such rule")
def _(_lab, host):
    if not foreign():
        host.run("nft", "flush", "chain", "inet", "culvert-wg0", "outside")


@broken_gateway("Docker's policy drops what the gateway forwards", "dropped by the chain ip filter FORWARD of Docker: policy drop")
def _(lab, host):
    host.run("nft", "-f", lab.write("docker.nft", """table ip filter {
  chain DOCKER-USER { counter return; }
  chain FORWARD { type filter hook forward priority filter; policy drop;
    counter jump DOCKER-USER
    oifname "docker0" ct state established,related counter accept
    iifname "docker0" oifname != "docker0" counter accept
  }
}
"""))


@broken_gateway("a firewall's policy drops what comes to the port", "by the chain inet filter input: policy drop")
def _(lab, host):
    host.run("nft", "-f", lab.write("filter.nft", """table inet filter {
  chain input { type filter hook input priority filter; policy drop;
    ct state established,related accept
    iif lo accept
    tcp dport 22 accept
  }
}
"""))


@broken_gateway("the gateway's outside interface does not exist", "There is no interface eth7",
                'enabled = true\nmasquerade = true\noutside_interface = "eth7"')
def _(_lab, _host):
    pass


@broken_gateway("an address of the file was taken off the interface", "The address 10.86.0.1/24 of the file is not on the interface")
def _(_lab, host):
    host.ip("addr", "flush", "dev", "wg0")


# ----------------------------------------------------------------------------------------------------------------- clients


def client(lab, endpoint="10.2.0.1:51820", more_of_peer="", more=""):
    """`culvert up` of a client that sends everything through the tunnel; the other end answers. (site, the other end)"""
    a, _, b = lab.routed_pair()
    site, right = Site(a), Tunnel(b, WIREGUARD_GO, 2)
    private = genkey()
    right.wg("peer", pubkey(private), "allowed-ips", "10.99.0.1/32")
    with open(os.open(site.path("wg0.toml"), os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(f'[interface]\nprivate_key = "{private}"\naddresses = ["10.99.0.1/24"]\n{more}\n[[peer]]\nname = "office"\n'
                   f'public_key = "{right.public}"\nallowed_ips = ["0.0.0.0/0"]\nendpoint = "{endpoint}"\n{more_of_peer}\n')
    site.culvert("up", "wg0")
    return site, right


def foreign_client(lab):
    """The same with wireguard-go."""
    left, right, _ = working_pair(lab)
    full_tunnel(left, right)
    return left


def broken_client(sentence, words, more_of_peer="", more="", endpoint="10.2.0.1:51820", break_foreign=None):
    def register(break_it):
        @broken(sentence)
        def _(lab):
            if foreign():
                left = foreign_client(lab)
                (break_foreign or break_it)(left.host, left)
                record(left)
            site, _ = client(lab, endpoint, more_of_peer, more)
            break_it(site.host, None)
            expect_first_on(site.host, "wg0", words, "--config-dir", site.folder)
    return register


def nothing(_host, _left):
    """It is broken from the start."""


def without_peer(_host, left):
    """WireGuard has no word for a peer that may not: it is there or not."""
    left.wg("peer", left.show("peers").split()[0], "remove")


@case("a client with a kill switch on which nothing is wrong: questions outside are shut, and no failure is told")
def _(lab):
    site, right = client(lab, more=f'[dns]\nservers = ["10.99.0.2"]\nbackend = "file"\n[firewall]\nkill_switch = true')
    right.host.spawn("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--listen-address=10.99.0.2",
                     "--bind-interfaces", "--pid-file=")
    wait_until(lambda: right.host.listening(53, "u"), "dnsmasq to listen")
    checks = diagnose_on(site.host, "wg0", "--config-dir", site.folder)
    expect_equal([check for check in checks if check["grade"] == "failure"], [], "failures")
    told = checks_of(checks, "names")
    expect(("resolver", "good", "Names are asked of 10.99.0.2, inside the tunnel.") in told, f"{told}")
    expect(any(topic == "leak" and grade == "good" for topic, grade, _ in told), f"{told}")
    expect(any(topic == "kill switch" and grade == "good" for topic, grade, _ in checks_of(checks, "wg0")), f"{checks}")


broken_client("a peer is switched off", "office is switched off", "enabled = false", break_foreign=without_peer)(nothing)
broken_client("a peer's time is over", "The time of peer office is over", "expires = 2001-01-01T00:00:00Z",
              break_foreign=without_peer)(nothing)


@broken("the endpoint's name is dead")
def _(lab):
    ask_for_names_at("10.1.0.2")
    if foreign():
        left = foreign_client(lab)
        left.host.attempt("timeout", "2", "wg", "set", left.name, "peer", left.show("peers").split()[0], "endpoint", "nowhere.invalid:51820")
        record(left)
    site, _ = client(lab, "nowhere.invalid:51820")
    expect_first_on(site.host, "wg0", "The name nowhere.invalid does not resolve", "--config-dir", site.folder)


@broken_client("the rule that leads packets into the tunnel was deleted", "No rule of IPv4 leads packets without the mark")
def _(host, left):
    while host.attempt("ip", "rule", "del", "not", "fwmark", 51820, "table", 51820)[0] == 0:
        if left:
            break


@broken_client("the rules of the kill switch were flushed", "but its rules are gone", more="[firewall]\nkill_switch = true")
def _(host, _left):
    host.run("nft", "flush", "ruleset")


@broken("a second daemon has the port")
def _(lab):
    a, _, _ = lab.routed_pair()
    first = Tunnel(a, WIREGUARD_GO, 9)
    if foreign():
        second = Tunnel(a, CULVERTD, 8, port=0)
        a.attempt("wg", "set", second.name, "listen-port", first.port)
        record(second)
    site = Site(a)
    with open(os.open(site.path("wg0.toml"), os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(f'[interface]\nprivate_key = "{genkey()}"\naddresses = ["10.86.0.1/24"]\nlisten_port = {first.port}\n')
    code, said = site.attempt("up", "wg0")
    expect(code != 0 and "51820" in said, f"`culvert up` with a port that is taken: {code} {said}")
    expect_first_on(a, "wg0", f"The port {first.port} is taken by wireguard-go", "--config-dir", site.folder)


main()
