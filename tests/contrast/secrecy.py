# SPDX-License-Identifier: MIT
"""Forward secrecy: traffic recorded at the access point, attacked afterwards with the long-term keys in hand.

Each row is a conversation with a secret in it, what the attacker is given later, and what opened. The tools are tshark's decryption and
a few lines that follow the standards: a session ticket is opened by the server's ticket key (nginx's file of 80 octets: name, HMAC key,
AES-256 key), and holds the master secret of TLS 1.2 or the resumption secret of TLS 1.3 [RFC 5077, RFC 8446 section 7].
"""
import hashlib
import hmac
import os
import subprocess

from arena import forget_sessions
from authority import DOMAIN
from lab import Failure
from pcap import Tap, dissect
from visibility import cell, unmeasured

ROWS = {"control": "TLS 1.3, with the session's own keys (a check of the tool)", "rsa": "TLS 1.2 with static RSA, the certificate's key",
        "ecdhe": "TLS 1.2 with ECDHE, the certificate's key", "ticket12": "TLS 1.2 with a ticket, the ticket key",
        "tls13": "TLS 1.3, the certificate's key", "ticket13": "TLS 1.3 resumed, the ticket key", "early": "TLS 1.3 0-RTT, the ticket key",
        "tunnel_who": "the tunnel's handshake, both static keys: who spoke", "tunnel_data": "the tunnel's packets, both static keys: what was said"}


class Recorder:
    def __init__(self, stage):
        self.stage, self.world, self.day, self.serial = stage, stage.world, stage.day, 0

    def path(self, name):
        return os.path.join(self.world.directory, name)

    def record(self, action):
        """(recording at the access point, result) of what the client does."""
        self.serial += 1
        tap = Tap(self.world.ap, "lan", f"secrecy{self.serial}")
        result = action()
        return tap.stop(), result

    def fetch(self, port, secret, **environment):
        return lambda: self.day.client.attempt("curl", "-sS", "--max-time", "20", "--http1.1", "--cacert",
                                               self.stage.authority.path("ca.crt"), f"https://www.{DOMAIN}:{port}/tick?{secret}",
                                               env={**os.environ, **environment})

    def keylog(self, *lines):
        return self.world.lab.write(f"attack{self.serial}.keylog", "".join(line + "\n" for line in lines))


def opened(recording, secret, options, port):
    """What tshark reads of requests with such keys in hand: (whether the secret is among them, lines)."""
    rows = dissect(recording.file, ["frame.number", "http.request.uri"], "http.request",
                   ["-d", f"tcp.port=={port},tls", *options])
    lines = [f"frame {row['frame.number']}: request {row['http.request.uri']}" for row in rows]
    return any(secret in line for line in lines), lines


def verdict(recording, secret, options, port, keys, exchange):
    if not exchange[0] == 0:
        return cell("unmeasured", "not measured", f"the conversation itself failed: {exchange[1].strip()[-160:]}")
    found, lines = opened(recording, secret, options, port)
    plain = recording.find(secret)
    evidence = [f"{len(recording.frames)} packets recorded at the access point; keys in hand: {keys}",
                f"tshark {' '.join(options) or '(no keys)'}".replace(os.path.dirname(recording.file) + "/", ""),
                *(lines[:3] or ["no request could be read"])]
    if plain:
        return cell("open", "was open", "the secret stands in the clear, no key was needed", evidence)
    return cell("open", "opens", f"the request with its secret was read with {keys}", evidence) if found else \
        cell("shut", "stays shut", f"nothing of it could be read with {keys}", evidence)


def certificate_key(recorder, name):
    return ["-o", f'uat:rsa_keys:"{recorder.stage.authority.path(name)}",""']


# ------------------------------------------------------------------------------------------------------------------ tickets


def open_ticket(ticket, key):
    """The secret within a ticket of nginx, or None if the ticket is another key's; key is the file's 80 octets."""
    name, authentic, cipher = key[:16], key[16:48], key[48:80]
    body, tag = ticket[:-32], ticket[-32:]
    if ticket[:16] != name or not hmac.compare_digest(hmac.digest(authentic, body, "sha256"), tag):
        return None
    plain = subprocess.run(["openssl", "enc", "-d", "-aes-256-cbc", "-K", cipher.hex(), "-iv", ticket[16:32].hex()], input=body[32:],
                           stdout=subprocess.PIPE, check=True).stdout
    return session_secret(plain)


