#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the cases of a Meson test run, shows what failed, lists what was skipped and why, and ends with one line of totals.

A case is a doctest case, a line of TAP, or, for a test that counts nothing itself, the test as a whole.
"""
import collections
import json
import re
import sys

DOCTEST = re.compile(r"\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped")
TAP = re.compile(r"^(not )?ok \d+(?: -)? ?(.*?)(?: # SKIP ?(.*))?$", re.M)
Counts = collections.namedtuple("Counts", "passed failed skipped")


def count(test):
    """The cases of one test, and a list of (what, why) for those skipped."""
    output = test.get("stdout", "")
    result = test["result"]
    doctest = DOCTEST.search(output)
    tap = TAP.findall(output)
    if result == "SKIP" and not tap:
        lines = (output + "\n" + test.get("stderr", "")).strip().splitlines()
        return Counts(0, 0, 1), [("", lines[-1].strip() if lines else "no reason given")]
    skips = []
    if doctest:
        passed, failed, skipped = (int(n) for n in doctest.groups())
    elif tap:
        skips = [(name, why) for bad, name, why in tap if why]
        skipped = len(skips)
        failed = sum(1 for bad, _, why in tap if bad and not why)
        passed = len(tap) - skipped - failed
    else:
        passed, failed, skipped = (1, 0, 0) if result == "OK" else (0, 1, 0)
    # A test that crashed or ran out of time may not have counted its own failure.
    if result not in ("OK", "SKIP", "EXPECTEDFAIL") and not failed:
        failed = 1
    return Counts(passed, failed, skipped), skips


def explain(test):
    """The comments that stand before each failed line of TAP; Meson keeps them to itself."""
    comments = []
    for line in test.get("stdout", "").splitlines():
        if line.startswith("# "):
            comments.append(line)
        elif line.startswith(("ok ", "not ok ")):
            if line.startswith("not ok "):
                print("\n".join(comments + [line]))
            comments = []


def elapsed(tests):
    """Seconds from the first start to the last end."""
    ends = [test["starttime"] + test["duration"] for test in tests]
    return max(ends) - min(test["starttime"] for test in tests) if tests else 0


def main(path):
    with open(path, encoding="utf-8") as log:
        tests = [json.loads(line) for line in log if line.strip()]
    suites = collections.defaultdict(lambda: [0, 0, 0])
    skips = []
    for test in tests:
        explain(test)
        # Meson names a test "project:suite / name", or the bare name when it has no suite.
        suite, _, name = test["name"].rpartition(" / ")
        suite = suite.split(":")[-1] or "other"
        counts, why = count(test)
        for i, n in enumerate(counts):
            suites[suite][i] += n
        skips += [(f"{suite}/{name}" + (f": {what}" if what else ""), reason) for what, reason in why]
    for suite in sorted(suites):
        print(f"  {suite:<10}{suites[suite][0]:>6} passed, {suites[suite][1]} failed, {suites[suite][2]} skipped")
    for what, reason in skips:
        print(f"  skipped {what}\n      because {reason}")
    passed, failed, skipped = (sum(column) for column in zip(*suites.values())) if suites else (0, 0, 0)
    print(f"  the tests took {elapsed(tests):.0f} s")
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
