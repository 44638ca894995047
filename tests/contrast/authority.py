# SPDX-License-Identifier: MIT
"""A certificate authority for one run, made with openssl: certificates as a site has them, and each kind that an attacker may hold.

Every certificate is an `openssl ca` entry, so that expiry dates are free and a list of revoked ones can be signed.
Names: CERTIFICATE files are NAME.crt and NAME.key (P-256 unless said), the authorities ca.crt (trusted by the client) and rogue.crt
(trusted by nobody).
"""
import os

from lab import run

DOMAIN = "example.test"
SITE_NAMES = [f"{host}.{DOMAIN}" for host in ("www", "api", "mail", "db", "vault", "clinic")]

CONFIG = """
[ca]
default_ca = here
[here]
dir = {directory}/{name}-books
database = $dir/index.txt
new_certs_dir = $dir
serial = $dir/serial
crlnumber = $dir/crlnumber
certificate = {directory}/{name}.crt
private_key = {directory}/{name}.key
default_md = sha256
default_days = 90
default_crl_days = 7
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = subject
[subject]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


class Authority:
    """ca.crt and the certificates under it, in a directory of their own."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, mode=0o755, exist_ok=True)
        for name, title in (("ca", "Contrast Root"), ("rogue", "Contrast Root")):  # the rogue takes the same name
            self._found(name, title)
        self.issue("site", SITE_NAMES)
        self.issue("site-rsa", SITE_NAMES, key="rsa:2048")
        self.issue("expired", SITE_NAMES, dates=("20200101000000Z", "20200201000000Z"))
        self.issue("wrong-name", [f"other.{DOMAIN}"])
        self.issue("revoked", SITE_NAMES)
        self.issue("misissued", SITE_NAMES)
        self.issue("unknown-authority", SITE_NAMES, by="rogue")
        self.issue("person", ["person"])
        self.issue("person-expired", ["person"], dates=("20200101000000Z", "20200201000000Z"))
        self._self_signed("self-signed", SITE_NAMES)
        self.revoke("revoked")

    def path(self, name):
        return os.path.join(self.directory, name)

    def _config(self, name):
        return self.path(f"{name}.cnf")

    def _found(self, name, title):
        books = self.path(f"{name}-books")
        os.makedirs(books)
        for file, text in (("index.txt", ""), ("serial", "1000\n"), ("crlnumber", "01\n")):
            with open(os.path.join(books, file), "w", encoding="utf-8") as book:
                book.write(text)
        with open(self._config(name), "w", encoding="utf-8") as config:
            config.write(CONFIG.format(directory=self.directory, name=name))
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650", "-subj",
             f"/CN={title}", "-config", self._config(name), "-extensions", "root", "-keyout", self.path(f"{name}.key"), "-out",
             self.path(f"{name}.crt")])

    def _request(self, name, names, key):
        kind = ["-newkey", key] if key.startswith("rsa") else ["-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{key}"]
        return ["openssl", "req", *kind, "-nodes", "-subj", f"/CN={names[0]}", "-config", self._config("ca"), "-addext",
                "subjectAltName=" + ",".join(f"DNS:{each}" for each in names), "-keyout", self.path(f"{name}.key")]

    def issue(self, name, names, by="ca", key="P-256", dates=None):
        """Makes NAME.key and NAME.crt; dates are (start, end) as YYYYMMDDHHMMSSZ."""
        request = self.path(f"{name}.csr")
        run([*self._request(name, names, key), "-out", request])
        between = ["-startdate", dates[0], "-enddate", dates[1]] if dates else []
        run(["openssl", "ca", "-batch", "-notext", "-config", self._config(by), *between, "-in", request, "-out",
             self.path(f"{name}.crt")])

    def _self_signed(self, name, names):
        run([*self._request(name, names, "P-256"), "-x509", "-days", "90", "-out", self.path(f"{name}.crt")])

    def revoke(self, name):
        """Enters the certificate as revoked and signs the list anew, as ca.crl."""
        run(["openssl", "ca", "-config", self._config("ca"), "-revoke", self.path(f"{name}.crt")])
        run(["openssl", "ca", "-config", self._config("ca"), "-gencrl", "-out", self.path("ca.crl")])

    def dates(self, name):
        """(not before, not after) as openssl prints them."""
        text = run(["openssl", "x509", "-in", self.path(f"{name}.crt"), "-noout", "-dates"])
        return tuple(line.partition("=")[2] for line in text.splitlines())
