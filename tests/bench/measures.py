# SPDX-License-Identifier: MIT
"""What is measured, on a World that programs.py started. Each measure returns a flat dictionary of numbers.

Time of processors is utime + stime of both daemons, all threads, as the kernel counts it; softirqs that the kernel runs in
their name are in it. `machine` is the whole machine's in the same interval: the traffic programs, the kernel, and whatever
else is going on.
"""
import json
import os
import re
import subprocess
import time

from lab import Failure, expect, wait_until
from tunnel import Tunnel, random_public_keys

TICKS = os.sysconf("SC_CLK_TCK")
UDP_PORT, TCP_PORT = 7007, 7008
SMALL, FULL = 128, 1392  # octets of UDP payload
HANDSHAKE_PEERS = 2000
MANY_PEERS = 10000


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def machine_seconds():
    """(busy, softirq, stolen) seconds of all processors since they started."""
    with open("/proc/stat", encoding="utf-8") as stat:
        user, nice, system, _idle, _wait, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq) / TICKS, softirq / TICKS, steal / TICKS


def resident_mib(daemons):
    """Of the larger end, all of its processes."""
    sizes = [0.0]
    for daemon in daemons:
        size = 0
        for pid in daemon.pids():
            with open(f"/proc/{pid}/status", encoding="utf-8") as status:
                size += int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) / 1024
        sizes.append(size)
    return max(sizes)


def foreign_load(seconds=0.3):
    """Share of the machine that others use, seen while nothing of ours runs."""
    before, start = machine_seconds()[0], time.monotonic()
    time.sleep(seconds)
    return (machine_seconds()[0] - before) / (time.monotonic() - start) / os.cpu_count()


class Meter:
    """Time that passes and time that is used, between `with` and its end."""

    def __init__(self, pids):
        self.pids = pids

    def __enter__(self):
        self._start, self._cpu, self._machine = time.monotonic(), cpu_seconds(self.pids), machine_seconds()
        return self

    def __exit__(self, *_):
        self.cpu = cpu_seconds(self.pids) - self._cpu
        self.machine, self.softirq, self.stolen = (now - then for now, then in zip(machine_seconds(), self._machine))
        self.seconds = time.monotonic() - self._start


# -------------------------------------------------------------------------------------------------------------- traffic


def _iperf(world, seconds, *options):
    """Starts a client and its server, and returns the function that waits for the result."""
    server = world.right.spawn("iperf3", "-s", "-1", "-p", TCP_PORT)
    wait_until(lambda: world.right.listening(TCP_PORT, "t"), "iperf3 to listen")
    # iperf3 takes whole seconds, and none for ever.
    client = world.left.spawn("iperf3", "-c", world.right_address, "-p", TCP_PORT, "-t", max(1, round(seconds)), "-J",
                              "--connect-timeout", 5000, *options)

    def finish():
        client.wait(seconds + 20)
        report = json.loads(client.output())
        expect("error" not in report, f"iperf3: {report.get('error')}")
        server.stop()
        return report["end"]["sum_received"]

    return finish


def tcp(*options):
    def measure(world, seconds):
        with Meter(world.pids) as meter:
            received = _iperf(world, seconds, *options)()
        gigabytes = received["bytes"] / 1e9
        expect(gigabytes > 0, "no octet arrived")
        return {"gbps": received["bits_per_second"] / 1e9, "cpu_s_per_gb": meter.cpu / gigabytes,
                "machine_s_per_gb": meter.machine / gigabytes, "softirq_s_per_gb": meter.softirq / gigabytes,
                "stolen_s": meter.stolen}

    return measure


def udp(size, rate=0):
    def measure(world, seconds):
        program = os.path.join(os.environ["BENCH_BUILD"], "tests/bench/bench-udp")
        receiver = world.right.spawn(program, "receive", UDP_PORT, "--seconds", seconds + 10)
        wait_until(lambda: world.right.listening(UDP_PORT, "u"), "the receiver to listen")
        with Meter(world.pids) as meter:
            sent = world.left.spawn(program, "send", world.right_address, UDP_PORT, "--size", size, "--rate", rate,
                                    "--seconds", seconds).result(within=seconds + 20)
            received = receiver.result(within=20)
        expect(received["received"] > 0, "no packet arrived")
        return {"sent_per_s": sent["sent"] / sent["seconds"], "received_per_s": received["received"] / sent["seconds"],
                "lost_percent": 100 * (1 - received["received"] / sent["sent"]), "reordered": received["reordered"],
                "gbps": received["octets"] * 8 / sent["seconds"] / 1e9,
                "cpu_us_per_packet": meter.cpu * 1e6 / received["received"],
                "cpu_s_per_gb": meter.cpu * 1e9 / received["octets"],
                "machine_us_per_packet": meter.machine * 1e6 / received["received"]}

    return measure


