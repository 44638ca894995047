# SPDX-License-Identifier: MIT
"""The demonstration of tools/demo: a tunnel between two hosts, a file and a load through it, and a look at the router's link."""
import hashlib
import os
import platform
import re
import secrets
import subprocess
import sys
import time

from lab import Failure, Lab, enter, expect, expect_equal, run, wait_until
from tunnel import CULVERTD, HOUSEKEEPING, TUNNEL, Tunnel, connect

FILE_MIB = 256
LOAD_SECONDS = 5
SECRET = "culvert-demo-plaintext-marker"
RECEIVER = """
import socket, sys
with socket.create_server((sys.argv[1], 7000)) as server, open(sys.argv[2], 'wb') as file:
    stream, _ = server.accept()
    while part := stream.recv(1 << 20):
        file.write(part)
"""


def say(text):
    print(text, flush=True)


def step(text):
    say(f"\n── {text}")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def follow(process, size_of, whole, within=120):
    """Shows how far a transfer has come, until the process has ended."""
    shown = 0
    end = time.monotonic() + within
    while process.running():
        expect(time.monotonic() < end, f"the transfer did not end within {within} s")
        tenth = size_of() * 10 // whole
        if tenth > shown:
            shown = tenth
            say(f"   {shown * 10} %")
        time.sleep(0.02)


def send_file(world, a, b, inside):
    source, target = os.path.join(world.directory, "sent"), os.path.join(world.directory, "received")
    with open(source, "wb") as file:
        for n in range(FILE_MIB):
            file.write(SECRET.encode().ljust(64) + n.to_bytes(8, "big") + secrets.token_bytes((1 << 20) - 72))
    receiver = b.spawn(sys.executable, "-c", RECEIVER, inside, target)
    wait_until(lambda: b.listening(7000, "t"), "the receiver to listen")
    started = time.monotonic()
    a.spawn("bash", "-c", f"cat {source} > /dev/tcp/{inside}/7000")
    follow(receiver, lambda: os.path.getsize(target) if os.path.exists(target) else 0, FILE_MIB << 20)
    seconds = time.monotonic() - started
    sums = digest(source), digest(target)
    expect_equal(sums[1], sums[0], "SHA-256 of the file that arrived")
    return seconds, sums[0]


def load(a, b, inside, *options):
    server = b.spawn("iperf3", "-s", "-1", "-B", inside)
    wait_until(lambda: b.listening(5201, "t"), "iperf3 to listen")
    client = a.spawn("iperf3", "-c", inside, "-t", LOAD_SECONDS, "-i", 1, "--forceflush", "-f", "m", *options)
    shown = 0
    end = time.monotonic() + LOAD_SECONDS + 30
    while client.running() or shown < len(_intervals(client)):
        expect(time.monotonic() < end, "iperf3 did not end")
        for speed in _intervals(client)[shown:]:
            say(f"   {speed:.0f} Mbit/s")
            shown += 1
        time.sleep(0.1)
    expect_equal(client.wait(), 0, f"exit code of iperf3:\n{client.output()}")
    server.stop()
    return float(re.search(r"([\d.]+) Mbits/sec\s+receiver", client.output()).group(1))


def _intervals(client):
    """Speeds of whole seconds so far; the lines at the end say sender or receiver."""
    return [float(speed) for start, end, speed in
            re.findall(r"\]\s+([\d.]+)-([\d.]+)\s+sec.*?([\d.]+) Mbits/sec(?!.*(?:sender|receiver))", client.output())
            if float(end) - float(start) < 1.5]


def octets_seen(router):
    """Octets that came in from either side."""
    return sum(int(router.run("cat", f"/sys/class/net/{device}/statistics/rx_bytes")) for device in ("left", "right"))


