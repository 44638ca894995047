#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a daemon tells of itself while it runs: events as they happen, metrics over HTTP, and a log that no flood can fill."""
import json
import os
import signal

from lab import STATUS_SOCKETS, case, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, Tunnel, connect, expect_echo, pair


def events_of(process):
    return [json.loads(line) for line in process.output().splitlines() if line.startswith("{")]


@case("events tell of a peer that comes up, a link that goes down, and a key that nobody knows")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    reader = left.host.spawn(os.environ["CULVERT"], "events", left.name, "--follow", label="events")
    wait_until(lambda: events_of(reader), "the first line")
    stranger_reader = right.host.spawn(os.environ["CULVERT"], "events", right.name, label="events-right")
    wait_until(lambda: events_of(stranger_reader), "the first line of the other")
    wait_until(left.host.reaches(right.inside[4]), "the tunnel", within=30)
    wait_until(lambda: any(e["event"] == "peer_up" for e in events_of(reader)), "peer_up")
    up = next(e for e in events_of(reader) if e["event"] == "peer_up")
    expect_equal((up["interface"], up["publicKey"], up["endpoint"]), (left.name, right.public, "10.2.0.1:51820"), "peer_up")
    wait_until(lambda: any(e["event"] == "endpoint_moved" for e in events_of(stranger_reader)), "endpoint_moved")

    right.wg("peer", left.public, "remove")
    left.wg("peer", right.public, "remove")
    wait_until(lambda: [e["detail"] for e in events_of(reader) if e["event"] == "set"] == ["peers set: 1"], "one event after one `wg set`")
    connect(left, right)
    right.wg("peer", left.public, "remove")
    left.host.ping(right.inside[4], count=1, timeout=0.2)
    wait_until(lambda: any(e["event"] == "handshake_refused" for e in events_of(stranger_reader)), "handshake_refused", within=30)
    refused = next(e for e in events_of(stranger_reader) if e["event"] == "handshake_refused")
    expect_equal((refused["reason"], refused["publicKey"]), ("unknown_peer", left.public), "handshake_refused")

    left.host.ip("link", "set", left.name, "down")
    wait_until(lambda: any(e["event"] == "link" and e["detail"] == "down" for e in events_of(reader)), "the link's end")
    left.stop()
    wait_until(lambda: not reader.running(), "the reader to end with the daemon")
    expect(not os.path.exists(f"{STATUS_SOCKETS}/{left.name}.events"), "the socket's file stays behind")


@case("events tell of a peer that moves, first by its data, and of one that falls silent, with what to do")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    expect_echo(left, right)
    reader = right.host.spawn(os.environ["CULVERT"], "events", right.name, label="events")
    wait_until(lambda: events_of(reader), "the first line")

    def event(name):
        return next((e for e in events_of(reader) if e["event"] == name), None)
    left.host.ip("addr", "del", "10.1.0.1/24", "dev", "eth0")
    left.host.ip("addr", "add", "10.1.0.9/24", "dev", "eth0")
    left.host.ip("route", "replace", "default", "via", "10.1.0.2")
    wait_until(left.host.reaches(right.inside[4]), "the tunnel from the new address", within=30)
    moved = wait_until(lambda: event("endpoint_moved"), "endpoint_moved", within=30)
    expect_equal((moved["publicKey"], moved["endpoint"], moved["by"]), (left.public, "10.1.0.9:51820", "data"), "endpoint_moved")
    left.process.stop(signal.SIGKILL)
    right.host.ping(left.inside[4], count=1, timeout=0.2)
    silent = wait_until(lambda: event("peer_silent"), "peer_silent", within=40)
    expect_equal((silent["publicKey"], silent["interface"]), (left.public, right.name), "peer_silent")
    problem = wait_until(lambda: event("problem"), "what is behind it", within=40)
    expect(problem["text"] and problem["advice"], f"it says nothing to people: {problem}")


@case("metrics on a loopback port and on a path, off unless asked for, under the names of both exporters")
def _(lab):
    a, _, b = lab.routed_pair()
    path = f"{STATUS_SOCKETS}/metrics"
    left = Tunnel(a, CULVERTD, 1, env={"CULVERT_METRICS": "127.0.0.1:9586", "CULVERT_METRICS_NAMES": "all"})
    right = Tunnel(b, CULVERTD, 2, env={"CULVERT_METRICS": f"unix:{path}"})
    connect(left, right)
    expect_echo(left, right)
    fetch = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen('http://127.0.0.1:9586/metrics').read().decode())"
    page = a.run("python3", "-c", fetch)
    received = next(line for line in page.splitlines() if line.startswith("wireguard_peer_receive_bytes_total{"))
    expect(right.public in received and int(received.split()[-1]) > 0, f"octets received: {received}")
    expect(f'culvert_peer_state{{device="{left.name}",public_key="{right.public}",state="up"}} 1' in page, "the peer's state")
    expect("wireguard_sent_bytes_total{interface=" in page, "the other exporter's names")
    expect("culvert_handshake_seconds_count" in page, "times of handshakes")
    code, text = b.attempt("python3", "-c", fetch)
    expect(code != 0 and "refused" in text, "a port is open that nobody asked for")
    from_path = b.run("python3", "-c", "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
                      "s.sendall(b'GET /metrics HTTP/1.1\\r\\n\\r\\n'); d=b''\n"
                      "while (p := s.recv(65536)): d += p\n"
                      "sys.stdout.write(d.decode())", path)
    expect(from_path.startswith("HTTP/1.1 200 OK"), f"over the path: {from_path[:200]}")
    expect("wireguard_sent_bytes_total" not in from_path, "names of the other exporter that nobody asked for")
    code = right.stop()
    expect(not os.path.exists(path), "the metrics' socket stays behind")


@case("a flood of messages under a wrong key makes a few log lines a second")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    before = len(right.process.output().splitlines())
    # An initiation by its type and length, with a mac1 that fits nobody.
    left.host.run("python3", "-c", "import socket,time\n"
                  "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                  "end = time.monotonic() + 2\n"
                  "while time.monotonic() < end: s.sendto(b'\\x01\\0\\0\\0' + b'x' * 144, ('10.2.0.1', 51820))\n")
    wait_until(lambda: sum(n["reasons"].get("bad_mac1", 0) for n in right.status()["strangers"]["networks"]) > 100, "the flood to count")
    lines = right.process.output().splitlines()[before:]
    counted = right.status()["strangers"]["networks"][0]["reasons"]["bad_mac1"]
    note(f"{counted} messages made {len(lines)} lines")
    expect(any("Received packet with invalid mac1 from 10.1.0.1" in line for line in lines), f"the familiar phrase: {lines[:5]}")
    # Four lines in each second that the flood touched, and one that says how many were left out.
    expect(len(lines) <= 40, f"{counted} messages made {len(lines)} lines")


main()
