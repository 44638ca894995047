#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon with a configuration file: all or nothing, reload without loss, the death of either half, and the way back.

     a (configured, wg1) -- router -- b (culvertd and `wg`, wg2)
"""
import glob
import json
import os
import signal
import socket
import time

from configured_end import PROGRAM, Configured, ask, gateway, pair, peer
from lab import STATUS_SOCKETS, case, children, expect, expect_equal, main, note, wait_until
from tunnel import CULVERTD, Tunnel, expect_perfect, genkey, pubkey, start_udp_echo

JOURNAL = "/var/lib/culvert/wg1.journal"


def whole(host):
    """Without what changes by itself: times of addresses."""
    return {what: host.run(*words) for what, words in {
        "addresses": ("ip", "-o", "addr"), "rules": ("ip", "rule"), "rules6": ("ip", "-6", "rule"),
        "routes": ("ip", "route", "show", "table", "all"), "firewall": ("nft", "list", "ruleset")}.items()}


@case("a file brings up interface, addresses, routes and peers, and SIGTERM takes all of it away")
def _(lab):
    left, right = pair(lab)
    before = whole(left.host)
    left.start()
    wait_until(left.host.reaches("10.99.0.2"), "an echo", within=20)
    expect_equal(left.host.ping("fd99::2", 2), 2, "echoes of IPv6")
    expect("10.99.0.1/24" in left.host.ip("addr", "show", "wg1"), "its address is not there")
    expect(os.path.exists(JOURNAL), "there is no journal")
    status = ask({"do": "status"})
    expect(status["ok"] and status["status"]["pid"] == left.process.pid, f"its status: {status}")
    expect_equal(left.process.stop(signal.SIGTERM, within=20), 0, "exit code")
    expect_equal(whole(left.host), before, "what is set on the host")
    expect(not os.path.exists(JOURNAL), "the journal is still there")


@case("a file with errors changes nothing, and all errors are told with their lines")
def _(lab):
    left, _ = pair(lab)
    before = whole(left.host)
    left.write(interface="mtu = 10\nlisten_prot = 7\n")
    code, text = left.host.attempt(PROGRAM, "--config", left.path)
    expect_equal(code, 1, "exit code")
    expect("wg1.toml:" in text and "listen_prot" in text and "mtu" in text, f"it said: {text}")
    expect_equal(whole(left.host), before, "what is set on the host")
    expect_equal([name for name in os.listdir(STATUS_SOCKETS) if name.startswith("wg1.")], [], "sockets")


@case("a port that is taken undoes the whole start and is named; a second start leaves the first alone")
def _(lab):
    left, right = pair(lab)
    squatter = left.host.spawn("python3", "-c", "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
                               "s.bind(('0.0.0.0', 51820)); time.sleep(600)")
    wait_until(lambda: left.host.listening(51820, "u"), "the squatter")
    before = whole(left.host)
    code, text = left.host.attempt(PROGRAM, "--config", left.path, within=60)
    expect(code == 1 and "51820" in text and "in use" in text, f"exit code {code}: {text}")
    expect_equal(whole(left.host), before, "what is set on the host")
    squatter.stop(signal.SIGKILL)
    left.start()
    with open(JOURNAL, encoding="utf-8") as journal:
        written = journal.read()
    code, text = left.host.attempt(PROGRAM, "--config", left.path, within=60)
    expect(code == 1 and "in use" in text, f"the second start: exit code {code}: {text}")
    code, text = left.host.attempt(PROGRAM, "--undo", "wg1", within=60)
    expect(code == 1 and "up" in text, f"undoing a tunnel that is up: exit code {code}: {text}")
    with open(JOURNAL, encoding="utf-8") as journal:
        expect_equal(journal.read(), written, "the first one's journal")
    wait_until(left.host.reaches("10.99.0.2"), "an echo through the first", within=20)


@case("a reload applies the differences, and the sessions of untouched peers keep flowing")
def _(lab):
    left, right = pair(lab)
    left.start()
    wait_until(left.host.reaches("10.99.0.2"), "an echo", within=20)
    start_udp_echo(right)
    sender = left.host.script("numbered_udp.py", "send", "10.99.0.2", 7007, "--seconds", 6, "--rate", 300)
    handshake = right.host.run("wg", "show", "wg2", "latest-handshakes")
    other = pubkey(genkey())
    for number in range(5):
        left.write(gateway(right), peer("bob", other, [f"10.88.{number}.0/24"]))
        dry = ask({"do": "reload", "dry_run": True})
        expect(dry["ok"] and any("bob" in line for line in dry["lines"]), f"the preview: {dry}")
        answer = ask({"do": "reload"})
        expect(answer["ok"] and answer["lines"] == dry["lines"], f"the reload: {answer}")
        expect(f"10.88.{number}.0/24" in left.host.run("wg", "show", "wg1", "allowed-ips"), "the peer has not its new addresses")
        expect(f"10.88.{number}.0/24 dev wg1" in left.host.ip("route"), "no route to the peer's addresses")
    left.write(gateway(right))
    os.kill(left.process.pid, signal.SIGHUP)
    wait_until(lambda: other not in left.host.run("wg", "show", "wg1", "peers"), "the peer to go")
    expect("10.88." not in left.host.ip("route"), "a route stays behind")
    left.write(gateway(right), interface="mtu = 1\n")
    refused = ask({"do": "reload"})
    expect(not refused["ok"] and refused["exit"] == 3 and refused["lines"], f"the reload of a bad file: {refused}")
    expect_perfect(sender.result())
    expect_equal(right.host.run("wg", "show", "wg2", "latest-handshakes"), handshake, "the time of the handshake")


@case("a peer that is switched off or whose time is over is refused by name, and comes back")
def _(lab):
    left, right = pair(lab)
    left.start()
    wait_until(left.host.reaches("10.99.0.2"), "an echo", within=20)
    for line in ("enabled = false", "expires = 2020-01-01T00:00:00Z"):
        left.write(gateway(right, line))
        expect(ask({"do": "reload"})["ok"], "the reload failed")
        expect_equal(left.host.ping("10.99.0.2", 1, timeout=1), 0, f"echoes with {line}")
        left.write(gateway(right))
        expect(ask({"do": "reload"})["ok"], "the reload failed")
        wait_until(left.host.reaches("10.99.0.2"), f"an echo after {line}", within=20)


@case("a packet half that dies is replaced within moments, while addresses, routes and firewall stay as they are")
def _(lab):
    left, right = pair(lab)
    left.start()
    wait_until(left.host.reaches("10.99.0.2"), "an echo", within=20)
    before = left.state()
    for _ in range(3):
        dead, since = left.packet_half(), time.monotonic()
        os.kill(dead, signal.SIGKILL)
        wait_until(lambda: [child for child in children(left.process.pid) if child != dead], "another packet half", within=5)
        replaced = time.monotonic() - since
        wait_until(left.host.reaches("10.99.0.2"), "an echo", within=30)
        note(f"replaced after {replaced:.2f} s, the next echo after {time.monotonic() - since:.2f} s")
        expect_equal(left.state(), before, "what is set on the host")
    expect_equal(ask({"do": "status"})["status"]["packetHalf"]["restarts"], 3, "restarts told")
    expect("is tried again" not in left.process.output(), f"a port that nobody configured was asked for:\n{left.process.output()}")
    expect_equal(left.process.stop(within=20), 0, "exit code")


@case("after kill -9 of the host half --undo brings the host back, and so does the next start")
def _(lab):
    left, right = pair(lab)
    before = whole(left.host)
    for how in ("undo", "start"):
        left.start()
        packet_half = left.packet_half()
        left.process.stop(signal.SIGKILL)
        wait_until(lambda pid=packet_half: not os.path.exists(f"/proc/{pid}") or pid not in left.process.pids(),
                   "the packet half to end")
        wait_until(lambda: not left.host.has_link("wg1"), "the link to go")
        expect(os.path.exists(JOURNAL), "there is no journal to undo by")
        if how == "start":
            left.start()
            wait_until(left.host.reaches("10.99.0.2"), "an echo", within=30)
            expect_equal(left.process.stop(within=20), 0, "exit code")
        else:
            left.host.run(PROGRAM, "--undo", "wg1")
            expect_equal(glob.glob("/var/run/*/wg1.*"), [], "sockets, after undo")
        expect_equal(whole(left.host), before, f"what is set on the host, after {how}")


def document():
    """The status document of the packet half."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(f"{STATUS_SOCKETS}/wg1.sock")
        text = b"".join(iter(lambda: client.recv(65536), b""))
    return json.loads(text)["peers"]