def session_secret(session):
    """The fifth member of OpenSSL's SSL_SESSION: version, protocol, cipher, session id, secret."""
    members, at = [], header(session, 0)[0]
    while len(members) < 5:
        start, end = header(session, at)
        members.append(session[start:end])
        at = end
    return members[4]


def header(data, at):
    """(start, end) of the content of the DER value at a place."""
    length, start = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(data[start:start + count], "big"), start + count
    return start, start + length


def expand_label(secret, label, context, length, digest):
    """HKDF-Expand-Label of RFC 8446 section 7.1, for one block."""
    name = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(name)]) + name + bytes([len(context)]) + context
    return hmac.digest(secret, info + b"\x01", digest)[:length]


def early_secret(psk, hello):
    """client_early_traffic_secret for a resumption secret and the whole ClientHello message."""
    digest = "sha384" if len(psk) == 48 else "sha256"
    early = hmac.digest(bytes(len(psk)), psk, digest)
    return expand_label(early, b"c e traffic", hashlib.new(digest, hello).digest(), len(psk), digest)


def octets(text):
    return bytes.fromhex(text.replace(":", "").split("|")[0])


def hello_of(recording, port):
    """The last ClientHello message that the client sent to a port."""
    for (_, _, _, dport, _), (text, _) in reversed(list(recording.streams.items())):
        if dport == port and text[:1] == b"\x16":
            return text[5:5 + int.from_bytes(text[3:5], "big")]
    return b""


# --------------------------------------------------------------------------------------------------------------- the attacks


def attack_tls(recorder, table):
    planted = {row: f"{row}-{recorder.stage.planted['page']}" for row in ROWS}
    log = recorder.path("client.keylog")
    recording, got = recorder.record(recorder.fetch(443, planted["control"], SSLKEYLOGFILE=log))
    table["control"] = verdict(recording, planted["control"], ["-o", f"tls.keylog_file:{log}"], 443, "the session's keys", got)
    for row, port, key in (("rsa", 8443, "site-rsa.key"), ("ecdhe", 9444, "site-rsa.key"), ("tls13", 443, "site.key")):
        recording, got = recorder.record(recorder.fetch(port, planted[row]))
        table[row] = verdict(recording, planted[row], certificate_key(recorder, key), port, "the private key of the certificate", got)
    attack_ticket12(recorder, table, planted["ticket12"])
    attack_tickets13(recorder, table, planted)


def ticket_key(recorder):
    with open(recorder.path("ticket.key"), "rb") as file:
        return file.read()


def attack_ticket12(recorder, table, secret):
    # curl asks for no tickets; browsers do, and so does openssl's client.
    recording, got = recorder.record(lambda: recorder.day.client.attempt(
        "openssl", "s_client", "-connect", f"www.{DOMAIN}:9443", "-servername", f"www.{DOMAIN}", "-CAfile",
        recorder.stage.authority.path("ca.crt"), "-tls1_2", "-ign_eof",
        input=f"GET /tick?{secret} HTTP/1.1\r\nHost: www.{DOMAIN}\r\nConnection: close\r\n\r\n"))
    got = (0 if "tick" in got[1] else 1, got[1])
    rows = dissect(recording.file, ["tls.handshake.session_ticket", "tls.handshake.random", "tls.handshake.type"], "tls.handshake",
                   ["-d", "tcp.port==9443,tls"])
    random = next((octets(row["tls.handshake.random"]) for row in rows if row["tls.handshake.type"].startswith("1")), b"")
    tickets = [octets(row["tls.handshake.session_ticket"]) for row in rows if row["tls.handshake.session_ticket"].strip("|")]
    master = next((found for found in (open_ticket(ticket, ticket_key(recorder)) for ticket in tickets) if found), None)
    options = ["-o", f"tls.keylog_file:{recorder.keylog(f'CLIENT_RANDOM {random.hex()} {master.hex()}')}"] if master else []
    table["ticket12"] = verdict(recording, secret, options, 9443, "the server's ticket key", got)
    table["ticket12"]["evidence"].append(f"tickets in the recording: {len(tickets)}; opened by the ticket key: {1 if master else 0}")


