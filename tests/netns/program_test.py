#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How the program starts and ends, as wg-quick, service managers and people rely on it (the manner of wireguard-go)."""
import os
import signal
import socket
import subprocess

from lab import SOCKETS, case, children, expect, expect_equal, main, process_ids, wait_until
from tunnel import CULVERTD, WIREGUARD_GO, Tunnel, connect, expect_echo, genkey, program_path, pubkey

PROGRAM = program_path(CULVERTD)
REFUSED = (1, 2)  # the set-up failed; the call itself is wrong


def socket_path(name):
    return f"{SOCKETS}/{name}.sock"


def answers(name):
    """Whether somebody listens on the control socket, asked as `wg` does: connect and go away."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(socket_path(name)) == 0


def get(name):
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(5)
        control.connect(socket_path(name))
        control.sendall(b"get=1\n\n")
        reply = b""
        while not reply.endswith(b"\n\n"):
            part = control.recv(65536)
            expect(part, f"the socket was closed after {reply!r}")
            reply += part
        return reply.decode()


def start_detached(host, name, **environment):
    """Starts the program as wg-quick does and returns what it printed; it must be ready by then."""
    code, text = host.attempt(PROGRAM, name, env={**os.environ, **environment})
    expect_equal(code, 0, f"exit code of a detached start (it said: {text.strip()})")
    return text


def daemons():
    """Processes of the laboratory that run the program."""
    found = []
    for pid in process_ids():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as line:
                words = line.read().split(b"\0")
        except OSError:
            continue
        if os.path.basename(words[0].decode()) == os.path.basename(PROGRAM):
            found.append(pid)
    return found


def halves():
    """The two processes of the one daemon that runs: (host half, packet half)."""
    pids = daemons()
    (packet_half,) = (child for pid in pids for child in children(pid))
    (host_half,) = (pid for pid in pids if pid != packet_half)
    return host_half, packet_half


def expect_gone(host, name, within=5):
    wait_until(lambda: not daemons(), "the program to end", within)
    wait_until(lambda: not host.has_link(name), "its link to go", within)
    expect(not os.path.exists(socket_path(name)), "its socket file is still there")


def expect_refusal(host, name, *argv, words=(), **options):
    """The program must end at once with a message, and leave neither link nor socket."""
    links = host.ip("-o", "link", "show")
    sockets = sorted(os.listdir(SOCKETS))
    code, text = host.attempt(*(argv or (PROGRAM, "-f", name)), within=10, **options)
    expect(code in REFUSED, f"exit code {code} (it said: {text.strip()})")
    expect(text.strip(), "it refused without a message")
    for word in words:
        expect(word in text, f"the message does not name '{word}': {text.strip()}")
    expect_equal(host.ip("-o", "link", "show"), links, "links")
    expect_equal(sorted(os.listdir(SOCKETS)), sockets, "control sockets")
    return text


# ------------------------------------------------------------------------------------------------------------------ start


@case("a detached start returns only when the link exists and the socket answers, twenty times out of twenty")
def _(lab):
    host = lab.host("a")
    for number in range(20):
        name = f"wg{number}"
        start_detached(host, name)
        expect(answers(name), "the socket did not answer when the program returned")
        expect(host.has_link(name), "the link did not exist when the program returned")
        expect(get(name).endswith("errno=0\n\n"), "it does not answer a request")
        host.ip("link", "del", name)
        expect_gone(host, name)


@case("a detached start lets go of the terminal: session, directory and standard streams")
def _(lab):
    host = lab.host("a")
    # A pipe that stays open would hang whoever reads the output to its end.
    done = subprocess.run(["ip", "netns", "exec", "a", PROGRAM, "wg0"], capture_output=True, timeout=10, check=False)
    expect_equal(done.returncode, 0, "exit code")
    host_half, packet_half = halves()
    for pid in (host_half, packet_half):
        expect(os.path.samefile(f"/proc/{pid}/cwd", "/"), f"it stays in the directory {os.readlink(f'/proc/{pid}/cwd')}")
        expect(os.getsid(pid) != os.getsid(0), "the program stays in the session of its starter")
    for pid, stream in ((host_half, 0), (host_half, 1), (host_half, 2), (packet_half, 0), (packet_half, 1)):
        expect_equal(os.readlink(f"/proc/{pid}/fd/{stream}"), "/dev/null", f"standard stream {stream}")
    host.ip("link", "del", "wg0")
    expect_gone(host, "wg0")


for how in (("-f",), ("--foreground",), ()):
    @case(f"it stays in the foreground with {how[0] if how else 'WG_PROCESS_FOREGROUND=1'}, and ends with code 0 by SIGTERM")
    def _(lab, how=how):
        host = lab.host("a")
        environment = dict(os.environ) if how else {**os.environ, "WG_PROCESS_FOREGROUND": "1"}
        process = host.spawn(PROGRAM, *how, "wg0", env=environment)
        wait_until(lambda: answers("wg0"), "the socket to answer", every=0.001)
        expect(process.running(), "it went to the background")
        expect_equal(process.stop(signal.SIGTERM, within=3), 0, "exit code")
        expect_gone(host, "wg0")


@case("SIGINT ends it with code 0 as well, and takes link and socket along")
def _(lab):
    host = lab.host("a")
    process = host.spawn(PROGRAM, "-f", "wg0")
    wait_until(lambda: answers("wg0"), "the socket to answer", every=0.001)
    expect_equal(process.stop(signal.SIGINT, within=3), 0, "exit code")
    expect_gone(host, "wg0")


@case("when the packet half dies, the host half says how, takes link and socket along, and ends with a code of its own")
def _(lab):
    host = lab.host("a")
    for how, words in ((signal.SIGKILL, "signal 9"), (signal.SIGSEGV, "signal 11")):
        process = host.spawn(PROGRAM, "-f", "wg0")
        wait_until(lambda: answers("wg0") and get("wg0"), "the socket to answer")
        os.kill(halves()[1], how)
        expect_equal(process.wait(5), 4, "exit code")
        expect("packet half died" in process.output() and words in process.output(), f"it said: {process.output()}")
        expect_gone(host, "wg0")


@case("when the host half is killed, the packet half and the link go with it, and the next start finds nothing in its way")
def _(lab):
    host = lab.host("a")
    for _ in range(5):
        process = host.spawn(PROGRAM, "-f", "wg0")
        wait_until(lambda: answers("wg0") and get("wg0"), "the socket to answer")
        process.stop(signal.SIGKILL)
        wait_until(lambda: not daemons(), "the packet half to end", within=5)
        wait_until(lambda: not host.has_link("wg0"), "the link to go")


@case("signals that a terminal sends to all processes leave the decision to the host half")
def _(lab):
    host = lab.host("a")
    process = host.spawn(PROGRAM, "-f", "wg0")
    wait_until(lambda: answers("wg0") and get("wg0"), "the socket to answer")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(halves()[1], number)
    expect(get("wg0").endswith("errno=0\n\n") and process.running(), "it ended")
    expect_equal(process.stop(signal.SIGINT, within=3), 0, "exit code")
    expect_gone(host, "wg0")


@case("the host half has the capabilities for its work alone, can gain none, and hides its memory")
def _(lab):
    host = lab.host("a")
    process = host.spawn(PROGRAM, "-f", "wg0")
    wait_until(lambda: answers("wg0") and get("wg0"), "the socket to answer")
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as lines:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)
    # By number: dac_override 1, dac_read_search 2, kill 5, setgid 6, setuid 7, setpcap 8, net_bind_service 10, net_admin 12,
    # net_raw 13, ipc_lock 14, sys_resource 24.
    allowed = sum(1 << number for number in (1, 2, 5, 6, 7, 8, 10, 12, 13, 14, 24))
    for name in ("CapPrm", "CapEff", "CapBnd"):
        expect_equal(int(status[name], 16) & ~allowed, 0, f"{name}, {status[name]}, beyond what it needs")
    expect(int(status["CapEff"], 16) & 1 << 12, "it has not what it needs")
    expect_equal(status["NoNewPrivs"], "1", "no_new_privs")
    with open(f"/proc/{process.pid}/limits", encoding="utf-8") as limits:
        expect(any(line.split()[:6] == ["Max", "core", "file", "size", "0", "0"] for line in limits), "it may leave core files")
    expect_equal(process.stop(within=3), 0, "exit code")


@case("the packet half holds no descriptor that its starter left open")
def _(lab):
    host = lab.host("a")
    with open(lab.path("lock"), "w", encoding="utf-8") as lock:
        process = host.spawn(PROGRAM, "-f", "wg0", pass_fds=(lock.fileno(),))
        wait_until(lambda: answers("wg0") and get("wg0"), "the socket to answer")
        packet_half = halves()[1]
        open_files = {os.readlink(f"/proc/{packet_half}/fd/{fd}") for fd in os.listdir(f"/proc/{packet_half}/fd")}
        expect(lock.name not in open_files, f"its descriptors: {open_files}")
        process.stop()


@case("deleting the link ends it")
def _(lab):
    host = lab.host("a")
    start_detached(host, "wg0")
    host.ip("link", "del", "wg0")
    expect_gone(host, "wg0")


@case("deleting the socket file ends it")
def _(lab):
    host = lab.host("a")
    start_detached(host, "wg0")
    os.unlink(socket_path("wg0"))
    expect_gone(host, "wg0")


@case("deleting another program's socket file does not end it")
def _(lab):
    host = lab.host("a")
    start_detached(host, "wg0")
    start_detached(host, "wg1")
    os.unlink(socket_path("wg1"))
    wait_until(lambda: not host.has_link("wg1"), "the other to end")
    expect(answers("wg0") and host.has_link("wg0"), "it ended too")


@case("the socket file may be read by its owner alone, in a directory that is made when missing")
def _(lab):
    host = lab.host("a")
    start_detached(host, "wg0")
    expect_equal(oct(os.stat(socket_path("wg0")).st_mode & 0o777), oct(0o700), "mode of the socket")
    expect_equal(oct(os.stat(SOCKETS).st_mode & 0o777), oct(0o755), "mode of the directory")


@case("the directory of the sockets is made when it is missing")
def _(lab):
    host = lab.host("a")
    host.attempt("unshare", "-m", "sh", "-c", f"umount {SOCKETS}; mount -t tmpfs none /run && {PROGRAM} wg0 && "
                 "test -S /var/run/wireguard/wg0.sock && stat -c %a /run/wireguard > " + lab.directory + "/mode")
    with open(lab.directory + "/mode", encoding="utf-8") as mode:
        expect_equal(mode.read().strip(), "755", "mode of the directory")


@case("a socket file that nobody listens on is replaced")
def _(lab):
    host = lab.host("a")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(socket_path("wg0"))
    expect(not answers("wg0"), "the file is not stale, so the case proves nothing")
    start_detached(host, "wg0")
    expect(answers("wg0"), "the new socket does not answer")


@case("a file that is no socket is not taken for a stale one silently: it starts or refuses, but never hangs")
def _(lab):
    host = lab.host("a")
    with open(socket_path("wg0"), "w", encoding="utf-8"):
        pass
    code, text = host.attempt(PROGRAM, "wg0", within=10)
    expect(code == 0 or text.strip(), "it refused without a message")


@case("a link that it made has type none, MTU 1420 and no ARP, and is down")
def _(lab):
    host = lab.host("a")
    start_detached(host, "wg0")
    text = host.ip("-d", "link", "show", "dev", "wg0")
    for word in ("mtu 1420", "POINTOPOINT", "NOARP", "link/none", "state DOWN"):
        expect(word in text, f"no '{word}' in: {text}")


@case("--version prints name and version and starts nothing")
def _(lab):
    host = lab.host("a")
    code, text = host.attempt(PROGRAM, "--version")
    expect_equal(code, 0, "exit code")
    expect(any(letter.isdigit() for letter in text), f"no version in: {text}")
    expect(not daemons() and not os.listdir(SOCKETS), "it started something")


# ----------------------------------------------------------------------------------------------------------- inherited


for vnet in ("plain", "vnet"):
    @case(f"it takes an inherited TUN queue ({vnet}) and an inherited socket by WG_TUN_FD and WG_UAPI_FD")
    def _(lab, vnet=vnet):
        a, _, b = lab.routed_pair()
        starter = a.script("inherit.py", PROGRAM, "wg1", socket_path("wg1"), vnet)
        wait_until(lambda: answers("wg1") and "errno=0" in get("wg1"), "the program to answer on the inherited socket")
        other = Tunnel(b, WIREGUARD_GO, 2)
        private = genkey()
        a.run("wg", "set", "wg1", "private-key", lab.write("key", private), "peer", other.public, "allowed-ips", "10.99.0.2/32",
              "endpoint", other.endpoint(4))
        other.wg("peer", pubkey(private), "allowed-ips", "10.99.0.1/32")
        a.ip("addr", "add", "10.99.0.1/24", "dev", "wg1")
        a.ip("link", "set", "wg1", "up")
        expect_equal(a.ping("10.99.0.2", 3), 3, "echoes")
        expect_equal(a.ping("10.99.0.2", 2, size=1300), 2, "long echoes")
        expect_equal(starter.stop(signal.SIGTERM), 0, "exit code")


@case("an inherited TUN queue with the kernel's packet information, which nobody asked for, works or is refused in words")
def _(lab):
    host = lab.host("a")
    starter = host.script("inherit.py", PROGRAM, "wg1", socket_path("wg1"), "information")
    wait_until(lambda: not starter.running() or answers("wg1"), "an answer or an end")
    if starter.running():
        return
    expect(starter.wait() in REFUSED and starter.output().strip(), "it ended without a message")


for variable in ("WG_TUN_FD", "WG_UAPI_FD"):
    for value in ("77", "-1", "three", "99999999999999999999"):
        @case(f"{variable}={value} names no descriptor: refused")
        def _(lab, variable=variable, value=value):
            expect_refusal(lab.host("a"), "wg0", env={**os.environ, variable: value})


# -------------------------------------------------------------------------------------------------------------- refusals


@case("a second start for the same name is refused, and the first goes on")
def _(lab):
    host = lab.host("a")
    start_detached(host, "wg0")
    key = genkey()
    host.run("wg", "set", "wg0", "private-key", lab.write("key", key))
    expect_refusal(host, "wg0", words=["wg0"])
    expect_refusal(host, "wg0", PROGRAM, "wg0", words=["wg0"])
    expect_equal(host.run("wg", "show", "wg0", "private-key").strip(), key, "key of the first")
    expect(host.has_link("wg0"), "the first lost its link")


@case("the same name in another network namespace is refused while the socket is in use")
def _(lab):
    start_detached(lab.host("a"), "wg0")
    expect_refusal(lab.host("b"), "wg0", words=["wg0"])
    expect(answers("wg0"), "the first lost its socket")


@case("a link of that name and another type is refused, and left alone")
def _(lab):
    host = lab.host("a")
    host.ip("link", "add", "wg0", "type", "veth", "peer", "name", "other")
    expect_refusal(host, "wg0", words=["wg0"])


for bad in ("", "a-name-too-long-for-linux", "a/b", "..", ".", "a b", "ä", "-x"):
    @case(f"the name '{bad}' is refused")
    def _(lab, bad=bad):
        expect_refusal(lab.host("a"), bad)


@case("no name, two names or an unknown option: a message that says which")
def _(lab):
    host = lab.host("a")
    for argv, word in (([], "interface"), (["wg0", "wg1"], "wg1"), (["--no-such-option", "wg0"], "--no-such-option")):
        expect_refusal(host, None, PROGRAM, *argv, words=[word])


@case("without /dev/net/tun it says so")
def _(lab):
    host = lab.host("a")
    script = f"mount -t tmpfs none /dev/net && exec {PROGRAM} -f wg0"
    expect_refusal(host, "wg0", "unshare", "-m", "sh", "-c", script, words=["/dev/net/tun"])


@case("without privileges it says so")
def _(lab):
    host = lab.host("a")
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    reachable = lab.path("culvertd")
    with open(PROGRAM if "/" in PROGRAM else f"/usr/bin/{PROGRAM}", "rb") as source, open(reachable, "wb") as copy:
        copy.write(source.read())
    os.chmod(reachable, 0o755)
    os.chmod(lab.directory, 0o755)
    text = expect_refusal(host, "wg0", *drop, reachable, "-f", "wg0")
    expect(any(word in text.lower() for word in ("permitted", "permission", "privilege", "root", "cap_net_admin")),
           f"the message does not speak of privileges: {text}")


@case("a directory for sockets that cannot be written: refused, and no link stays")
def _(lab):
    host = lab.host("a")
    script = f"mount -o remount,ro,bind {SOCKETS} {SOCKETS} || mount -t tmpfs -o ro none {SOCKETS}; exec {PROGRAM} -f wg0"
    expect_refusal(host, "wg0", "unshare", "-m", "sh", "-c", script)


@case("LOG_LEVEL=silent prints nothing, an error-level run prints nothing while all is well, verbose speaks of handshakes")
def _(lab):
    for level, speaks in (("silent", False), ("error", False), ("verbose", True)):
        inner = lab.host(f"a-{level}"), lab.host(f"b-{level}")
        lab.wire(inner[0], "eth0", inner[1], "eth0", 1)
        left = Tunnel(inner[0], CULVERTD, 1, env={"LOG_LEVEL": level})
        right = Tunnel(inner[1], WIREGUARD_GO, 2)
        connect(left, right)
        expect_echo(left, right, families=(4,))
        if speaks:
            wait_until(lambda end=left: "Received handshake response" in end.process.output(), "the log to come along")
        text = left.process.output()
        if speaks:
            for phrase in ("(wg1)", "Sending handshake initiation", "Received handshake response"):
                expect(phrase in text, f"no '{phrase}' in the verbose log:\n{text}")
        else:
            expect_equal(text, "", f"output at LOG_LEVEL={level}")
        left.stop()
        right.stop()


main()
