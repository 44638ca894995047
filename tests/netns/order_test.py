#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The order within an inner flow, with several lanes: numbered packets of many flows fly both ways between a hub and several
peers, and none may overtake another of its flow, whatever happens meanwhile: the first packets wait for a session while both ends
ask for one, answers come for the first time, keys are renewed every few seconds, ends roam, a peer is set anew. What is lost is
told, but proves nothing about order.

The network outside keeps the order as well: each of its interfaces hands all packets to one queue (GRO's), whichever processor
they are sent from.
"""
import json
import os
import re
import time

from lab import case, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, Tunnel, connect, pair, start_udp_echo

SECONDS = 8
FAST = 40  # sessions are renewed after 3 s and end after 4.5 s
PORT = 7007
STREAM = 4 << 20  # octets


def network(lab, peers):
    """A hub and peers behind a router; each has the second half of a network to roam in."""
    router = lab.host("router")
    router.sysctl("net.ipv4.ip_forward", 1)
    router.sysctl("net.ipv6.conf.all.forwarding", 1)
    hosts = []
    for number in range(1, peers + 2):
        host = lab.host(f"h{number}")
        lab.wire(host, "eth0", router, f"net{number}", number)
        host.ip("route", "add", "default", "via", f"10.{number}.0.2")
        host.ip("-6", "route", "add", "default", "via", f"fd00:{number}::2")
        for end, device in ((host, "eth0"), (router, f"net{number}")):
            end.run("ethtool", "-K", device, "gro", "on")
        hosts.append(host)
    return hosts


def tunnels(lab, lanes, peers):
    env = {"CULVERT_LANES": str(lanes), "LD_PRELOAD": os.environ["CULVERT_SHIFTED_CLOCK"], "FAST_CLOCK": str(FAST)}
    ends = [Tunnel(host, CULVERTD, number + 1, env=env) for number, host in enumerate(network(lab, peers))]
    for end in ends:
        start_udp_echo(end, PORT)
    hub, *spokes = ends
    for spoke in spokes:
        connect(spoke, hub, both_know=True)
    return hub, spokes


def start_flows(end, addresses, seed):
    return end.host.script("ordered_udp.py", PORT, SECONDS, *addresses, "--flows", len(addresses), "--renew", 240, "--seed", seed)


def start_load(hub, spokes):
    """Flows from the hub to all and from each to the hub, of both families, each echoed."""
    load = [start_flows(hub, [spoke.inside[family] for spoke in spokes for family in (4, 6)], 1)]
    return load + [start_flows(spoke, [hub.inside[4], hub.inside[6]], 2 + n) for n, spoke in enumerate(spokes)]


def speak_from(end, address, hub):
    """Until the hub sees it: what comes from the hub meanwhile is answered from the address that it went to."""
    give_up = time.monotonic() + 2
    while not hub.seen_endpoint(end).startswith(f"{address}:") and time.monotonic() < give_up:
        end.wg("peer", hub.public, "endpoint", hub.endpoint(4))


def roam(hub, spokes):
    """The first changes its address, the second its port, the hub both for the third; and it forgets the first and learns it again.

    Not the family: each has a socket of its own."""
    first, second, third = spokes
    for step in range(4):
        time.sleep(SECONDS / 8)
        # One address more, which is preferred: the old one stays good, so that nothing needs to be lost.
        address = f"10.{first.number}.0.{100 + step}"
        first.host.ip("addr", "add", f"{address}/24", "dev", "eth0")
        first.host.ip("route", "replace", "default", "via", f"10.{first.number}.0.2", "src", address)
        speak_from(first, address, hub)
        second.wg("listen-port", 52000 + step)
        hub.host.ip("addr", "add", f"10.{hub.number}.0.{100 + step}/24", "dev", "eth0")
        third.wg("peer", hub.public, "endpoint", f"10.{hub.number}.0.{100 + step}:{hub.port}")
        if step == 2:
            hub.wg("peer", first.public, "remove")
            hub.add_peer(first)


def expect_order(load, what, least=2000):
    verdicts = [process.result(within=120) for process in load]
    total = {key: sum(verdict[key] for verdict in verdicts) for key in ("flows", "sent", "lost", "reordered", "duplicated")}
    note(f"{what}: {total['sent']} packets in {total['flows']} flows, {total['reordered']} reordered, {total['lost']} lost")
    expect(total["sent"] - total["lost"] >= least, "too few packets came back to prove anything")
    faults = [example for verdict in verdicts for example in verdict["examples"]]
    expect(total["reordered"] == 0, f"{total['reordered']} packets were overtaken: {faults[:10]}")
    expect(total["duplicated"] == 0, f"{total['duplicated']} packets came twice")


def expect_all_lanes_worked(end, lanes):
    """Otherwise there was nothing to overtake each other."""
    read = [lane["inside"]["readSuperPackets"] for lane in end.status()["lanes"]]
    expect(len(read) == lanes and min(read) >= 20, f"the lanes of {end.name} read {read} times, wanted {lanes} busy lanes")


def count(end, pattern):
    return len(re.findall(pattern, end.process.output()))


def sessions_of(end):
    return count(end, "Received handshake response|Session confirmed")


def tcp_counters(end):
    """(reordering that the senders of a host found, segments that they sent again)"""
    counters = json.loads(end.host.run("nstat", "-asz", "--json"))["kernel"]
    return sum(counters[name] for name in ("TcpExtTCPSACKReorder", "TcpExtTCPRenoReorder", "TcpExtTCPTSReorder")), \
        counters["TcpRetransSegs"]


for lanes in (2, 4):
    @case(f"{lanes} lanes: flows between a hub and three peers keep their order from the first packet on, through new keys and roaming")
    def _(lab, lanes=lanes):
        hub, spokes = tunnels(lab, lanes, 3)
        load = start_load(hub, spokes)
        time.sleep(SECONDS / 4)
        first_sessions = sessions_of(hub)
        roam(hub, spokes)
        expect_order(load, f"{lanes} lanes")
        expect_all_lanes_worked(hub, lanes)
        renewed = sessions_of(hub) - first_sessions
        moves = [count(hub, r"Endpoint is 10\.2\.0\.10"), count(hub, r"Endpoint is 10\.3\.0\.1:520")]
        note(f"{renewed} sessions renewed; moves by address and by port: {moves}")
        expect(renewed >= len(spokes), f"the hub renewed {renewed} sessions under the load, wanted one of each peer")
        expect(min(moves) >= 1, f"the hub saw {moves} moves by address and by port, wanted each")


@case("2 lanes: TCP streams both ways at once find no segment reordered, and arrive unchanged")
def _(lab):
    hub, spokes = tunnels(lab, 2, 2)
    streams = []
    ways = [(hub, spokes[0], 4), (hub, spokes[1], 6), (spokes[0], hub, 6), (spokes[1], hub, 4)]
    for port, (sender, receiver, family) in enumerate(ways, 7100):
        server = receiver.host.script("checked_tcp.py", "receive", "::", port)
        wait_until(lambda: receiver.host.listening(port, "t"), "the receiver to listen")
        streams.append((sender.host.script("checked_tcp.py", "send", receiver.inside[family], port, STREAM, port), server))
    for client, server in streams:
        expect_equal(server.result(within=60)["sha256"], client.result(within=60)["sha256"], "checksum of a stream")
    found = [tcp_counters(end) for end in (hub, *spokes)]
    note(f"{len(streams)} streams of {STREAM} octets: (reordering found, segments sent again) {found}")
    expect(not any(reordered for reordered, _ in found), f"segments were reordered: {found}")


@case("where one queue is all there is, one lane runs in place of several, and the log says why")
def _(lab):
    host = lab.host("h1")
    host.ip("tuntap", "add", "mode", "tun", "name", "wg1")
    end = Tunnel(host, CULVERTD, 1, env={"CULVERT_LANES": "2"})
    expect_equal(len(end.status()["lanes"]), 1, "lanes that run")
    wanted = "2 lanes were asked for, one will run: interface wg1 exists without multi-queue"
    expect(wanted in end.process.output(), f"the log does not say: {wanted}")


@case("two lanes go on when their interface moves to another namespace, and end when it is deleted")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    left.stop()
    left.env["CULVERT_LANES"] = "2"
    left.start()
    left.add_peer(right, endpoint=right.endpoint(4))
    inner = lab.host("inner")
    left.host.ip("link", "set", left.name, "netns", inner.name)
    inner.ip("addr", "add", f"{left.inside[4]}/24", "dev", left.name)
    inner.ip("link", "set", left.name, "up")
    wait_until(inner.reaches(right.inside[4]), "an echo through the moved interface", within=15)
    expect_equal(inner.ping(right.inside[4], 5), 5, "echoes answered")
    inner.ip("link", "del", left.name)
    expect_equal(left.process.wait(), 3, "exit code after the interface was deleted")


main()
