# SPDX-License-Identifier: MIT
"""What each path costs: round trips, time, processor, octets, throughput; and how it bears a new address, loss and reordering.

Round trips are counted in captures: how often somebody had to wait for an answer before the first octet of the page came. Times are taken
over a wire with DELAY each way, so that they show the protocol and not this machine. Processor time is what the kernel accounts to the
programs (schedstat), not to its own interrupt work.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import time

from arena import HostileWire, forget_sessions
from authority import DOMAIN
from lab import Failure, wait_until
from pcap import Tap, dissect
from services import BULK_OCTETS
from world import CLIENT, GATEWAY, HOSTS, PATHS, SECURED, TUNNELLED

HERE = os.path.dirname(os.path.abspath(__file__))
DELAY = 0.02
REPEATS = 3
SIZES = (64, 100, 150, 250, 350, 512, 700, 850, 1024, 1150, 1280)
HANDSHAKES, TUNNEL_HANDSHAKES = 100, 12
PARALLEL = 8
FILM_PART = 2 << 20


class Bench:
    """The world without its attackers, and the client's measuring programs."""

    def __init__(self, stage, wire_of):
        self.stage, self.world, self.day, self.wire_of, self.serial = stage, stage.world, stage.day, wire_of, 0
        self.ca = stage.authority.path("ca.crt")

    def name(self, word):
        self.serial += 1
        return f"{word}{self.serial}"

    def program(self, verb, *argv, within=120):
        """The JSON that probe.py prints."""
        code, text = self.world.client.attempt(sys.executable, os.path.join(HERE, "probe.py"), verb, *argv, within=within)
        lines = text.strip().splitlines()
        if code or not lines:
            raise Failure(f"probe.py {verb} ended with {code}: {text[-400:]}")
        return json.loads(lines[-1])


def cpu_of(pid):
    """Seconds of processor of a program, its threads and its children so far."""
    total = 0
    for process in [pid, *children_of(pid)]:
        try:
            for task in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{task}/schedstat", encoding="utf-8") as stat:
                    total += int(stat.read().split()[0])
        except OSError:
            continue
    return total / 1e9


