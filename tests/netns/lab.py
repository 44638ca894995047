# SPDX-License-Identifier: MIT
"""A laboratory for tests that need real interfaces: network namespaces, processes, bounded waits, and no traces.

The file of a test declares its cases, each with a sentence that says what must hold, and calls main():

    @case("an echo crosses the tunnel")
    def _(lab):
        ...

main() first starts the file again in a mount, process and network namespace of its own, with empty /run/netns and
/run/wireguard. So names never clash with another run on the same machine, and whatever way a run ends (failure, ^C, time-out,
kill -9), the kernel ends every process and removes every interface with it. Results are TAP, which Meson counts.

Read in this order: main, Lab (one case's world), Host (one network namespace), Process, then the waits and checks.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import books

HERE = os.path.dirname(os.path.abspath(__file__))
SUPPORT = os.path.join(os.path.dirname(HERE), "support")
IN_CI = os.environ.get("CI", "") in ("true", "1")
SOCKETS = "/var/run/wireguard"
STATUS_SOCKETS = books.STATUS_SOCKETS
STATE = "/var/lib/culvert"

_cases = []


class Skip(Exception):
    """This kernel lacks what the case needs; the text says what. What tools/setup could install is no reason to skip."""


class Failure(AssertionError):
    """What was promised does not hold; the text says what was seen instead."""


def case(sentence):
    """Registers a function of one argument, the Lab, under the sentence that it proves."""

    def register(function):
        _cases.append((sentence, function))
        return function

    return register


# ---------------------------------------------------------------------------------------------------------------- checks


def expect(condition, otherwise):
    if not condition:
        raise Failure(otherwise)


def expect_equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}:\n  got    {got!r}\n  wanted {wanted!r}")


def wait_until(condition, what, within=10.0, every=0.02):
    """Asks until the condition returns something true, and returns that; fails after the bound, in seconds."""
    end = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {within:g} s in vain for: {what}")
        time.sleep(every)


def note(text):
    """A line of explanation in the report."""
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


# ------------------------------------------------------------------------------------------------------------- processes


class Process:
    """A program running in a namespace; its output goes to a file that is shown when the case fails."""

    def __init__(self, lab, argv, label, log, **options):
        self.lab, self.label, self.log = lab, label, log
        with open(log, "ab") as sink:
            self._popen = subprocess.Popen(argv, stdout=sink, stderr=subprocess.STDOUT, **options)
        self.pid = self._popen.pid
        self.stdin = self._popen.stdin

    def pids(self):
        """This process and its children: a daemon may be two."""
        return [self.pid, *children(self.pid)]

    def running(self):
        return self._popen.poll() is None

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait(self, within=10.0):
        """The exit code."""
        try:
            return self._popen.wait(within)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.label} did not end within {within:g} s") from None

    def stop(self, how=signal.SIGTERM, within=10.0):
        if self.running():
            self._popen.send_signal(how)
        return self.wait(within)

    def result(self, within=60.0):
        """The JSON on the last line of the output of a program that ends by itself."""
        code = self.wait(within)
        lines = self.output().strip().splitlines()
        expect(code == 0 and lines, f"{self.label} ended with {code}:\n{self.output()}")
        return json.loads(lines[-1])


def process_ids():
    """Every process of this laboratory but the test itself; those that only wait to be buried do not count."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8") as stat:
                    state = stat.read().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state not in "ZX":
                yield int(entry)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as found:
            return [int(child) for child in found.read().split()]
    except FileNotFoundError:
        return []


