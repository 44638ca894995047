#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of mutants fits the sources: what each one replaces stands there exactly once."""
import sys

import table


def main():
    root = sys.argv[1]
    wrong = 0
    mutants = table.load()
    names = [str(mutant) for mutant in mutants]
    for name in {n for n in names if names.count(n) > 1}:
        print(f"two mutants are called {name}")
        wrong += 1
    for mutant in mutants:
        try:
            table.applied(mutant, root)
        except (ValueError, OSError) as error:
            print(error)
            wrong += 1
        if any(edit.find == edit.put for edit in mutant.edits):
            print(f"{mutant}: changes nothing")
            wrong += 1
    print(f"{len(mutants)} mutants of {len({m.check for m in mutants})} checks, {wrong} do not fit the sources")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
