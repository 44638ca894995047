# SPDX-License-Identifier: MIT
"""A host that is run by `culvert` alone, as a person would: from files in a folder of its own."""
import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from lab import Failure, expect_equal


class Site:
    """Interfaces of one case need names of their own: all hosts share the folders of sockets and of state."""

    def __init__(self, host):
        self.host = host
        self.folder = os.path.join(host.lab.directory, host.name + "-etc")
        os.mkdir(self.folder, 0o700)
        self.environment = {**os.environ, "CULVERT_CONFIG_DIR": self.folder, "LOG_LEVEL": "verbose"}

    def attempt(self, *words, within=120.0):
        """`culvert WORDS`: (exit code, what it said on both streams)."""
        return self.host.attempt(os.environ["CULVERT"], *words, within=within, env=self.environment)

    def culvert(self, *words, code=0):
        """`culvert WORDS`, which must end with the code; what it said."""
        got, said = self.attempt(*words)
        expect_equal(got, code, f"exit code of `culvert {' '.join(map(str, words))}` on {self.host.name}, which said:\n{said}")
        return said

    def path(self, name):
        return os.path.join(self.folder, name)

    def peer_states(self, interface):
        """State by name, as a person reads it."""
        said = self.culvert("status", interface)
        return dict(re.findall(r"^peer: (.*)\n  state: (.*)$", said, re.MULTILINE))


class Terminal:
    """A program on a terminal of its own, in a host's namespace."""

    def __init__(self, site, *words, lines=24, columns=80):
        self.leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(follower)
        self.follower = follower
        self.text = ""      # not yet read by read_until
        self.all_text = ""  # all that was written
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.process = subprocess.Popen(["ip", "netns", "exec", site.host.name, os.environ["CULVERT"], *words], stdin=follower,
                                        stdout=follower, stderr=follower, env=site.environment, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def read_until(self, pattern, within=30.0):
        """Reads until the pattern has appeared in what was written since the last call; returns the match."""
        end = time.monotonic() + within
        while True:
            match = re.search(pattern, self.text, re.DOTALL)
            if match:
                self.text = self.text[match.end():]
                return match
            if time.monotonic() > end:
                raise Failure(f"waited {within:g} s in vain for {pattern!r} on the terminal, which showed:\n{self.text!r}")
            self.drain(0.1)

    def drain(self, within=0.0):
        """Takes what is there: a program waits once some thousand octets are unread."""
        while select.select([self.leader], [], [], within)[0]:
            new = self._decoder.decode(os.read(self.leader, 65536))
            self.text += new
            self.all_text += new
            within = 0.0

    def press(self, keys):
        os.write(self.leader, keys.encode())

    def end(self, within=30.0):
        """The exit code, once it has ended."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            raise Failure(f"the program did not end within {within:g} s; the terminal shows:\n{self.text!r}") from None

    def settings_now(self):
        return termios.tcgetattr(self.follower)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.leader)
        os.close(self.follower)


def host_state(host):
    """Everything that a tunnel may change on a host, but for what the kernel invents anew each time."""
    parts = [host.ip("-o", "addr", "show"), host.ip("-4", "rule", "show"), host.ip("-6", "rule", "show"),
             host.ip("-4", "route", "show", "table", "all"), host.ip("-6", "route", "show", "table", "all"),
             host.run("nft", "list", "ruleset"), host.run("sysctl", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding",
                                                          "net.ipv4.conf.all.src_valid_mark")]
    text = re.sub(r"(valid_lft|preferred_lft) \S+", "", "\n".join(parts))
    return sorted(line.strip() for line in text.splitlines() if line.strip())
