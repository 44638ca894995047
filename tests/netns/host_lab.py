# SPDX-License-Identifier: MIT
"""What the tests of the host's set-up share: the program that drives it (host_tool.cpp), and the state of a host as text.

    a -- router -- b        a: 10.1.0.1, fd00:1::1 on eth0; the router's end: 10.1.0.2, fd00:1::2
"""
import base64
import os
import re
import signal
import subprocess
import sys

from lab import Failure, expect, wait_until

TOOL = os.environ.get("CULVERT_HOST_TOOL", "")
NAME = "wg1"
MARK = 51820
RESOLV = "# a comment of its owner\nnameserver 10.1.0.2\n"
PUBLIC = {4: "203.0.113.7", 6: "2001:db8:7::7"}
INSIDE = {4: "10.99.0.2", 6: "fd99::2"}


def key():
    return base64.b64encode(os.urandom(31) + b"\x40").decode()


KEYS = (key(), key())


def configuration(interface="", peer="", endpoint="10.2.0.1:51820", allowed='"0.0.0.0/0", "::/0"', **sections):
    """Text of a TOML file; sections are added as they are written: dns='servers = ["10.99.0.1"]'."""
    text = f"""[interface]
private_key = "{KEYS[0]}"
addresses = ["{INSIDE[4]}/24", "{INSIDE[6]}/64"]
{interface}
"""
    for name, lines in sections.items():
        text += f"[{name}]\n{lines}\n"
    return text + f"""[[peer]]
public_key = "{KEYS[1]}"
endpoint = "{endpoint}"
allowed_ips = [{allowed}]
{peer}
"""


class Tool:
    """`host_tool hold` in a namespace; `say` sends one command and returns the answer."""

    def __init__(self, host, journal, resolv, more=(), environment=None, name=NAME, wrapper=()):
        """The words of the wrapper come before the program's."""
        self.process = host.spawn(*wrapper, TOOL, "hold", name, journal, resolv, *more, label=f"{host.name}-host-tool",
                                  stdin=subprocess.PIPE, env={**os.environ, **(environment or {})})
        self._answers = 0
        self.answer()

    def _lines(self):
        return [line for line in self.process.output().splitlines() if line == "ok" or line.startswith("failed: ")]

    def answer(self):
        """The next answer, or None if the program died before."""
        self._answers += 1
        wait_until(lambda: len(self._lines()) >= self._answers or not self.process.running(), "an answer", within=60)
        lines = self._lines()
        return lines[self._answers - 1] if len(lines) >= self._answers else None

    def begin(self, line):
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def say(self, line):
        self.begin(line)
        return self.answer()

    def must(self, line):
        answer = self.say(line)
        expect(answer == "ok", f"`{line}` was answered with: {answer}\n{self.process.output()}")

    def end(self):
        """As a program that ends: the interface goes with it."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        return self.process.wait(30)

    def kill(self):
        self.process.stop(signal.SIGKILL)


def tool(host, *words, check=True, **options):
    code, text = host.attempt(TOOL, *words, **options)
    expect(not check or code == 0, f"`host_tool {' '.join(words)}` ended with {code}: {text}")
    return text


def state(host, resolv):
    """Everything that a tunnel changes on a host, as text: equal before and after, octet for octet."""
    parts = [host.ip(*words) for words in (
        ("addr", "show"), ("-4", "rule", "show"), ("-6", "rule", "show"), ("-4", "route", "show", "table", "all"),
        ("-6", "route", "show", "table", "all"))]
    parts.append(host.run("nft", "list", "ruleset"))
    parts.append(host.run("sysctl", "-e", "net.ipv4.ip_forward", "--pattern", r"^net\.ipv[46]\.(conf|ip_forward)", "-a"))
    if os.path.islink(resolv):
        parts.append("-> " + os.readlink(resolv))
    if os.path.exists(resolv):
        status = os.stat(resolv)
        with open(resolv, encoding="utf-8") as file:
            parts.append(f"{status.st_mode:o} {status.st_uid} {status.st_gid}\n{file.read()}")
    parts.append(str(sorted(os.listdir(os.path.dirname(resolv)))))
    # What the kernel gives a link when it is first up, a queue and a secret, goes with the link.
    text = re.sub(rf"(?m)^.*\.{NAME}\.(addr_gen_mode|stable_secret).*\n", "", "\n".join(parts))
    return re.sub(rf"( {NAME}(?:@\S+)?: .* qdisc) \S+", r"\1", text)


def as_of_another_boot(journal):
    """The lines bear FNV-1a sums of themselves."""
    with open(journal, encoding="utf-8") as file:
        head, *rest = file.read().splitlines()
    words = re.sub(r'"boot":"[^"]*"', '"boot":"another"', head.split(" ", 1)[1])
    checksum = 0xcbf29ce484222325
    for octet in words.encode():
        checksum = (checksum ^ octet) * 0x100000001b3 % 2**64
    with open(journal, "w", encoding="utf-8") as file:
        file.write("\n".join([f"{checksum:016x} {words}", *rest]) + "\n")


def difference(before, after):
    """The lines that differ, for the message."""
    old, new = before.splitlines(), after.splitlines()
    return "\n".join([f"- {line}" for line in old if line not in new] + [f"+ {line}" for line in new if line not in old])


def expect_same(before, after, what):
    if before != after:
        raise Failure(f"{what}:\n{difference(before, after) or 'the order of lines differs'}")


def home(lab):
    """(a, router, folder of files that the tunnel may change)"""
    a, router, _ = lab.routed_pair()
    folder = lab.path("etc")
    os.mkdir(folder)
    resolv = os.path.join(folder, "resolv.conf")
    with open(resolv, "w", encoding="utf-8") as file:
        file.write(RESOLV)
    os.chmod(resolv, 0o640)
    return a, router, resolv


CHATTER = """
import socket, time
sockets = {4: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 6: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)}
print("talking", flush=True)
while True:
    for family, address, port in TARGETS:
        try:
            sockets[family].sendto(b"the words of the user", (address, port))
        except OSError:
            pass
    time.sleep(0.002)
"""


def chatter(host):
    """A program that speaks all the time, in the clear: to the internet, and to the resolver of the LAN."""
    targets = [(4, PUBLIC[4], 9999), (6, PUBLIC[6], 9999), (4, "10.1.0.2", 53), (6, "fd00:1::2", 53)]
    process = host.spawn(sys.executable, "-c", CHATTER.replace("TARGETS", repr(targets)), label="chatter")
    wait_until(lambda: "talking" in process.output(), "the chatter to begin")
    return process


CLEAR = "udp port 9999 or udp port 53"