@case("what passed with a peer is added up through restarts, a dead packet half, and its removal and return")
def _(lab):
    left, right = pair(lab)
    totals = JOURNAL.replace(".journal", ".totals")
    started = int(time.time())

    def traffic():
        """(octets received and sent by this process, all of them)"""
        one = document()[right.public]
        return (one["transferRx"], one["transferTx"]), (one["total"]["rx"], one["total"]["tx"])

    def pass_something():
        wait_until(left.host.reaches("10.99.0.2"), "an echo", within=30)
        expect_equal(left.host.ping("10.99.0.2", 10, size=1000), 10, "echoes")

    left.start()
    pass_something()
    session, first = traffic()
    expect(first == session and min(first) > 10_000, f"at first: {session} {first}")
    expect(started <= document()[right.public]["total"]["since"] <= time.time(), "since when")
    expect_equal(left.process.stop(within=20), 0, "exit code")
    expect_equal(os.stat(totals).st_mode & 0o777, 0o600, "mode of the file")

    left.start()
    pass_something()
    session, second = traffic()
    expect(second[0] >= first[0] + session[0] and second[1] >= first[1] + session[1], f"after a restart: {first} {session} {second}")
    shown = left.host.run(os.environ["CULVERT"], "status", "wg1")
    expect(" since 20" in shown, f"what the status shows:\n{shown}")
    expect("total" in json.loads(left.host.run(os.environ["CULVERT"], "status", "--json", "wg1"))["wg1"]["peers"][right.public], "JSON")
    received = int(left.host.run("wg", "show", "wg1", "transfer").split()[1])
    expect(received < second[0], "wg shows more than this process counted")

    # A reload saves what was counted, and a packet half that dies loses what came after.
    left.write(gateway(right, "persistent_keepalive = 25"))
    expect(ask({"do": "reload"})["ok"], "the reload failed")
    dead = left.packet_half()
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: [child for child in children(left.process.pid) if child != dead], "another packet half", within=20)
    pass_something()
    session, third = traffic()
    expect(third[0] >= second[0] + session[0], f"after a packet half died: {second} {session} {third}")

    left.write()
    expect(ask({"do": "reload"})["ok"], "the reload failed")
    expect_equal(document(), {}, "peers")
    left.write(gateway(right))
    expect(ask({"do": "reload"})["ok"], "the reload failed")
    expect(traffic()[1][0] >= third[0], f"when it came back: {third} {traffic()}")

    # A file that nobody can read is told, set aside, and costs the tunnel nothing.
    expect_equal(left.process.stop(within=20), 0, "exit code")
    with open(totals, "a", encoding="utf-8") as file:
        file.write("more\n")
    left.start()
    pass_something()
    expect("traffic totals" in left.process.output() and os.path.exists(totals + ".bad"), f"the log:\n{left.process.output()}")
    session, anew = traffic()
    expect_equal(anew, session, "totals that begin anew")


