# SPDX-License-Identifier: MIT
"""What the tests of the diagnosis share: asking the status and the doctor, and the table of broken set-ups.

With CULVERT_DOCTOR_TABLE=FILE each set-up of a `broken` case is built a second time with wireguard-go in culvertd's place, and a row
of a Markdown table is added to the file: what `wg show` and wireguard-go's log say, what `culvert status` says, and what the doctor
says first. The second time ends where the first would ask culvertd: by then the set-up stands.
"""
import json
import os
import re
import shutil
import time

from lab import case, expect, expect_equal, note, wait_until
from tunnel import Tunnel

# A handshake is known to be lost when it is tried again, after 5.4 s; a slow machine gets its time.
WITHIN = 40

TABLE = os.environ.get("CULVERT_DOCTOR_TABLE", "")
REAL_CULVERTD = os.environ.get("CULVERTD", "")  # also while wireguard-go stands in its place
HEAD = "| set-up | `wg show` and the log of wireguard-go | `culvert status` | `culvert doctor`, first failure |\n|---|---|---|---|\n"


class Recorded(Exception):
    """The set-up stands, and what wireguard-go says of it is written down."""


class _Row:
    """What is said of one set-up; a list, since each end may be asked."""

    def __init__(self):
        self.foreign, self.status, self.doctor = [], [], []


_row = None
_foreign = False


def foreign():
    """Whether wireguard-go stands in culvertd's place."""
    return _foreign


def broken(sentence):
    """A case that may become a row of the table."""

    def register(function):
        row = _Row()

        @case(sentence)
        def _(lab):
            global _row
            _row = row
            function(lab)

        if TABLE:
            @case(f"{sentence}: what wireguard-go says")
            def _(lab):
                _run_foreign(lab, function, row)
                _write(sentence, row)
        return function

    return register


def _run_foreign(lab, function, row):
    global _foreign, _row
    _row, _foreign = row, True
    true_status = Tunnel.status
    os.environ["CULVERTD"], Tunnel.status = shutil.which("wireguard-go"), record
    try:
        function(lab)
    except Recorded:
        pass
    finally:
        os.environ["CULVERTD"], Tunnel.status, _foreign = REAL_CULVERTD, true_status, False


def _write(sentence, row):
    def cell(texts):
        return "<br>".join(dict.fromkeys(text.replace("|", "\\|") for text in texts)) or "(not asked)"
    new = not os.path.exists(TABLE) or os.path.getsize(TABLE) == 0
    with open(TABLE, "a", encoding="utf-8") as file:
        file.write((HEAD if new else "") + f"| {sentence} | {cell(row.foreign)} | {cell(row.status)} | {cell(row.doctor)} |\n")


def record(end):
    """Writes down what wireguard-go tells of its tunnel, once a handshake has had the time to be lost; raises Recorded."""
    time.sleep(7)
    shown = [line.strip() for line in end.host.run("wg", "show", end.name).splitlines()]
    told = [line for line in shown if re.match(r"latest handshake|transfer", line)]
    if not any(line.startswith("peer") for line in shown):
        told.append("no peer")
    elif not any(line.startswith("latest") for line in told):
        told.insert(0, "no handshake")
    log = [re.sub(r"^(DEBUG|ERROR): \(\S+\) \S+ \S+ (peer\(\S+\) - )?", "", line) for line in end.process.output().splitlines()]
    words = [line for line in log if re.search(r"[Hh]andshake|fail|Fail|nvalid|unallowed|refused|unreachable|Unable|error", line)]
    last = f"; log: {words[-1].strip()[:160]}" if words else ""
    _row.foreign.append("; ".join(told) + last)
    raise Recorded


# ------------------------------------------------------------------------------------------------------------------ asking


def drop(lab, host, hook, what):
    """A rule of nftables that drops packets."""
    host.run("nft", "-f", lab.write("drop.nft", f"table ip f {{\n chain c {{\n type filter hook {hook} priority 0;\n {what} drop;\n }}\n}}\n"))


