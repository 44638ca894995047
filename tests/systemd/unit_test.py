#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The package on a Debian machine with a real systemd: started, reloaded, killed and stopped as a service, beside the resolver and
the network manager of systemd, and booted with its kill switch. Usage: unit_test.py ROOT PACKAGE, as `tools/dev systemd` calls it.

     machine eth0 (10.9.0.1, fd09::1) -- wire0 (10.9.0.2, fd09::2) phone, a namespace with a stock wireguard-go
"""
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from machine import Machine, wait_until

BASE, PACKAGE = map(os.path.abspath, sys.argv[1:3])
PHONE = f"phone-{os.getpid()}"
CASES = []


def case(what):
    def add(function):
        CASES.append((what, function))
        return function
    return add


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def expect_equal(found, wanted, what):
    expect(found == wanted, f"{what}: {found!r}, not {wanted!r}")


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split(":", 1) for line in lines if ":" in line)


class Phone:
    """A stock wireguard-go in a namespace, set by the file that `culvert peer add` wrote."""

    def __init__(self, text):
        os.makedirs("/var/run/wireguard", exist_ok=True)
        self.name = f"ph{os.getpid()}"[:15]
        self.run("wireguard-go", self.name)
        keep = ("privatekey", "[peer]", "publickey", "presharedkey", "endpoint", "allowedips", "persistentkeepalive", "[interface]")
        lines = [line for line in text.splitlines() if line.split("=")[0].strip().lower() in keep]
        subprocess.run(["ip", "netns", "exec", PHONE, "wg", "setconf", self.name, "/dev/stdin"], input="\n".join(lines) + "\n",
                       text=True, check=True)
        addresses = next(line for line in text.splitlines() if line.startswith("Address")).split("=")[1]
        for address in addresses.split(","):
            self.run("ip", "addr", "add", address.strip(), "dev", self.name)
        self.run("ip", "link", "set", self.name, "mtu", "1420", "up")
        self.run("ip", "route", "add", "10.86.0.0/24", "dev", self.name)

    def run(self, *words):
        return subprocess.run(["ip", "netns", "exec", PHONE, *words], check=True, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT).stdout

    def reaches(self, address="10.86.0.1"):
        ping = subprocess.run(["ip", "netns", "exec", PHONE, "ping", "-c1", "-W1", address], check=False, stdout=subprocess.DEVNULL)
        return ping.returncode == 0

    def end(self):
        subprocess.run(["ip", "-n", PHONE, "link", "delete", self.name], check=False)


def wire(machine):
    """As the picture above shows it. What a machine had before its plug was pulled goes a moment after it."""
    def links():
        return subprocess.run(["ip", "-n", PHONE, "link"], check=True, text=True, stdout=subprocess.PIPE).stdout

    wait_until(lambda: "wire0" not in links(), "the end of the old wire")
    machine.wire("eth0", ["10.9.0.1/24", "fd09::1/64"], PHONE, "wire0", ["10.9.0.2/24", "fd09::2/64"])


def host_state(machine):
    """All that a tunnel changes. The totals of its peers' traffic are meant to stay, and the file that is locked."""
    machine.run("mkdir", "-p", "/var/lib/culvert", "/run/wireguard", "/run/culvert")
    looks = ("ip addr", "ip rule", "ip -6 rule", "ip route show table all", "ip -6 route show table all", "nft list ruleset",
             "cat /etc/resolv.conf", "find /var/lib/culvert /run/wireguard /run/culvert -not -type d -not -name *.totals"
             " -not -name lock")
    return {what: machine.run(*what.split(" ")) for what in looks}


def expect_same(now, before):
    for what, text in before.items():
        expect(now[what] == text, f"{what} was:\n{text}\nand is:\n{now[what]}")


def gateway(machine):
    """A gateway `gate` that runs as a service, and a phone that reaches it."""
    machine.run("culvert", "init", "gateway", "gate", "-y", "--endpoint", "10.9.0.1", "--address", "10.86.0.1/24,fd86::1/64")
    machine.run("culvert", "peer", "add", "gate", "phone", "-o", "/srv/phone.conf")
    machine.run("systemctl", "start", "culvert@gate")
    phone = Phone(machine.read("/srv/phone.conf"))
    wait_until(phone.reaches, "the phone to reach the gateway")
    return phone


