# SPDX-License-Identifier: MIT
"""From rounds to medians, from medians to tables, and the goals of the project held against them.

`results` is {program: {measure: [one dictionary a round, or {"failed": why}]}}.
"""
import statistics

# (heading, [(column, measure, number, format)])
TABLES = [
    ("TCP, Gbit/s, and CPU seconds of both daemons a gigabyte", [
        ("one stream", "tcp", "gbps", "{:.2f}"), ("s/GB", "tcp", "cpu_s_per_gb", "{:.2f}"),
        ("the other way", "tcp_back", "gbps", "{:.2f}"), ("s/GB", "tcp_back", "cpu_s_per_gb", "{:.2f}"),
        ("four streams", "tcp4", "gbps", "{:.2f}"), ("s/GB", "tcp4", "cpu_s_per_gb", "{:.2f}"),
        ("machine s/GB", "tcp", "machine_s_per_gb", "{:.2f}")]),
    ("UDP of 128 octets: CPU of both daemons a packet, loss; and full size, sent as fast as the system takes", [
        ("50k/s: us", "udp_50k", "cpu_us_per_packet", "{:.2f}"), ("lost %", "udp_50k", "lost_percent", "{:.2f}"),
        ("by iperf3: us", "udp_50k_iperf", "cpu_us_per_packet", "{:.2f}"), ("lost %", "udp_50k_iperf", "lost_percent", "{:.2f}"),
        ("160k/s: us", "udp_160k", "cpu_us_per_packet", "{:.2f}"), ("lost %", "udp_160k", "lost_percent", "{:.2f}"),
        ("flat out: arrive/s", "udp_flat", "received_per_s", "{:,.0f}"),
        ("full size: Gbit/s", "udp_full", "gbps", "{:.2f}"), ("s/GB", "udp_full", "cpu_s_per_gb", "{:.2f}")]),
    ("Echoes in microseconds, resident MiB of the larger end, handshakes of a responder with 2,000 peers", [
        ("idle p50", "ping_idle", "p50_us", "{:.0f}"), ("p99", "ping_idle", "p99_us", "{:.0f}"),
        ("under TCP p50", "ping_loaded", "p50_us", "{:.0f}"), ("p99", "ping_loaded", "p99_us", "{:.0f}"),
        ("MiB idle", "memory_idle", "resident_mib", "{:.1f}"), ("after", "memory_after", "resident_mib", "{:.1f}"),
        ("10,000 peers", "memory_peers", "resident_mib", "{:.1f}"),
        ("handshakes/s", "handshakes", "per_s", "{:,.0f}"), ("us each", "handshakes", "cpu_us_each", "{:.0f}")]),
]


def rounds_of(results, program, measure, number):
    """One value a round; None where the round has none."""
    return [row.get(number) for row in results.get(program, {}).get(measure, [])]


def median(results, program, measure, number):
    values = [v for v in rounds_of(results, program, measure, number) if v is not None]
    return statistics.median(values) if values else None


def ratio(results, one, other, measure, number):
    """Median of the ratios of each round, for what disturbs a round disturbs both. None: not measured."""
    pairs = zip(rounds_of(results, one, measure, number), rounds_of(results, other, measure, number))
    ratios = [a / b for a, b in pairs if a is not None and b]
    return statistics.median(ratios) if ratios else None


def medians(results):
    return {program: {measure: {number: median(results, program, measure, number)
                                for row in rows for number in row if number != "failed"}
                      for measure, rows in measures.items()}
            for program, measures in results.items()}


def slow_senders(results, titles):
    """Lines on paced measures whose sender did not keep its pace: their figures are of a lower rate."""
    lines = []
    for measure, wanted in (("udp_50k", 50_000), ("udp_50k_iperf", 50_000), ("udp_160k", 160_000)):
        for program in results:
            reached = median(results, program, measure, "sent_per_s")
            if reached is not None and reached < 0.95 * wanted:
                lines.append(f"{titles[program]}: of {wanted:,} packets a second the machine let only {reached:,.0f} be sent.")
    return lines


def tables(results, titles):
    lines = []
    width = max(len(titles[program]) for program in results) + 2
    for heading, columns in TABLES:
        columns = [c for c in columns if any(median(results, p, c[1], c[2]) is not None for p in results)]
        if not columns:
            continue
        widths = [max(len(name), 7) + 2 for name, *_ in columns]
        lines += ["", heading, " " * width + "".join(f"{c[0]:>{w}}" for c, w in zip(columns, widths))]
        for program in results:
            cells = []
            for (_, measure, number, shape), w in zip(columns, widths):
                value = median(results, program, measure, number)
                cells.append(f"{'-' if value is None else shape.format(value):>{w}}")
            if any(cell.strip() != "-" for cell in cells):
                lines.append(f"{titles[program]:<{width}}" + "".join(cells))
    slow = slow_senders(results, titles)
    lines += ["", *slow] if slow else []
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------------------- goals

