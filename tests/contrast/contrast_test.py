# SPDX-License-Identifier: MIT
"""The contrast itself, put to the test: what its matrix says of each planted secret is what another program finds in the captures."""
import base64
import os
import subprocess
import sys

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns")]

import attacks  # noqa: E402
import contrast  # noqa: E402
import visibility  # noqa: E402
from arena import Arena  # noqa: E402
from contrast import Stage, run_days  # noqa: E402
from lab import IN_CI, Skip, case, expect, expect_equal, main, note  # noqa: E402
from world import OBSERVERS, PATHS  # noqa: E402

EVERYTHING = {"name", "page", "password", "token", "answer", "letter", "mail_password", "question", "row", "database_password", "download",
              "tick", "ping", "vault", "device", "datagram", "asked", "line"}  # all but what ssh carries
WITHOUT_TLS = {"name", "ping", "datagram", "asked", "line"}
DATABASE = {"question", "row", "database_password"}
# By path and observer, what the layout lets each of them read.
READABLE = {"clear": {"ap": EVERYTHING, "isp": EVERYTHING, "gateway": set(), "site": EVERYTHING},
            "tls": {"ap": WITHOUT_TLS, "isp": WITHOUT_TLS, "gateway": set(), "site": WITHOUT_TLS},
            "tunnel": {"ap": set(), "isp": set(), "gateway": EVERYTHING, "site": EVERYTHING},
            "both": {"ap": set(), "isp": set(), "gateway": WITHOUT_TLS, "site": WITHOUT_TLS}}


def staged(lab):
    contrast.say = note  # its progress, as remarks between the results
    stage = Stage(lab)
    missing = {service: package for service, package in stage.services.missing.items() if service != "database"}
    if missing:
        expect(not IN_CI, f"not installed: {missing}; tools/setup test installs them")
        raise Skip(f"not installed: {', '.join(missing.values())}; run tools/setup test")
    if stage.services.missing:
        note(f"without the database: {stage.services.missing['database']} is not installed")
    return stage


def grep(secret, files):
    """Whether another program finds the octets in one of the files."""
    found = subprocess.run(["grep", "-q", "-a", "-F", "--", secret, *files], check=False)
    return found.returncode == 0


def as_sent(stage, key):
    """The secret as its protocol writes it when nothing covers it; SMTP writes who one is in Base64."""
    secret = stage.planted[key]
    return base64.b64encode(f"\0person\0{secret}".encode()).decode() if key == "mail_password" else secret


@case("each planted secret is found in exactly the captures that the matrix names, and in those that the layout lets read it")
def _(lab):
    stage = staged(lab)
    recorded, outcomes, lost = run_days(stage)
    flows = stage.day.flows()
    for path in PATHS:
        expect_equal({flow: why for flow, why in outcomes[path].items() if why}, {}, f"flows that failed on the path {path}")
    matrix, found = visibility.measure(recorded, stage.planted, flows)
    planted = [key for flow in flows for key in flow.planted]
    for path in PATHS:
        for observer in OBSERVERS:
            files = [recording.file for recording in recorded[path][observer]]
            greped = {key for key in planted if grep(as_sent(stage, key), files)}
            where = f"secrets that {observer} can read on the path {path}"
            expect_equal(set(found[path][observer]), greped, f"{where}, by the matrix and by grep")
            if not lost:
                expect_equal(greped, READABLE[path][observer] - (DATABASE if "database" in stage.services.missing else set()), where)
            cells = matrix[path][observer]
            if cells["passwords"]["level"] != "absent":
                words = sum(1 for flow in flows for key, kind in flow.planted.items()
                            if key in greped and kind == visibility.PASSWORDS)
                expect_equal(int(cells["passwords"]["short"].split()[0]), words, f"the cell of passwords, {path}, {observer}")
            expect(all(cell["evidence"] for cell in cells.values() if cell["level"] == "open"), f"a cell without evidence, {path}, {observer}")
    expect_equal(matrix["tunnel"]["ap"]["connections"]["short"], "1", "connections that the access point tells apart in the tunnel")
    expect_equal(matrix["tunnel"]["ap"]["applications"]["short"], "a tunnel", "applications that the access point tells apart in the tunnel")
    expect_equal(matrix["both"]["ap"]["names"]["short"], "none", "names of DNS that leave the tunnel")
    note(f"{len(planted)} secrets, {len(PATHS)} paths, {len(OBSERVERS)} observers; {lost} packets lost to the captures")


@case("a bit flipped on the way goes unnoticed in the clear, breaks TLS, and is dropped by the tunnel")
def _(lab):
    stage = staged(lab)
    arena, flip = Arena(stage), dict(attacks.ATTACKS)["flip"]
    for path, verdict in (("clear", "unnoticed"), ("tls", "broke"), ("tunnel", "dropped"), ("both", "dropped")):
        stage.world.go(path)
        arena.path = path
        cell = flip(arena)
        expect_equal(cell["short"], verdict, f"what became of the flipped bit on the path {path}; {cell['evidence']}")
    expect(any("bad_tag" in line for line in cell["evidence"]), f"no bad tag was counted: {cell['evidence']}")


if __name__ == "__main__":
    main()