def main_pid(machine, unit="culvert@gate"):
    return int(machine.show(unit, "MainPID")["MainPID"])


def outer(machine, inside):
    """The number by which we know a process of the machine."""
    with os.scandir("/proc") as entries:
        for entry in entries:
            if not entry.name.isdigit():
                continue
            try:
                numbers = status_of(entry.name).get("NSpid", "").split()
                same = os.readlink(f"/proc/{entry.name}/ns/pid") == os.readlink(f"/proc/{machine.pid}/ns/pid")
            except OSError:
                continue
            if same and numbers[-1] == str(inside):
                return int(entry.name)
    raise AssertionError(f"the machine has no process {inside}")


def packet_half(machine, name="gate"):
    """The process as the machine knows it."""
    units = machine.run("systemctl", "list-units", "--plain", "--no-legend", "culvert-packets@*.service").split("\n")
    found = [line.split()[0] for line in units if line and "running" in line]
    expect_equal(len(found), 1, f"packet halves of {name}: {units}")
    return main_pid(machine, found[0])


@case("a start makes two processes, each with no more than it needs, and `stop` leaves nothing of them and of what they set")
def _(machine):
    before = host_state(machine)
    phone = gateway(machine)
    shown = machine.show("culvert@gate", "ActiveState", "SubState", "StatusText", "Type", "NRestarts")
    expect_equal((shown["ActiveState"], shown["SubState"], shown["StatusText"]), ("active", "running", "the tunnel is up"), "state")
    host, packets = outer(machine, main_pid(machine)), outer(machine, packet_half(machine))
    status = status_of(host)
    expect_equal(int(status["CapEff"], 16), 1 << 12, "capabilities of the host half: not CAP_NET_ADMIN alone")
    expect_equal(int(status["CapBnd"], 16), 1 << 12, "bounds of the host half")
    status = status_of(packets)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        expect_equal(int(status[name], 16), 0, f"{name} of the packet half")
    expect("0" not in status["Uid"].split() + status["Gid"].split(), f"the packet half is root: {status['Uid']}")
    shut = status["NoNewPrivs"].strip(), status["Seccomp"].strip()
    expect_equal(shut, ("1", "2"), "no_new_privs and filter of the packet half")
    with open(f"/proc/{packets}/limits", encoding="ascii") as limits:  # what contains the machine may not grant it
        lifted = any(line.startswith("Max locked memory") and "unlimited" in line for line in limits)
    expect_equal(int(status["VmLck"].split()[0]) > 0, lifted, "whether the packet half's memory is locked")
    expect(os.readlink(f"/proc/{packets}/ns/net") != os.readlink(f"/proc/{host}/ns/net"), "the packet half has the host's network")
    said = machine.run("culvert", "status", "gate")
    expect("state: up" in said, f"status:\n{said}")
    machine.run("systemctl", "stop", "culvert@gate")
    expect(not phone.reaches(), "the tunnel works after stop")
    phone.end()
    expect_same(host_state(machine), before)
    machine.run("test", "-s", "/var/lib/culvert/gate.totals")
    wait_until(lambda: not machine.run("systemctl", "list-units", "--plain", "--no-legend", "culvert-packets@*.service"),
               "the packet half's unit to go")


