#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a tunnel does when something runs out: memory, descriptors, room on the disk; and when clients of its sockets are slow or
hostile. It does not start and says why, or it goes on; it is never half there, and it never spins.

CULVERT_FAULTS=all takes finer steps of memory and more allocations that fail.
"""
import contextlib
import errno
import json
import os
import resource
import socket
import struct
import subprocess
import threading
import time

from configured_end import ask, gateway, pair as configured_pair, peer
from lab import SOCKETS, STATE, STATUS_SOCKETS, Failure, Skip, case, expect, expect_equal, main, note, run, wait_until
from tunnel import (CULVERTD, Tunnel, expect_echo, expect_perfect, genkey, pair, pubkey, random_public_keys, start_numbered_udp,
                    start_udp_echo)

ALL = os.environ.get("CULVERT_FAULTS", "") == "all"
RECOVERY = 60
MEBI = 1 << 20


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            ticks += sum(map(int, stat.read().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def expect_rest(pids, what, seconds=2.0):
    """Less than half a processor is used in the next moments."""
    before = cpu_seconds(pids)
    time.sleep(seconds)
    used = cpu_seconds(pids) - before
    note(f"{what}: {used / seconds:.2f} processors")
    expect(used < seconds / 2, f"{what}: it used {used:.2f} s of a processor within {seconds:g} s")


def descriptors(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


# ---------------------------------------------------------------------------------------------------------------- memory


class Stand:
    """Two hosts; the program on the right is healthy and stays, the one on the left is started under one lack after the other."""

    def __init__(self, lab, serial):
        self.lab = lab
        self.host, _, other = lab.routed_pair(str(serial))
        self.right = Tunnel(other, CULVERTD, 2 * serial + 2)
        self.left = Tunnel(self.host, CULVERTD, 2 * serial + 1)  # for its keys and names
        self.right.add_peer(self.left)
        self.left.stop()

    def life(self, command, environment=None):
        """'works', 'refused' (at its start) or 'ended' (later); all with a word and without a trace. Raises Failure."""
        left = self.left
        left.process = self.host.spawn(*command, "-f", left.name, label="left",
                                       env={**os.environ, "WG_PROCESS_FOREGROUND": "1", **(environment or {})})
        try:
            wait_until(lambda: left._ready() or not left.process.running(), "the program to start or to end", within=RECOVERY)
            verdict = self._use() if left.process.running() else "refused"
            if verdict != "works":
                wait_until(lambda: not left.process.running(), "the program to end", within=RECOVERY)
                code = left.process.wait()
                expect(code != 0, "it ended as if all were well")
                expect(left.process.output().strip(), "it ended without a word")
            else:
                expect_equal(left.process.stop(within=RECOVERY), 0, "exit code after SIGTERM")
            wait_until(lambda: not self.host.has_link(left.name), "the link to go with its program")
            expect(not os.path.exists(f"{SOCKETS}/{left.name}.sock"), "the socket file stays behind")
            return verdict
        finally:
            if left.process.running():
                left.process.stop(9)
                wait_until(lambda: not self.host.has_link(left.name), "the link to go with its program")

    def _use(self):
        left, host = self.left, self.host
        try:
            for _ in range(2):  # a command may meet the lack, the next must not
                code, _ = host.attempt("wg", "set", left.name, "private-key", left.key_file, "listen-port", left.port, "peer",
                                       self.right.public, "allowed-ips", f"{self.right.inside[4]}/32", "endpoint",
                                       self.right.endpoint(4))
                if code == 0:
                    break
            host.ip("addr", "replace", f"{left.inside[4]}/24", "dev", left.name)
            host.ip("link", "set", left.name, "up")
            wait_until(lambda: host.ping(self.right.inside[4], 1, timeout=1) == 1 or not left.process.running(),
                       "an echo, or the end", within=RECOVERY)
            host.run("wg", "show", left.name, "dump")
        except Failure:
            wait_until(lambda: not left.process.running(), "the end of a program that does not work", within=5)
        return "works" if left.process.running() else "ended"


@case("whatever address space it is given, it works, or says that it does not and leaves nothing behind")
def _(lab):
    stand, seen, mib = Stand(lab, 0), {}, 8
    while mib <= 4096:
        script = f"ulimit -v {mib * 1024} && exec \"$@\""
        seen[mib] = stand.life(["sh", "-c", script, "sh", os.environ["CULVERTD"]])
        if [seen[size] for size in list(seen)[-3:]] == ["works"] * 3:
            break
        mib = max(mib + 1, mib * (106 if ALL else 125) // 100)
    note(", ".join(f"{size} MiB: {what}" for size, what in seen.items()))
    expect(seen[8] == "refused", "8 MiB were enough, so the limit does nothing")
    expect("works" in seen.values(), "no limit was high enough")


@case("whichever allocation fails, the tunnel comes about, or the program says that it does not and leaves nothing behind")
def _(lab):
    stands = [Stand(lab, serial) for serial in range(4)]
    lock, wrong, verdicts = threading.Lock(), [], {}
    progress = {"next": 1, "free": 0, "end": time.monotonic() + (600 if ALL else 30)}

    def take():
        with lock:
            if progress["free"] >= 3 or time.monotonic() > progress["end"]:
                return None
            number = progress["next"]
            progress["next"] = number + 1 + number // (60 if ALL else 6)
            return number

    def live(stand):
        while (number := take()) is not None:
            book = lab.path("book")
            with open(book, "wb") as file:
                file.write(bytes(16))
            environment = {"LD_PRELOAD": os.environ["CULVERT_FAILING_CALLS"], "CULVERT_FAULT_BOOK": book,
                           "CULVERT_FAULT": f"malloc:{errno.ENOMEM}:{number}:1"}
            try:
                verdict = stand.life([os.environ["CULVERTD"]], environment)
            except Exception as failure:
                verdict = "wrong"
                with lock:
                    wrong.append(f"allocation {number}: {failure}\n{stand.left.process.output()[-2000:]}")
            with open(book, "rb") as file:
                failed = struct.unpack("<QQ", file.read(16))[1] > 0
            with lock:
                verdicts[number] = verdict if failed else "never came"
                progress["free"] += not failed

    threads = [threading.Thread(target=live, args=(stand,)) for stand in stands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = {what: sum(v == what for v in verdicts.values()) for what in set(verdicts.values())}
    note(f"{len(verdicts)} allocations up to number {max(verdicts)}: {counts}")
    expect(counts.get("refused", 0) + counts.get("ended", 0) > 0, "no failure was noticed, so none was injected")
    expect(not wrong, "\n".join(wrong))


@contextlib.contextmanager
def memory_group(lab, mib):
    """A control group whose processes get so much memory and no more: its folder, and the file that tells the most it held."""
    top = lab.path("cgroup")
    os.mkdir(top)
    limit, peak = "memory.limit_in_bytes", "memory.max_usage_in_bytes"
    run(["mount", "-t", "cgroup", "-o", "memory", "lab", top], check=False)
    if not os.path.ismount(top):
        limit, peak = "memory.max", "memory.peak"
        run(["mount", "-t", "cgroup2", "lab", top], check=False)
    if not os.path.ismount(top):
        raise Skip("this kernel has no control groups")
    group = os.path.join(top, f"culvert-{os.getpid()}-{mib}")
    try:
        os.mkdir(group)
        if not os.path.exists(os.path.join(group, limit)):
            raise Skip("the control groups of this machine may not limit memory")
        for name, value in ((limit, mib * MEBI), ("memory.swap.max", 0)):
            if os.path.exists(os.path.join(group, name)):
                with open(os.path.join(group, name), "w", encoding="ascii") as file:
                    file.write(str(value))
        yield group, os.path.join(group, peak)
    finally:
        wait_until(lambda: not open(os.path.join(group, "cgroup.procs"), encoding="ascii").read(), "the group to be empty")
        os.rmdir(group)
        run(["umount", top], check=False)


@case("64 MiB are enough for both halves under load, and where peers outgrow them the tunnel ends whole, with a word")
def _(lab):
    stand = Stand(lab, 0)
    with memory_group(lab, 64) as (group, peak):
        left, right = stand.left, stand.right
        left.kind = lab.write("in-the-group", f"#!/bin/sh\necho $$ >{group}/cgroup.procs\nexec {os.environ['CULVERTD']} \"$@\"\n")
        os.chmod(left.kind, 0o755)
        left.start()
        left.add_peer(right, endpoint=right.endpoint(4))
        start_udp_echo(right)
        wait_until(left.host.reaches(right.inside[4]), "the first echo", within=20)
        expect_perfect(start_numbered_udp(left, right.inside[4], "--rate", 2000, "--seconds", 3).result())
        with open(peak, encoding="ascii") as file:
            note(f"at most {int(file.read()) / MEBI:.1f} MiB under load, memory of the kernel included")
        pids = left.process.pids()
        for batch in range(10):
            rows = [f"[Peer]\nPublicKey = {key}\nAllowedIPs = 10.{100 + batch}.{n >> 8}.{n & 255}/32\n"
                    for n, key in enumerate(random_public_keys(10000))]
            left.host.attempt("wg", "addconf", left.name, lab.write("peers.conf", "\n".join(rows)), within=60)
            if not left.process.running():
                break
        note(f"ended while peers {batch * 10000:,} to {(batch + 1) * 10000:,} came: {left.process.output().strip()[-200:]}")
        expect(left.process.wait(RECOVERY) != 0, "it ended as if all were well")
        expect("signal 9" in left.process.output(), "it does not say what ended it")
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "both halves to end")
        wait_until(lambda: not left.host.has_link(left.name), "the link to go with its program")
        expect(not os.path.exists(f"{SOCKETS}/{left.name}.sock"), "the socket file stays behind")


# ----------------------------------------------------------------------------------------------------------- descriptors


def with_descriptors(count):
    """A way to start the program with so many descriptors at most, for each half."""
    return ["sh", "-c", f"ulimit -n {count} && exec \"$@\"", "sh", os.environ["CULVERTD"]]


@case("however few descriptors it may have, it works, or says that it does not; with the fewest, clients wait and it rests")
def _(lab):
    stand, seen, fewest = Stand(lab, 0), {}, 8
    while (verdict := stand.life(with_descriptors(fewest))) != "works":
        seen[fewest] = verdict
        fewest += 1
        expect(fewest < 200, f"it never works: {seen}")
    note(f"it works with {fewest} descriptors; before: {seen}")
    expect(seen.get(8) == "refused", "8 descriptors were enough, so the limit does nothing")

    left, right = stand.left, stand.right
    wrapper = lab.write("few-descriptors", f"#!/bin/sh\nulimit -n {fewest}\nexec {os.environ['CULVERTD']} \"$@\"\n")
    os.chmod(wrapper, 0o755)
    left.kind = wrapper
    left.start()
    left.add_peer(right, endpoint=right.endpoint(4))
    start_udp_echo(right)
    wait_until(left.host.reaches(right.inside[4]), "the first echo", within=20)
    waiting = []
    for kind in ("events", "sock") * 6:  # readers of events stay
        client = socket.socket(socket.AF_UNIX)
        client.connect(f"{STATUS_SOCKETS}/{left.name}.{kind}")
        waiting.append(client)
    sender = start_numbered_udp(left, right.inside[4], "--rate", 300, "--seconds", 3)
    expect_rest(left.process.pids(), "without a descriptor for its clients")
    expect_perfect(sender.result())
    for client in waiting:
        client.close()
    wait_until(lambda: left.host.attempt("wg", "show", left.name, "peers")[0] == 0, "wg to be served")
    wait_until(left.host.reaches(right.inside[4]), "an echo", within=20)


@case("the host half is out of descriptors: another port is refused in words, the old one and the tunnel stay; then it is taken")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, CULVERTD)
    expect_echo(left, right, families=(4,))
    host_half = left.process.pid
    numbers = {int(name) for name in os.listdir(f"/proc/{host_half}/fd")}
    before = resource.prlimit(host_half, resource.RLIMIT_NOFILE)
    lowest = next(n for n in range(1 << 16) if n not in numbers)
    resource.prlimit(host_half, resource.RLIMIT_NOFILE, (lowest, before[1]))
    code, said = left.host.attempt("wg", "set", left.name, "listen-port", 40404)
    expect(code != 0 and "open files" in said, f"`wg set` of another port ended with {code}: {said}")
    expect(left.host.listening(left.port, "u"), "the old port is closed")
    expect_echo(left, right, families=(4,))
    resource.prlimit(host_half, resource.RLIMIT_NOFILE, before)
    left.wg("listen-port", 40404)
    expect(left.host.listening(40404, "u"), "the new port is not open")
    expect_echo(left, right, families=(4,))


# ------------------------------------------------------------------------------------------------------------------ disk


def fill(folder):
    """No octet fits any more."""
    with open(os.path.join(folder, "ballast"), "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass


def with_small_state(how):
    """The folder of state becomes one of its own until the case ends, read-only or full."""
    run(["mount", "-t", "tmpfs", "-o", "mode=755,size=64k", "lab", STATE])
    if how == "full":
        fill(STATE)
    else:
        run(["mount", "-o", "remount,ro", STATE])


for how, why in (("full", "No space left"), ("read-only", "Read-only")):
    @case(f"a folder of state that is {how}: no start, the reason in words, and the host as before; then a start")
    def _(lab, how=how, why=why):
        left, _ = configured_pair(lab)
        before = left.state()
        with_small_state(how)
        try:
            process = left.host.spawn(os.environ["CULVERTD"], "-f", "--config", left.path)
            expect(process.wait(30) != 0, "it ended as if all were well")
            expect(why in process.output() and "journal" in process.output(), f"it says: {process.output()}")
            expect_equal(left.state(), before, "what is set on the host")
        finally:
            run(["umount", STATE])
        left.start()
        wait_until(left.host.reaches("10.99.0.2"), "an echo", within=20)


@case("the disk is full in the midst of life: a reload is done whole or refused whole in words, and the end takes all away")
def _(lab):
    left, right = configured_pair(lab)
    run(["mount", "-t", "tmpfs", "-o", "mode=755,size=64k", "lab", STATE])
    try:
        before = left.state()
        left.start()
        wait_until(left.host.reaches("10.99.0.2"), "an echo", within=20)
        running = left.state()
        fill(STATE)
        others = [peer(f"other{i}", pubkey(genkey()), [f"10.77.{i}.0/24"]) for i in range(200)]
        left.write(gateway(right), *others)
        answer = ask({"do": "reload"})
        note(f"the reload: {answer}"[:300])
        routes = left.host.run("ip", "route", "show", "table", "all").count("10.77.")
        if answer["ok"]:
            expect(routes >= 200, f"the reload says that it is done, and {routes} of 200 routes are there")
        else:
            expect_equal(left.state(), running, "what is set on the host after a reload that was refused")
            expect("No space left" in json.dumps(answer), f"the refusal: {answer}")
        expect_equal(left.host.ping("10.99.0.2", 2), 2, "echoes afterwards")
        os.unlink(os.path.join(STATE, "ballast"))
        expect(ask({"do": "reload"})["ok"], "a reload with room on the disk")
        expect_equal(left.host.run("ip", "route", "show", "table", "all").count("10.77."), 200, "routes")
        expect_equal(left.process.stop(within=30), 0, "exit code")
        expect_equal(left.state(), before, "what is set on the host at the end")
    finally:
        run(["umount", STATE], check=False)


# --------------------------------------------------------------------------------------------------------------- clients


def misbehave(connect, number):
    """A client that is idle, says one octet, says a lot without an end, or asks and never reads; or nobody, when turned away."""
    client = connect()
    if client is None:
        return None
    client.setblocking(False)
    try:
        client.send((b"", b"{", b"x" * (1 << 17), b"GET /metrics HTTP/1.1\r\n\r\n" * 500 + b'{"do":"status"}\n' * 500)[number % 4])
    except OSError:
        pass
    return client


def unix_client(path):
    def connect():
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(5)
        try:
            client.connect(path)
        except OSError:  # its queue is full
            client.close()
            return None
        return client
    return connect


def tcp_client(host, port):
    """A connection inside a host's namespace, made by a helper in it."""
    def connect():
        code = ("import socket,sys; c=socket.create_connection(('127.0.0.1',%d),5); "
                "socket.send_fds(socket.socket(fileno=0),[b'x'],[c.fileno()])" % port)
        mine, theirs = socket.socketpair()
        done = subprocess.run(["ip", "netns", "exec", host.name, "python3", "-c", code], stdin=theirs, check=False,
                              stderr=subprocess.DEVNULL)
        theirs.close()
        if done.returncode != 0:
            mine.close()
            return None
        _, files, _, _ = socket.recv_fds(mine, 1, 1)
        mine.close()
        return socket.socket(fileno=files[0])
    return connect


