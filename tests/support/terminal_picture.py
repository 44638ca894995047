# SPDX-License-Identifier: MIT
"""What a program wrote to a terminal, as a picture: the few escape sequences that `culvert` uses become coloured text in SVG.

    svg(Screen(lines, columns).feed(octets), "light")
"""
import html
import re

# Eight colours and the two greys that are readable on either ground.
SCHEMES = {
    "light": {"ground": "#ffffff", "edge": "#d0d7de", "text": "#1f2328", "dim": "#6e7781", "bar": "#f6f8fa",
              31: "#cf222e", 32: "#1a7f37", 33: "#9a6700", 34: "#0969da", 35: "#8250df", 36: "#1b7c83"},
    "dark": {"ground": "#0d1117", "edge": "#30363d", "text": "#e6edf3", "dim": "#8b949e", "bar": "#161b22",
             31: "#ff7b72", 32: "#3fb950", 33: "#d29922", 34: "#58a6ff", 35: "#bc8cff", 36: "#39c5cf"},
}
CELL_WIDTH, CELL_HEIGHT, MARGIN, BAR = 8.4, 19, 16, 34
FONT = "ui-monospace, SFMono-Regular, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
SEQUENCE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")
PLAIN = (None, False, False)  # colour, bold, dim
BLOCKS = "▁▂▃▄▅▆▇█"  # of a graph: fonts leave gaps between them, so they are drawn


class Screen:
    """A grid of characters with their looks. Text that goes beyond a line's end goes on in the next."""

    def __init__(self, lines, columns):
        self.lines, self.columns = lines, columns
        self._clear()
        self.look = PLAIN

    def _clear(self):
        self.cells = [[(" ", PLAIN)] * self.columns for _ in range(self.lines)]
        self.row = self.column = 0

    def feed(self, text):
        at = 0
        while at < len(text):
            sequence = SEQUENCE.match(text, at)
            if sequence:
                self._obey(*sequence.groups())
                at = sequence.end()
                continue
            self._write(text[at])
            at += 1
        return self

    def _obey(self, private, numbers, letter):
        values = [int(number or 0) for number in numbers.split(";")] if numbers else [0]
        if private:
            if values == [1049]:
                self._clear()
        elif letter == "m":
            for value in values:
                colour, bold, dim = self.look
                self.look = {0: PLAIN, 1: (colour, True, dim), 2: (colour, bold, True)}.get(value, (value, bold, dim))
        elif letter == "H":
            self.row = self.column = 0
        elif letter == "K":
            self.cells[self.row][self.column:] = [(" ", PLAIN)] * (self.columns - self.column)
        elif letter == "J":
            for row in range(self.row, self.lines):
                start = self.column if row == self.row else 0
                self.cells[row][start:] = [(" ", PLAIN)] * (self.columns - start)

    def _write(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row, self.column = self.row + 1, 0
        else:
            if self.column >= self.columns:
                self.row, self.column = self.row + 1, 0
            self._scroll()
            self.cells[self.row][self.column] = (character, self.look)
            self.column += 1
        self._scroll()

    def _scroll(self):
        while self.row >= self.lines:
            self.cells = self.cells[1:] + [[(" ", PLAIN)] * self.columns]
            self.row -= 1

    def used(self):
        """The lines up to the last that holds something."""
        texts = ["".join(character for character, _ in row).rstrip() for row in self.cells]
        return max((number + 1 for number, text in enumerate(texts) if text), default=0)


def _runs(row):
    """Pieces of a line that look alike: (first column, text, look)."""
    runs = []
    for column, (character, look) in enumerate(row):
        if runs and runs[-1][2] == look:
            runs[-1][1] += character
        else:
            runs.append([column, character, look])
    return [(column, text.rstrip(), look) for column, text, look in runs if text.strip()]


def _graph(text, x, bottom, fill):
    heights = [(BLOCKS.index(character) + 1) * (CELL_HEIGHT - 5) / len(BLOCKS) for character in text]
    bars = "".join(f"M{x + n * CELL_WIDTH:.1f} {bottom}v{-height:.1f}h{CELL_WIDTH - 1.4:.1f}v{height:.1f}z" for n, height in enumerate(heights))
    return f'<path d="{bars}" fill="{fill}"/>'


def svg(screen, scheme, title):
    """The picture's text. Each run is as wide as its cells, whatever font the reader has."""
    colours = SCHEMES[scheme]
    width = screen.columns * CELL_WIDTH + 2 * MARGIN
    height = screen.used() * CELL_HEIGHT + 2 * MARGIN + BAR
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
             f'role="img" aria-label="{html.escape(title)}">',
             f'<rect x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8" fill="{colours["ground"]}" '
             f'stroke="{colours["edge"]}"/>',
             f'<path d="M1 {BAR}V9a8 8 0 0 1 8-8h{width - 18:.0f}a8 8 0 0 1 8 8v{BAR - 9}z" fill="{colours["bar"]}"/>',
             f'<g font-family="{FONT}" font-size="14" xml:space="preserve">',
             f'<text x="{MARGIN}" y="{BAR - 12}" fill="{colours["dim"]}">{html.escape(title)}</text>']
    for number, row in enumerate(screen.cells[:screen.used()]):
        y = BAR + MARGIN + number * CELL_HEIGHT + 13
        for column, text, (colour, bold, dim) in _runs(row):
            fill = colours.get(colour, colours["dim"] if dim else colours["text"])
            start = column + len(text) - len(text.lstrip())
            text = text.lstrip()
            if set(text) <= set(BLOCKS):
                parts.append(_graph(text, MARGIN + start * CELL_WIDTH, y + 2, fill))
                continue
            weight = ' font-weight="600"' if bold else ""
            parts.append(f'<text x="{MARGIN + start * CELL_WIDTH:.1f}" y="{y}" fill="{fill}"{weight} textLength="{len(text) * CELL_WIDTH:.1f}" '
                         f'lengthAdjust="spacingAndGlyphs">{html.escape(text)}</text>')
    return "\n".join(parts) + "\n</g>\n</svg>\n"