@case("a reload takes over a new user, says what is wrong with a file, and drops no packet; the journal knows how grave a line is")
def _(machine):
    phone = gateway(machine)
    pid = main_pid(machine)
    flow = subprocess.Popen(["ip", "netns", "exec", PHONE, "ping", "-i", "0.05", "-c", "100", "-q", "10.86.0.1"],
                            stdout=subprocess.PIPE, text=True)
    machine.run("culvert", "peer", "add", "gate", "tablet", "-o", "/srv/tablet.conf")
    good = machine.read("/etc/culvert/gate.toml")
    machine.write("/etc/culvert/gate.toml", good + "\n[interface2]\n")
    machine.run("systemctl", "reload", "culvert@gate")
    wait_until(lambda: any("interface2" in line["MESSAGE"] for line in machine.journal("culvert@gate")),
               "the journal to tell of the error")
    machine.write("/etc/culvert/gate.toml", good.replace("# mtu = 1420", "mtu = 1380"))
    machine.run("systemctl", "reload", "culvert@gate")
    wait_until(lambda: "mtu 1380" in machine.run("ip", "link", "show", "gate"), "the new MTU")
    expect("100 received" in flow.communicate(timeout=60)[0], "packets were lost")
    expect_equal(main_pid(machine), pid, "the main process")
    lines = [line for line in machine.journal("culvert@gate") if "interface2" in line["MESSAGE"]]
    expect_equal({(line["PRIORITY"], line["SYSLOG_IDENTIFIER"], line["_SYSTEMD_UNIT"]) for line in lines},
                 {("3", "culvertd", "culvert@gate.service")}, "priority, identifier and unit of the error")
    expect(all("<3>" not in line["MESSAGE"] for line in lines), "marks of the priority stand in the text")
    machine.run("culvert", "down", "gate")
    wait_until(lambda: machine.show("culvert@gate", "ActiveState")["ActiveState"] == "inactive",
               "the unit to see that the tunnel was taken down")
    phone.end()


@case("kill -9 of each half: the tunnel is back, the host half's end is the packet half's, and nothing of the old lies around")
def _(machine):
    phone = gateway(machine)
    rules = machine.run("ip", "rule"), machine.run("nft", "list", "ruleset")
    for round_ in range(int(os.environ.get("UNIT_KILLS", "3"))):
        pid, packets = main_pid(machine), packet_half(machine)
        os.kill(outer(machine, packets), signal.SIGKILL)
        wait_until(lambda: not os.path.exists(machine.path(f"/proc/{packets}")), "the packet half's end")
        wait_until(phone.reaches, "the phone to reach the gateway again")
        expect_equal(main_pid(machine), pid, f"the main process after kill {round_} of the packet half")
        packets = packet_half(machine)
        os.kill(outer(machine, pid), signal.SIGKILL)
        wait_until(lambda: not os.path.exists(machine.path(f"/proc/{packets}")), "the packet half's end with the host half's")
        wait_until(phone.reaches, "the phone to reach the gateway again")
        wait_until(lambda: main_pid(machine) not in (0, pid), "another main process")
        # The limit of starts within some seconds is not what is tried here.
        machine.run("systemctl", "reset-failed", "culvert@gate")
    wait_until(lambda: machine.show("culvert@gate", "ActiveState")["ActiveState"] == "active", "the unit to be up")
    expect_equal((machine.run("ip", "rule"), machine.run("nft", "list", "ruleset")), rules, "rules and firewall")
    failed = [line["MESSAGE"] for line in machine.journal("culvert@gate") if "tried again" in line["MESSAGE"]]
    expect_equal(failed, [], "what a new packet half could not do at once")
    machine.run("systemctl", "stop", "culvert@gate")
    phone.end()


@case("a packet half that hangs is replaced, and a host half that hangs is ended by the service manager's watchdog")
def _(machine):
    phone = gateway(machine)
    packets = packet_half(machine)
    os.kill(outer(machine, packets), signal.SIGSTOP)
    wait_until(lambda: not os.path.exists(machine.path(f"/proc/{packets}")), "the end of a packet half that hangs", within=90)
    wait_until(phone.reaches, "the phone to reach the gateway again")
    pid = main_pid(machine)
    os.kill(outer(machine, pid), signal.SIGSTOP)
    wait_until(lambda: main_pid(machine) not in (0, pid), "the watchdog", within=150)
    wait_until(phone.reaches, "the phone to reach the gateway again")
    machine.run("systemctl", "stop", "culvert@gate")
    phone.end()


def client(machine, dns):
    """A full tunnel with a kill switch. Nobody need answer at the other end."""
    key = machine.run("culvert", "genkey").strip()
    peer = machine.run("bash", "-c", "culvert genkey | culvert pubkey").strip()
    machine.write("/etc/culvert/full.toml", f"""[interface]
private_key = "{key}"
addresses = ["10.77.0.2/32", "fd77::2/128"]

[dns]
servers = ["10.77.0.1"]
{dns}
[firewall]
kill_switch = true

[[peer]]
public_key = "{peer}"
endpoint = "10.9.0.2:51820"
allowed_ips = ["0.0.0.0/0", "::/0"]
""")


