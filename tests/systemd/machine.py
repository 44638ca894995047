# SPDX-License-Identifier: MIT
"""A Debian machine with its own systemd as process 1, in namespaces: a fresh layer over a root that debootstrap made."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CGROUPS = next((f for f in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.exists(f + "/cgroup.procs")), "")


def wait_until(condition, what, within=30):
    """What the condition returns, once that is something."""
    end = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {within} s in vain for {what}")
        time.sleep(0.05)


def remove_folder(path):
    try:
        os.rmdir(path)
        return True
    except OSError:
        return False


class Machine:
    """Boots at once; `with` takes it away. `log`: a list that gets all that was typed and said, for a transcript."""

    def __init__(self, base, name="machine", log=None):
        self.base, self.name, self.log = base, name, log
        self.area = tempfile.mkdtemp(prefix="culvert-machine-")
        self.cgroup = f"{CGROUPS}/culvert-{os.getpid()}-{name}"
        self.process = None
        try:
            self.boot()
        except BaseException:
            self.__exit__()
            raise

    def boot(self):
        os.mkdir(self.cgroup)
        words = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "bash",
                 os.path.join(HERE, "boot.sh"), self.base, self.area, self.name]
        self.process = subprocess.Popen(["bash", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@" 2>"$1.log"', self.cgroup, *words],
                                        stdin=subprocess.DEVNULL, cwd=self.area)
        self.pid = int(wait_until(self._first_child, "process 1"))
        wait_until(self._is_up, "systemd to be up", within=180)

    def _expect_alive(self):
        if self.process.poll() is not None:
            with open(self.area + "/unshare.log", encoding="utf-8") as said:
                raise AssertionError(f"the machine does not boot: {said.read()}")

    def _is_up(self):
        self._expect_alive()
        return self.attempt("systemctl", "is-system-running")[1].strip() in ("running", "degraded")

    def _first_child(self):
        self._expect_alive()
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            return file.read().split(" ")[0]

    def power_off(self):
        """At once, as when the plug is pulled."""
        if self.process is None:
            return
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            wait_until(lambda here=folder: remove_folder(here), f"the end of what ran in {folder}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.power_off()
        shutil.rmtree(self.area)

    def attempt(self, *words, within=120):
        """(exit code, output) of a command inside."""
        root = f"/proc/{self.pid}/root"
        done = subprocess.run(["nsenter", "-t", str(self.pid), "--all", f"--root={root}", f"--wd={root}",
                               "env", "-i", "HOME=/root", "TERM=dumb", "LC_ALL=C.UTF-8",
                               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=within,
                              check=False, text=True)
        return done.returncode, done.stdout

    def run(self, *words, within=120, code=0):
        got, text = self.attempt(*words, within=within)
        if got != code:
            raise AssertionError(f"{' '.join(words)}: exit code {got}, not {code}:\n{text}")
        return text

    def shell(self, line, within=120):
        """As a person types it; what it says is kept for the transcript."""
        code, text = self.attempt("bash", "-c", line, within=within)
        if self.log is not None:
            self.log.append(f"root@{self.name}:~# {line}\n{text}" + (f"(exit code {code})\n" if code else ""))
        return code, text

    def path(self, inside):
        return f"/proc/{self.pid}/root{inside}"

    def write(self, inside, text, mode=0o600):
        with open(self.path(inside), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(inside), mode)

    def read(self, inside):
        with open(self.path(inside), encoding="utf-8") as file:
            return file.read()

    def install(self, package):
        """A .deb with what it depends on, from the archive that the root brought along."""
        inside = "/srv/" + os.path.basename(package)
        shutil.copy(package, self.path(inside))
        return self.run("apt-get", "-q", "-y", "--no-install-recommends", "install", inside, within=300)

    def wire(self, name, address, other, other_name, other_address):
        """An Ethernet cable to a named network namespace of the outside."""
        subprocess.run(["ip", "link", "add", "wire0", "netns", str(self.pid), "type", "veth", "peer", "name", other_name,
                        "netns", other], check=True)
        self.run("ip", "link", "set", "wire0", "name", name)
        self.run("ip", "link", "set", name, "addrgenmode", "none")  # no address that comes later by itself
        for family in address:
            self.run("ip", "addr", "add", family, "dev", name, *(["nodad"] if ":" in family else []))
        self.run("ip", "link", "set", name, "up")
        for family in other_address:
            subprocess.run(["ip", "-n", other, "addr", "add", family, "dev", other_name, *(["nodad"] if ":" in family else [])],
                           check=True)
        subprocess.run(["ip", "-n", other, "link", "set", other_name, "up"], check=True)
        subprocess.run(["ip", "-n", other, "link", "set", "lo", "up"], check=True)

    def show(self, unit, *properties):
        text = self.run("systemctl", "show", unit, "--property", ",".join(properties))
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def journal(self, unit):
        lines = self.run("journalctl", "-o", "json", "-u", unit, "--no-pager").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]
