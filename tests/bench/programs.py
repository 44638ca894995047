# SPDX-License-Identifier: MIT
"""The programs that the end-to-end table compares, and how each is started: two hosts, one cable, one tunnel.

     left (10.1.0.1) eth0 ---- veth ---- eth0 (10.1.0.2) right        outside
     left (10.99.0.1) ======== tunnel ======== (10.99.0.2) right      inside, MTU 1420

Every program gets the same MTU, its usual settings, and nothing else to do. Both ends are the same program.
"""
import os
import shutil
from dataclasses import dataclass, field

from lab import Failure, wait_until
from tunnel import Tunnel, connect

MTU = 1420
PORT = 51820
BUILD = os.environ.get("BENCH_BUILD", "build-release")


@dataclass
class World:
    """A tunnel that carries packets. `daemons` are the processes whose time and memory count."""
    left: object
    right: object
    left_address: str
    right_address: str
    daemons: list = field(default_factory=list)

    @property
    def pids(self):
        return [pid for daemon in self.daemons for pid in daemon.pids()]


@dataclass
class Program:
    key: str
    title: str
    start: object  # of a Lab; returns a World
    path: str = ""
    env: dict = field(default_factory=dict)
    speaks_wireguard: bool = False
    ceiling: bool = False  # no peer to beat: it shows what is possible

    def missing(self):
        """Why it cannot be measured here, or an empty string."""
        if self.path and not shutil.which(self.path):
            return f"{self.path} is not there: run tests/bench/setup"
        return ""


def two_hosts(lab):
    left, right = lab.host("left"), lab.host("right")
    lab.wire(left, "eth0", right, "eth0", 1)
    return left, right


def check(world):
    wait_until(lambda: world.left.reaches(world.right_address)() or any(not d.running() for d in world.daemons),
               "the first echo through the tunnel", within=20)
    dead = [daemon for daemon in world.daemons if not daemon.running()]
    if dead:
        raise Failure(f"{dead[0].label} ended:\n{dead[0].output()}")
    return world


def raw_veth(lab):
    left, right = two_hosts(lab)
    return check(World(left, right, left.addresses[4], right.addresses[4]))


def wireguard(path, **env):
    def start(lab):
        left, right = two_hosts(lab)
        ends = [Tunnel(host, path, number, port=PORT, env={"LOG_LEVEL": "error", **env})
                for number, host in enumerate((left, right), 1)]
        for end in ends:
            end.host.ip("link", "set", end.name, "mtu", MTU)
        connect(*ends)
        return check(World(left, right, ends[0].inside[4], ends[1].inside[4], [end.process for end in ends]))

    return start


# -------------------------------------------------------------------------------------------------------------- openvpn


def openvpn(lab):
    """Point to point, TLS with a certificate for each side, AES-256-GCM; its kernel module stays out."""
    left, right = two_hosts(lab)
    prints = {}
    for host in (left, right):
        key, certificate = (os.path.join(lab.directory, f"{host.name}.{kind}") for kind in ("key", "crt"))
        host.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
                 "-subj", f"/CN={host.name}", "-keyout", key, "-out", certificate)
        text = host.run("openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256")
        prints[host.name] = text.strip().split("=")[1]
    processes = []
    for host, other, number in ((left, right, 1), (right, left, 2)):
        role = ["--tls-client", "--remote", other.addresses[4], PORT] if host is left else ["--tls-server", "--dh", "none"]
        processes.append(host.spawn(
            "openvpn", "--dev", "vpn0", "--dev-type", "tun", "--proto", "udp", "--lport", PORT, *role,
            "--ifconfig", f"10.99.0.{number}", f"10.99.0.{3 - number}", "--tun-mtu", MTU, "--mssfix", 0,
            "--cert", os.path.join(lab.directory, f"{host.name}.crt"), "--key", os.path.join(lab.directory, f"{host.name}.key"),
            "--peer-fingerprint", prints[other.name], "--data-ciphers", "AES-256-GCM", "--cipher", "AES-256-GCM",
            "--disable-dco", "--fast-io", "--sndbuf", 4 << 20, "--rcvbuf", 4 << 20, "--verb", 1))
    return check(World(left, right, "10.99.0.1", "10.99.0.2", processes))