def answers(connect, question, marker):
    """Does a client that behaves get its answer within ten seconds?"""
    def try_it():
        client = connect()
        if client is None:
            return False
        with client:
            client.settimeout(3)
            text = b""
            try:
                if question:
                    client.sendall(question)
                while marker not in text:
                    piece = client.recv(65536)
                    if not piece:
                        return False
                    text += piece
            except OSError:
                return False
        return True
    return try_it


@case("slow and hostile clients on every socket: the tunnel carries on and rests, who behaves is served, and the descriptors come back")
def _(lab):
    left, right = configured_pair(lab, interface='[observe]\nmetrics_listen = "127.0.0.1:9586"\n')
    left.start()
    wait_until(left.host.reaches("10.99.0.2"), "an echo", within=20)
    end = type("End", (), {"host": left.host})
    start_udp_echo(right)
    pids = left.process.pids()
    files = descriptors(pids)
    sockets = {
        "UAPI": (unix_client(f"{SOCKETS}/wg1.sock"), b"get=1\n\n", b"errno=0\n\n", 60),
        "status": (unix_client(f"{STATUS_SOCKETS}/wg1.sock"), b"", b"}", 60),
        "host": (unix_client(f"{STATUS_SOCKETS}/wg1.host"), b'{"do":"status"}\n', b"\n", 60),
        "metrics": (tcp_client(left.host, 9586), b"GET /metrics HTTP/1.1\r\n\r\n", b"200 OK", 20),
    }
    events = unix_client(f"{STATUS_SOCKETS}/wg1.events")
    sender = start_numbered_udp(end, "10.99.0.2", "--rate", 300, "--seconds", 4)
    hostile = [misbehave(events, number) for number in range(12)]  # readers stay as long as they like, sixteen of them
    for what, (connect, question, marker, count) in sockets.items():
        crowd = [misbehave(connect, number) for number in range(count)]
        wait_until(answers(connect, question, marker), f"a client of the {what} that behaves to be served", within=20)
        hostile += crowd
    wait_until(answers(events, b"", b"begin"), "a reader of events to be served", within=20)
    expect_rest(pids, "with a crowd on every socket")
    expect_perfect(sender.result(within=60))
    for client in filter(None, hostile):
        client.close()
    wait_until(lambda: descriptors(pids) <= files + 2, "the descriptors to come back", within=60)
    expect_equal(left.host.ping("10.99.0.2", 2), 2, "echoes afterwards")


main()