class Host:
    """One network namespace. `addresses` lists its outside addresses by family (4 or 6)."""

    def __init__(self, lab, name):
        self.lab, self.name, self.addresses = lab, name, {4: None, 6: None}
        run(["ip", "netns", "add", name])
        self.ip("link", "set", "lo", "up")
        self.sysctl("net.ipv6.conf.all.accept_dad", 0)
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.sysctl("net.ipv6.conf.default.router_solicitations", 0)

    def _inside(self, argv):
        return ["ip", "netns", "exec", self.name, *map(str, argv)]

    def ip(self, *argv):
        return run(["ip", "-n", self.name, *map(str, argv)])

    def sysctl(self, key, value):
        self.run("sysctl", "-qw", f"{key}={value}")

    def run(self, *argv, **options):
        """Runs to the end and returns standard output; a failure fails the case unless `check=False` is given."""
        return run(self._inside(argv), **options)

    def attempt(self, *argv, within=30.0, **options):
        """Runs to the end and returns (exit code, output of both streams)."""
        done = subprocess.run(self._inside(argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=within, check=False,
                              text=True, errors="replace", **options)
        return done.returncode, done.stdout

    def spawn(self, *argv, label=None, **options):
        return self.lab.spawn(self._inside(argv), label or f"{self.name}-{os.path.basename(str(argv[0]))}", **options)

    def script(self, name, *argv, **options):
        """Starts a Python program of tests/support."""
        return self.spawn(sys.executable, os.path.join(SUPPORT, name), *argv, label=f"{self.name}-{name}", **options)

    def has_link(self, device):
        return self.attempt("ip", "link", "show", "dev", device)[0] == 0

    def ping(self, address, count=3, interval=None, size=56, timeout=5.0, options=()):
        """Sends echoes, an `interval` apart or all at once, and returns how many came back; ends as soon as all have.

        After one answer ping waits for the last only as long as an interval or two round trips, whichever is longer: all at once
        with a long interval lets the machine be busy."""
        pace = ["-i", interval] if interval else ["-l", count, "-i", timeout]
        _, text = self.attempt("ping", "-n", "-q", "-c", count, *pace, "-s", size, "-W", timeout, *options, address,
                               within=timeout + count * max(interval or 0, 1) + 10)
        answered = re.search(r"(\d+) received", text)
        return int(answered.group(1)) if answered else 0

    def reaches(self, address):
        """A condition for wait_until: one echo, answered within a second."""
        return lambda: self.ping(address, count=1, timeout=1) == 1

    def capture(self, device, expression=""):
        """Records a device from this moment on; see Capture."""
        return Capture(self, device, expression)

    def listening(self, port, protocol):
        return bool(self.run("ss", f"-Hln{protocol}", f"sport = :{port}").strip())


class Capture:
    """A recording of one device, asked afterwards with tcpdump's own expressions."""

    def __init__(self, host, device, expression):
        self.host, self._counts, self._alike, self._wanted = host, None, 0, None
        self.file = host.lab.path(f"{host.name}-{device}.pcap")
        self._process = host.spawn("tcpdump", "-n", "-U", "--immediate-mode", "-B", "32768", "-s", "256", "-Z", "root", "-i", device,
                                   "-w", self.file, *expression.split(), label=f"{host.name}-tcpdump")
        wait_until(lambda: "listening on" in self._process.output(), "tcpdump to listen")

    def stop(self):
        wait_until(self._caught_up, "tcpdump to write what the kernel handed it", within=30)
        self._process.stop(signal.SIGINT)
        return self

    def _caught_up(self):
        """On SIGUSR1 tcpdump says how many packets it has written and how many matched. As many as matched when it was asked
        first are wanted: more may come all the time.

        Packets that come while it sets its filter are counted and never handed over: the figures then never meet. Each answer
        is one more turn of tcpdump's loop, and ten turns without a packet mean that none is waiting."""
        before = self._process.output().count("received by filter")
        os.kill(self._process.pid, signal.SIGUSR1)
        wait_until(lambda: self._process.output().count("received by filter") > before, "tcpdump to count")
        written = int(re.findall(r"(\d+) packets? captured", self._process.output())[-1])
        matched = int(re.findall(r"(\d+) packets? received by filter", self._process.output())[-1])
        if self._wanted is None:
            self._wanted = matched
        self._alike = self._alike + 1 if (written, matched) == self._counts else 0
        self._counts = (written, matched)
        return written >= self._wanted or self._alike >= 10

    def lines(self, expression=""):
        return run(["tcpdump", "-n", "-r", self.file, *expression.split()], stderr=subprocess.DEVNULL).splitlines()

    def count(self, expression=""):
        return len(self.lines(expression))


class Lab:
    """What one case builds: hosts, processes, files. Everything is gone when the case ends."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="culvert-test-")
        self.hosts, self.processes, self._serial = {}, [], 0

    def path(self, name):
        self._serial += 1
        return os.path.join(self.directory, f"{self._serial:02}-{name}")

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
        return path

    def host(self, name):
        self.hosts[name] = Host(self, name)
        return self.hosts[name]

    def spawn(self, argv, label, **options):
        process = Process(self, [str(word) for word in argv], label, self.path(label + ".log"), **options)
        self.processes.append(process)
        return process

    def wire(self, left, left_device, right, right_device, subnet):
        """Joins two hosts. Subnet n is 10.n.0.0/24 and fd00:n::/64; the left end is 1, the right end 2."""
        left.ip("link", "add", left_device, "type", "veth", "peer", "name", right_device, "netns", right.name)
        for host, device, last in ((left, left_device, 1), (right, right_device, 2)):
            host.ip("addr", "add", f"10.{subnet}.0.{last}/24", "dev", device)
            host.ip("addr", "add", f"fd00:{subnet}::{last}/64", "dev", device, "nodad")
            host.ip("link", "set", device, "up")
            host.addresses = {4: f"10.{subnet}.0.{last}", 6: f"fd00:{subnet}::{last}"}

    def routed_pair(self, suffix=""):
        """Two hosts that see each other only through a router. A suffix of the names allows several pairs in one case.

             a (10.1.0.1, fd00:1::1) eth0 -- left [router] right -- eth0 b (10.2.0.1, fd00:2::1)
        """
        a, router, b = (self.host(name + suffix) for name in ("a", "router", "b"))
        self.wire(a, "eth0", router, "left", 1)
        self.wire(b, "eth0", router, "right", 2)
        router.sysctl("net.ipv4.ip_forward", 1)
        router.sysctl("net.ipv6.conf.all.forwarding", 1)
        for host, subnet in ((a, 1), (b, 2)):
            host.ip("route", "add", "default", "via", f"10.{subnet}.0.2")
            host.ip("-6", "route", "add", "default", "via", f"fd00:{subnet}::2")
        return a, router, b

    def expect_books(self):
        """Of every packet that a daemon took, while it lived, it says what became of it."""
        wrong = books.complaints(STATUS_SOCKETS)
        expect(not wrong, "\n".join(wrong))

    def close(self):
        for pid in list(process_ids()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for process in self.processes:
            process.wait()
        bury_orphans()
        for name in self.hosts:
            run(["ip", "netns", "del", name], check=False)
        for directory in (SOCKETS, STATUS_SOCKETS, STATE):
            for name in os.listdir(directory):
                os.unlink(os.path.join(directory, name))

    def show_logs(self):
        for process in self.processes:
            text = process.output().strip()
            if text:
                note(f"--- {process.label}")
                note("\n".join(text.splitlines()[-40:]))


def bury_orphans():
    """The test is process 1 of its namespace, so a daemon that detached becomes its child."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def run(argv, check=True, within=60.0, stderr=subprocess.PIPE, **options):
    done = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, stderr=stderr, timeout=within, check=False,
                          text=True, errors="replace", **options)
    if check and done.returncode != 0:
        raise Failure(f"`{' '.join(map(str, argv))}` ended with {done.returncode}: {(done.stderr or '').strip()}")
    return done.stdout


