#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a tunnel changes on its host, with `ip`, `nft` and `sysctl` as witnesses: that it is made, and that it is undone, after
`down`, after a failure, and after a crash at each single moment. See host_lab.py."""
import os
import signal

from host_lab import (CLEAR, INSIDE, MARK, NAME, PUBLIC, RESOLV, Tool, as_of_another_boot, chatter, configuration, difference,
                      expect_same, home, state, tool)
from lab import case, children, expect, expect_equal, main, note, wait_until

EVERYTHING = dict(dns='servers = ["10.99.0.1", "fd99::1"]\nsearch = ["corp.example"]\nbackend = "file"',
                  firewall="kill_switch = true", gateway="masquerade = true")


@case("a full tunnel is made as planned: table, rules, MTU of the path, DNS, firewall")
def _(lab):
    a, _, resolv = home(lab)
    a.ip("route", "replace", "10.2.0.0/24", "via", "10.1.0.2", "mtu", "1400")
    held = Tool(a, lab.path("journal"), resolv)
    held.must("up " + lab.write(f"{NAME}.toml", configuration(**EVERYTHING)))
    expect("mtu 1320" in a.ip("link", "show", "dev", NAME), "the MTU is not that of the path less 80")
    for family, inside in INSIDE.items():
        expect(f" {inside}/" in a.ip(f"-{family}", "addr", "show", "dev", NAME), f"no address {inside}")
        rules = [line.split(":\t") for line in a.ip(f"-{family}", "rule", "show").splitlines()]
        lan = {4: ["10.1.0.0/24"], 6: ["fd00:1::/64", "fe80::/64"]}[family]
        expect_equal([(number, words.strip()) for number, words in rules if number.startswith("325")],
                     [("32500", "not from all fwmark 0xca6c lookup 51820 suppress_prefixlength 7 proto static"),
                      *(("32501", f"from all to {each} lookup main suppress_prefixlength {23 if family == 4 else 63} proto static")
                        for each in lan),
                      ("32502", "not from all fwmark 0xca6c lookup 51820 proto static")], f"rules of IPv{family}")
        expect(f"dev {NAME}" in a.ip("route", "get", PUBLIC[family]), "unmarked packets do not go inside")
        expect("dev eth0" in a.ip("route", "get", "10.2.0.1" if family == 4 else "fd00:2::1", "mark", MARK),
               "marked datagrams do not go outside")
    expect_equal(a.run("sysctl", "-n", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding").split(), ["1", "1"], "forwarding")
    expect("policy drop" in a.run("nft", "list", "table", "inet", f"culvert-{NAME}"), "no kill switch")
    with open(resolv, encoding="utf-8") as file:
        expect_equal(file.read().splitlines()[1:], ["nameserver 10.99.0.1", "nameserver fd99::1", "search corp.example"], "resolv.conf")
    held.must("undo")


@case("fifty rounds of up and down leave addresses, rules, all routes, ruleset, sysctls and resolv.conf as they were")
def _(lab):
    a, _, resolv = home(lab)
    file = lab.write(f"{NAME}.toml", configuration(**EVERYTHING))
    journal = lab.path("journal")
    held = Tool(a, journal, resolv)
    before = state(a, resolv)
    for number in range(50):
        held.must(f"up {file}")
        if number == 0:
            expect(len(difference(before, state(a, resolv)).splitlines()) > 20, "almost nothing changed, so the case proves nothing")
        held.must("undo")
        if number % 7 == 0:
            expect_same(before, state(a, resolv), f"state after round {number + 1}")
        expect(not os.path.exists(journal), "the journal is left")
    expect_same(before, state(a, resolv), "state after the last round")


@case("resolv.conf comes back as it was: a link, a dangling link, no file; what others wrote meanwhile stays")
def _(lab):
    a, _, resolv = home(lab)
    file = lab.write(f"{NAME}.toml", configuration(**EVERYTHING))
    held = Tool(a, lab.path("journal"), resolv)
    for target in ("real.conf", "nowhere/at-all", None):
        os.unlink(resolv)
        if target:
            os.symlink(target, resolv)
        with open(os.path.join(os.path.dirname(resolv), "real.conf"), "w", encoding="utf-8") as real:
            real.write(RESOLV)
        before = state(a, resolv)
        held.must(f"up {file}")
        expect(not os.path.islink(resolv), "the link is still there")
        held.must("undo")
        expect_same(before, state(a, resolv), f"state with resolv.conf -> {target}")
    held.must(f"up {file}")
    with open(resolv, "w", encoding="utf-8") as newer:
        newer.write("nameserver 192.0.2.1\n")
    held.must("undo")
    with open(resolv, encoding="utf-8") as newer:
        expect_equal(newer.read(), "nameserver 192.0.2.1\n", "resolv.conf that another program wrote meanwhile")


@case("resolvconf is called as wg-quick calls it")
def _(lab):
    a, _, resolv = home(lab)
    folder = lab.path("programs")
    os.mkdir(folder)
    log = os.path.join(folder, "log")
    program = os.path.join(folder, "resolvconf")
    with open(program, "w", encoding="utf-8") as script:
        script.write(f"#!/bin/sh\necho \"$@\" >>{log}\n[ \"$1\" = -d ] || /bin/cat >>{log}\n")
    os.chmod(program, 0o755)
    order = os.path.join(folder, "interface-order")
    with open(order, "w", encoding="utf-8") as lines:
        lines.write("lo.inet*\ntun*\neth*\n")
    held = Tool(a, lab.path("journal"), resolv, more=["", folder, order])
    text = configuration(dns='servers = ["10.99.0.1"]\nsearch = ["corp.example"]')
    held.must("up " + lab.write(f"{NAME}.toml", text))
    held.must("undo")
    with open(log, encoding="utf-8") as lines:
        expect_equal(lines.read().splitlines(), [f"-a tun.{NAME} -m 0 -x", "nameserver 10.99.0.1", "search corp.example",
                                                 f"-d tun.{NAME} -f"], "calls")
    with open(program, "w", encoding="utf-8") as script:
        script.write("#!/bin/sh\nexit 3\n")
    before = state(a, resolv)
    answer = held.say("up " + lab.write(f"{NAME}.toml", text))
    expect("resolvconf ended with 3" in answer, f"the answer is: {answer}")
    expect_same(before, state(a, resolv), "state after a failed up")


@case("a step that fails undoes those before it, and is named with what to do")
def _(lab):
    a, _, resolv = home(lab)
    a.ip("route", "add", "10.55.0.0/16", "via", "10.1.0.2")
    journal = lab.path("journal")
    held = Tool(a, journal, resolv)
    before = state(a, resolv)
    answer = held.say("up " + lab.write(f"{NAME}.toml", configuration(allowed='"10.55.0.0/16", "10.56.0.0/16"',
                                                                      dns='servers = ["10.99.0.1"]\nbackend = "file"')))
    expect(answer.startswith(f"failed: route 10.55.0.0/16 of {NAME}: there is a route to this network over another interface (the networks"
                             ) or "collide" in answer, f"the answer is: {answer}")
    expect_same(before, state(a, resolv), "state after a failed up")
    expect(not os.path.exists(journal), "the journal is left")


@case("a reload makes the differences only, and one that fails leaves everything as it stood")
def _(lab):
    a, _, resolv = home(lab)
    file = lab.write(f"{NAME}.toml", configuration(**EVERYTHING))
    held = Tool(a, lab.path("journal"), resolv)
    before = state(a, resolv)
    held.must(f"up {file}")
    standing = state(a, resolv)
    held.must(f"change {file}")
    expect_same(standing, state(a, resolv), "state after a reload of the same file")
    lab.write(f"{NAME}.toml", configuration("mtu = 1300", allowed='"0.0.0.0/0", "10.77.0.0/16"', firewall="kill_switch = true"
                                            ).replace(f'"{INSIDE[4]}/24", ', '"10.99.0.3/24", '))
    held.must(f"change {file}")
    expect_equal("10.99.0.2" in a.ip("addr", "show", "dev", NAME), False, "the old address is there")
    expect("10.99.0.3/24" in a.ip("addr", "show", "dev", NAME), "no new address")
    expect_equal(sorted(line.split(" dev")[0] for line in a.ip("route", "show", "table", MARK).splitlines()),
                 ["10.77.0.0/16", "10.99.0.0/24", "default"], "routes")
    expect_equal(a.ip("-6", "route", "show", "table", "51820"), "", "routes of IPv6")
    with open(resolv, encoding="utf-8") as restored:
        expect_equal(restored.read(), RESOLV, "resolv.conf without DNS in the file")
    expect_equal(a.run("sysctl", "-n", "net.ipv4.ip_forward").strip(), "0", "forwarding without a gateway")
    standing = state(a, resolv)
    a.ip("link", "set", "dev", NAME, "down")
    a.ip("link", "set", "dev", NAME, "up")
    held.must("reassert")
    expect_equal(sorted(line.split(" dev")[0] for line in a.ip("route", "show", "table", MARK).splitlines()),
                 ["10.77.0.0/16", "10.99.0.0/24", "default"], "routes after the link was down")
    os.chmod(resolv, 0o640)
    a.ip("link", "set", "dev", NAME, "name", "other")
    answer = held.say("change " + lab.write(f"{NAME}.toml", configuration("mtu = 1290", **EVERYTHING)))
    expect("the interface is gone" in answer, f"the answer is: {answer}")
    a.ip("link", "set", "dev", "other", "name", NAME)
    held.must("undo")
    expect_same(before, state(a, resolv), "state at the end")


@case("two gateways on one host share forwarding: it lasts as long as the last of them, in whatever order they end")
def _(lab):
    a, _, resolv = home(lab)
    text = configuration(allowed='"10.98.0.0/16"', gateway="enabled = true")
    files = [lab.write("wg1.toml", text), lab.write("wg2.toml", text.replace("10.9", "10.8").replace("fd99", "fd88"))]
    forwarding = lambda: a.run("sysctl", "-n", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding").split()
    held = [Tool(a, os.path.join(lab.directory, f"{name}.journal"), resolv, name=name) for name in ("wg1", "wg2")]
    before = state(a, resolv)
    for order in ((0, 1), (1, 0)):
        for each in (0, 1):
            held[each].must(f"up {files[each]}")
        held[order[0]].must("undo")
        expect_equal(forwarding(), ["1", "1"], "forwarding while one gateway is left")
        held[order[1]].must("undo")
        expect_equal(forwarding(), ["0", "0"], "forwarding without a gateway")
    # The second link has the queue and the secret that the kernel gives when it is first up.
    rest = lambda text: "\n".join(line for line in text.splitlines() if "wg2" not in line)
    expect_same(rest(before), rest(state(a, resolv)), "state at the end")


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def two_tunnels(lab, a, resolv, **sections):
    """[(program, file)] of wg1 and wg2, whose networks do not collide; their journals are in one folder."""
    text = configuration(**{"allowed": '"10.98.0.0/16"', **sections})
    return [(Tool(a, os.path.join(lab.directory, f"{name}.journal"), resolv, name=name), lab.write(f"{name}.toml", words))
            for name, words in (("wg1", text), ("wg2", text.replace("10.9", "10.8").replace("fd99", "fd88")))]


@case("two tunnels share resolv.conf: while one is up its servers stand, and after both the text that was there before the first")
def _(lab):
    a, _, resolv = home(lab)
    held = two_tunnels(lab, a, resolv, dns='servers = ["10.99.0.1"]\nbackend = "file"')
    servers = [["nameserver 10.99.0.1"], ["nameserver 10.89.0.1"]]
    stand = lambda which, what: expect_equal(text_of(resolv).splitlines()[1:], servers[which], what)
    before = text_of(resolv), os.stat(resolv).st_mode
    for first, second in ((0, 1), (1, 0)):
        for goes in (0, 1):
            for each in (first, second):
                held[each][0].must(f"up {held[each][1]}")
                stand(each, f"servers once wg{each + 1} is up")
            held[goes][0].must("undo")
            stand(1 - goes, f"servers once wg{goes + 1} of wg{first + 1}, wg{second + 1} is down")
            held[goes][0].must(f"up {held[goes][1]}")
            stand(goes, f"servers once wg{goes + 1} is up again")
            held[goes][0].must("undo")
            stand(1 - goes, f"servers once wg{goes + 1} is down again")
            held[1 - goes][0].must("undo")
            expect_equal((text_of(resolv), os.stat(resolv).st_mode), before, "resolv.conf after both")


@case("a tunnel that goes leaves resolv.conf to the servers that another has reloaded, and none of a dead tunnel comes back")
def _(lab):
    a, _, resolv = home(lab)
    held = two_tunnels(lab, a, resolv, dns='servers = ["10.99.0.1"]\nbackend = "file"')
    for program, file in held:
        program.must(f"up {file}")
    other = text_of(held[0][1]).replace("10.99.0.1", "10.99.0.7")
    held[0][0].must("change " + lab.write("wg1.toml", other))
    held[1][0].must(f"change {held[1][1]}")
    held[1][0].must("reassert")
    held[1][0].must("undo")
    expect_equal(text_of(resolv).splitlines()[1:], ["nameserver 10.99.0.7"], "servers of the tunnel that is up")
    held[1][0].must(f"up {held[1][1]}")
    held[0][0].must("undo")
    held[1][0].must("change " + lab.write("wg2.toml", text_of(held[1][1]).replace("10.89.0.1", "10.89.0.7")))
    expect_equal(text_of(resolv).splitlines()[1:], ["nameserver 10.89.0.7"], "servers after a reload")
    held[1][0].must("undo")
    expect_equal(text_of(resolv), RESOLV, "resolv.conf after both")


@case("a tunnel that was killed in an earlier boot leaves its servers in resolv.conf, and another does not take them for the past")
def _(lab):
    a, _, resolv = home(lab)
    (dead, file), (alive, other) = two_tunnels(lab, a, resolv, dns='servers = ["10.99.0.1"]\nbackend = "file"')
    dead.must(f"up {file}")
    dead.kill()
    journal = os.path.join(lab.directory, "wg1.journal")
    as_of_another_boot(journal)
    alive.must(f"up {other}")
    alive.must("undo")
    expect_equal(text_of(resolv), RESOLV, "resolv.conf after the tunnel of this boot")
    alive.must(f"up {other}")
    tool(a, "repair", journal, "lift", resolv)
    expect_equal(text_of(resolv).splitlines()[1:], ["nameserver 10.89.0.1"], "servers while the tunnel of this boot is up")
    alive.must("undo")
    expect_equal(text_of(resolv), RESOLV, "resolv.conf after both")


@case("between two tunnels another program writes resolv.conf: its text is what the second brings back, and stays")
def _(lab):
    a, _, resolv = home(lab)
    held = two_tunnels(lab, a, resolv, dns='servers = ["10.99.0.1"]\nbackend = "file"')
    for order in ((1, 0), (0, 1)):
        newer = f"nameserver 192.0.2.{1 + order[0]}\n"
        held[0][0].must(f"up {held[0][1]}")
        with open(resolv, "w", encoding="utf-8") as file:
            file.write(newer)
        held[1][0].must(f"up {held[1][1]}")
        held[order[0]][0].must("undo")
        if order[0] == 0:
            expect_equal(text_of(resolv).splitlines()[1:], ["nameserver 10.89.0.1"], "servers of the tunnel that is up")
        else:
            expect_equal(text_of(resolv), newer, "resolv.conf once the tunnel is down that found it so")
        held[order[1]][0].must("undo")
        expect_equal(text_of(resolv), newer, "resolv.conf that another program wrote meanwhile")


@case("two full tunnels share the rules that lead local networks outside: they last as long as the last of them, in whatever order")
def _(lab):
    a, _, resolv = home(lab)
    held = two_tunnels(lab, a, resolv, allowed='"0.0.0.0/0", "::/0"')
    rules = lambda: [line.split(":\t")[1].strip() for family in ("-4", "-6") for line in a.ip(family, "rule", "show").splitlines()
                     if line.startswith("32501:")]
    before = state(a, resolv)
    for order in ((0, 1), (1, 0)):
        held[0][0].must(f"up {held[0][1]}")
        shared = rules()
        expect(any("10.1.0.0/24" in rule for rule in shared) and any("fd00:1::/64" in rule for rule in shared), f"rules of one: {shared}")
        held[1][0].must(f"up {held[1][1]}")
        # Each takes the other's network inside for a local one.
        held[order[0]][0].must("undo")
        expect(set(shared) <= set(rules()), f"rules while one tunnel is left: {rules()}")
        expect("dev eth0" in a.ip("route", "get", "10.1.0.2"), "the router of the LAN is sought inside")
        held[order[0]][0].must(f"up {held[order[0]][1]}")
        held[order[0]][0].must("undo")
        held[order[1]][0].must(f"change {held[order[1]][1]}")
        expect_equal(sorted(rules()), sorted(shared), "rules once the other follows the host")
        held[order[1]][0].must("undo")
        expect_equal(rules(), [], "rules without a tunnel")
    # The second link has the queue and the secret that the kernel gives when it is first up.
    rest = lambda text: "\n".join(line for line in text.splitlines() if "wg2" not in line)
    expect_same(rest(before), rest(state(a, resolv)), "state at the end")


# Two seconds between the choice of numbers and the moment in which others can see it.
SLOW = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=/^rename", "-e", "inject=/^rename:delay_enter=2000000")


@case("two full tunnels that start at once choose different numbers, so that the end of one leaves the other's rules")
def _(lab):
    a, _, resolv = home(lab)
    journals = [os.path.join(lab.directory, f"{name}.journal") for name in ("wg1", "wg2")]
    full = configuration()
    slow, quick = Tool(a, journals[0], resolv, name="wg1", wrapper=SLOW), Tool(a, journals[1], resolv, name="wg2")
    slow.begin("up " + lab.write("wg1.toml", full))
    wait_until(lambda: os.path.exists(journals[0] + ".new"), "the first to have chosen", within=30)
    quick.must("up " + lab.write("wg2.toml", full.replace("10.9", "10.8").replace("fd99", "fd88")))
    expect_equal(slow.answer(), "ok", "the answer of the slow one")
    for family in ("-4", "-6"):
        rules = a.ip(family, "rule", "show")
        for table in (51820, 51821):
            expect(f"32502:\tnot from all fwmark {table:#x} lookup {table} " in rules, f"no rule of table {table} in:\n{rules}")
    slow.must("undo")
    for family in (4, 6):
        expect("dev wg2" in a.ip("route", "get", PUBLIC[family]), "what is not marked goes outside, though a tunnel is up")
    quick.must("undo")


@case("a process that dies while it chooses holds up nobody, and its numbers are free once it is repaired")
def _(lab):
    a, _, resolv = home(lab)
    journals = [os.path.join(lab.directory, f"{name}.journal") for name in ("wg1", "wg2")]
    slow, quick = Tool(a, journals[0], resolv, name="wg1", wrapper=SLOW), Tool(a, journals[1], resolv, name="wg2")
    slow.begin("up " + lab.write("wg1.toml", configuration()))
    wait_until(lambda: os.path.exists(journals[0] + ".new"), "the first to have chosen", within=30)
    for pid in children(slow.process.pid):
        os.kill(pid, signal.SIGKILL)
    quick.must("up " + lab.write("wg2.toml", configuration()))
    expect("without the lock" not in quick.process.output(), f"it waited in vain:\n{quick.process.output()}")
    expect("lookup 51820" in a.ip("rule", "show"), "the numbers of the dead are taken")
    quick.must("undo")


def crash_everywhere(lab, a, resolv, file, verbs, repair, same_as):
    """Kills the program at each moment of the verbs, one after the other, and repairs; returns how many moments there were."""
    journal = lab.path("journal")
    for moment in range(1, 400):
        held = Tool(a, journal, resolv, environment={"CULVERT_CRASH_AT": str(moment)})
        answers = [held.say(verb.format(file)) for verb in verbs]
        if None not in answers:
            expect_equal(answers, ["ok"] * len(verbs), "answers without a crash")
            held.end()
            return moment - 1
        wait_until(lambda: not a.has_link(NAME), "the interface to go with its program")
        repair(journal)
        same_as(moment)
    raise AssertionError("it crashed four hundred times")


@case("killed at any moment of up or down, a repair brings back what was")
def _(lab):
    a, _, resolv = home(lab)
    file = lab.write(f"{NAME}.toml", configuration(**EVERYTHING))
    before = state(a, resolv)

    def repair(journal):
        tool(a, "repair", journal, "lift", resolv)
        expect(not os.path.exists(journal), "the journal is left")

    moments = crash_everywhere(lab, a, resolv, file, ["up {}", "undo"], repair,
                               lambda moment: expect_same(before, state(a, resolv), f"state after a crash at moment {moment}"))
    note(f"{moments} moments")
    expect(moments > 80, f"only {moments} moments")
    expect_same(before, state(a, resolv), "state after up and down without a crash")


@case("from the boot on and through crashes at every moment the kill switch lets not one packet out in the clear")
def _(lab):
    a, router, resolv = home(lab)
    file = lab.write(f"{NAME}.toml", configuration(**EVERYTHING))
    capture = router.capture("left", CLEAR)
    chatter(a)
    # What waits for the address of a neighbour has passed the firewall already, and would come late.
    for family in ("ip", "ip6"):
        wait_until(lambda: capture.count(family) > 100, f"the chatter to be heard by {family} while nothing forbids it", within=60)
    capture.stop()
    tool(a, "guard", file)
    tool(a, "guard", file)
    capture = router.capture("left", CLEAR)
    journal = lab.path("journal")

    def repair(path):
        tool(a, "repair", path, "keep", resolv)

    moments = crash_everywhere(lab, a, resolv, file, ["up {}"],
                               repair, lambda moment: None)
    held = Tool(a, journal, resolv)
    held.must(f"up {file}")
    held.kill()
    note(f"{moments} moments")
    capture.stop()
    expect_equal(capture.lines()[:3], [], "packets in the clear")
    tool(a, "lift", NAME)
    capture = router.capture("left", CLEAR)
    tool(a, "repair", journal, "lift", resolv)
    wait_until(lambda: capture.count() > 100, "the chatter to be heard once the kill switch is lifted", within=60)
    capture.stop()


main()