def demonstrate(world):
    rows = []

    step("two hosts, and a router between them")
    a, router, b = world.routed_pair()
    say("   a 10.1.0.1 ── left [router] right ── 10.2.0.1 b")
    others = router.capture("left", f"not {TUNNEL}")
    sample = router.capture("left", f"{TUNNEL} and less 400")
    before = octets_seen(router)

    step("a tunnel, by `culvertd` and `wg`")
    started = time.monotonic()
    left, right = Tunnel(a, CULVERTD, 1), Tunnel(b, CULVERTD, 2)
    connect(left, right)
    say(f"   culvertd -f wg1 on a, culvertd -f wg2 on b: up in {time.monotonic() - started:.2f} s")

    step("ping")
    marker = SECRET.encode()[:16].hex()
    for family in (4, 6):
        text = a.run("ping", "-n", "-c", 20, "-i", "0.05", "-p", marker, right.inside[family])
        answered, times = re.search(r"(\d+) received", text).group(1), re.search(r"= [\d.]+/([\d.]+)/", text).group(1)
        expect_equal(answered, "20", f"echoes over IPv{family}")
        rows.append((f"ping, IPv{family} inside", f"20 of 20 echoes, {times} ms on average"))
        say(f"   {rows[-1][1]}")

    step(f"a file of {FILE_MIB} MiB from a to b")
    seconds, checksum = send_file(world, a, b, right.inside[4])
    rows.append((f"file of {FILE_MIB} MiB", f"{seconds:.1f} s, {FILE_MIB * 1.048576 / seconds:.0f} MB/s, SHA-256 equal at both ends"))
    rows.append(("", checksum))

    for direction, options in (("a to b", ()), ("b to a", ("-R",))):
        step(f"iperf3, TCP, {direction}, {LOAD_SECONDS} s")
        rows.append((f"iperf3, {direction}", f"{load(a, b, right.inside[4], *options):.0f} Mbit/s"))

    step("what the router's link saw")
    carried = octets_seen(router) - before
    others.stop()
    sample.stop()
    housekeeping, strangers = others.count(HOUSEKEEPING), others.lines(f"not {HOUSEKEEPING}")
    expect_equal(strangers[:5], [], "packets on the router's link that are not the tunnel's")
    with open(sample.file, "rb") as file:
        expect(SECRET.encode()[:16] not in file.read(), "the plaintext of ping is in the captured datagrams")
    shown = run(["tshark", "-r", sample.file, "-c", 5, "-T", "fields", "-e", "ip.src", "-e", "ip.dst", "-e", "udp.length", "-e",
                 "_ws.col.Info"], stderr=subprocess.DEVNULL).splitlines()
    rows.append(("router's link", f"{carried / 1e9:.2f} GB of tunnel datagrams, 0 other packets"))
    rows.append(("", f"and {housekeeping} packets by which the kernel finds neighbours (ARP, ND)"))
    status = a.run("wg", "show", left.name, env={**os.environ, "WG_COLOR_MODE": "never"})
    return rows, shown, status


def page(rows, shown, status):
    width = 96
    say("\n" + "═" * width)
    say(f"Culvert: a tunnel from a (10.1.0.1) over a router to b (10.2.0.1), Linux {platform.release()}, {os.cpu_count()} processors")
    say("═" * width)
    for name, text in rows:
        say(f"  {name:<22}{text}")
    say("\n  the first datagrams on the router's link, as tshark reads them:")
    for line in shown:
        source, target, length, info = (line.split("\t") + [""] * 4)[:4]
        say(f"    {source:<10}→ {target:<10}{length:>5} octets  {info}")
    say("\n  wg show, on a:")
    for line in status.strip().splitlines():
        say(f"    {line}")
    say("═" * width)
    say("Everything held. Nothing of this is left on the machine.")


def main():
    enter(refuse=lambda why, _: sys.exit(f"tools/demo cannot run here: {why}"))
    world = Lab()
    try:
        page(*demonstrate(world))
        code = 0
    except KeyboardInterrupt:
        say("\ninterrupted; cleaning up")
        code = 130
    except Failure as failure:
        say(f"\nFAILED: {failure}")
        world.show_logs()
        code = 1
    finally:
        world.close()
        run(["rm", "-rf", world.directory])
    sys.exit(code)


if __name__ == "__main__":
    main()