@case("names: systemd-resolved is told over D-Bus and forgets again")
def _(machine):
    before = host_state(machine)
    client(machine, "")
    machine.run("systemctl", "start", "culvert@full")
    said = machine.run("resolvectl", "status", "full")
    expect("10.77.0.1" in said and "~." in said, f"what resolved knows:\n{said}")
    machine.run("systemctl", "restart", "systemd-resolved")
    wait_until(lambda: "10.77.0.1" in machine.run("resolvectl", "status", "full"), "resolved to be told again after its restart")
    machine.run("systemctl", "stop", "culvert@full")
    expect("10.77.0.1" not in machine.run("resolvectl", "status"), "resolved still knows the tunnel's server")
    expect_same(host_state(machine), before)


@case("names: /etc/resolv.conf is replaced and comes back, as a file and as a link, though the unit's file system is read-only")
def _(machine):
    machine.run("systemctl", "disable", "--now", "systemd-resolved")
    machine.run("bash", "-c", "rm /etc/resolv.conf; echo 'nameserver 192.0.2.53' >/etc/resolv.conf; chmod 640 /etc/resolv.conf")
    client(machine, "")
    for kind in ("file", "link"):
        if kind == "link":
            machine.run("bash", "-c", "mv /etc/resolv.conf /run/elsewhere; ln -s ../run/elsewhere /etc/resolv.conf")
        before = machine.run("bash", "-c", "stat -c '%F %a %U' /etc/resolv.conf; readlink /etc/resolv.conf; cat /etc/resolv.conf")
        machine.run("systemctl", "start", "culvert@full")
        text = machine.read("/etc/resolv.conf")
        expect("10.77.0.1" in text, f"the {kind} has not the tunnel's server: {text}")
        machine.run("systemctl", "stop", "culvert@full")
        after = machine.run("bash", "-c", "stat -c '%F %a %U' /etc/resolv.conf; readlink /etc/resolv.conf; cat /etc/resolv.conf")
        expect_equal(after, before, f"resolv.conf as a {kind}")
    code, text = machine.attempt("bash", "-c", "ls /etc/resolv.conf.*")
    expect(code != 0, f"left beside it: {text}")
    # A lease is renewed meanwhile, as dhclient does it: by renaming.
    machine.run("systemctl", "start", "culvert@full")
    machine.run("bash", "-c", "echo 'nameserver 192.0.2.99' >/etc/resolv.conf.new; mv /etc/resolv.conf.new /etc/resolv.conf")
    machine.run("systemctl", "stop", "culvert@full")
    expect_equal(machine.read("/etc/resolv.conf"), "nameserver 192.0.2.99\n", "resolv.conf of the new lease")
    expect_equal(machine.show("culvert@full", "Result")["Result"], "success", "result of the unit")


@case("networkd leaves the interface alone, and its restart leaves routes and rules of the tunnel alone")
def _(machine):
    def state_of(link):
        return machine.run("networkctl", "list", link, "--no-legend")

    def state():
        return [machine.run(*words.split(" ")) for words in ("ip rule", "ip -6 rule", "ip route show table all dev full",
                                                             "ip addr show full")]

    client(machine, "")
    machine.write("/etc/systemd/network/20-eth0.network", """[Match]
Name=eth0
[Network]
Address=10.9.0.1/24
Address=fd09::1/64
LinkLocalAddressing=no
IPv6AcceptRA=no
KeepConfiguration=yes
""", 0o644)
    # The same address with another broadcast, such as none, is one that networkd 252 sets again and again for ever.
    machine.run("ip", "addr", "flush", "dev", "eth0")
    machine.run("systemctl", "start", "systemd-networkd")
    wait_until(lambda: "configured" in state_of("eth0").split(), "networkd to set the machine's link up")
    machine.run("systemctl", "start", "culvert@full")
    wait_until(lambda: "unmanaged" in state_of("full"), "networkd to leave the device alone", within=10)
    before = state()
    machine.run("systemctl", "restart", "systemd-networkd")
    wait_until(lambda: "configured" in state_of("eth0").split(), "networkd to have the machine's link again")
    time.sleep(3)
    expect_equal(state(), before, "rules, routes and addresses after networkd's restart")
    expect("unmanaged" in state_of("full"), f"networkd has taken the device over: {state_of('full')}")
    machine.run("systemctl", "stop", "culvert@full", "systemd-networkd")


