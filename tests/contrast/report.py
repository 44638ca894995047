# SPDX-License-Identifier: MIT
"""The report: one HTML page that needs nothing else, from the measurements as JSON.

Each cell of a matrix is a button; what it opens (a sentence, and lines of captures and programs) lies in the page as JSON. All text that
came from a capture is escaped. Bars are plain boxes, so that they stay readable on a phone; the layout and the lines are inline SVG.
"""
import html
import json
import os

import conclusions
from world import OBSERVERS, PATHS

HERE = os.path.dirname(os.path.abspath(__file__))
MARKS = {"open": "●", "part": "◐", "shut": "○", "absent": "·", "unmeasured": "?"}
LEVELS = {"open": "stands open", "part": "in part", "shut": "shut, or refused", "absent": "does not apply", "unmeasured": "not measured"}
PROGRAM_SHADES = (1.0, .75, .5, .3)


def escape(text):
    return html.escape(str(text), quote=True)


class Page:
    """Collects the HTML and the evidence of its cells."""

    def __init__(self, result):
        self.result, self.parts, self.evidence = result, [], []

    def add(self, *parts):
        self.parts += parts

    def cell(self, title, cell):
        number = len(self.evidence)
        self.evidence.append([f"{title}: {cell['short']}", cell["text"], cell["evidence"]])
        label = escape(f"{LEVELS[cell['level']]}: {cell['short']}")
        return (f'<td><button type="button" class="{cell["level"]}" data-cell="{number}" aria-label="{label}">'
                f'{MARKS[cell["level"]]} {escape(cell["short"])}</button></td>')

    def matrix(self, what, rows, columns, look):
        """A table of cells; rows and columns are {key: title}, look(row, column) a cell."""
        head = "".join(f'<th scope="col">{escape(title)}</th>' for title in columns.values())
        body = "".join(f'<tr><th scope="row">{escape(title)}</th>' + "".join(
            self.cell(f"{what}, {title}, {columns[column]}", look(row, column)) for column in columns) + "</tr>" for row, title in rows.items())
        return f'<div class="wide"><table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>'

    def list_of(self, what, rows, cells):
        """A table of one column of cells, each with its sentence beside it."""
        body = "".join(f'<tr><th scope="row">{escape(rows[row])}</th>{self.cell(f"{what}, {rows[row]}", cell)}<td>{escape(cell["text"])}</td></tr>'
                       for row, cell in cells.items())
        return f'<div class="wide"><table><tbody>{body}</tbody></table></div>'

    def text(self):
        with open(os.path.join(HERE, "report.css"), encoding="utf-8") as css, open(os.path.join(HERE, "report.js"), encoding="utf-8") as js:
            style, script = css.read(), js.read()
        kept = json.dumps(self.evidence, ensure_ascii=True).replace("<", "\\u003c")
        return ('<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
                f'<link rel="icon" href="data:,"><title>Tunnel and TLS, side by side</title>\n<style>\n{style}</style></head>\n<body>\n'
                + "\n".join(self.parts) + f'\n<script type="application/json" id="evidence">{kept}</script>\n<script>\n{script}</script>\n'
                "</body></html>\n")


def legend():
    return '<p class="legend">' + "".join(f'<span class="{level}">{MARKS[level]} {title}</span>' for level, title in LEVELS.items()) + \
        ' <span class="soft">press a cell for its evidence</span></p>'


# ----------------------------------------------------------------------------------------------------------------------- SVG


def layout():
    """The six hosts, the cables, the tunnel, and where the observers sit."""
    boxes = {"client": (10, 70, "client", "10.10.0.2"), "ap": (160, 70, "access point", "hostile"), "isp": (310, 70, "ISP", "router"),
             "gateway": (460, 10, "VPN gateway", "203.0.113.10"), "site": (610, 70, "server's network", "router"),
             "server": (760, 70, "server", "198.51.100.0/24")}
    parts = ['<svg viewBox="0 0 900 190" role="img" aria-label="client, access point, ISP, VPN gateway, server\'s network and server">',
             '<path class="cable" d="M130 100H160M280 100H310M430 100H610M730 100H760M430 85L460 45M580 45L610 85"/>',
             '<path class="way" d="M70 64C160 20 380 20 470 40"/>', '<text x="210" y="24">the tunnel</text>']
    for key, (x, y, title, below) in boxes.items():
        kind = "box hostile" if key == "ap" else "box"
        parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="120" height="60" rx="9"/>'
                     f'<text x="{x + 60}" y="{y + 27}" text-anchor="middle">{title}</text>'
                     f'<text class="soft" x="{x + 60}" y="{y + 45}" text-anchor="middle">{below}</text>')
        if key in OBSERVERS:
            low = y + 60
            parts.append(f'<circle class="box" cx="{x + 60}" cy="{low + 22}" r="7"/><circle cx="{x + 60}" cy="{low + 22}" r="3" fill="currentColor"/>'
                         f'<text class="soft" x="{x + 60}" y="{low + 45}" text-anchor="middle">observes</text>')
    return '<div class="scroll">' + "".join(parts) + "</svg></div>"


