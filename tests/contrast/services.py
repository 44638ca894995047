# SPDX-License-Identifier: MIT
"""The servers of the contrast, real programs of Debian, each with its own configuration in the run's directory.

nginx    www 80 and 443 (TLS 1.3 and 1.2, h2, tickets, HSTS), api, clinic, vault (asks for the client's certificate),
         8443 (TLS 1.2 with static RSA key exchange), 9443 (TLS 1.2 with tickets)
dnsmasq  names, 53       exim     mail, 25 with STARTTLS and AUTH       postgres database, 5432 with TLS
sshd     shell, 22       logs     datagrams, 514                        old      a line in, a line out, 79
"""
import os
import pwd
import secrets
import shutil
import sys

from authority import DOMAIN
from lab import expect, run, wait_until
from world import HOSTS, lay_over

POSTGRES = "/usr/lib/postgresql/15/bin"
DOWNLOAD_OCTETS = 4 << 20
BULK_OCTETS = 96 << 20
TICKET_KEY_OCTETS = 80

NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx-error.log warn;
events {{ worker_connections 1024; }}
http {{
  types {{ text/html html; application/json json; }} default_type application/octet-stream;
  client_body_temp_path {dir}/nginx-body; proxy_temp_path {dir}/nginx-proxy; fastcgi_temp_path {dir}/nginx-fcgi;
  uwsgi_temp_path {dir}/nginx-uwsgi; scgi_temp_path {dir}/nginx-scgi;
  log_format told '$remote_addr $server_port $request_uri $ssl_protocol $ssl_session_reused $ssl_early_data';
  access_log {dir}/access.log told;
  sendfile off; keepalive_timeout 65; keepalive_requests 100000;
  ssl_certificate {ca}/site.crt; ssl_certificate_key {ca}/site.key;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on; ssl_session_ticket_key {dir}/ticket.key; ssl_session_cache off;
  server {{ listen 80 default_server; root {dir}/www; location /open/ {{ alias {dir}/www/; }}
           location = /move {{ return 301 https://www.{domain}/index.html; }}
           location /me {{ default_type application/json; return 200 '{{"balance":"{answer}"}}\\n'; }}
           location /tick {{ return 200 "tick\\n"; }} location /pay {{ return 200 "paid\\n"; }} location /login {{ return 200 "welcome\\n"; }} }}
  server {{ listen 443 ssl http2 default_server; root {dir}/www; ssl_early_data on; location = /move {{ try_files /index.html =404; }}
           add_header Strict-Transport-Security "max-age=31536000" always;
           location /me {{ default_type application/json; return 200 '{{"balance":"{answer}"}}\\n'; }}
           location /tick {{ return 200 "tick\\n"; }} location /pay {{ return 200 "paid\\n"; }} location /login {{ return 200 "welcome\\n"; }} }}
  server {{ listen {vault}:443 ssl; root {dir}/www; ssl_client_certificate {ca}/ca.crt; ssl_verify_client on; ssl_early_data on; }}
  server {{ listen 8443 ssl; root {dir}/www; ssl_protocols TLSv1.2; ssl_certificate {ca}/site-rsa.crt; ssl_certificate_key {ca}/site-rsa.key;
           ssl_ciphers AES128-GCM-SHA256; ssl_session_tickets off; location /tick {{ return 200 "tick\\n"; }} }}
  server {{ listen 9443 ssl; root {dir}/www; ssl_protocols TLSv1.2; ssl_certificate {ca}/site-rsa.crt; ssl_certificate_key {ca}/site-rsa.key;
           ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256; location /tick {{ return 200 "tick\\n"; }} }}
  server {{ listen 9444 ssl; root {dir}/www; ssl_protocols TLSv1.2; ssl_certificate {ca}/site-rsa.crt; ssl_certificate_key {ca}/site-rsa.key;
           ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256; ssl_session_tickets off; location /tick {{ return 200 "tick\\n"; }} }}
  server {{ listen 7443 ssl; root {dir}/www; ssl_certificate {ca}/expired.crt; ssl_certificate_key {ca}/expired.key; }}
}}
"""
EXIM = """
primary_hostname = mail.{domain}
spool_directory = {dir}/exim
log_file_path = {dir}/exim/log-%s
pid_file_path = {dir}/exim/exim.pid
queue_only = true
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
tls_certificate = {dir}/exim.crt
tls_privatekey = {dir}/exim.key
auth_advertise_hosts = *
acl_smtp_rcpt = take
acl_smtp_data = take
begin acl
take:
  accept
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth3}}{{{password}}}}}
  server_set_id = $auth2
