# SPDX-License-Identifier: MIT
"""Identity and its upkeep: what proves who is who, what lapses, what an operator must renew, and what the person sees when nobody did."""
import subprocess
import time

from arena import summary
from authority import DOMAIN
from lab import Failure, wait_until
from tunnel import genkey, pubkey
from visibility import cell, unmeasured
from world import HOSTS

ROWS = {"chain": "what proves the server", "dates": "what lapses by itself", "expired": "an expired certificate", "name": "a certificate for "
        "another name", "revoked": "a revoked certificate", "client_expired": "an expired client certificate (mTLS)",
        "keys": "what proves the gateway and the client", "removed": "a client removed", "added": "a client added again",
        "rekeyed": "the gateway's key replaced"}


def shown(got, good, bad):
    """A refusal that the person sees, or an acceptance that nobody does."""
    level = "open" if got[0] == 0 else "shut"
    return cell(level, good if got[0] == 0 else bad, summary(got), [f"client: {summary(got)}"])


def measure_tls(stage, table):
    day, authority = stage.day, stage.authority
    names = ("site", "site-rsa", "person", "expired", "revoked", "person-expired")
    dated = {name: authority.dates(name) for name in names}
    chain = stage.world.client.attempt("openssl", "verify", "-show_chain", "-CAfile", authority.path("ca.crt"), authority.path("site.crt"))
    links = [line for line in chain[1].splitlines() if line.startswith("depth")]
    table["chain"] = cell("part", f"a chain of {len(links)}", "whoever holds a trusted authority's key can prove to be anybody: " +
                          ", ".join(line.strip() for line in links), [chain[1].strip()[:300]])
    listed = stage.world.client.attempt("openssl", "crl", "-in", authority.path("ca.crl"), "-noout", "-nextupdate")[1].strip()
    table["dates"] = cell("part", f"{len(dated)} certificates, 1 list", "each must be renewed before its date, the list of revoked ones too, and the "
                          "servers told", [*(f"{name}: until {dates[1]}" for name, dates in dated.items()), f"ca.crl: {listed}"])
    table["expired"] = shown(day.curl(f"https://www.{DOMAIN}:7443/"), "accepted", "every visitor is refused")
    table["name"] = shown(day.curl("--resolve", f"shell.{DOMAIN}:443:{HOSTS['www']}", f"https://shell.{DOMAIN}/"), "accepted",
                          "every visitor is refused")
    table["client_expired"] = mutual(stage)
    table["revoked"] = revoked(stage)


def mutual(stage):
    got = stage.day.curl("-w", "%{http_code}", "-o", "/dev/null", "--cert", stage.authority.path("person-expired.crt"), "--key",
                         stage.authority.path("person-expired.key"), f"https://vault.{DOMAIN}/news.html")
    refused = got[0] != 0 or "400" in got[1]
    return cell("shut" if refused else "open", "refused" if refused else "accepted", f"the server answers {got[1].strip()[-120:]}",
                [f"client: exit code {got[0]}, status {got[1].strip()[-120:]}"])


def revoked(stage):
    """A server with a revoked certificate, for a client without and with the list."""
    crt, key = (stage.authority.path(f"revoked.{ending}") for ending in ("crt", "key"))
    server = stage.world.server.spawn("openssl", "s_server", "-accept", f"{HOSTS['www']}:6443", "-cert", crt, "-key", key, "-www",
                                      label="server-revoked")
    wait_until(lambda: stage.world.server.listening(6443, "t"), "the revoked server to listen", within=30)
    blind = stage.day.curl("-o", "/dev/null", f"https://www.{DOMAIN}:6443/")
    seeing = stage.day.curl("-o", "/dev/null", "--crlfile", stage.authority.path("ca.crl"), f"https://www.{DOMAIN}:6443/")
    server.stop()
    evidence = [f"client without the list: {summary(blind)}", f"client with the list: {summary(seeing)}"]
    if blind[0] == 0 and seeing[0] != 0:
        return cell("open", "accepted, unless asked", "a client that fetches no list takes it; one that has the list refuses it", evidence)
    return cell("shut" if blind[0] else "open", "refused" if blind[0] else "accepted", summary(seeing), evidence)


def measure_tunnel(stage, table):
    world = stage.world
    answered = world.client.reaches(HOSTS["www"])
    world.go("tunnel")
    wait_until(answered, "the tunnel to answer", within=60)
    dump = world.gateway.run("wg", "show", "gate0", "dump").splitlines()
    table["keys"] = cell("shut", "two public keys, no dates", "each end is told the other's public key beforehand; there is no authority, and nothing "
                         "lapses by itself", [f"wg show gate0 dump: {line.split(chr(9), 1)[1] if n == 0 else line}" for n, line in
                                              enumerate(dump)])
    drops, started = world.gateway_drops(), time.monotonic()
    world.right.wg("peer", world.left.public, "remove")
    stayed = not wait_for(lambda: not answered(), 30)
    took = time.monotonic() - started
    lines = [f"wg set gate0 peer {world.left.public} remove",
             f"culvertd on the gateway, dropped before {drops} and after {world.gateway_drops()}"]
    table["removed"] = cell("open", "still let in", "echoes were answered for 30 s after", lines) if stayed else \
        cell("shut", f"out within {took:.1f} s", "the gateway forgets its sessions with the key, from one packet to the next", lines)
    started = time.monotonic()
    world.right.wg("peer", world.left.public, "allowed-ips", f"{world.left.inside[4]}/32")
    back = wait_for(answered, 120)
    table["added"] = cell("shut" if back else "open", f"in after {time.monotonic() - started:.1f} s" if back else "not in within 120 s",
                          "the client sent all the while; its next handshake succeeds", ["wg set gate0 peer … allowed-ips …"])
    rekeyed(stage, table, answered)


def rekeyed(stage, table, answered):
    """The gateway gets another key; the client, not told, is out, and in again once it is told."""
    world, old = stage.world, (stage.world.right.private, stage.world.right.public)
    new = genkey()
    world.right.wg("private-key", world.lab.write("gate0.new", new + "\n"))
    stayed = answered()
    world.left.wg("peer", old[1], "remove")
    world.right.private, world.right.public = new, pubkey(new)
    world.left.wg("peer", world.right.public, "allowed-ips", "0.0.0.0/0", "endpoint", f"203.0.113.10:{world.right.port}")
    back = wait_for(answered, 60)
    text = "every client must be told the new public key; until then it is out" if back else "the client did not come back within 60 s"
    table["rekeyed"] = cell("part" if back else "open", "out until told" if not stayed else "old sessions live on", text,
                            [f"echo answered with the old key still configured: {stayed}", f"and after the client was told the new one: {back}"])


def wait_for(condition, seconds):
    """Whether the condition came true within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def measure(stage, progress):
    table = {}
    stage.world.go("clear")
    why = {}
    for title, measured in (("certificates", measure_tls), ("keys", measure_tunnel)):
        progress(f"identity and upkeep: {title}")
        try:
            measured(stage, table)
        except (Failure, subprocess.SubprocessError, OSError) as error:
            why[title] = repr(error)
    stage.world.go("clear")
    return {row: table.get(row) or unmeasured(why) for row in ROWS}
