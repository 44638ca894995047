# SPDX-License-Identifier: MIT
"""Matrices as text, for the terminal."""
import sys
import unicodedata

MARKS = {"open": "●", "part": "◐", "shut": "○", "absent": "·", "unmeasured": "?"}
COLOURS = {"open": "31", "part": "33", "shut": "32", "absent": "90", "unmeasured": "35"}


def width(text):
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def pad(text, columns):
    """Exactly so many columns; what is too long ends in an ellipsis."""
    while width(text) > columns:
        text = text[:-2] + "…"
    return text + " " * (columns - width(text))


def mark(cell, columns, colour):
    text = pad(f"{MARKS[cell['level']]} {cell['short']}", columns)
    return f"\033[{COLOURS[cell['level']]}m{text}\033[0m" if colour else text


def matrix(title, rows, columns, look, first=34, each=18, colour=None):
    """Lines of a table; `look(row, column)` returns a cell. Rows and columns are {key: title}."""
    colour = sys.stdout.isatty() if colour is None else colour
    lines = [title, " " * first + "".join(pad(name, each) for name in columns.values())]
    for row, name in rows.items():
        lines.append("  " + pad(name, first - 2) + "".join(mark(look(row, column), each, colour) for column in columns))
    return lines


LEGEND = "● open   ◐ in part   ○ shut   · not on this path   ? not measured"