@case("where totals cannot be saved the tunnel goes on, and says so once")
def _(lab):
    left, right = pair(lab)
    totals = JOURNAL.replace(".journal", ".totals")
    left.start()
    os.mkdir(totals + ".new")  # in the way of the file that is written first
    try:
        for mtu in (1300, 1310):
            wait_until(left.host.reaches("10.99.0.2"), "an echo", within=30)
            left.write(gateway(right), interface=f"mtu = {mtu}")
            expect(ask({"do": "reload"})["ok"], "the reload failed")
        expect_equal(left.process.output().count("totals cannot be saved"), 1, "warnings")
    finally:
        os.rmdir(totals + ".new")
    expect_equal(left.process.stop(within=20), 0, "exit code")
    expect("saved again" in left.process.output() and os.path.exists(totals), "it was not saved in the end")


@case("`down` over the host half's socket answers once all is undone")
def _(lab):
    left, _ = pair(lab)
    before = whole(left.host)
    left.start()
    expect(ask({"do": "down"})["ok"], "it did not go down")
    expect_equal(whole(left.host), before, "what is set on the host")
    expect_equal(left.process.wait(10), 0, "exit code")


@case("of several endpoints the next is tried when one does not answer")
def _(lab):
    left, right = pair(lab)
    left.write(peer("gateway", right.public, ["10.99.0.2/32"], f'endpoint = ["10.2.0.77:51820", "{right.endpoint(4)}"]',
                    "persistent_keepalive = 5"))
    left.start()
    wait_until(left.host.reaches("10.99.0.2"), "an echo by the second endpoint", within=120)
    expect(right.endpoint(4) in left.host.run("wg", "show", "wg1", "endpoints"), "it shows another endpoint")


@case("a peer's time runs out while others notice nothing, and the status says so")
def _(lab):
    left, right = pair(lab)
    other = pubkey(genkey())
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 15))
    left.write(gateway(right), peer("guest", other, ["10.88.0.0/24"], f"expires = {ends}"))
    left.start()

    def guest():
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{STATUS_SOCKETS}/wg1.sock")
            text = b"".join(iter(lambda: client.recv(65536), b""))
        return json.loads(text)["peers"][other]

    expect(guest()["name"] == "guest" and "blocked" not in guest(), f"before: {guest()}")
    wait_until(lambda: guest().get("blocked") == "expired", "the guest's time to be over", within=60, every=0.5)
    wait_until(left.host.reaches("10.99.0.2"), "an echo of the other peer", within=20)


