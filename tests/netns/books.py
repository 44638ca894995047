# SPDX-License-Identifier: MIT
"""The books of packets: of all that a daemon took in, inside and outside, its status says what became of it, exactly.

At the end of every case each daemon that answers is held to it (lab.py); a case may ask sooner, and compare two ends.
"""
import json
import os
import socket
import time

STATUS_SOCKETS = "/var/run/culvert"


def ask(path, within=10.0):
    """The status document behind a socket; None when nobody serves it any more."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(within)
        text = b""
        try:
            client.connect(path)
            while part := client.recv(65536):
                text += part
        except (ConnectionError, FileNotFoundError):
            return None
    return json.loads(text) if text else None


def sums(status):
    """[(what, left side, right side)], each pair equal when nothing moves."""
    out, into, own = (status["packets"][way] for way in ("out", "in", "own"))
    outside = [lane["outside"] for lane in status["lanes"]] + [status["control"]["outside"]]
    total = lambda tables, key: sum(table[key] for table in tables)
    reasons = {}
    for part in [*status["lanes"], status["control"]]:
        for reason, count in part["drops"].items():
            reasons[reason] = reasons.get(reason, 0) + count
    by_way = {}
    for way in (out, into, own):
        for reason, count in way["drops"].items():
            by_way[reason] = by_way.get(reason, 0) + count
    return [
        ("read inside = sent + dropped + waiting", out["read"], out["sent"] + out["dropped"] + out["waiting"]),
        ("received outside = delivered + handshakes + keepalives + dropped + waiting", into["received"],
         into["delivered"] + into["handshakes"] + into["keepalives"] + into["dropped"] + into["waiting"]),
        ("handshakes and keepalives made = sent + dropped", own["handshakes"] + own["keepalives"], own["sent"] + own["dropped"]),
        ("datagrams that sockets sent = those of both kinds", total(outside, "sentDatagrams"), out["sent"] + own["sent"]),
        ("datagrams that sockets received = received", total(outside, "receivedDatagrams"), into["received"]),
        ("packets that queues took = delivered + injected", sum(lane["inside"]["writtenPackets"] for lane in status["lanes"]),
         into["delivered"] + own["injected"]),
        ("drops by lane = drops by way", reasons, by_way),
    ]


def complaint(status):
    """What does not add up, with all terms; empty: all does."""
    wrong = [f"  {what}: {left} and {right}" for what, left, right in sums(status) if left != right]
    if not wrong:
        return ""
    return "\n".join([f"the books of {status['interface']} do not add up:", *wrong, "  " + json.dumps(status["packets"]),
                      f"  before and behind us, in no term: queue of the interface {status['interfaceDrops']}, of the sockets "
                      f"{sum(lane['outside']['kernelDrops'] for lane in status['lanes'])}"])


def settled(status_of, within=10.0):
    """Asks until the books add up in two looks in a row, and returns (status, ""); else (the last status, its complaint).

    Packets that move at this very moment are in no term, so a daemon under traffic takes a few looks. (None, ""): it is gone."""
    end = time.monotonic() + within
    good = 0
    while True:
        status = status_of()
        if status is None:
            return None, ""
        wrong = complaint(status)
        good = 0 if wrong else good + 1
        if good == 2 or time.monotonic() > end:
            return status, wrong
        time.sleep(0.05)


def complaints(directory=STATUS_SOCKETS):
    """Of every daemon of the laboratory that still answers."""
    found = []
    for name in sorted(os.listdir(directory)):
        if name.endswith(".sock"):
            _, wrong = settled(lambda path=os.path.join(directory, name): ask(path))
            if wrong:
                found.append(wrong)
    return found


def difference(left, right):
    """What left sent and right did not receive, where nothing is lost on the way: two statuses, "" when all came."""
    sent, got = left["packets"], right["packets"]["in"]
    pairs = [("data messages", sent["out"]["sent"], got["delivered"]),
             ("handshakes and keepalives", sent["own"]["sent"], got["handshakes"] + got["keepalives"])]
    wrong = [f"{what}: {one} sent, {other} received" for what, one, other in pairs if one != other]
    return "; ".join(wrong) + f"; drops of the receiver: {got['drops']}" if wrong else ""