def lines(series, across, up):
    """A plot of {path: [[x, y], ...]} with both axes from zero."""
    points = [point for line in series.values() for point in line]
    if not points:
        return "<p>not measured</p>"
    right, top = max(x for x, _ in points), -(-max(y for _, y in points) // 40) * 40  # a round number above all

    def place(x, y):
        return 60 + 560 * x / right, 250 - 220 * y / top

    parts = [f'<svg viewBox="0 0 680 300" role="img" aria-label="{escape(up)} by {escape(across)}">']
    for part in range(5):
        y = top * part / 4
        _, at = place(0, y)
        parts.append(f'<line class="axis" x1="60" x2="620" y1="{at:.1f}" y2="{at:.1f}"/>'
                     f'<text class="soft" x="52" y="{at + 4:.1f}" text-anchor="end">{y:.0f}</text>')
    for x in sorted({x for x, _ in points} | {256}):
        parts.append(f'<text class="soft" x="{place(x, 0)[0]:.1f}" y="268" text-anchor="middle">{x}</text>' if x in (64, 256, 512, 1024) or x == right
                     else "")
    for path, line in series.items():
        coordinates = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        x, y = place(*line[-1])
        parts.append(f'<polyline class="s-{path}" points="{coordinates}"/><text class="soft" x="{x + 5:.1f}" y="{y + 4:.1f}">{line[-1][1]}</text>')
    parts.append(f'<text class="soft" x="340" y="290" text-anchor="middle">{escape(across)}</text></svg>')
    return f'<div class="scroll">{"".join(parts)}</div>' + key_of_paths(series)


def key_of_paths(paths):
    return '<p class="legend">' + "".join(f'<span class="p-{path}" style="color:var(--paper)">{PATHS[path]}</span>' for path in paths) + "</p>"


def bars(rows):
    """[(title, path, value, label), ...]; value None means that it was not measured, and the label says why."""
    whole = max((value for _, _, value, _ in rows if value is not None), default=1) or 1
    parts = []
    for title, path, value, label in rows:
        width = 0 if value is None else 72 * value / whole
        parts.append(f'<div>{escape(title)}</div><div class="bar"><i class="p-{path}" style="width:{width:.1f}%"></i>'
                     f"<span>{escape(label)}</span></div>")
    return f'<div class="bars">{"".join(parts)}</div>'


def stacked(rows):
    """[(title, path, {part: value}), ...]"""
    whole = max((sum(parts.values()) for _, _, parts in rows), default=1) or 1
    made = []
    for title, path, parts in rows:
        pieces = "".join(f'<i class="p-{path}" title="{escape(name)}" style="width:{55 * value / whole:.1f}%;opacity:{shade}"></i>'
                         for (name, value), shade in zip(parts.items(), PROGRAM_SHADES))
        label = f"{sum(parts.values()):.2f} s: " + ", ".join(f"{name} {value:.2f}" for name, value in parts.items())
        made.append(f'<div>{escape(title)}<br><span class="soft">{escape(label)}</span></div><div class="bar">{pieces}</div>')
    return f'<div class="bars">{"".join(made)}</div>'


# ---------------------------------------------------------------------------------------------------------------- sections


def head(page):
    meta = page.result["meta"]
    missing = "; ".join(f"{service} is left out, {package} is not installed" for service, package in meta["missing"].items())
    page.add('<header><div><h1>A tunnel and TLS, side by side</h1>'
             f'<p class="soft">One day\'s traffic, sent four ways, seen by four observers. Measured on {escape(meta["date"])}, Linux '
             f'{escape(meta["kernel"])}, {meta["processors"]} processors, in {meta.get("seconds", "?")} s. Every cell is computed from captures and '
             f'programs of that run. {escape(missing)}</p></div><button type="button" id="theme">light / dark</button></header>', "<main>")


def answers(page):
    page.add('<h2 id="answers">In short</h2><div class="answers">')
    for question, sentences in conclusions.answer(page.result):
        page.add(f"<section><h3>{escape(question)}</h3>" + "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences) + "</section>")
    page.add("</div>")


def sight(page):
    result, columns = page.result, {key: title for key, (title, _) in OBSERVERS.items()}
    page.add('<h2 id="layout">The layout</h2>', layout(), '<h2 id="sight">Who sees what</h2>', legend(), '<div class="choices">')
    for path, title in [*PATHS.items(), ("all", "all four")]:
        page.add(f'<button type="button" data-path="{path}" aria-pressed="false">{title}</button>')
    page.add("</div>")
    for path, title in PATHS.items():
        page.add(f'<div data-view="{path}"><h3>{title}</h3>', page.matrix(title, result["rows"]["visibility"], columns,
                 lambda row, column, path=path: result["visibility"][path][column][row]), "</div>")
    page.add('<h2 id="scope">Which flows are covered</h2><p>Judged by what the access point and the ISP could read of each flow.</p>',
             page.matrix("scope", result["rows"]["flows"], PATHS, lambda row, column: result["scope"][row][column]))


def attacks(page):
    result = page.result
    page.add('<h2 id="attacks">Who can change what</h2><p>Each attack was made by the access point, on each path. Unnoticed: the person took '
             "the forgery. Broke: an error, nothing false was taken. Dropped: the person noticed nothing, and what came was true.</p>", legend(),
             page.matrix("attack", result["rows"]["attacks"], PATHS, lambda row, column: result["attacks"][column][row]))


def keys(page):
    result = page.result
    page.add('<h2 id="secrecy">Recorded today, opened tomorrow</h2><p>Traffic recorded at the access point, attacked afterwards with the '
             "long-term keys in hand.</p>", page.list_of("recorded", result["rows"]["secrecy"], result["secrecy"]))
    page.add('<h2 id="upkeep">Who is who, and who keeps it so</h2>', page.list_of("identity", result["rows"]["upkeep"], result["upkeep"]))


def cost(page):
    cost_of = page.result["cost"]
    page.add(f'<h2 id="cost">What it costs</h2><h3>Time to the first octet, over {cost_of["delay"] * 2000:.0f} ms there and back</h3>',
             bars([(line["title"], line["path"], line.get("milliseconds"),
                    line.get("why") or f'{line["milliseconds"]:.0f} ms, {line["round_trips"]} round trips') for line in cost_of["first_octet"]]))
    page.add("<h3>Octets added to a message, by its size</h3>",
             lines({path: [[size, octets - size] for size, octets in points] for path, points in measured(cost_of["overhead"]).items()},
                   "octets of the message", "octets added, IP and TCP headers included"))
    page.add("<h3>Throughput, one connection and eight</h3>",
             bars([(f"{PATHS[path]}, {word}", path, line.get(key), f"{line[key]} Mbit/s" if line.get(key) else line.get("why", "not finished"))
                   for path, line in cost_of["bulk"].items() for key, word in (("one", "one"), ("many", "eight"))]))
    page.add("<h3>Processor for a gigabyte, by program</h3>", stacked([(PATHS[path], path, line["cpu"]) for path, line in measured(cost_of["bulk"]).items()]))
    page.add("<h3>Processor of the answering side for one handshake</h3>",
             bars([(line["title"], line["path"], line["microseconds"], line.get("why") or f'{line["microseconds"]} µs (of {line["count"]})')
                   for line in cost_of["handshakes"]]))
    page.add(f'<h3>{cost_of["film_part"] / 1e6:.1f} MB over a bad wire, 10 ms there and back</h3>',
             bars([(f"{PATHS[path]}, {word}", path, line[key].get("seconds"), line[key].get("why") or f'{line[key]["seconds"]} s')
                   for path, line in measured(cost_of["impaired"]).items()
                   for key, word in (("clean", "clean"), ("loss", "1 % lost"), ("reorder", "5 % late"))]))
    for key, what in (("overhead", "octets"), ("bulk", "throughput"), ("impaired", "the bad wire")):
        for path, line in cost_of[key].items():
            if "why" in line:
                page.add(f"<p>{escape(what)}, {PATHS[path]}: not measured, {escape(line['why'])}</p>")
    page.add("<h3>The client's address changes under an open connection</h3>",
             page.list_of("new address", PATHS, {path: roamed(line) for path, line in cost_of["roaming"].items()}))


def measured(of_path):
    """Without the paths on which it could not be measured."""
    return {path: line for path, line in of_path.items() if "why" not in line or "survived" in line}


def roamed(line):
    evidence = [json.dumps(line)]
    if "survived" not in line:
        return {"level": "unmeasured", "short": "not measured", "text": line["why"], "evidence": evidence}
    if line["survived"]:
        return {"level": "shut", "short": "goes on", "text": f"longest wait {line['longest_wait']} s", "evidence": evidence}
    return {"level": "open", "short": "breaks", "text": f"{line['answered']} answers before, none after: {line['why']}", "evidence": evidence}


def build(result):
    """The page as text."""
    page = Page(result)
    for section, needed in ((head, "meta"), (answers, "visibility"), (sight, "visibility"), (attacks, "attacks"), (keys, "secrecy"), (cost, "cost")):
        if needed in result:
            section(page)
    page.add("</main>", '<footer class="soft">Everything behind this page is in report.json beside it. Made by tools/contrast.</footer>',
             '<dialog id="proof"><h3 id="proof-title"></h3><p id="proof-text"></p><pre id="proof-lines"></pre>'
             '<button type="button" id="proof-close">close</button></dialog>')
    return page.text()
