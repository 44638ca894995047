# SPDX-License-Identifier: MIT
"""The contrast: one day's traffic in the clear, under TLS, through the tunnel, and as TLS through the tunnel, seen by the same observers.

`tools/contrast` runs this. Read in this order: world (the layout), services, day (the workload), visibility, attacks, secrecy, upkeep,
cost (the measurements), report (the page).
"""
import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import textwrap
import time

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns")]

import attacks  # noqa: E402
import conclusions  # noqa: E402
import cost  # noqa: E402
import report  # noqa: E402
import secrecy  # noqa: E402
import table  # noqa: E402
import upkeep  # noqa: E402
import visibility  # noqa: E402
from authority import Authority  # noqa: E402
from day import Day, plant  # noqa: E402
from lab import Failure, enter  # noqa: E402
from services import Services  # noqa: E402
from world import HOSTS, OBSERVERS, PATHS, SECURED, World  # noqa: E402

_begun = time.monotonic()


def say(text):
    print(text, flush=True)


def step(text):
    say(f"[{time.monotonic() - _begun:5.1f} s] {text}")


class Stage:
    """Everything that a measurement may need: the world with its services, and what was planted."""

    def __init__(self, lab_of_case=None):
        self.world = World(lab_of_case)
        step("a certificate authority, and certificates of every kind")
        self.authority = Authority(os.path.join(self.world.directory, "ca"))
        self.planted = plant()
        step("servers: names, web, mail, database, shell")
        self.services = Services(self.world, self.authority, self.planted)
        self.world.use_resolver(HOSTS["dns"])
        step("a tunnel between client and gateway, by two culvertd")
        self.world.raise_tunnel()
        self.day = Day(self.world, self.authority, self.services, self.planted)

    def close(self):
        self.world.close()


def run_days(stage):
    """The day on each path under every observer's eyes: (recordings, outcome of each flow, lost frames)."""
    recorded, outcomes, lost = {}, {}, 0
    for path, title in PATHS.items():
        step(f"a day: {title}")
        stage.world.go(path)
        taps = stage.world.observe(path)
        outcomes[path] = stage.day.run(path in SECURED)
        recorded[path] = {observer: [tap.stop() for tap in each] for observer, each in taps.items()}
        lost += sum(tap.lost for each in taps.values() for tap in each)
    return recorded, outcomes, lost


def measure(stage, reduced):
    started = time.time()
    recorded, outcomes, lost = run_days(stage)
    flows = stage.day.flows()
    more = {} if reduced else measure_more(stage)
    step("reading the captures: who sees what")
    matrix, found = visibility.measure(recorded, stage.planted, flows)
    return {
        "meta": {"date": time.strftime("%Y-%m-%d %H:%M", time.localtime(started)), "kernel": platform.release(), "processors": os.cpu_count(),
                 "missing": stage.services.missing, "frames_lost": lost, "reduced": reduced},
        "rows": {"visibility": visibility.ROWS, "flows": {flow.key: flow.title for flow in flows}, "attacks": attacks.ROWS,
                 "secrecy": secrecy.ROWS, "upkeep": upkeep.ROWS},
        "visibility": matrix,
        "found": found,
        "planted": {key: stage.planted[key] for flow in flows for key in flow.planted},
        "scope": visibility.scope(found, flows, outcomes),
        "outcomes": outcomes,
        **more,
    }


def measure_more(stage):
    """What a reduced run leaves out."""
    return {"attacks": attacks.measure(stage, step), "secrecy": secrecy.measure(stage, step), "cost": cost.measure(stage, step),
            "upkeep": upkeep.measure(stage, step)}


def show(result):
    """The matrices on the terminal."""
    say("\n" + table.LEGEND)
    columns = {observer: title for observer, (title, _) in OBSERVERS.items()}
    for path, title in PATHS.items():
        say("\n" + "\n".join(table.matrix(f"WHO SEES WHAT, {title}", result["rows"]["visibility"], columns,
                                          lambda row, column, path=path: result["visibility"][path][column][row], each=26)))
    say("\n" + "\n".join(table.matrix("WHICH FLOWS ARE COVERED on the way", result["rows"]["flows"], PATHS,
                                      lambda row, column: result["scope"][row][column], first=44, each=24)))
    if "attacks" not in result:
        return
    say("\n" + "\n".join(table.matrix("WHO CAN CHANGE WHAT, attacks by the access point", result["rows"]["attacks"], PATHS,
                                      lambda row, column: result["attacks"][column][row], first=48, each=18)))
    for key, title in (("secrecy", "RECORDED TODAY, OPENED TOMORROW"), ("upkeep", "WHO IS WHO, AND WHO KEEPS IT SO")):
        say("\n" + "\n".join(table.matrix(title, result["rows"][key], {"": ""}, lambda row, _, key=key: result[key][row], first=64, each=30)))
    show_cost(result["cost"])
    for question, sentences in conclusions.answer(result):
        say(f"\n{question.upper()}\n" + "\n".join(textwrap.fill(sentence, 116, initial_indent="  ", subsequent_indent="  ")
                                                 for sentence in sentences))


def show_cost(cost_of):
    say(f"\nTO THE FIRST OCTET, over {cost_of['delay'] * 2000:.0f} ms there and back")
    for line in cost_of["first_octet"]:
        say(f"  {line['title']:<34}" + (line.get("why") or f"{line['milliseconds']:>7.1f} ms {line['round_trips']:>3} round trips"))
    say("\nA DOWNLOAD")
    for path, line in cost_of["bulk"].items():
        say(f"  {PATHS[path]:<34}" + (line.get("why") or f"{line['one']:>6} Mbit/s, {line['many'] or '?'} with eight; processor for a gigabyte "
                                      f"{sum(line['cpu'].values()):.2f} s"))


def options():
    parser = argparse.ArgumentParser(prog="tools/contrast", description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true", help="only the day and who sees what")
    parser.add_argument("--output", default="contrast-report", metavar="FOLDER", help="where report.html and report.json go (%(default)s)")
    return parser.parse_args()


def write(folder, result):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1, ensure_ascii=False)
    with open(os.path.join(folder, "report.html"), "w", encoding="utf-8") as file:
        file.write(report.build(result))


def main():
    chosen = options()
    enter(refuse=lambda why, _: sys.exit(f"tools/contrast cannot run here: {why}"))
    # Everything that the run writes but the report lies in one folder, which goes with it however it ends.
    tempfile.tempdir = tempfile.mkdtemp(prefix="culvert-contrast-")
    os.chmod(tempfile.tempdir, 0o711)
    stage, code = None, 0
    try:
        stage = Stage()
        result = measure(stage, chosen.reduced)
        result["meta"]["seconds"] = round(time.monotonic() - _begun, 1)
        write(chosen.output, result)
        show(result)
        step(f"done: {chosen.output}/report.html and report.json")
    except KeyboardInterrupt:
        say("\ninterrupted; cleaning up")
        code = 130
    except Failure as failure:
        say(f"\nFAILED: {failure}")
        if stage:
            stage.world.lab.show_logs()
        code = 1
    finally:
        if stage:
            stage.close()
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