# ------------------------------------------------------------------------------------------------------------------ main


def _obstacle_here():
    """(why nothing can be tested here, whether root and this kernel would allow it), or None."""
    if os.geteuid() != 0:
        return "needs root for network namespaces: run it with sudo", True
    for program in ("ip", "unshare", "wg", "wireguard-go", "tcpdump", "nft", "ping", "ss", "sysctl"):
        if not shutil.which(program):
            return f"{program} is not installed: run tools/setup", True
    culvertd = os.environ.get("CULVERTD", "")
    if not shutil.which(culvertd):
        return f"CULVERTD names no program ('{culvertd}')", True
    if not os.path.exists("/dev/net/tun"):
        return "the kernel offers no /dev/net/tun here", False
    probe = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "ip", "tuntap", "add", "probe0", "mode", "tun"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if probe.returncode != 0:
        return f"the kernel refuses a namespace with a TUN interface ({probe.stdout.strip()})", False
    return None


def _skip_all(why, avoidable):
    print(f"1..0 # SKIP {why}", flush=True)
    sys.exit(1 if IN_CI and avoidable else 77)


def _isolate(refuse):
    """Replaces this process by one in namespaces of its own, which die with it."""
    obstacle = _obstacle_here()
    if obstacle:
        refuse(*obstacle)
    os.environ["CULVERT_LAB"] = str(os.getpid())
    os.execvp("unshare", ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
                          *sys.argv])