"""
SSHD = """
Port 22
ListenAddress {address}
HostKey {dir}/ssh_host
PidFile {dir}/sshd.pid
AuthorizedKeysFile {dir}/ssh_person.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
PrintMotd no
"""
# One program for both old ways of talking: a datagram is written down, a line is answered with the same words.
PLAIN_SERVER = """
import socket, sys, threading
kind, address, port, file, answer = sys.argv[1:]
if kind == "udp":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, open(file, "ab", buffering=0) as log:
        s.bind((address, int(port)))
        while True:
            log.write(s.recvfrom(65535)[0] + b"\\n")
else:
    with socket.create_server((address, int(port))) as s:
        while True:
            stream, _ = s.accept()
            with stream:
                stream.settimeout(10)
                try:
                    stream.sendall(stream.recv(4096).strip() + b": " + answer.encode() + b"\\n")
                except OSError:
                    pass
"""


class Services:
    """Starts what is installed; `missing` tells what is not: {service: package}."""

    def __init__(self, world, authority, planted):
        self.world, self.authority, self.planted = world, authority, planted
        self.directory, self.server = world.directory, world.server
        self.missing = {}
        for name, program, package, start in (("dns", "dnsmasq", "dnsmasq-base", self._dns), ("web", "nginx", "nginx-light", self._web),
                                              ("mail", "exim4", "exim4-daemon-light", self._mail),
                                              ("database", f"{POSTGRES}/postgres", "postgresql-15", self._database),
                                              ("shell", "sshd", "openssh-server", self._shell)):
            if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
                start()
            else:
                self.missing[name] = package
        self._plain("udp", "logs", 514)
        self._plain("tcp", "old", 79)

    def path(self, name):
        return os.path.join(self.directory, name)

    def _listening(self, port, protocol, process, within=60):
        wait_until(lambda: self.server.listening(port, protocol) or not process.running(), f"{process.label} to listen", within, 0.1)
        expect(process.running(), f"{process.label} ended at its start:\n{process.output()}")

    def _owned(self, source, name, user, mode=0o600):
        """A copy of a file for the eyes of one user."""
        target = self.path(name)
        shutil.copy(source, target)
        entry = pwd.getpwnam(user)
        os.chown(target, entry.pw_uid, entry.pw_gid)
        os.chmod(target, mode)
        return target

    def _dns(self):
        hosts = "".join(f"address=/{name}.{DOMAIN}/{address}\n" for name, address in HOSTS.items())
        secret = f"address=/{self.planted['name']}.{DOMAIN}/{HOSTS['clinic']}\n"
        config = self.world.lab.write("dnsmasq.conf", f"no-resolv\nno-hosts\nuser=root\ngroup=root\npid-file=\nbind-interfaces\n"
                                      f"listen-address={HOSTS['dns']}\nlocal=/test/\n{hosts}{secret}")
        process = self.server.spawn("dnsmasq", "--keep-in-foreground", "--log-facility=-", f"--conf-file={config}")
        self._listening(53, "u", process)

    def _web(self):
        pages = self.path("www")
        os.makedirs(pages)
        texts = {"index.html": "welcome", "news.html": "news of the day", "diary.html": f"diary: {self.planted['page']}"}
        for name, text in texts.items():
            with open(os.path.join(pages, name), "w", encoding="utf-8") as page:
                page.write(f"<!doctype html><title>{name}</title><p>{text}</p>\n" + f"<p>{'lorem ipsum ' * 20}</p>\n" * 40)
        with open(os.path.join(pages, "film.bin"), "wb") as film:
            film.write(self.planted["download"].encode() + secrets.token_bytes(DOWNLOAD_OCTETS - len(self.planted["download"])))
        with open(os.path.join(pages, "bulk.bin"), "wb") as bulk:
            for _ in range(BULK_OCTETS >> 20):
                bulk.write(secrets.token_bytes(1 << 20))
        with open(self.path("ticket.key"), "wb") as key:
            key.write(secrets.token_bytes(TICKET_KEY_OCTETS))
        config = self.world.lab.write("nginx.conf", NGINX.format(dir=self.directory, ca=self.authority.directory, domain=DOMAIN,
                                                                 answer=self.planted["answer"], vault=HOSTS["vault"]))
        self.nginx = self.server.spawn("nginx", "-e", self.path("nginx-error.log"), "-c", config)
        self._listening(443, "t", self.nginx)

    def _mail(self):
        user = "Debian-exim"
        entry = pwd.getpwnam(user)
        for name in ("exim", "exim/input", "exim/msglog", "exim/db"):
            os.makedirs(self.path(name), exist_ok=True)
            os.chown(self.path(name), entry.pw_uid, entry.pw_gid)
        for ending in ("crt", "key"):
            self._owned(self.authority.path(f"site.{ending}"), f"exim.{ending}", user)
        config = self.world.lab.write("exim.conf", EXIM.format(dir=self.directory, domain=DOMAIN, password=self.planted["mail_password"]))
        os.chmod(config, 0o644)
        process = self.server.spawn("exim4", "-bdf", "-C", config, "-oX", f"<; [{HOSTS['mail']}]:25")
        self._listening(25, "t", process)

    def _database(self):
        user, data = "postgres", self.path("pg")
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        entry = pwd.getpwnam(user)
        os.makedirs(data)
        os.chown(data, entry.pw_uid, entry.pw_gid)
        secret = self._owned(self.world.lab.write("pg.password", self.planted["database_password"]), "pg.pw", user)
        run([*as_user, f"{POSTGRES}/initdb", "-D", data, "-U", "person", "-A", "password", f"--pwfile={secret}", "--no-sync", "--no-locale",
             "-E", "UTF8"], cwd="/", within=180)
        crt = self._owned(self.authority.path("site.crt"), "pg.crt", user)
        key = self._owned(self.authority.path("site.key"), "pg.key", user)
        with open(os.path.join(data, "pg_hba.conf"), "w", encoding="utf-8") as rules:
            rules.write("local all all trust\nhost all all 0.0.0.0/0 password\n")
        settings = {"listen_addresses": f"{HOSTS['db']},198.51.100.2", "ssl": "on", "ssl_cert_file": crt, "ssl_key_file": key, "fsync": "off",
                    "unix_socket_directories": data, "shared_buffers": "16MB", "max_connections": "20", "autovacuum": "off"}
        process = self.server.spawn(*as_user, f"{POSTGRES}/postgres", "-D", data,
                                    *(word for key, value in settings.items() for word in ("-c", f"{key}={value}")), cwd="/")
        self._listening(5432, "t", process, within=120)
        question = ("CREATE TABLE patients (name text, finding text);"
                    f"INSERT INTO patients VALUES ('Ada', '{self.planted['row']}');")
        wait_until(lambda: self.server.attempt("psql", "-h", data, "-U", "person", "-d", "postgres", "-c", question)[0] == 0,
                   "the database to take its first rows", within=60, every=0.3)

    def _shell(self):
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self._unlock_root()
        for name in ("ssh_host", "ssh_person"):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.path(name)])
        config = self.world.lab.write("sshd.conf", SSHD.format(dir=self.directory, address=HOSTS["shell"]))
        with open(f"{self.path('ssh_host')}.pub", encoding="utf-8") as public:
            self.world.lab.write("known_hosts", f"shell.{DOMAIN} " + " ".join(public.read().split()[:2]) + "\n")
        process = self.server.spawn(shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin"), "-D", "-e", "-f", config)
        self._listening(22, "t", process)

    def _unlock_root(self):
        """Without PAM sshd refuses an account whose password field begins with '!'; in this mount namespace alone it begins with '*'."""
        with open("/etc/shadow", encoding="utf-8") as shadow:
            lines = shadow.read().splitlines()
        lines = [line.replace("root:!", "root:*", 1) if line.startswith("root:!") else line for line in lines]
        lay_over(self.world.lab.write("shadow", "\n".join(lines) + "\n"), "/etc/shadow")

    def _plain(self, kind, name, port):
        process = self.server.spawn(sys.executable, "-c", PLAIN_SERVER, kind, HOSTS[name], port, self.path(f"{name}.log"),
                                    self.planted["line"], label=f"server-{name}")
        self._listening(port, kind[0], process)
