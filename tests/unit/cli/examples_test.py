#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The examples of conf/ are right: with keys in place `culvert check` finds nothing, without them nothing but that.

Usage: examples_test.py CULVERT FOLDER_OF_EXAMPLES
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

CULVERT, EXAMPLES = sys.argv[1:]
PLACEHOLDER = re.compile(r"PUBLIC KEY OF [A-Z ]+[A-Z]")
bad = 0


def complain(text):
    global bad
    bad += 1
    print(text)


def culvert(*words, text=None):
    done = subprocess.run([CULVERT, *words], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def private_file(path, text):
    with open(path, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


def fill_in(folder, fill):
    """Makes the key files that the examples name, and puts public keys in their places; returns where placeholders stand."""
    places = []
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            for key_file in re.findall(r'private_key_file = "(.*)"', text):
                private_file(os.path.join(base, key_file), culvert("genkey")[1])
            for number, line in enumerate(text.splitlines(), 1):
                if PLACEHOLDER.search(line):
                    places.append(f"{path}:{number}:")
            if fill:
                text = PLACEHOLDER.sub(lambda _: culvert("pubkey", text=culvert("genkey")[1])[1].strip(), text)
            private_file(path, text)
    return places


files = [os.path.relpath(os.path.join(base, name), EXAMPLES) for base, _, names in os.walk(EXAMPLES) for name in names
         if name.endswith(".toml") and not base.endswith(".d")]
if len(files) < 5:
    complain(f"only {len(files)} examples were found")
for fill in (True, False):
    with tempfile.TemporaryDirectory() as scratch:
        copy = os.path.join(scratch, "examples")
        shutil.copytree(EXAMPLES, copy)
        places = fill_in(copy, fill)
        for file in files:
            path = os.path.join(copy, file)
            code, output = culvert("check", path)
            mine = [place for place in places if place.startswith((path + ":", path.removesuffix(".toml") + ".d/"))]
            if not mine:
                complain(f"{file} has no place for a public key, so this test proves nothing")
            if fill and (code != 0 or "warning" in output):
                complain(f"{file} with keys in place:\n{output}")
            if not fill:
                errors = [line for line in output.splitlines() if ": error: " in line]
                if code != 3 or len(errors) != len(mine) or any(not line.startswith(tuple(mine)) for line in errors):
                    complain(f"{file} without keys ended with {code}; wanted one error at each of {mine}:\n{output}")
print(f"{len(files)} examples looked at, {bad} complaints")
sys.exit(1 if bad else 0)