@case("the guard stands before the network at boot, the tunnel comes up behind it, and `down` lifts it")
def _(machine):
    client(machine, "")
    machine.run("systemctl", "enable", "culvert-guard@full", "culvert@full")
    machine.power_off()
    machine.boot()
    shown = machine.show("culvert-guard@full", "ActiveState", "Result")
    expect_equal((shown["ActiveState"], shown["Result"]), ("active", "success"), "the guard's unit after a boot")
    order = machine.show("culvert-guard@full", "Before")["Before"]
    expect("network-pre.target" in order, f"the guard comes before: {order}")
    wait_until(lambda: machine.show("culvert@full", "ActiveState")["ActiveState"] == "active", "the tunnel after a boot")
    expect("culvert" in machine.run("nft", "list", "ruleset"), "there is no kill switch")
    machine.run("systemctl", "kill", "-s", "KILL", "culvert@full")
    expect("culvert" in machine.run("nft", "list", "ruleset"), "the kill switch went with the daemon")
    wait_until(lambda: machine.show("culvert@full", "ActiveState")["ActiveState"] == "active", "the tunnel after kill -9")
    machine.run("culvert", "down", "full")
    expect_equal(machine.run("nft", "list", "ruleset"), "", "the firewall after down")
    machine.run("systemctl", "disable", "culvert-guard@full", "culvert@full")


def newer(machine):
    """The package once more, as a version that follows it and changes a unit; its path inside."""
    with tempfile.TemporaryDirectory(prefix="culvert-newer-") as folder:
        subprocess.run(["dpkg-deb", "--raw-extract", PACKAGE, folder + "/tree"], check=True)
        for path, old, new in ((f"{folder}/tree/DEBIAN/control", "\nArchitecture:", ".1\nArchitecture:"),
                               (f"{folder}/tree/usr/lib/systemd/system/culvert@.service", "[Unit]\n", "[Unit]\n# newer\n")):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            expect_equal(text.count(old), 1, f"places in {path}")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace(old, new))
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", folder + "/tree", machine.path("/srv/newer.deb")], check=True,
                       stdout=subprocess.DEVNULL)
    return "/srv/newer.deb"


def expect_purged(machine):
    """Of the package there is nothing but what a person has written."""
    for what, line in (("units", "systemctl list-units --all --plain --no-legend 'culvert*'"),
                       ("unit files", "systemctl list-unit-files --plain --no-legend 'culvert*' || true"),
                       ("links to units", "find /etc/systemd -name 'culvert*'"),
                       ("user and group", "getent passwd culvert; getent group culvert || true"),
                       ("folders", "ls -d /var/lib/culvert /run/culvert* /run/wireguard 2>/dev/null || true"),
                       ("files", "find /usr -name '*culvert*'"),
                       ("processes", "pgrep -a culvert || true"),
                       ("firewall", "nft list ruleset")):
        expect_equal(machine.run("bash", "-c", line), "", f"{what} left behind")


@case("the package is upgraded while a tunnel runs, which goes on; its removal takes the tunnel down, its purge leaves nothing")
def _(machine):
    before = host_state(machine)
    phone = gateway(machine)
    machine.run("systemctl", "enable", "culvert@gate")
    pid = main_pid(machine)
    said = machine.run("dpkg", "--install", newer(machine))
    expect("Tunnels that run keep the old version" in said, f"an upgrade says:\n{said}")
    expect_equal(machine.show("culvert@gate", "NeedDaemonReload")["NeedDaemonReload"], "no", "whether units are to be read again")
    expect_equal(main_pid(machine), pid, "the main process after an upgrade")
    expect(phone.reaches(), "the tunnel does not work after an upgrade")
    os.kill(outer(machine, packet_half(machine)), signal.SIGKILL)
    wait_until(phone.reaches, "the new version's packet half under the old host half")
    machine.run("systemctl", "restart", "culvert@gate")
    wait_until(phone.reaches, "the tunnel of the new version")
    said = machine.run("dpkg", "--remove", "culvert")
    expect("not all" not in said, f"the removal says:\n{said}")
    phone.end()
    expect_same(host_state(machine), before)
    said = machine.run("dpkg", "--purge", "culvert")
    expect("stay in /etc/culvert" in said and machine.read("/etc/culvert/gate.toml"), f"the purge says:\n{said}")
    expect_purged(machine)