def children_of(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8") as stat:
                    parent = int(stat.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(entry), *children_of(int(entry))]
    return found


# ------------------------------------------------------------------------------------------------------------ the first octet


def s_client(bench, *argv, text="", log=None):
    request = f"GET /tick HTTP/1.1\r\nHost: www.{DOMAIN}\r\nConnection: close\r\n\r\n"
    return bench.world.client.attempt("openssl", "s_client", "-servername", f"www.{DOMAIN}", "-CAfile", bench.ca, "-ign_eof", *argv,
                                      *(["-keylogfile", log] if log else []), input=text or request)


def variants(bench):
    """(key, title, path, function that makes one connection, port): each way of getting a first octet."""
    web = HOSTS["www"]

    def clear():
        return bench.day.curl(f"http://{web}/tick")

    def tls(port, *argv):
        return lambda log: s_client(bench, "-connect", f"{web}:{port}", *argv, log=log)

    def resumed(port, version, *argv, text=""):
        session = bench.world.lab.path("cost.session")
        s_client(bench, "-connect", f"{web}:{port}", version, "-sess_out", session)
        return lambda log: s_client(bench, "-connect", f"{web}:{port}", version, "-sess_in", session, *argv, text=text, log=log)

    early = bench.world.lab.write("cost.early", f"GET /tick HTTP/1.1\r\nHost: www.{DOMAIN}\r\nConnection: close\r\n\r\n")
    return [("clear", "in the clear", "clear", lambda log: clear(), 80),
            ("tls12", "TLS 1.2, new", "tls", tls(9443, "-tls1_2"), 9443),
            ("tls12r", "TLS 1.2, resumed", "tls", resumed(9443, "-tls1_2"), 9443),
            ("tls13", "TLS 1.3, new", "tls", tls(443, "-tls1_3"), 443),
            ("tls13r", "TLS 1.3, resumed", "tls", resumed(443, "-tls1_3"), 443),
            ("early", "TLS 1.3, 0-RTT", "tls", resumed(443, "-tls1_3", "-early_data", early, text="\n"), 443),
            ("tunnel", "tunnel up", "tunnel", lambda log: clear(), 80),
            ("tunnel_new", "tunnel not yet up", "tunnel", lambda log: (forget_sessions(bench.world), clear())[1], 80),
            ("both", "TLS 1.3, new, tunnel up", "both", tls(443, "-tls1_3"), 443)]


def first_octet(bench, key, title, path, connect, port):
    """One line of the table: {key, title, path, round_trips, milliseconds, spread, evidence} or {..., why}."""
    world = bench.world
    world.go(path)
    if path in TUNNELLED and key != "tunnel_new":
        wait_until(world.client.reaches(HOSTS["www"]), "the tunnel to answer", within=60)
    log = world.lab.path("cost.keylog")
    inner = Tap(world.client, "tun0" if path in TUNNELLED else "wifi0", bench.name("first"), f"tcp port {port}")
    outer = Tap(world.client, "wifi0", bench.name("outside"), "udp")
    for _ in range(REPEATS):
        connect(log)
    inner, outer = inner.stop(), outer.stop()
    rows = dissect(inner.file, ["frame.number", "tcp.stream", "frame.time_epoch"], "http.response",
                   ["-d", f"tcp.port=={port},{'http' if port == 80 else 'tls'}", "-o", f"tls.keylog_file:{log}"])
    times, trips, evidence = [], [], []
    for row in rows:
        answer = next(frame for frame in inner.frames if frame.number == int(row["frame.number"]))
        way = [frame for frame in inner.frames if frame.number <= answer.number and answer.dport in (frame.sport, frame.dport)]
        begun = next(frame for frame in way if frame.flags & 0x12 == 2)
        times.append((answer.time - begun.time) * 1000)
        trips.append(turns(way, answer.source) + tunnel_turns(outer.frames, begun.time, answer.time))
        evidence.append(f"stream {row['tcp.stream']}: SYN in frame {begun.number}, the answer in frame {answer.number}, "
                        f"{times[-1]:.1f} ms and {trips[-1]} round trips later")
    line = {"key": key, "title": title, "path": path, "evidence": evidence}
    if not times:
        return line | {"why": "no answer could be found in the captures"}
    return line | {"milliseconds": round(statistics.median(times), 1), "spread": [round(min(times), 1), round(max(times), 1)],
                   "round_trips": statistics.mode(trips)}


def turns(frames, server):
    """How often the client spoke and had to wait for the server's words; bare acknowledgements are no words.

    What comes sooner than the wire lets an answer come is no answer to it, but to what was said before.
    """
    count, spoken = 0, None
    for frame in frames:
        speaks = bool(frame.payload) or frame.flags & 2
        if speaks and frame.source != server:
            spoken = frame.time if spoken is None else spoken
        elif speaks and spoken is not None and frame.time - spoken >= 2 * DELAY * 0.95:
            count, spoken = count + 1, None
    return count


def tunnel_turns(frames, begun, ended):
    """Handshakes of the tunnel that fell between two instants."""
    return sum(1 for frame in frames if frame.source == GATEWAY and frame.payload[:1] == b"\x02" and begun <= frame.time <= ended)


# ------------------------------------------------------------------------------------------------------------------ processor


def handshakes(bench):
    """Microseconds of the server's processor for one handshake: [{title, microseconds, count}]."""
    world, nginx, lines = bench.world, bench.stage.services.nginx.pid, []
    world.go("clear")

    def spent(kind, count):
        before = cpu_of(nginx)
        bench.program("connect", kind, HOSTS["www"], str(count), bench.ca)
        return (cpu_of(nginx) - before) / count * 1e6

    spent("clear", HANDSHAKES)  # warm
    plain = spent("clear", HANDSHAKES)
    for kind, title in (("tls13", "TLS 1.3, new (ECDSA P-256)"), ("tls13r", "TLS 1.3, resumed"), ("tls12", "TLS 1.2, new (RSA 2048)")):
        lines.append({"title": title, "microseconds": round(max(0.0, spent(kind, HANDSHAKES) - plain)), "count": HANDSHAKES,
                      "path": "tls"})
    world.go("tunnel")
    gateway = world.right.process.pid

    def echo(anew):
        before = cpu_of(gateway)
        for _ in range(TUNNEL_HANDSHAKES):
            if anew:
                forget_sessions(world)
            wait_until(world.client.reaches(HOSTS["www"]), "an echo through the tunnel", within=60)
        return (cpu_of(gateway) - before) / TUNNEL_HANDSHAKES * 1e6

    alone = echo(anew=False)
    lines.append({"title": "tunnel (gateway)", "microseconds": round(max(0.0, echo(anew=True) - alone)), "count": TUNNEL_HANDSHAKES,
                  "path": "tunnel"})
    return lines


def bulk(bench, path):
    """{one, many: Mbit/s, cpu: {program: seconds for 1 GB}} of a download, with the devices' offloads on."""
    world = bench.world
    programs = {"server (nginx)": bench.stage.services.nginx.pid}
    if path in TUNNELLED:
        programs |= {"gateway (culvertd)": world.right.process.pid, "client (culvertd)": world.left.process.pid}
    before = {name: cpu_of(pid) for name, pid in programs.items()}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    code, text = bench.day.curl("--http1.1", "--max-time", 90, "-o", "/dev/null", bench.day.url(path in SECURED, "www", "/bulk.bin"),
                                within=120)
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        return {"why": f"the download failed: {text.strip()[-160:]}"}
    gigabytes = BULK_OCTETS / 1e9
    cpu = {name: round((cpu_of(pid) - before[name]) / gigabytes, 2) for name, pid in programs.items()}
    cpu["client (curl)"] = round((after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime) / gigabytes, 2)
    part = BULK_OCTETS // PARALLEL
    began = time.monotonic()
    code, text = bench.day.curl("--http1.1", "--max-time", 90, "--parallel", "--parallel-immediate", "--parallel-max", PARALLEL, "-r",
                                f"0-{part - 1}", *(word for n in range(PARALLEL) for word in
                                                   ("-o", "/dev/null", bench.day.url(path in SECURED, "www", f"/bulk.bin?{n}"))), within=120)
    many = None if code else round(part * PARALLEL * 8 / (time.monotonic() - began) / 1e6)
    return {"one": round(BULK_OCTETS * 8 / seconds / 1e6), "many": many, "cpu": cpu}


# --------------------------------------------------------------------------------------------------------------------- octets


def overhead(bench, path):
    """[[octets said, octets at the access point]] for messages of each size on an open connection."""
    world = bench.world
    tap = Tap(world.ap, "lan", bench.name("overhead"), "ip")
    said = bench.program("sizes", "tls" if path in SECURED else "clear", HOSTS["www"], bench.ca, *map(str, SIZES))
    frames = tap.stop().frames
    lines = []
    for size, begun, ended in said["sent"]:
        up = [frame.length for frame in frames if frame.source == CLIENT and begun <= frame.time <= ended]
        if up:
            lines.append([size, max(up)])
    return lines


# --------------------------------------------------------------------------------------------------------------- bad fortunes


def roaming(bench, path):
    """What becomes of an open connection when the client's address changes."""
    client = bench.world.client
    probe = client.spawn(sys.executable, os.path.join(HERE, "probe.py"), "linger", "tls" if path in SECURED else "clear", HOSTS["www"],
                         bench.ca, label=bench.name("linger"))
    wait_until(lambda: "answered 3" in probe.output() or not probe.running(), "the connection to be in use", within=60)
    readdress(client, CLIENT, "10.10.0.77")
    try:
        result = probe.result(within=60)
    finally:
        readdress(client, "10.10.0.77", CLIENT)
    return result


def readdress(client, old, new):
    client.ip("addr", "del", f"{old}/24", "dev", "wifi0")
    client.ip("addr", "add", f"{new}/24", "dev", "wifi0")
    client.ip("route", "replace", "default", "via", "10.10.0.1")


def impaired(bench, path):
    """Seconds for a part of the film over a wire that is clean, loses one packet in a hundred, or lets one in twenty come late.

    The median of REPEATS; a time only if all were finished.
    """
    result = {}
    for name, options in (("clean", {}), ("loss", {"loss": 0.01}), ("reorder", {"reorder": 0.05})):
        taken = []
        with bench.wire_of(delay=0.005, seed=7, **options) as wire:
            for _ in range(REPEATS):
                began = time.monotonic()
                code, text = bench.day.curl("--http1.1", "--max-time", 20, "-r", f"0-{FILM_PART - 1}", "-o", "/dev/null",
                                            bench.day.url(path in SECURED, "www", "/film.bin"), within=60)
                if code == 0:
                    taken.append(time.monotonic() - began)
        result[name] = {"seconds": round(statistics.median(taken), 2), "wire": wire.counts} if len(taken) == REPEATS else \
            {"why": f"finished in 20 s only {len(taken)} times of {REPEATS}: {text.strip()[-120:]}", "wire": wire.counts}
    return result


class QuietArena:
    """What HostileWire asks of an arena."""

    def __init__(self, bench):
        self.world, self.ap, self.unique = bench.world, bench.world.ap, bench.name


def attempt(function, *argv):
    """What a measurement returns, or {"why": ...} where it cannot be made."""
    try:
        return function(*argv)
    except (Failure, subprocess.SubprocessError, OSError, StopIteration) as why:
        return {"why": " ".join(str(why).split())[:300] or repr(why)}


def on_each_path(stage, function, bench):
    made = {}
    for path in PATHS:
        stage.world.go(path)
        made[path] = attempt(function, bench, path)
    return made


def measure(stage, progress):
    bench = Bench(stage, None)
    arena = QuietArena(bench)
    bench.wire_of = lambda **options: HostileWire(arena, options)
    result = {"delay": DELAY, "first_octet": [], "bulk_octets": BULK_OCTETS, "film_part": FILM_PART}
    progress(f"cost: round trips and time to the first octet, over {DELAY * 2000:.0f} ms there and back")
    prepared = variants(bench)
    with bench.wire_of(delay=DELAY):
        for variant in prepared:
            line = attempt(first_octet, bench, *variant)
            result["first_octet"].append({"key": variant[0], "title": variant[1], "path": variant[2]} | line)
    progress("cost: octets by size of message")
    result["overhead"] = on_each_path(stage, overhead, bench)
    progress("cost: loss and reordering")
    result["impaired"] = on_each_path(stage, impaired, bench)
    progress("cost: the client's address changes")
    result["roaming"] = on_each_path(stage, roaming, bench)
    progress("cost: processor for handshakes")
    lines = attempt(handshakes, bench)
    result["handshakes"] = lines if isinstance(lines, list) else [{"title": "handshakes", "path": "clear", "microseconds": None} | lines]
    progress("cost: throughput and processor for a gigabyte")
    stage.world.offload("on")
    result["bulk"] = on_each_path(stage, bulk, bench)
    stage.world.offload("off")
    return result
