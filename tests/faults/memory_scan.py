#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is left of a session's keys in memory, 540 s after its handshake: nothing, in either half of either end.

    CULVERTD=... CULVERT=... tests/faults/memory_scan.py        (tools/dev memory-scan; ten minutes)

The keys are computed here, from the key log of one end and from the responder's ephemeral key in a capture [N, W 5.4]; that they
are found while the session lives shows that they would be found later. tests/unit/core/memory_scan_test.cpp does the same on the
virtual clock.
"""
import base64
import hashlib
import hmac
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "netns"))

from configured_end import pair  # noqa: E402
from lab import case, children, expect, expect_equal, main, note, wait_until  # noqa: E402
from process_memory import copies_in_memory  # noqa: E402

WIPED_AFTER = 540
PRIME = 2**255 - 19
BASE_POINT = (9).to_bytes(32, "little")


def x25519(scalar, point):
    """RFC 7748, section 5. In no constant time: for keys that are given away."""
    k = int.from_bytes(scalar, "little") & ~7 & (1 << 255) - 1 | 1 << 254
    x1 = int.from_bytes(point, "little") & (1 << 255) - 1
    x2, z2, x3, z3 = 1, 0, x1, 1
    for bit in range(254, -1, -1):
        swap = k >> bit & 1
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % PRIME, b * b % PRIME, d * a % PRIME, c * b % PRIME
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % PRIME, x1 * (da - cb) ** 2 % PRIME
        x2, z2 = aa * bb % PRIME, e * (aa + 121665 * e) % PRIME
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little")


def kdf(chaining_key, material, count):
    """HKDF as Noise has it."""
    def mac(key, text):
        return hmac.new(key, text, hashlib.blake2s).digest()

    secret, out = mac(chaining_key, material), []
    for n in range(count):
        out.append(mac(secret, (out[-1] if out else b"") + bytes([n + 1])))
    return out


def session_keys(static, ephemeral, other_static, other_ephemeral):
    """Those of both directions, as the initiator finds them, without a preshared key."""
    chain = hashlib.blake2s(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s").digest()
    chain, = kdf(chain, x25519(ephemeral, BASE_POINT), 1)
    chain, _ = kdf(chain, x25519(ephemeral, other_static), 2)
    chain, _ = kdf(chain, x25519(static, other_static), 2)
    for material in (other_ephemeral, x25519(ephemeral, other_ephemeral), x25519(static, other_ephemeral)):
        chain, = kdf(chain, material, 1)
    chain, _, _ = kdf(chain, bytes(32), 3)
    return kdf(chain, b"", 2)


@case(f"{WIPED_AFTER} s after the last handshake no key of its session is in the memory of any process")
def _(lab):
    left, right = pair(lab, interface="[observe]\nkey_log = true\n")
    left.start()
    outside = right.host.capture("eth0", "udp port 51820")
    log = lab.path("wg.keys")
    capture = left.host.spawn(os.environ["CULVERT"], "capture", "wg1", "-w", lab.path("inner.pcapng"), "--keys", log)
    wait_until(lambda: "captured" in left.process.output(), "the capture to begin")
    wait_until(left.host.reaches("10.99.0.2"), "an echo", within=30)
    handshake = time.monotonic()
    capture.stop(signal.SIGINT)
    outside.stop()
    with open(log, encoding="utf-8") as lines:
        logged = dict(line.strip().split(" = ") for line in lines)
    other_ephemeral = subprocess.run(["tshark", "-n", "-r", outside.file, "-Y", "wg.type == 2", "-T", "fields", "-e", "wg.ephemeral"],
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout.strip()
    ephemeral, static, other = (base64.b64decode(text) for text in (
        logged["LOCAL_EPHEMERAL_PRIVATE_KEY"], left.private, right.public))
    keys = {"ephemeral": ephemeral}
    keys["one way"], keys["other way"] = session_keys(static, ephemeral, other, base64.b64decode(other_ephemeral))
    processes = {f"{end}, {half}": pid for end, host in (("left", left.process.pid), ("right", right.process.pid))
                 for half, pid in (("host half", host), ("packet half", children(host)[0]))}

    def scan():
        return {what: {name: copies_in_memory(pid, octets) for name, pid in processes.items()} for what, octets in keys.items()}

    found = scan()
    note(f"while the session lives: {found}")
    for what in ("one way", "other way"):
        for end in ("left", "right"):
            expect(found[what][f"{end}, packet half"] > 0, f"the session key is not found even while it is in use: {found}")
    expect_equal(sum(found["ephemeral"].values()), 0, "copies of the ephemeral key after the handshake")
    time.sleep(handshake + WIPED_AFTER + 5 - time.monotonic())
    found = scan()
    note(f"{WIPED_AFTER + 5} s later: {found}")
    expect_equal(sum(count for counts in found.values() for count in counts.values()), 0, "copies of keys")
    expect(left.host.reaches("10.99.0.2")(), "no new session")


main()
