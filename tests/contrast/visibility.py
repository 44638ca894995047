# SPDX-License-Identifier: MIT
"""Who sees what: each observer's captures of each path, dissected and searched; and which flows each path covers.

A cell is {level, short, text, evidence}. The level says how much of what the row asks for stands open to that observer:
"open" all or nearly, "part" some, "shut" nothing, "absent" that no packet of the path came by. Every count comes from the captures.
"""
from concurrent.futures import ThreadPoolExecutor

from day import CONTENT, PASSWORDS
from pcap import dissect
from services import DOWNLOAD_OCTETS
from world import CLIENT, OBSERVERS, PATHS

ROWS = {"passwords": "passwords, tokens and keys", "content": "what was read and written", "names": "names asked of DNS",
        "sni": "server names in TLS (SNI)", "destinations": "servers and ports", "certificates": "names in certificates",
        "applications": "which applications run", "sizes": "size of the download", "connections": "single connections",
        "person": "the person's own address", "left": "what is left to see"}
DISSECTED = ["frame.number", "dns.qry.name", "tls.handshake.extensions_server_name", "x509ce.dNSName", "frame.protocols",
             "tls.handshake.extensions_alpn_str", "frame.time_relative", "ip.src", "ip.dst", "frame.len", "_ws.col.Protocol", "_ws.col.Info"]
CARRIERS = {"eth", "ethertype", "ip", "tcp", "udp", "raw", "data", "x509sat", "x509ce", "pkcs-1", "pkix1explicit", "pkix1implicit",
            "data-text-lines", "json", "media", "urlencoded-form", "tcp.segments", "imf", "mime_multipart", "cms", "x509af"}
EVIDENCE_LINES = 4
TUNNEL_PORT = 51820


class View:
    """What one observer recorded of one path, over all devices at which it listens."""

    def __init__(self, recordings, planted):
        self.recordings, self.planted = recordings, planted
        self.placed = [(recording, frame) for recording in recordings for frame in recording.frames]
        self.frames = [frame for _, frame in self.placed]
        self.hits = {key: hit for key, hit in ((key, self._find(secret)) for key, secret in planted.items()) if hit}
        self.read = [(recording, row) for recording in recordings if recording.frames for row in dissect(recording.file, DISSECTED)]
        self.lines = {(recording.file, row["frame.number"]): row for recording, row in self.read}

    def _find(self, secret):
        for recording in self.recordings:
            hit = recording.find(secret)
            if hit:
                return recording, hit
        return None

    def values(self, field):
        """{value: (recording, frame number) of its first occurrence} of a dissected field."""
        found = {}
        for recording, row in self.read:
            for value in (row.get(field) or "").split("|"):
                if value:
                    found.setdefault(value, (recording, row["frame.number"]))
        return found

    def evidence(self, places):
        """tshark's summary of the first places, [(recording, frame number)]."""
        return [self.summary(recording, str(number)) for recording, number in list(places)[:EVIDENCE_LINES]]

    def summary(self, recording, number):
        row = self.lines[(recording.file, number)]
        return (f"{recording.where}  frame {number}  {float(row['frame.time_relative']):.6f} s  {row['ip.src']} → {row['ip.dst']}  "
                f"{row['_ws.col.Protocol']} {row['frame.len']} octets  {row['_ws.col.Info'][:140]}")

    def searched(self):
        """What was looked through in vain."""
        return [f"{recording.where}  {len(recording.frames)} packets looked through, {sum(len(frame.payload) for frame in recording.frames)} "
                "octets above their headers" for recording in self.recordings]

    def first_of(self, condition):
        """[(recording, frame number)] of the first frame that meets a condition, or nothing."""
        return next(([(recording, frame.number)] for recording, frame in self.placed if condition(frame)), [])


def cell(level, short, text, evidence=()):
    return {"level": level, "short": short, "text": text, "evidence": list(evidence)}


def unmeasured(why):
    return cell("unmeasured", "not measured", " ".join(str(why).split())[:300])


def level_of(found, whole):
    return "shut" if not found else "open" if found == whole else "part"