def udp_of_iperf(size, rate):
    """iperf3 sends what it owes once a millisecond, where bench-udp does so each 100 microseconds: fewer, larger bursts."""
    def measure(world, seconds):
        with Meter(world.pids) as meter:
            received = _iperf(world, seconds, "-u", "-l", size, "-b", size * 8 * rate, "--pacing-timer", 1000)()
        arrived = received["packets"] - received["lost_packets"]
        expect(arrived > 0, "no packet arrived")
        return {"sent_per_s": received["packets"] / received["seconds"], "lost_percent": received["lost_percent"],
                "cpu_us_per_packet": meter.cpu * 1e6 / arrived}

    return measure


def _echoes(world, seconds, interval=0.005):
    count = int(seconds / interval)
    _, text = world.left.attempt("ping", "-n", "-i", interval, "-c", count, "-W", 2, world.right_address,
                                 within=seconds * 3 + 20)
    times = sorted(float(ms) * 1000 for ms in re.findall(r"time=([\d.]+) ms", text))
    expect(times, f"no echo came back:\n{text[-300:]}")
    return {"p50_us": times[len(times) // 2], "p99_us": times[min(len(times) - 1, int(len(times) * 0.99))],
            "lost_percent": 100 * (1 - len(times) / count), "samples": len(times)}


def ping_idle(world, seconds):
    return _echoes(world, seconds)


def ping_loaded(world, seconds):
    """The stream starts before the echoes and ends after them."""
    finish = _iperf(world, seconds + 2)
    time.sleep(0.7)
    result = _echoes(world, seconds)
    return {**result, "gbps": finish()["bits_per_second"] / 1e9}


def memory(world, _seconds):
    return {"resident_mib": resident_mib(world.daemons)}


# In this order on one world: memory before, latency while all is fresh, load, memory after.
ON_A_WORLD = {
    "memory_idle": memory,
    "ping_idle": ping_idle,
    "tcp": tcp(),
    "tcp_back": tcp("-R"),
    "tcp4": tcp("-P", "4"),
    "udp_50k": udp(SMALL, 50_000),
    "udp_50k_iperf": udp_of_iperf(SMALL, 50_000),
    "udp_160k": udp(SMALL, 160_000),
    "udp_flat": udp(SMALL),
    "udp_full": udp(FULL),
    "ping_loaded": ping_loaded,
    "memory_after": memory,
}

# ------------------------------------------------------------------------- measures that need an end with many peers


def _end_with_peers(lab, program, keys):
    left, right = lab.host("left"), lab.host("right")
    lab.wire(left, "eth0", right, "eth0", 1)
    end = Tunnel(right, program.path, 2, env={"LOG_LEVEL": "error", **program.env})
    rows = [f"[Peer]\nPublicKey = {key}\nAllowedIPs = 10.{100 + (n >> 16)}.{n >> 8 & 255}.{n & 255}/32\n"
            for n, key in enumerate(keys)]
    right.run("wg", "addconf", end.name, lab.write("peers.conf", "\n".join(rows)), within=120)
    return left, end


def memory_peers(lab, program, _seconds):
    _, end = _end_with_peers(lab, program, random_public_keys(MANY_PEERS))
    wait_until(lambda: len(end.show("peers").splitlines()) == MANY_PEERS, "all peers to be there", within=60)
    return {"resident_mib": resident_mib([end.process])}


def handshakes(lab, program, seconds):
    """`wireguard-go` and `culvertd` alike answer from an address that demands no cookie below 128 waiting messages."""
    load = os.path.join(os.environ["BENCH_BUILD"], "tests/bench/bench-handshakes")
    keys = lab.host("keys").run(load, "keys", HANDSHAKE_PEERS).split()
    left, end = _end_with_peers(lab, program, keys)
    generator = left.spawn(load, "load", end.host.addresses[4], end.port, end.public, HANDSHAKE_PEERS, "--seconds", seconds,
                           stdin=subprocess.PIPE)
    wait_until(lambda: "ready" in generator.output() or not generator.running(), "the initiations to be made", within=60)
    with Meter(end.process.pids()) as meter:
        generator.stdin.write(b"\n")
        generator.stdin.flush()
        result = generator.result(within=seconds + 20)
    if result["answered"] == 0 or result["bad"] or not result["read"]:
        raise Failure(f"handshakes went wrong: {result}")
    return {"per_s": result["answered"] / result["seconds"], "cpu_us_each": meter.cpu * 1e6 / result["answered"],
            "lost_percent": 100 * result["lost"] / result["sent"], "cookies": result["cookies"]}


WITH_PEERS = {"memory_peers": memory_peers, "handshakes": handshakes}
ALL = [*ON_A_WORLD, *WITH_PEERS]


def aead_alone(report):
    """Results of bench-aead as a world's: a core seals while another opens, and nothing else is to be done. The faster
    of the backends counts, as it does in the daemon."""
    payload = 1420 - 52  # of TCP, with timestamps
    best = None
    for backend in {b["name"].split("/")[1] for b in report["benchmarks"]}:
        ns = {b["name"].split("/")[0]: 1e9 / b["items_per_second"] for b in report["benchmarks"]
              if b["name"].split("/")[1] == backend}
        if best is None or sum(ns.values()) < sum(best.values()):
            best = ns
    row = {"gbps": payload * 8 / max(best.values()), "cpu_s_per_gb": sum(best.values()) / payload}
    return {"tcp": row, "tcp_back": row}
