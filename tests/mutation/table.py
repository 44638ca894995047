# SPDX-License-Identifier: MIT
"""The table of mutants (mutants.toml), and how one is put into a tree of sources."""
import dataclasses
import pathlib
import tomllib

TABLE = pathlib.Path(__file__).with_name("mutants.toml")


@dataclasses.dataclass(frozen=True)
class Edit:
    file: str
    find: str
    put: str


@dataclasses.dataclass(frozen=True)
class Mutant:
    check: str
    does: str
    tests: tuple
    edits: tuple

    def __str__(self):
        return f"{self.check}: {self.does}"


def load():
    with TABLE.open("rb") as stream:
        entries = tomllib.load(stream)["mutant"]
    return [
        Mutant(e["check"], e["does"], tuple(e["tests"]), tuple(Edit(d["file"], d["find"], d["put"]) for d in e["edit"]))
        for e in entries
    ]


def applied(mutant, root):
    """{path: text} of the files that the mutant changes. ValueError: a text is not there exactly once."""
    texts = {}
    for edit in mutant.edits:
        path = pathlib.Path(root) / edit.file
        text = texts.get(path) or path.read_text()
        count = text.count(edit.find)
        if count != 1:
            raise ValueError(f"{mutant}: in {edit.file} this stands {count} times, not once:\n{edit.find}")
        texts[path] = text.replace(edit.find, edit.put)
    return texts
