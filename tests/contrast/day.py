# SPDX-License-Identifier: MIT
"""A person's day: the flows of the workload, each with the secrets that it carries, and the programs that send it.

A flow has two ways of speaking. Without TLS it is what its protocol was before TLS; with TLS it is what its protocol offers (HTTPS,
STARTTLS, a database's sslmode, a client's certificate). Four flows have nothing to offer (names, ping, datagrams, an old line protocol)
and ssh brings its own; those speak alike on every path, and what covers them is measured, not presumed.
"""
import os
import re
import secrets
import sys
from dataclasses import dataclass, field
from typing import Callable

from authority import DOMAIN
from world import HOSTS

SHORT_CONNECTIONS = 25

# What is planted, by kind; the kinds are rows of the visibility matrix.
PASSWORDS, CONTENT = "passwords", "content"

DATAGRAM = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.sendto(sys.argv[3].encode(), (socket.gethostbyname(sys.argv[1]), int(sys.argv[2])))
"""
LINE = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as s:
    s.sendall(sys.argv[3].encode() + b"\\r\\n")
    print(s.makefile().read())
"""


def plant():
    """Fresh secrets for one run, by what they are; none is part of another."""
    names = {"name": "visit", "page": "page", "password": "login", "token": "token", "answer": "balance", "mail_password": "mailpass",
             "letter": "letter", "database_password": "dbpass", "question": "ask", "row": "finding", "download": "film", "shell": "shell",
             "vault": "vault", "device": "device", "datagram": "log", "asked": "line", "line": "reply", "tick": "tick"}
    return {key: f"{word}-{secrets.token_hex(6)}" for key, word in names.items()} | {"ping": "ping" + secrets.token_hex(6)}


@dataclass
class Flow:
    """One flow. `run(day, secured)` returns None when what should have come back came, else what came instead."""
    key: str
    title: str
    service: str
    planted: dict = field(default_factory=dict)  # key of the planted secret: kind
    run: Callable = None
    offer: str = ""  # what the protocol has of TLS; empty for nothing
    ports: tuple = ()


class Day:
    """The client's programs against the services of one world."""

    def __init__(self, world, authority, services, planted):
        self.world, self.authority, self.services, self.planted = world, authority, services, planted
        self.client = world.client

    def secret(self, key):
        return self.planted[key]

    def curl(self, *argv, within=60):
        """(exit code, output and error text)."""
        return self.client.attempt("curl", "-sS", "--max-time", 25, "--connect-timeout", 15, "--cacert", self.authority.path("ca.crt"),
                                   *argv, within=within)

    def url(self, secured, host, path):
        return f"http{'s' if secured else ''}://{host}.{DOMAIN}{path}"

    def expect_in(self, wanted, code, text):
        return None if code == 0 and wanted in text else f"exit code {code}: {text.strip()[-300:] or 'nothing came'}"

    def flows(self):
        """The flows whose servers are here."""
        return [flow for flow in FLOWS if flow.service not in self.services.missing]

    def run(self, secured, progress=lambda title: None):
        """Runs every flow; returns {flow: None or what went wrong}."""
        outcome = {}
        for flow in self.flows():
            progress(flow.title)
            outcome[flow.key] = flow.run(self, secured)
        return outcome


FLOWS = []


def flow(key, title, service, planted, offer="", ports=()):
    def register(function):
        FLOWS.append(Flow(key, title, service, planted, function, offer, ports))
        return function

    return register


@flow("names", "names looked up", "dns", {"name": CONTENT}, ports=(53,))
def _(day, secured):
    for name in (*HOSTS, day.secret("name")):
        code, text = day.client.attempt("dig", "+short", "+tries=4", "+time=4", f"{name}.{DOMAIN}")
        if code or "198.51.100." not in text:
            return f"{name}: {text.strip()}"
    return None


@flow("pages", "pages, and a login", "web", {"page": CONTENT, "password": PASSWORDS}, "HTTPS", (80, 443))
def _(day, secured):
    for page in ("/index.html", "/news.html"):
        code, text = day.curl(day.url(secured, "www", page))
        if code or "lorem" not in text:
            return f"exit code {code}: {text[-200:]}"
    day.curl(day.url(secured, "www", "/login"), "-d", f"user=person&password={day.secret('password')}")
    return day.expect_in(day.secret("page"), *day.curl(day.url(secured, "clinic", "/diary.html")))


@flow("api", "an API with a token", "web", {"token": PASSWORDS, "answer": CONTENT}, "HTTPS", (80, 443))
def _(day, secured):
    return day.expect_in(day.secret("answer"), *day.curl(day.url(secured, "api", "/me"), "-H",
                                                         f"Authorization: Bearer {day.secret('token')}"))