PEER, OLD_PEER = "wireguard-go-2023", "wireguard-go-2022"
PEERS = (PEER, OLD_PEER, "openvpn", "fastd-null", "fastd")


def _goal_rows(results, us):
    """(what, value, relation, bound) for one of our programs; value None: not measured."""

    def against(measure, number, other=PEER, one=us):
        return ratio(results, one, other, measure, number)

    rows = []
    for measure, way in (("tcp", "one stream"), ("tcp_back", "the other way")):
        rows.append((f"TCP {way}: times {PEER}", against(measure, "gbps"), ">=", 2.6))
        rows.append((f"TCP {way}: share of the ceiling without AEAD", against(measure, "gbps", other="identity"), ">=", 0.65))
    for measure in ("tcp", "tcp_back"):
        rows.append((f"CPU a gigabyte ({measure}): times {PEER}", against(measure, "cpu_s_per_gb"), "<=", 0.35))
    for measure, pace in (("udp_50k", "each 100 us"), ("udp_50k_iperf", "by iperf3")):
        rows.append((f"CPU a small packet, 50,000/s {pace}: times {PEER}", against(measure, "cpu_us_per_packet"), "<=", 0.25))
        rows.append((f"CPU a small packet, 50,000/s {pace}: times fastd without cipher",
                     against(measure, "cpu_us_per_packet", other="fastd-null"), "<=", 1.0))
    rows.append(("small packets at 160,000/s: per cent lost", median(results, us, "udp_160k", "lost_percent"), "<=", 2.0))
    best = [m for m in (median(results, peer, "ping_idle", "p99_us") for peer in PEERS) if m is not None]
    ours = median(results, us, "ping_idle", "p99_us")
    rows.append(("echo p99 idle: times the best peer's", ours / min(best) if best and ours is not None else None, "<=", 1.0))
    rows.append((f"echo p99 under one TCP stream: times {PEER}", against("ping_loaded", "p99_us"), "<=", 1 / 3))
    rows.append(("resident MiB after all of it", median(results, us, "memory_after", "resident_mib"), "<=", 24.0))
    rows.append(("resident MiB with 10,000 peers", median(results, us, "memory_peers", "resident_mib"), "<=", 24.0))
    rows.append((f"responder handshakes a second: times {PEER}", against("handshakes", "per_s"), ">=", 1.1))
    rows.append((f"responder CPU a handshake: times {PEER}", against("handshakes", "cpu_us_each"), "<=", 0.85))
    return rows


def train_rows(micro):
    """The train call beside the library's own, at 1,420 octets and 44 packets, for each backend."""
    speed = {b["name"].removesuffix("/manual_time"): b["items_per_second"] for b in micro if "items_per_second" in b}
    rows = []
    for backend, raws in (("libipsec-mb", ("libipsec-mb_job", "libipsec-mb_direct")), ("libsodium", ("libsodium",))):
        for direction in ("seal", "open"):
            train = speed.get(f"{direction}/{backend}/1420/44")
            raw = max((speed.get(f"raw_{direction}/{name}/1420", 0) for name in raws))
            rows.append((f"{direction} 1,420 octets by trains: times {backend}'s raw speed",
                         train / raw if train and raw else None, ">=", 0.9))
    return rows


def goals(results, micro=()):
    """Rows with a verdict, as text and as values."""
    columns = [us for us in ("culvertd", "culvertd-2") if us in results]
    table = {us: _goal_rows(results, us) for us in columns}
    rows = [[name, *(table[us][i][1] for us in columns), relation, bound]
            for i, (name, _, relation, bound) in enumerate(table[columns[0]])] if columns else []
    rows += [[name, *[value] * max(1, len(columns)), relation, bound] for name, value, relation, bound in train_rows(micro)]
    rows = [row for row in rows if any(value is not None for value in row[1:-2])]
    if not rows:
        return "", []
    lines = ["", "Goals: " + ", ".join(columns)]
    for name, *values, relation, bound in rows:
        cells = "".join(f"{_number(v):>8}{_verdict(v, relation, bound):<5}" for v in values)
        lines.append(f"{name:<68}{cells} goal {relation} {bound:.2f}")
    return "\n".join(lines), rows


def _number(value):
    return "-" if value is None else f"{value:.2f}"


def _verdict(value, relation, bound):
    if value is None:
        return ""
    return "  ok" if (value >= bound if relation == ">=" else value <= bound) else "  no"