@case("the service manager is told of the start, of a reload, of a heart that beats, and of the end")
def _(lab):
    left, _ = pair(lab)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = os.path.join(lab.directory, "notify")
        manager.bind(path)
        manager.settimeout(60)
        left.process = left.host.spawn(PROGRAM, "-f", "--config", left.path, env={**os.environ, "NOTIFY_SOCKET": path})

        def told(word):
            while True:
                text = manager.recv(4096).decode()
                if word in text.split("\n"):
                    return text

        told("READY=1")
        told("WATCHDOG=1")
        os.kill(left.process.pid, signal.SIGHUP)
        expect("MONOTONIC_USEC=" in told("RELOADING=1"), "the reload has no time")
        told("READY=1")
        left.process.stop(within=20)
        told("STOPPING=1")


@case("programs are run for events, with the event on their standard input")
def _(lab):
    left, right = pair(lab)
    heard = os.path.join(lab.directory, "heard")
    hook = lab.write("hook", f"#!/bin/sh\ncat >> {heard}\n")
    os.chmod(hook, 0o700)
    left.write(gateway(right), f'[observe]\nevent_hooks = ["{hook}"]\n')
    left.start()
    wait_until(left.host.reaches("10.99.0.2"), "an echo", within=20)

    def events():
        with open(heard, encoding="utf-8") as lines:
            return [json.loads(line)["event"] for line in lines]

    wait_until(lambda: os.path.exists(heard) and "begin" in events(), "an event to be handed on", within=20)


@case("a reload is an event: what came, went and changed; a refused one tells its reason")
def _(lab):
    left, right = pair(lab)
    left.start()
    reader = left.host.spawn(os.environ["CULVERT"], "events", "wg1", "--follow", label="events")

    def reloads():
        events = [json.loads(line) for line in reader.output().splitlines() if line.startswith("{")]
        return [event for event in events if event["event"] == "reload"]

    wait_until(lambda: '"begin"' in reader.output(), "the first line")
    other, third = pubkey(genkey()), pubkey(genkey())
    left.write(gateway(right, "persistent_keepalive = 25"), peer("bob", other, ["10.77.0.0/16"]),
               peer("carol", third, ["10.78.0.0/16"]), interface="mtu = 1300")
    expect(ask({"do": "reload"})["ok"], "the reload failed")
    wait_until(lambda: len(reloads()) == 1, "the event")
    done = reloads()[0]
    expect_equal({key: done[key] for key in ("outcome", "peersAdded", "peersRemoved", "peersChanged", "otherKeysChanged")},
                 {"outcome": "done", "peersAdded": 2, "peersRemoved": 0, "peersChanged": 1, "otherKeysChanged": 1}, "the event")
    expect("+ peer bob" in done["text"] and "~ interface.mtu: (none) -> 1300" in done["text"], f"what differs: {done['text']}")

    left.write(gateway(right), interface="mtu = 12")
    expect(not ask({"do": "reload"})["ok"], "a wrong file was taken")
    wait_until(lambda: len(reloads()) == 2, "the event of the refusal")
    refused = reloads()[1]
    expect_equal(refused["outcome"], "refused", "outcome")
    expect("wg1.toml:5" in refused["text"] and "interface.mtu" in refused["text"], f"the reason: {refused['text']}")


@case("a wg-quick file is taken with its hooks, in their order, and saved when it says so")
def _(lab):
    left, right = pair(lab)
    log = lab.path("hooks")
    left.path = os.path.join(lab.directory, "wg1.conf")
    lab.write("wg1.conf", f"[Interface]\nPrivateKey = {left.private}\nAddress = 10.99.0.1/24\nSaveConfig = true\n" + "".join(
        f"{hook} = echo {hook} %i $(ip -o addr show dev %i 2>/dev/null | grep -c 10.99.0.1) >> {log}\n"
        for hook in ("PreUp", "PostUp", "PreDown", "PostDown")) +
        f"[Peer]\nPublicKey = {right.public}\nAllowedIPs = 10.99.0.2/32\nEndpoint = {right.endpoint(4)}\n")
    left.start()
    wait_until(left.host.reaches("10.99.0.2"), "an echo", within=20)
    other = pubkey(genkey())
    left.host.run("wg", "set", "wg1", "peer", other, "allowed-ips", "10.77.0.0/16")
    expect_equal(left.process.stop(within=20), 0, "exit code")
    with open(log, encoding="utf-8") as lines:
        expect_equal(lines.read().split("\n")[:4], ["PreUp wg1 0", "PostUp wg1 1", "PreDown wg1 1", "PostDown wg1 0"], "hooks")
    with open(left.path, encoding="utf-8") as saved:
        text = saved.read()
    expect(other in text and right.public in text and "PostDown" in text, f"the saved file:\n{text}")
    expect_equal(os.stat(left.path).st_mode & 0o777, 0o600, "mode of the saved file")


main()
