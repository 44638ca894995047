#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs mutants: puts each into a copy of the sources, builds the tests that should notice, and runs them.

  tools/dev mutation              every mutant
  tools/dev mutation mac1 wipe    those whose check or sentence holds one of these words
  tools/dev mutation --list       their names

Ends with a table by check and the score; fails below 95 %, and when a mutant does not build. The copy and its build are
in build-mutation/ and are used again.
"""
import argparse
import collections
import filecmp
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import table

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build-mutation"
TREE, BUILD = WORK / "tree", WORK / "build"
LEAST_SCORE = 95
TEST_SECONDS = 300
FAILED_CASE = re.compile(r"^TEST CASE:\s+(.*)$|^not ok \d+ - (.*)$", re.M)


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def prepare():
    """The copy, as the sources are now, and its build directory."""
    TREE.mkdir(parents=True, exist_ok=True)
    files = run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True).stdout.splitlines()
    for name in files:
        source, copy = ROOT / name, TREE / name
        # By content: a file that a mutant had changed gets its own text back, and the others keep their age.
        if source.is_file() and not (copy.is_file() and filecmp.cmp(source, copy, shallow=False)):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    if not (BUILD / "build.ninja").is_file():
        made = run(["meson", "setup", BUILD, TREE, "--buildtype=plain", "-Dwerror=false", "-Dcpp_args=-O1"])
        if made.returncode != 0:
            sys.exit(made.stdout)


class Test:
    """`NAME`, a test program; `NAME FILE`, those of its cases; or `netns/FILE WORDS`, cases between namespaces (as root)."""

    def __init__(self, text, targets):
        name, _, words = text.partition(" ")
        self.name, self.environment = text, {}
        if name.startswith("netns/"):
            programs = {"CULVERTD": "src/daemon/culvertd", "CULVERT": "src/cli/culvert"}
            self.targets = [*programs.values()]
            self.command = [sys.executable, TREE / "tests" / f"{name}_test.py", words]
            self.environment = {"CI": "true", **{name: str(BUILD / target) for name, target in programs.items()}}
            return
        found = [t for t in targets if t.rsplit("/", 1)[-1] == name]
        if len(found) != 1:
            sys.exit(f"there is no test program {name}")
        self.targets = found
        self.command = [BUILD / found[0], "--abort-after=1", "--no-colors"]
        if words:
            self.command.append(f"--source-file=*{words}_test.cpp")

    def build(self, jobs):
        return run(["ninja", "-C", BUILD, *jobs, *self.targets])

    def fails(self):
        """None: it passes. Otherwise the case that failed."""
        try:
            done = run(self.command, timeout=TEST_SECONDS, cwd=BUILD, errors="replace", env={**os.environ, **self.environment})
        except subprocess.TimeoutExpired:
            return "(runs for ever)"
        if done.returncode == 0:
            return None
        case = FAILED_CASE.search(done.stdout)
        return next(word.strip() for word in case.groups() if word) if case else "(dies)"


def targets():
    listed = run(["ninja", "-C", BUILD, "-t", "targets", "all"], check=True).stdout
    return [line.split(":")[0] for line in listed.splitlines() if line.startswith("tests/") and "LINKER" in line]


def try_one(mutant, tests, jobs):
    """('killed', test, case), ('survived',) or ('does not build', output)."""
    texts = table.applied(mutant, TREE)
    originals = {path: path.read_text() for path in texts}
    try:
        for path, text in texts.items():
            path.write_text(text)
        for test in tests:
            built = test.build(jobs)
            if built.returncode != 0:
                return ("does not build", built.stdout)
            case = test.fails()
            if case is not None:
                return ("killed", test.name, case)
        return ("survived",)
    finally:
        for path, text in originals.items():
            path.write_text(text)


def main():
    parser = argparse.ArgumentParser(prog="tools/dev mutation")
    parser.add_argument("words", nargs="*", metavar="CHECK")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    mutants = [m for m in table.load() if not options.words or any(w in str(m) for w in options.words)]
    if not mutants:
        sys.exit("no mutant has such a name; see --list")
    if options.list:
        print("\n".join(str(m) for m in mutants))
        return 0

    jobs = ["-j", os.environ["JOBS"]] if "JOBS" in os.environ else []
    prepare()
    known = targets()
    tests = {name: Test(name, known) for m in mutants for name in m.tests}
    for test in tests.values():
        print(f"{test.name} without a mutant", flush=True)
        built = test.build(jobs)
        if built.returncode != 0:
            sys.exit(built.stdout)
        if case := test.fails():
            sys.exit(f"{test.name} fails without any mutant: {case}")

    by_check = collections.defaultdict(collections.Counter)
    broken = 0
    for number, mutant in enumerate(mutants, 1):
        start = time.monotonic()
        verdict = try_one(mutant, [tests[name] for name in mutant.tests], jobs)
        by_check[mutant.check][verdict[0]] += 1
        told = f"by {verdict[1]}: {verdict[2]}" if verdict[0] == "killed" else ""
        print(f"[{number}/{len(mutants)}] {verdict[0]:8} {mutant} {told} ({time.monotonic() - start:.0f} s)", flush=True)
        if verdict[0] == "does not build":
            print(verdict[1])
            broken += 1

    print()
    for check, counts in by_check.items():
        print(f"{check:28} {counts['killed']:3} killed {counts['survived']:3} survived")
    killed = sum(c["killed"] for c in by_check.values())
    score = 100 * killed / len(mutants)
    print(f"{len(by_check)} checks, {len(mutants)} mutants, {killed} killed: {score:.1f} %")
    return 1 if broken or score < LEAST_SCORE else 0


if __name__ == "__main__":
    sys.exit(main())