@flow("mail", "a letter by SMTP", "mail", {"letter": CONTENT, "mail_password": PASSWORDS}, "STARTTLS", (25,))
def _(day, secured):
    letter = day.world.lab.write("letter.txt", f"From: person@{DOMAIN}\r\nTo: friend@{DOMAIN}\r\nSubject: hello\r\n\r\n{day.secret('letter')}\r\n")
    code, text = day.curl(f"smtp://mail.{DOMAIN}/client.{DOMAIN}", *(["--ssl-reqd"] if secured else []), "--mail-from", f"person@{DOMAIN}",
                          "--mail-rcpt", f"friend@{DOMAIN}", "-u", f"person:{day.secret('mail_password')}", "--login-options", "AUTH=PLAIN",
                          "-T", letter)
    return None if code == 0 else f"exit code {code}: {text.strip()[-300:]}"


@flow("database", "a database query", "database", {"question": CONTENT, "row": CONTENT, "database_password": PASSWORDS}, "sslmode", (5432,))
def _(day, secured):
    mode = f"sslmode=verify-full sslrootcert={day.authority.path('ca.crt')}" if secured else "sslmode=disable"
    code, text = day.client.attempt("psql", f"host=db.{DOMAIN} user=person dbname=postgres connect_timeout=20 {mode}", "-Atc",
                                    f"SELECT finding FROM patients WHERE name <> '{day.secret('question')}'",
                                    env={**os.environ, "PGPASSWORD": day.secret("database_password")})
    return day.expect_in(day.secret("row"), code, text)


@flow("download", "a large download", "web", {"download": CONTENT}, "HTTPS", (80, 443))
def _(day, secured):
    target = os.path.join(day.world.directory, "downloaded")
    code, text = day.curl(day.url(secured, "www", "/film.bin"), "-o", target, within=90)
    if code:
        return f"exit code {code}: {text.strip()}"
    with open(target, "rb") as file:
        return None if file.read(len(day.secret("download"))) == day.secret("download").encode() else "another film came"


@flow("short", "many short connections", "web", {"tick": CONTENT}, "HTTPS", (80, 443))
def _(day, secured):
    options = ["--http1.1"] if secured else []
    code, text = day.curl(*options, "-H", "Connection: close",
                          day.url(secured, "www", f"/tick?{day.secret('tick')}=[1-{SHORT_CONNECTIONS}]"), within=90)
    return None if code == 0 and text.count("tick") == SHORT_CONNECTIONS else f"exit code {code}: {text.count('tick')} of {SHORT_CONNECTIONS}"


@flow("ping", "ping", "kernel", {"ping": CONTENT})
def _(day, secured):
    code, text = day.client.attempt("ping", "-n", "-c", 3, "-i", 0.1, "-W", 5, "-p", day.secret("ping").encode().hex(), HOSTS["www"])
    return None if re.search(r"[123] received", text) else f"exit code {code}: {text.strip()[-200:]}"


@flow("shell", "ssh", "shell", {"shell": CONTENT}, "its own", (22,))
def _(day, secured):
    code, text = day.client.attempt("ssh", "-F", "none", "-i", os.path.join(day.world.directory, "ssh_person"), "-o", "IdentitiesOnly=yes",
                                    "-o", f"UserKnownHostsFile={day.world.directory}/known_hosts", "-o", "BatchMode=yes", "-o",
                                    "ConnectTimeout=20", f"root@shell.{DOMAIN}", f"echo {day.secret('shell')}", within=60)
    return day.expect_in(day.secret("shell"), code, text)


@flow("vault", "a service that knows its clients (mTLS)", "web", {"vault": PASSWORDS}, "mTLS", (80, 443))
def _(day, secured):
    certificate = ["--cert", day.authority.path("person.crt"), "--key", day.authority.path("person.key")] if secured else []
    return day.expect_in("lorem", *day.curl(*certificate, day.url(secured, "vault", "/news.html"), "-H", f"X-Key: {day.secret('vault')}"))


@flow("device", "a device that knows only TLS 1.2", "web", {"device": PASSWORDS}, "HTTPS", (80, 9444))
def _(day, secured):
    address = f"https://www.{DOMAIN}:9444/index.html" if secured else day.url(False, "www", "/index.html")
    return day.expect_in("lorem", *day.curl(*(["--tls-max", "1.2"] if secured else []), address, "-H", f"X-Device-Key: {day.secret('device')}"))


@flow("datagram", "a datagram (syslog)", "kernel", {"datagram": CONTENT}, ports=(514,))
def _(day, secured):
    code, text = day.client.attempt(sys.executable, "-c", DATAGRAM, f"logs.{DOMAIN}", 514, day.secret("datagram"))
    return None if code == 0 else text


@flow("old", "an old line protocol", "kernel", {"asked": CONTENT, "line": CONTENT}, ports=(79,))
def _(day, secured):
    return day.expect_in(day.secret("line"), *day.client.attempt(sys.executable, "-c", LINE, f"old.{DOMAIN}", 79, day.secret("asked")))