def _settle_in():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # process 1 ignores what it does not handle
    os.makedirs("/run/netns", exist_ok=True)
    for directory in (SOCKETS, STATUS_SOCKETS, STATE):
        os.makedirs(directory, exist_ok=True)
    for directory in ("/run/netns", SOCKETS, STATUS_SOCKETS, STATE):
        run(["mount", "-t", "tmpfs", "-o", "mode=755", "lab", directory])
    _keep_etc()
    # `ip netns` wants its directory shared with the mount namespaces that it makes.
    run(["mount", "--make-rshared", "/run/netns"])


def _keep_etc():
    """A copy of /etc stands in its place: a daemon under test may write resolv.conf, as on a machine of its own."""
    copy = tempfile.mkdtemp(prefix="culvert-etc-")
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "lab", copy])
    run(["cp", "-a", "/etc/.", copy])
    run(["mount", "--move", copy, "/etc"])
    os.rmdir(copy)


def _run_case(number, sentence, function):
    started = time.monotonic()
    lab = Lab()
    verdict, keep = f"ok {number} - {sentence}", False
    try:
        function(lab)
        lab.expect_books()
    except Skip as why:
        verdict += f" # SKIP {why}"
    except (Failure, subprocess.TimeoutExpired, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        verdict, keep = f"not ok {number} - {sentence}", True
        where = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith("_test.py")]
        note(f"{sentence}: {error if isinstance(error, Failure) else repr(error)}")
        note(f"at {os.path.basename(where[-1].filename)}:{where[-1].lineno}" if where else "".join(traceback.format_exc()))
        lab.show_logs()
        note(f"logs and captures: {lab.directory}")
    finally:
        lab.close()
        if not keep:
            shutil.rmtree(lab.directory, ignore_errors=True)
    note(f"{time.monotonic() - started:.1f} s")
    print(verdict, flush=True)
    return not verdict.startswith("not")


def enter(refuse=_skip_all):
    """Goes on in namespaces of its own, by starting the file again if need be; `refuse` ends it where that cannot be."""
    if not os.environ.get("CULVERT_LAB"):
        _isolate(refuse)
    _settle_in()


def main():
    """Runs the cases of the file; arguments choose those whose sentence contains one of them."""
    enter()
    chosen = [(s, f) for s, f in _cases if not sys.argv[1:] or any(word in s for word in sys.argv[1:])]
    print(f"1..{len(chosen)}", flush=True)
    good = [_run_case(number, *pair) for number, pair in enumerate(chosen, 1)]
    sys.exit(0 if all(good) else 1)