@case("removal lifts a kill switch that stands alone since boot, even when its file is gone, and undoes what a killed daemon left")
def _(machine):
    client(machine, "")
    machine.run("cp", "-p", "/etc/culvert/full.toml", "/etc/culvert/lost.toml")
    machine.run("systemctl", "enable", "culvert-guard@full", "culvert-guard@lost")
    machine.power_off()
    machine.boot()
    machine.run("rm", "/etc/culvert/lost.toml")
    machine.write("/etc/culvert/not-a-name-for-an-interface.toml", "")
    raised = machine.run("nft", "list", "ruleset")
    expect("culvert-full" in raised and "culvert-lost" in raised, f"not both kill switches stand after a boot:\n{raised}")
    machine.run("dpkg", "--install", newer(machine))
    expect_equal(machine.run("nft", "list", "ruleset"), raised, "the firewall after an upgrade")
    expect_equal(machine.show("culvert-guard@full", "ActiveState")["ActiveState"], "active", "the guard after an upgrade")
    said = machine.run("dpkg", "--remove", "culvert")
    expect("not all" not in said, f"the removal says:\n{said}")
    expect_equal(machine.run("nft", "list", "ruleset"), "", "the firewall after the removal")
    machine.run("dpkg", "--install", "/srv/newer.deb")
    machine.power_off()
    machine.boot()
    raised = machine.run("nft", "list", "ruleset")
    expect("culvert-full" in raised and "culvert-lost" not in raised, f"a package that is back guards as before:\n{raised}")
    machine.run("culvert", "down", "full")
    wire(machine)
    before = host_state(machine)
    machine.run("culvert", "up", "full")
    for pid in machine.run("pidof", "culvertd").split():
        os.kill(outer(machine, pid), signal.SIGKILL)
    wait_until(lambda: machine.attempt("pidof", "culvertd")[0] != 0, "the end of both halves")
    expect("culvert-full" in machine.run("nft", "list", "ruleset"), "a killed daemon's kill switch is gone")
    said = machine.run("dpkg", "--remove", "culvert")
    expect("not all" not in said, f"the removal says:\n{said}")
    expect_same(host_state(machine), before)
    machine.run("dpkg", "--purge", "culvert")
    expect_purged(machine)


def attempt(machine, what, function, number):
    started = time.monotonic()
    try:
        function(machine)
        print(f"ok {number} - {what} # {time.monotonic() - started:.0f} s", flush=True)
        return True
    except (AssertionError, subprocess.SubprocessError, OSError) as error:
        print(f"not ok {number} - {what}", flush=True)
        for line in ("".join(traceback.format_tb(error.__traceback__)[-2:]) + str(error)).splitlines():
            print(f"# {line}", flush=True)
        looks = ("journalctl --no-pager -n 60 -o short-monotonic -u 'culvert*' -u init.scope; "
                 "systemctl list-units --plain --no-legend 'culvert*'")
        print("# " + machine.attempt("bash", "-c", looks)[1].replace("\n", "\n# "), flush=True)
        return False


def installed(keep):
    """The root with the package on it, as a layer in `keep`."""
    with Machine(BASE) as machine:
        machine.install(PACKAGE)
        machine.power_off()
        # With what an overlay notes in attributes.
        subprocess.run(["cp", "-a", machine.area + "/upper", keep + "/layer"], check=True)
    return f"{keep}/layer:{BASE}"


def main():
    wanted = [int(word) for word in sys.argv[3:]] or range(1, len(CASES) + 1)
    print(f"1..{len(CASES)}", flush=True)
    good = True
    with tempfile.TemporaryDirectory(prefix="culvert-layer-") as keep:
        base = installed(keep)
        for number in wanted:
            subprocess.run(["ip", "netns", "add", PHONE], check=True)
            try:
                with Machine(base) as machine:
                    wire(machine)
                    good = attempt(machine, *CASES[number - 1], number) and good
            finally:
                subprocess.run(["ip", "netns", "delete", PHONE], check=False)
    return 0 if good else 1


sys.exit(main())
