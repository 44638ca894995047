#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws results.json as bars: `tests/bench/chart.py results.json >chart.svg`. One panel a measure, one bar a program.

The picture has no background, and its colours change with the reader's scheme, so it can be read on white and on black.
"""
import html
import json
import sys

from report import median

# (title, unit, measure, number, format, which is better)
PANELS = [
    ("TCP, one stream", "Gbit/s", "tcp", "gbps", "{:.1f}", "more"),
    ("CPU of both ends a gigabyte", "seconds", "tcp", "cpu_s_per_gb", "{:.1f}", "less"),
    ("CPU a 128-octet packet, 50,000 a second", "microseconds", "udp_50k", "cpu_us_per_packet", "{:.1f}", "less"),
    ("128-octet packets that arrive, flat out", "thousand a second", "udp_flat", "received_per_s", "{:.0f}", "more"),
    ("Echo under one TCP stream, p99", "milliseconds", "ping_loaded", "p99_us", "{:.2f}", "less"),
    ("Memory after load", "MiB", "memory_after", "resident_mib", "{:.0f}", "less"),
]
SCALE = {"received_per_s": 1e-3, "p99_us": 1e-3}  # from the numbers of results.json to the unit

WIDTH, COLUMNS = 880, 2
PANEL = WIDTH // COLUMNS
LABELS, BARS, VALUES = 178, 180, 62  # of a panel, from left to right
ROW, HEAD, GAP = 20, 44, 18

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 13px }
  .faint { fill: #656d76 }
  .ours { fill: #0969da }
  .peer { fill: #afb8c1 }
  .ceiling { fill: none; stroke: #8c959f; stroke-dasharray: 3 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .faint { fill: #9198a1 }
    .ours { fill: #4493f8 }
    .peer { fill: #6e7681 }
    .ceiling { stroke: #9198a1 }
  }
"""


def kind(program, ceilings):
    return "ours" if program.startswith("culvertd") else "ceiling" if program in ceilings else "peer"


def panel(x, y, spec, results, titles, ceilings):
    title, unit, measure, number, shape, better = spec
    rows = [(program, median(results, program, measure, number)) for program in results]
    rows = [(program, value * SCALE.get(number, 1)) for program, value in rows if value]
    if better == "less":  # a ceiling of speed says nothing about latency or memory
        rows = [(program, value) for program, value in rows if program not in ceilings or "CPU" in title]
    else:  # a bar without any input or output would make all the others short
        rows = [(program, value) for program, value in rows if program != "aead-alone"]
    if not rows:
        return [], 0
    most = max(value for _, value in rows)
    out = [f'<text class="title" x="{x}" y="{y + 14}">{html.escape(title)}</text>',
           f'<text class="faint" x="{x}" y="{y + 30}">{unit}, {better} is better</text>']
    for i, (program, value) in enumerate(rows):
        top = y + HEAD + i * ROW
        long = max(1.0, value / most * BARS)
        out.append(f'<text x="{x + LABELS - 8}" y="{top + 11}" text-anchor="end">{html.escape(titles[program])}</text>')
        out.append(f'<rect class="{kind(program, ceilings)}" x="{x + LABELS}" y="{top}" width="{long:.1f}" height="14" '
                   f'rx="2"/>')
        out.append(f'<text x="{x + LABELS + long + 6:.1f}" y="{top + 11}">{shape.format(value)}</text>')
    return out, HEAD + len(rows) * ROW


def draw(document):
    results, titles, ceilings = document["results"], document["titles"], document["ceilings"]
    body, y, tallest, column = [], 8, 0, 0
    for spec in PANELS:
        lines, height = panel(12 + column * PANEL, y, spec, results, titles, ceilings)
        if not lines:
            continue
        body += lines
        tallest, column = max(tallest, height), column + 1
        if column == COLUMNS:
            y, tallest, column = y + tallest + GAP, 0, 0
    y += tallest + GAP if column else 0
    machine = document["machine"]
    kernel = machine["kernel"].split("-")[0]
    note = (f'{machine["processor"]}, {machine["processors"]} cores, Linux {kernel}; median of {document["rounds"]} rounds; '
            "dashed: what is possible.")
    body.append(f'<text class="faint" x="12" y="{y + 8}">{html.escape(note)}</text>')
    height = y + 20
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'role="img" aria-label="Culvert beside other user-space tunnels">\n<style>{STYLE}</style>\n'
            + "\n".join(body) + "\n</svg>\n")


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.stdout.write(draw(json.load(file)))
