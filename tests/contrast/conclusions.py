# SPDX-License-Identifier: MIT
"""What the figures say, in plain words. Each sentence takes its figures from the result; none is said whose figures are missing."""
from world import PATHS

ON_THE_WAY = ("ap", "isp")


def share(result, path, row, observer="ap"):
    cell = result["visibility"][path][observer][row]
    return None if cell["level"] in ("absent", "unmeasured") else cell["short"]


def outcomes(result, path):
    """{verdict: number of attacks} of a path."""
    counts = {}
    for cell in result.get("attacks", {}).get(path, {}).values():
        counts[cell["short"]] = counts.get(cell["short"], 0) + 1
    return counts


def unnoticed(result, path):
    """Titles of the attacks that went unnoticed."""
    return "; ".join(result["rows"]["attacks"][key] for key, cell in result["attacks"][path].items() if cell["short"] == "unnoticed") or "none"


def covered(result, path):
    """Titles of flows that nobody on the way could read, and of those that were read."""
    flows = result["rows"]["flows"]
    shut = [flows[key] for key, cells in result["scope"].items() if cells[path]["level"] == "shut"]
    read = [flows[key] for key, cells in result["scope"].items() if cells[path]["level"] in ("open", "part")]
    return shut, read


def milliseconds(result, key):
    return next((line for line in result.get("cost", {}).get("first_octet", []) if line["key"] == key and "why" not in line), None)


def answer(result):
    """[(question, [sentence, ...]), ...]"""
    return [("When TLS is the answer", tls(result)), ("When the tunnel is", tunnel(result)), ("When both", both(result)),
            ("What neither hides", neither(result))]


def tls(result):
    shut, read = covered(result, "tls")
    lines = ["When what matters is the talk between one program and one server, all the way to that server, whoever owns the networks between.",
             f"Under TLS the access point found {share(result, 'tls', 'passwords')} of the passwords and tokens, in the clear "
             f"{share(result, 'clear', 'passwords')}; and TLS still held beyond the VPN gateway, where the tunnel had ended "
             f"({share(result, 'both', 'passwords', 'gateway')} there as TLS in the tunnel, {share(result, 'tunnel', 'passwords', 'gateway')} "
             "through the tunnel alone)."]
    if read:
        lines.append(f"It protects only what speaks it. Of this day it left open: {', '.join(read)}.")
    counts = outcomes(result, "tls")
    if counts:
        lines.append(f"Of the attacks on it {counts.get('broke', 0)} broke the connection with an error, which is safe but stops the person, "
                     f"and {counts.get('unnoticed', 0)} went unnoticed: {unnoticed(result, 'tls')}.")
    return lines


def tunnel(result):
    shut, _ = covered(result, "tunnel")
    lines = ["When the network between you and a place that you trust is not to be trusted, for every program at once, old and new.",
             f"Through the tunnel the access point read nothing of {len(shut)} of {len(result['scope'])} flows, those without TLS among them; "
             f"it saw one end ({share(result, 'tunnel', 'destinations')}) where TLS showed it {share(result, 'tls', 'destinations')}."]
    counts = outcomes(result, "tunnel")
    if counts:
        lines.append(f"Attacks on packets were dropped without the person noticing ({counts.get('dropped', 0)}) or found nothing to hold on to "
                     f"({counts.get('no target', 0)}); {counts.get('unnoticed', 0)} went unnoticed.")
    moved = result.get("cost", {}).get("roaming", {})
    if moved and moved["tunnel"].get("survived") and not moved["tls"].get("survived"):
        lines.append("When the client's address changed, the connection in the tunnel went on; the one under TLS alone did not.")
    lines.append("It ends at the gateway: from there on everything is as it would have been without it "
                 f"({share(result, 'tunnel', 'passwords', 'site')} of the passwords stood open in the server's network).")
    return lines


def both(result):
    lines = ["When you trust neither the network nor the gateway with what you say: TLS to the server, and the tunnel around it.",
             f"Then the access point saw {share(result, 'both', 'destinations')} and {share(result, 'both', 'sni')} server names, and the gateway "
             f"{share(result, 'both', 'passwords', 'gateway')} of the passwords."]
    alone, together = milliseconds(result, "tls13"), milliseconds(result, "both")
    if alone and together:
        lines.append(f"A new TLS connection took {alone['round_trips']} round trips to its first octet without the tunnel and "
                     f"{together['round_trips']} within it, once the tunnel was up.")
    points = result.get("cost", {}).get("overhead", {})
    octets = {path: dict(map(tuple, points[path])) if isinstance(points.get(path), list) else {} for path in PATHS}
    if all(512 in octets[path] for path in PATHS):
        lines.append(f"A message of 512 octets became {octets['clear'][512]} in the clear, {octets['tls'][512]} under TLS, "
                     f"{octets['tunnel'][512]} through the tunnel and {octets['both'][512]} as both.")
    return lines


def neither(result):
    return [f"That you talk, when, and how much: the access point still saw {share(result, 'both', 'left')} as both, and each packet's time and length.",
            f"With whom, at one remove: TLS shows the servers ({share(result, 'tls', 'destinations')}, {share(result, 'tls', 'sni')} names in its "
            "hello), the tunnel shows the gateway.",
            f"From the gateway onwards the servers and the names asked are seen again: {share(result, 'both', 'destinations', 'site')}, "
            f"{share(result, 'both', 'names', 'site')} names.",
            f"The size of a large download: off by {share(result, 'tls', 'sizes')} under TLS, and by {share(result, 'both', 'sizes')} at most as "
            "both, from the volume alone."]
