# SPDX-License-Identifier: MIT
"""The memory of a process, as root sees it."""


def copies_in_memory(pid, octets):
    """How often they stand in the writable memory of a process, as root sees it."""
    found = 0
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, access = line.split()[:2]
            if not access.startswith("rw"):
                continue
            start, end = (int(word, 16) for word in span.split("-"))
            memory.seek(start)
            try:
                found += memory.read(end - start).count(octets)
            except OSError:
                continue
    return found
