#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How far the packet half is shut in while a tunnel runs, where parts of the sandbox are missing, and what is seen when it dies."""
import base64
import os
import re
import shutil
import signal
import sys

from lab import IN_CI, SUPPORT, Skip, case, children, expect, expect_equal, main, note, wait_until
from process_memory import copies_in_memory
from tunnel import CULVERTD, WIREGUARD_GO, expect_echo, genpsk, pair

FILTERED = os.environ.get("CULVERT_FILTERED", "yes") == "yes"  # a build with sanitizers has no filter
LANDLOCK_CREATE_RULESET = 444  # on every architecture
ENOSYS = 38


def words_of(path):
    """A file of /proc as a dictionary."""
    with open(path, encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split(":", 1) for line in lines if ":" in line)


def packet_half(end):
    (found,) = children(end.process.pid)
    return found


def wrapper(lab, script):
    """A program that starts culvertd in another way."""
    path = lab.write("wrapped-culvertd", f"#!/bin/sh\n{script}\n")
    os.chmod(path, 0o755)
    return path


@case("each thread of the packet half has another user, no group, no capability, no way to new ones, and a filter")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    expect_echo(left, right)
    pid = packet_half(left)
    threads = os.listdir(f"/proc/{pid}/task")
    expect(len(threads) > 1, "it has one thread only: the lanes are missing")
    for thread in threads:
        status = words_of(f"/proc/{pid}/task/{thread}/status")
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            expect_equal(int(status[name], 16), 0, f"{name} of thread {thread}")
        expect_equal(status["NoNewPrivs"].strip(), "1", f"no_new_privs of thread {thread}")
        expect_equal(status["Groups"].strip(), "", f"groups of thread {thread}")
        expect("0" not in status["Uid"].split() + status["Gid"].split(), f"thread {thread} is root: {status['Uid']}, {status['Gid']}")
        expect_equal(status["Seccomp"].strip(), "2" if FILTERED else "0", f"mode of the filter of thread {thread}")


@case("the packet half leaves no core, and no other process of its user reads its memory")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    expect_echo(left, right)
    pid = packet_half(left)
    with open(f"/proc/{pid}/limits", encoding="utf-8") as limits:
        expect(re.search(r"Max core file size +0 +0", limits.read()), "it may leave core files")
    user = words_of(f"/proc/{pid}/status")["Uid"].split()[0]
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    expect_equal(left.host.attempt(*as_user, "cat", "/proc/self/maps")[0], 0, "exit code of reading one's own map")
    for what in ("maps", "mem", "environ"):
        code, text = left.host.attempt(*as_user, "head", "-c", "1", f"/proc/{pid}/{what}")
        expect(code != 0, f"its own user reads {what}: {text}")


@case("a core that root takes by force holds no key of either half, and their own users get none")
def _(lab):
    if not shutil.which("gcore"):
        expect(not IN_CI, "gcore is not installed: run tools/setup")
        raise Skip("gcore is not installed: run tools/setup")
    psk = genpsk()
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO, psk=psk)
    expect_echo(left, right)
    keys = {what: base64.b64decode(text) for what, text in (("private key", left.private), ("preshared key", psk))}
    # The keys are there to be found, or finding none would prove nothing.
    for what, octets in keys.items():
        expect(copies_in_memory(packet_half(left), octets) > 0, f"the {what} is not in the memory of the packet half at all")
    for pid in left.process.pids():
        expect_equal(words_of(f"/proc/{pid}/status")["Name"].strip()[:8], "culvertd", "name of a half")
        path = lab.path("core")
        said = left.host.attempt("gcore", "-o", path, pid, within=60)[1]
        expect(os.path.exists(f"{path}.{pid}"), f"root got no core: {said}")
        with open(f"{path}.{pid}", "rb") as core:
            dump = core.read()
        expect(dump[:4] == b"\x7fELF" and b"culvertd" in dump, "that is no core of a half")
        for what, octets in keys.items():
            expect_equal(dump.count(octets), 0, f"copies of the {what} in the core of {pid}")
        user = words_of(f"/proc/{pid}/status")["Uid"].split()[0]
        path = lab.path("own-core")
        said = left.host.attempt("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all",
                                 "--bounding-set=-all", "gcore", "-o", path, pid, within=60)[1]
        expect(not os.path.exists(f"{path}.{pid}"), f"its own user got a core: {said}")
    expect_echo(left, right)


@case("the status says how far the sandbox reaches, and that is what the kernel says")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    expect_echo(left, right)
    told = left.status()["sandbox"]
    status = words_of(f"/proc/{packet_half(left)}/status")
    expect_equal(told["user"], int(status["Uid"].split()[0]), "user")
    expect_equal(told["systemCalls"], "kill" if FILTERED else "left out", "system calls")
    expect_equal(told["memory"] == "locked", int(status["VmLck"].split()[0]) > 0, f"memory locked ({status['VmLck']})")
    expect(isinstance(told["landlock"], int), f"version of Landlock: {told['landlock']}")
    note(told)


@case("a kernel without Landlock is no obstacle: the tunnel runs, and the status says that it has none")
def _(lab):
    refuse = os.path.join(SUPPORT, "refuse_call.py")
    program = wrapper(lab, f'exec {sys.executable} {refuse} {LANDLOCK_CREATE_RULESET} {ENOSYS} {os.environ["CULVERTD"]} "$@"')
    os.environ["CULVERTD"], before = program, os.environ["CULVERTD"]
    try:
        left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    finally:
        os.environ["CULVERTD"] = before
    expect_echo(left, right)
    expect_equal(left.status()["sandbox"]["landlock"], 0, "version of Landlock")


@case("locked memory takes no more room: a tunnel's packet half stays below 24 MiB either way")
def _(lab):
    resident = {}
    for limit in ("8192", "unlimited"):
        # Root of a container may be kept from lifting the limit; then both ways are the same, and the bound holds all the same.
        program = wrapper(lab, f'ulimit -l {limit} 2>/dev/null; exec {os.environ["CULVERTD"]} "$@"')
        os.environ["CULVERTD"], before = program, os.environ["CULVERTD"]
        try:
            left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO, serial=len(resident))
        finally:
            os.environ["CULVERTD"] = before
        expect_echo(left, right)
        resident[limit] = int(words_of(f"/proc/{packet_half(left)}/status")["VmRSS"].split()[0])
        note(f"limit {limit}: {resident[limit]} KiB resident, memory {left.status()['sandbox']['memory']}")
        left.stop()
        right.stop()
    if FILTERED:
        expect(max(resident.values()) <= 24 << 10, f"KiB resident: {resident}")


@case("a packet half that breaks its filter is reported as that, and the tunnel goes without a trace")
def _(lab):
    left, right, _ = pair(lab, CULVERTD, WIREGUARD_GO)
    expect_echo(left, right)
    os.kill(packet_half(left), signal.SIGSYS)
    expect_equal(left.process.wait(10), 4, "exit code")
    text = left.process.output()
    expect("signal 31" in text and "system call that it must not make" in text, f"the log says: {text}")
    wait_until(lambda: not left.host.has_link(left.name), "the link to go")


main()