def nudge(end, address):
    """Something to send, so that a handshake is wanted."""
    end.host.ping(address, count=1, timeout=0.2)


def cause_of(end, peer):
    return end.status()["peers"][peer.public].get("cause", {})


def expect_cause(end, peer, name, address=None):
    """Waits until the status names the cause, and who told."""
    if foreign():
        record(end)
    try:
        wait_until(lambda: cause_of(end, peer).get("name") == name, f"the status to name {name}", within=WITHIN, every=0.1)
    finally:
        note(f"status: {end.status()['peers'][peer.public].get('state')}")
    cause = cause_of(end, peer)
    if address:
        expect_equal(cause.get("address"), address, f"who is to blame for {name}")
    state = end.status()["peers"][peer.public]["state"]
    expect(cause["text"] and cause["advice"], f"{name} says nothing to people")
    return state


def expect_last_problem(end, peer, name):
    """Waits until the status tells of a problem, the tunnel being up or not."""
    wait_until(lambda: end.status()["peers"][peer.public].get("lastProblem", {}).get("name") == name,
               f"the status to tell of {name}", within=WITHIN, every=0.1)


def diagnose_on(host, name, *options):
    """All that the doctor says of an interface on a host, which may be none of a Tunnel."""
    code, text = host.attempt(os.environ["CULVERT"], "doctor", name, "--json", *options, within=120)
    expect("{" in text, f"the doctor says nothing but: {text}")
    report = json.loads(text[text.index("{"):text.rindex("}") + 1])
    expect_equal(code, 1 if report["failures"] else 0, "the doctor's exit code")
    return report["checks"]


def diagnose(end, *options, name=None):
    if foreign():
        record(end)
    return diagnose_on(end.host, name or end.name, *options)


def _note_status(host, name, options):
    """What a person reads of it: the states, the last problems, and what is wrong with this machine."""
    if _row is None:
        return
    text = host.attempt(os.environ["CULVERT"], "status", name, *options, within=60)[1]
    lines = [line.strip() for line in text.splitlines()]
    _row.status.append("; ".join(line for line in lines if re.match(r"(state|last problem|problem|link|unknown peer|unknown caller|culvert):", line)))


def expect_first_on(host, name, words, *options):
    """What the doctor says first to be wrong holds the words, and it says what to do."""
    checks = diagnose_on(host, name, *options)
    failures = [check for check in checks if check["grade"] == "failure"]
    expect(failures, f"the doctor finds nothing wrong; wanted '{words}': {checks}")
    note(f"doctor: {failures[0]['topic']}: {failures[0]['finding']} -> {failures[0].get('mend', '')}")
    expect(words in failures[0]["finding"], f"the doctor says first: {failures[0]}; wanted '{words}'")
    expect(failures[0].get("mend"), f"it does not say what to do: {failures[0]}")
    if _row is not None:
        _row.doctor.append(f"{failures[0]['finding']} → {failures[0]['mend']}")
    _note_status(host, name, options)


def expect_first_failure(end, words, *options, name=None):
    if foreign():
        record(end)
    expect_first_on(end.host, name or end.name, words, *options)


def file_for(end, peer, more_of_peer="", more="", allowed="10.99.0.2/32"):
    """A file that describes the tunnel of `end`, as one would have that was brought up from it; the folder that it is in."""
    folder = os.path.join(end.host.lab.directory, "etc")
    os.makedirs(folder, exist_ok=True)
    with open(os.open(f"{folder}/{end.name}.toml", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(f'[interface]\nprivate_key = "{end.private}"\naddresses = ["{end.inside[4]}/24"]\n{more}\n[[peer]]\nname = "b"\n'
                   f'public_key = "{peer.public}"\nallowed_ips = ["{allowed}"]\n{more_of_peer}\n')
    return folder