def destinations_of(placed):
    """{(address, protocol, port): (recording, frame number)} of those who were called: by SYN, by the first datagram of a pair, by an echo request."""
    called, answered = {}, set()
    for recording, frame in placed:
        here = (recording, frame.number)
        if frame.protocol == 6 and frame.flags & 0x12 == 2:
            called.setdefault((frame.target, "tcp", frame.dport), here)
        elif frame.protocol == 17 and (frame.source, frame.sport, frame.target, frame.dport) not in answered:
            answered.add((frame.target, frame.dport, frame.source, frame.sport))
            called.setdefault((frame.target, "udp", frame.dport), here)
        elif frame.protocol == 1:
            if (frame.source, "icmp", 0) not in called:
                called.setdefault((frame.target, "icmp", 0), here)
    return called


def connections_of(frames):
    """{unordered five-tuple: octets of payload}; what an observer can tell apart."""
    told = {}
    for frame in frames:
        ends = tuple(sorted(((frame.source, frame.sport), (frame.target, frame.dport))))
        told[(frame.protocol, ends)] = told.get((frame.protocol, ends), 0) + len(frame.payload)
    return told


def is_tunnel(connection):
    return connection[0] == 17 and any(port == TUNNEL_PORT for _, port in connection[1])


def count(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def megabytes(octets):
    return f"{octets / 1e6:.2f} MB"


def secret_cell(view, keys, titles):
    found = [key for key in keys if key in view.hits]
    lines = [f"{view.hits[key][0].where}  frame {view.hits[key][1].frame}, {view.hits[key][1].disguise}: …{view.hits[key][1].context}…"
             for key in found]
    text = "found: " + ", ".join(titles[key] for key in found) if found else \
        f"none of the {len(keys)} planted secrets stands in the captures"
    return cell(level_of(len(found), len(keys)), f"{len(found)} of {len(keys)}", text, lines or view.searched())


def named_cell(view, field, what, whole):
    """Names that stand in a dissected field, of those that the path's traffic holds anywhere (`whole`, or one if unknown)."""
    found = view.values(field)
    shown = ", ".join(sorted(found)) or f"no {what} in the captures"
    return cell(level_of(len(found), max(len(found), whole)), str(len(found)) if found else "none", shown,
                view.evidence(found.values()) or view.searched())


def size_cell(view):
    told = connections_of(view.frames)
    inner = {key: octets for key, octets in told.items() if not is_tunnel(key)}
    largest = max((inner or told).values())
    share = largest / DOWNLOAD_OCTETS - 1
    level = "open" if abs(share) < 0.02 else "part"
    return cell(level, f"{share:+.1%}", f"the largest connection carries {megabytes(largest)}, the film has {megabytes(DOWNLOAD_OCTETS)}"
                + ("" if level == "open" else ": other traffic is mixed in, so this is an upper bound"),
                [f"{octets:>9} octets  protocol {key[0]}  {key[1][0]} and {key[1][1]}" for key, octets in
                 sorted(told.items(), key=lambda item: -item[1])[:EVIDENCE_LINES]])


def application_cell(view):
    found = {}
    for recording, row in view.read:
        for name in row["frame.protocols"].replace("|", ":").split(":"):
            if name and name not in CARRIERS:
                found.setdefault(name, (recording, row["frame.number"]))
    hidden = set(found) <= {"wg", "arp"}
    extra = view.values("tls.handshake.extensions_alpn_str")
    text = "dissected: " + ", ".join(sorted(found)) + (f"; offered by ALPN: {', '.join(sorted(extra))}" if extra else "")
    return cell("shut" if hidden else "open", "a tunnel" if hidden else f"{len(found)} kinds", text, view.evidence(found.values()))


def cells_of(view, flows):
    if not view.frames:
        return {row: cell("absent", "not on this path", "the captures hold no packet of this path") for row in ROWS}
    titles = {key: f"{flow.title} ({key.replace('_', ' ')})" for flow in flows for key in flow.planted}
    kinds = {key: kind for flow in flows for key, kind in flow.planted.items()}
    called, told = destinations_of(view.placed), connections_of(view.frames)
    tunnel_only = all(frame.protocol == 17 and TUNNEL_PORT in (frame.sport, frame.dport) for frame in view.frames)
    addresses = sorted({address for address, _, _ in called})
    own = view.first_of(lambda frame: CLIENT in (frame.source, frame.target))
    first = view.first_of(lambda frame: True)
    span = view.frames[-1].time - view.frames[0].time
    volume = sum(frame.length for frame in view.frames)
    return {
        "passwords": secret_cell(view, [key for key, kind in kinds.items() if kind == PASSWORDS], titles),
        "content": secret_cell(view, [key for key, kind in kinds.items() if kind == CONTENT], titles),
        "names": named_cell(view, "dns.qry.name", "question of DNS", 0),
        "sni": named_cell(view, "tls.handshake.extensions_server_name", "server name of TLS", 0),
        "destinations": cell("shut" if tunnel_only else "open", f"{len(addresses)} servers, {len(called)} ports" if not tunnel_only
                             else f"{len(addresses)}: the gateway", ", ".join(f"{a}:{port} ({kind})" for a, kind, port in sorted(called)),
                             view.evidence(called.values())),
        "certificates": named_cell(view, "x509ce.dNSName", "certificate in the clear", 0),
        "applications": application_cell(view),
        "sizes": size_cell(view),
        "connections": cell("shut" if len(told) == 1 else "open", str(len(told)), f"{len(told)} pairs of ends can be told apart",
                            [f"protocol {key[0]}  {key[1][0]} and {key[1][1]}" for key in list(told)[:EVIDENCE_LINES]]),
        "person": cell("open", CLIENT, f"{CLIENT} stands in the headers", view.evidence(own)) if own else
        cell("shut", addresses_seen(view), f"{CLIENT} stands in no header; the calls come from {addresses_seen(view)}",
             view.evidence(first)),
        "left": cell("part", f"{count(len(addresses), 'end')}, {megabytes(volume)}, {span:.1f} s",
                     f"{len(view.frames)} packets with {volume} octets in {span:.2f} s, each with its time and length, to or from {len(addresses)} "
                     f"called addresses", view.evidence(first)),
    }


def addresses_seen(view):
    return ", ".join(sorted({frame.source for frame in view.frames if frame.protocol == 6 and frame.flags & 0x12 == 2})) or "nobody"


def measure(recorded, planted, flows):
    """{path: {observer: {row: cell}}} from {path: {observer: [Recording, ...]}}; the secrets of flows that did not run are left out."""
    carried = {key: planted[key] for flow in flows for key in flow.planted}
    jobs = [(path, observer) for path in PATHS for observer in OBSERVERS]
    with ThreadPoolExecutor(2) as pool:
        views = list(pool.map(lambda job: View(recorded[job[0]][job[1]], carried), jobs))
    matrix, found = {}, {}
    for (path, observer), view in zip(jobs, views):
        matrix.setdefault(path, {})[observer] = cells_of(view, flows)
        found.setdefault(path, {})[observer] = sorted(view.hits)
    return matrix, found


def scope(found, flows, outcomes):
    """Which flows each path covers: {flow: {path: cell}}, judged by the secrets that the access point and the ISP could read."""
    table = {}
    for flow in flows:
        for path in PATHS:
            read = sorted({key for observer in ("ap", "isp") for key in flow.planted if key in found[path][observer]})
            beyond = [OBSERVERS[observer][0] for observer in ("gateway", "site") if any(key in found[path][observer] for key in flow.planted)]
            works = outcomes[path].get(flow.key)
            if works:
                table.setdefault(flow.key, {})[path] = cell("absent", "did not run", f"the flow itself failed: {works}")
                continue
            level = level_of(len(read), len(flow.planted))
            ends = f"; readable again at: {', '.join(beyond)}" if beyond and not read else ""
            table.setdefault(flow.key, {})[path] = cell(level, {"open": "open", "part": "part", "shut": "covered"}[level] + (
                " to the gateway" if ends else ""), (f"read on the way: {', '.join(read)}" if read else "nothing was read on the way") + ends)
    return table