def attack_tickets13(recorder, table, planted):
    session = recorder.world.lab.path("secrecy.session")
    common = ["openssl", "s_client", "-connect", f"www.{DOMAIN}:443", "-servername", f"www.{DOMAIN}", "-CAfile",
              recorder.stage.authority.path("ca.crt"), "-tls1_3", "-ign_eof"]

    def request(path):
        return f"GET {path} HTTP/1.1\r\nHost: www.{DOMAIN}\r\nConnection: close\r\n\r\n"

    recorder.day.client.attempt(*common, "-sess_out", session, input=request("/tick"))
    early = recorder.world.lab.write("secrecy.early", request(f"/tick?{planted['early']}"))
    for row, argv, text in (("early", ["-early_data", early], ""), ("ticket13", [], request(f"/tick?{planted['ticket13']}"))):
        recording, got = recorder.record(lambda argv=argv, text=text: recorder.day.client.attempt(*common, "-sess_in", session, *argv,
                                                                                                  input=text))
        rows = dissect(recording.file, ["tls.handshake.extensions.psk.identity.identity", "tls.handshake.random"],
                       "tls.handshake.type == 1")
        tickets = [row for row in rows if row["tls.handshake.extensions.psk.identity.identity"]]
        psk = open_ticket(octets(tickets[0]["tls.handshake.extensions.psk.identity.identity"]), ticket_key(recorder)) if tickets else None
        options = []
        if psk:
            secret = early_secret(psk, hello_of(recording, 443))
            line = f"CLIENT_EARLY_TRAFFIC_SECRET {octets(tickets[0]['tls.handshake.random']).hex()} {secret.hex()}"
            options = ["-o", f"tls.keylog_file:{recorder.keylog(line)}"]
        done = (0 if "tick" in got[1] else 1, got[1])
        table[row] = verdict(recording, planted[row], options, 443, "the server's ticket key", done)
        table[row]["evidence"].append(f"tickets offered in the recording: {len(tickets)}; opened by the ticket key: {1 if psk else 0}")


def attack_tunnel(recorder, table):
    world, secret = recorder.world, recorder.stage.planted["page"]
    world.go("tunnel")

    def talk():
        forget_sessions(world)
        return recorder.day.curl(f"http://clinic.{DOMAIN}/diary.html")

    recording, got = recorder.record(talk)
    world.go("clear")
    keys = recorder.keylog(f"LOCAL_STATIC_PRIVATE_KEY={world.right.private}", f"LOCAL_STATIC_PRIVATE_KEY={world.left.private}")
    options = ["-o", f"wg.keylog_file:{keys}"]
    fields = ["frame.number", "wg.type", "wg.static", "wg.timestamp.value", "http.request.uri", "_ws.col.Info"]
    rows = dissect(recording.file, fields, "wg or http", options)
    who = [row for row in rows if world.left.public in (row["wg.static"] or "") or row["wg.timestamp.value"]]
    inner = [row for row in rows if row["http.request.uri"]] or ([recording.find(secret)] if recording.find(secret) else [])
    shown = [f"frame {row['frame.number']}: {row['_ws.col.Info']}; static key {row['wg.static'] or '(sealed)'}; "
             f"timestamp {row['wg.timestamp.value'] or '(sealed)'}" for row in rows[:3]]
    tool = "tshark -o wg.keylog_file with both static private keys"
    if got[0]:
        for row in ("tunnel_who", "tunnel_data"):
            table[row] = cell("unmeasured", "not measured", f"the conversation itself failed: {got[1][-160:]}")
        return
    table["tunnel_who"] = cell("open", "opens", "the initiator's public key and its timestamp were read with the gateway's static key: the "
                               "record tells afterwards who it was", [tool, *shown]) if who else \
        cell("shut", "stays shut", "the initiator's key could not be read", [tool, *shown])
    data = sum(1 for row in rows if row["wg.type"] == "4")
    table["tunnel_data"] = cell("open", "opens", "packets inside were read", [tool, *shown]) if inner else \
        cell("shut", "stays shut", f"of {data} data packets none could be read with both static keys", [tool, f"{data} data packets, 0 opened"])


def measure(stage, progress):
    """{row: cell}, in the order of ROWS."""
    recorder, table = Recorder(stage), {}
    stage.world.go("clear")
    why = {}
    for title, attack in (("the keys of TLS servers", attack_tls), ("the tunnel's static keys", attack_tunnel)):
        progress(f"recorded traffic, attacked with {title}")
        try:
            attack(recorder, table)
        except (Failure, subprocess.SubprocessError, OSError, ValueError, IndexError) as error:
            why[title] = repr(error)
    stage.world.go("clear")
    return {row: table.get(row) or unmeasured(why) for row in ROWS}