# ---------------------------------------------------------------------------------------------------------------- fastd

FASTD = """
log level warn;
mode tun;
interface "fastd0";
mtu {mtu};
method "{method}";
bind {here}:{port};
secret "{secret}";
peer "other" {{ key "{key}"; remote {there}:{port}; }}
"""


def fastd(method):
    def start(lab):
        left, right = two_hosts(lab)
        secrets = [left.run("fastd", "--generate-key", "--machine-readable").strip() for _ in range(2)]
        keys = []
        for number, secret in enumerate(secrets, 1):
            config = lab.write(f"fastd{number}.secret", f'secret "{secret}";\n')
            keys.append(left.run("fastd", "--config", config, "--show-key", "--machine-readable").strip())
        processes = []
        for here, there, secret, key in ((left, right, secrets[0], keys[1]), (right, left, secrets[1], keys[0])):
            config = lab.write(f"{here.name}.fastd", FASTD.format(
                mtu=MTU, method=method, here=here.addresses[4], there=there.addresses[4], port=PORT, secret=secret, key=key))
            processes.append(here.spawn("fastd", "--config", config))
        for number, (host, process) in enumerate(zip((left, right), processes), 1):
            wait_until(lambda h=host, p=process: h.has_link("fastd0") or not p.running(), "fastd's interface")
            host.ip("addr", "add", f"10.99.0.{number}/24", "dev", "fastd0")
            host.ip("link", "set", "fastd0", "up")
        return check(World(left, right, "10.99.0.1", "10.99.0.2", processes))

    return start


# ------------------------------------------------------------------------------------------------------------- the list


def _culvertd(key, title, program, lanes, **options):
    path = os.path.join(BUILD, program)
    env = {"CULVERT_LANES": str(lanes)}
    return Program(key, title, wireguard(path, **env), path, env, **options)


def _wireguard_go(key, title, path):
    path = shutil.which(path) or path
    return Program(key, title, wireguard(path), path, speaks_wireguard=True)


IDENTITY = "tests/bench/bench-culvertd-identity"
AEAD_ALONE = "aead-alone"

PROGRAMS = [
    _culvertd("culvertd", "culvertd, 1 lane", "src/daemon/culvertd", 1, speaks_wireguard=True),
    _culvertd("culvertd-2", "culvertd, 2 lanes", "src/daemon/culvertd", 2, speaks_wireguard=True),
    _wireguard_go("wireguard-go-2023", "wireguard-go 0.0.20231211", f"{BUILD}/peers/wireguard-go-2023/usr/bin/wireguard-go"),
    _wireguard_go("wireguard-go-2022", "wireguard-go 0.0.20220316", "/usr/bin/wireguard-go"),
    Program("openvpn", "openvpn, AES-256-GCM", openvpn, "openvpn"),
    Program("fastd-null", "fastd, no cipher", fastd("null"), "fastd"),
    Program("fastd", "fastd, salsa2012+umac", fastd("salsa2012+umac"), "fastd"),
    Program("fastd-aes", "fastd, aes128-gcm", fastd("aes128-gcm"), "fastd"),
    _culvertd("identity", "culvertd without its AEAD", IDENTITY, 1, ceiling=True),
    _culvertd("identity-2", "the same, 2 lanes", IDENTITY, 2, ceiling=True),
    Program(AEAD_ALONE, "the AEAD alone", None, f"{BUILD}/tests/bench/bench-aead", ceiling=True),
    Program("veth", "veth without a tunnel", raw_veth, ceiling=True),
]
BY_KEY = {program.key: program for program in PROGRAMS}
# The slower of fastd's ciphers is here for those who ask.
DEFAULT = [p.key for p in PROGRAMS if p.key not in ("fastd-aes", "identity-2")]
