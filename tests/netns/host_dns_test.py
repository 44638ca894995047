#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""DNS by systemd-resolved, which a small program plays on a message bus of its own, and the names of endpoints. See host_lab.py."""
import os
import sys

from host_lab import NAME, RESOLV, TOOL, Tool, configuration, expect_same, home, state
from lab import case, expect, expect_equal, main, wait_until

FAKE = os.environ.get("CULVERT_FAKE_RESOLVED", "")
POLICY = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>{address}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""


def resolved(lab, a, resolv, *refused):
    """The bus's address and the program that plays; resolv.conf points to the stub, as a distribution has it."""
    address = f"unix:path={lab.path('bus')}"
    bus = a.spawn("dbus-daemon", f"--config-file={lab.write('bus.conf', POLICY.format(address=address))}", "--nofork", "--nopidfile")
    wait_until(lambda: os.path.exists(address.split("=")[1]), f"the message bus ({bus.output()})")
    fake = a.spawn(FAKE, address, *refused)
    wait_until(lambda: "ready" in fake.output(), "the service on the bus")
    os.unlink(resolv)
    os.symlink("../run/systemd/resolve/stub-resolv.conf", resolv)
    return address, fake


def calls(fake):
    """[(method, arguments in one line)], pings aside"""
    parts = fake.output().split("call ")[1:]
    found = [(part.split("\n", 1)[0], " ".join(part.split("\n", 1)[1].split())) for part in parts]
    return [each for each in found if each[0] != "Ping"]


@case("resolved is told servers, domains and that all names lead to the link; down takes it back; resolv.conf is left alone")
def _(lab):
    a, _, resolv = home(lab)
    address, fake = resolved(lab, a, resolv)
    before = state(a, resolv)
    held = Tool(a, lab.path("journal"), resolv, more=[address])
    link = int(a.run("cat", f"/sys/class/net/{NAME}/ifindex"))
    held.must("up " + lab.write(f"{NAME}.toml", configuration(dns='servers = ["10.99.0.1", "fd99::1"]\nsearch = ["corp.example"]')))
    expect_equal([method for method, _ in calls(fake)], ["SetLinkDNS", "SetLinkDomains", "SetLinkDefaultRoute", "FlushCaches"], "calls")
    servers, domains, default, _ = [arguments for _, arguments in calls(fake)]
    for what, words in ((servers, [f"INT32 {link}", "INT32 2", "INT32 10", "BYTE 10", "BYTE 99"]),
                        (domains, [f"INT32 {link}", 'STRING "corp.example"; BOOLEAN false', 'STRING "."; BOOLEAN true']),
                        (default, [f"INT32 {link}", "BOOLEAN true"])):
        for each in words:
            expect(each in what, f"no {each} in: {what}")
    expect(os.path.islink(resolv), "resolv.conf was replaced")
    held.must("undo")
    expect_equal([method for method, _ in calls(fake)][4:], ["RevertLink", "FlushCaches"], "calls of down")
    held.end()
    expect_same(before, state(a, resolv), "state after down")


@case("in a tunnel of some networks only the domains of the file lead to its servers")
def _(lab):
    a, _, resolv = home(lab)
    address, fake = resolved(lab, a, resolv)
    held = Tool(a, lab.path("journal"), resolv, more=[address])
    held.must("up " + lab.write(f"{NAME}.toml", configuration(allowed='"10.77.0.0/16"',
                                                              dns='servers = ["10.99.0.1"]\nsearch = ["corp.example", "~lab.example"]')))
    found = dict(calls(fake))
    expect('STRING "corp.example"; BOOLEAN false' in found["SetLinkDomains"], found["SetLinkDomains"])
    expect('STRING "lab.example"; BOOLEAN true' in found["SetLinkDomains"], found["SetLinkDomains"])
    expect('STRING "."' not in found["SetLinkDomains"], found["SetLinkDomains"])
    expect("BOOLEAN false" in found["SetLinkDefaultRoute"], found["SetLinkDefaultRoute"])


@case("what resolved refuses is told in its words and undone; without resolved the file is taken")
def _(lab):
    a, _, resolv = home(lab)
    address, fake = resolved(lab, a, resolv, "SetLinkDomains")
    held = Tool(a, lab.path("journal"), resolv, more=[address, lab.path("no-programs")])
    before = state(a, resolv)
    file = lab.write(f"{NAME}.toml", configuration(dns='servers = ["10.99.0.1"]'))
    answer = held.say(f"up {file}")
    expect(f"DNS of {NAME} by systemd-resolved: Link is managed by another" in answer, f"the answer is: {answer}")
    expect("RevertLink" in dict(calls(fake)), "the servers were not taken back")
    expect_same(before, state(a, resolv), "state after a failed up")
    fake.stop()
    held.must(f"up {file}")
    with open(resolv, encoding="utf-8") as text:
        expect("nameserver 10.99.0.1" in text.read(), "the file does not name the server")
    held.must("undo")
    expect_same(before, state(a, resolv), "state after down")


SERVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.1.0.2", 53))
print("open", flush=True)
while True:
    question, address = s.recvfrom(2000)
    print(question.hex(), flush=True)
    wants_v4 = question.endswith(b"\\0\\1\\0\\1")
    record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" + bytes([203, 0, 113, 5])
    s.sendto(question[:2] + b"\\x81\\x80\\0\\1" + (b"\\0\\1" if wants_v4 else b"\\0\\0") + b"\\0\\0\\0\\0" + question[12:] +
             (record if wants_v4 else b""), address)
"""


@case("an endpoint's name is found past the kill switch, on the mark of the tunnel, and no other name is")
def _(lab):
    a, router, resolv = home(lab)
    server = router.spawn(sys.executable, "-c", SERVER, label="resolver")
    wait_until(lambda: "open" in server.output(), "the resolver of the LAN")
    held = Tool(a, lab.path("journal"), resolv)
    held.must("up " + lab.write(f"{NAME}.toml", configuration(firewall="kill_switch = true")))
    capture = router.capture("left", "port 53")
    # The system's own way leads into the tunnel, and nobody answers there.
    empty = lab.write("empty", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    asked = a.run("unshare", "--mount", "sh", "-c", f"mount --bind {empty} /etc/resolv.conf && {TOOL} resolve vpn.example 51820 10.1.0.2")
    expect_equal(asked.strip(), "203.0.113.5:51820", "the address of the name")
    capture.stop()
    names = {line.split("? ")[1].split()[0] for line in capture.lines("dst port 53") if "? " in line}
    expect_equal(names, {"vpn.example."}, "names in the clear")
    with open(resolv, encoding="utf-8") as text:
        expect_equal(text.read(), RESOLV, "resolv.conf of a file without DNS")


main()
