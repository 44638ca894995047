#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The first five minutes of a newcomer on a clean machine, typed as a person types them, from the package to a phone's code and a
working ping: prints the whole conversation. The phone is a namespace with a stock wireguard-go, which gets what zbarimg reads from
the code's picture. Usage: first_five_minutes.py ROOT PACKAGE
"""
import os
import re
import subprocess
import sys

from machine import Machine, wait_until

BASE, PACKAGE = map(os.path.abspath, sys.argv[1:3])
PHONE = f"phone-{os.getpid()}"


def on_phone(*words, **more):
    done = subprocess.run(["ip", "netns", "exec", PHONE, *words], check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **more)
    return done.returncode, done.stdout


def phone_types(line):
    print(f"phone$ {line}\n{on_phone('bash', '-c', line)[1]}", flush=True)


def main():
    subprocess.run(["ip", "netns", "add", PHONE], check=True)
    name = f"ph{os.getpid()}"[:15]
    try:
        with Machine(BASE, "gateway", log=[]) as machine:
            machine.wire("eth0", ["192.0.2.10/24"], PHONE, "wire0", ["192.0.2.20/24"])
            with open(PACKAGE, "rb") as source, open(machine.path("/srv/" + os.path.basename(PACKAGE)), "wb") as target:
                target.write(source.read())

            def types(line):
                code, text = machine.shell(line)
                print(machine.log[-1], flush=True)
                return code, text

            failed = 0
            for line in (f"apt-get install -qq -y --no-install-recommends ./srv/{os.path.basename(PACKAGE)} 2>&1 |"
                         " grep -v '^(Reading\\|^Preparing\\|^Unpacking\\|^Selecting'",
                         "culvert", "culvert status", "culvert init gateway home -y --endpoint 192.0.2.10", "culvert check home",
                         "systemctl enable --now culvert@home", "systemctl status --no-pager culvert@home",
                         "culvert peer add home phone --qr --qr-png phone.png", "culvert peer list home", "culvert status home"):
                failed += types(line)[0] != 0
            text = subprocess.run(["zbarimg", "-q", "--raw", machine.path("/phone.png")], check=True, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
            print("phone: the camera reads\n" + re.sub("(PrivateKey|PresharedKey) = .*", r"\1 = (hidden)", text))
            keep = ("privatekey", "[peer]", "publickey", "presharedkey", "endpoint", "allowedips", "persistentkeepalive",
                    "[interface]")
            lines = [line for line in text.splitlines() if line.split("=")[0].strip().lower() in keep]
            address = next(line for line in text.splitlines() if line.startswith("Address")).split("=")[1].split(",")[0].strip()
            inside = address.split("/")[0].rsplit(".", 1)[0] + ".1"
            on_phone("wireguard-go", name)
            on_phone("wg", "setconf", name, "/dev/stdin", input="\n".join(lines) + "\n")
            on_phone("ip", "addr", "add", address, "dev", name)
            on_phone("ip", "link", "set", name, "mtu", "1420", "up")
            on_phone("ip", "route", "add", inside, "dev", name)
            wait_until(lambda: on_phone("ping", "-c1", "-W1", inside)[0] == 0, "the phone to reach the gateway")
            phone_types(f"ping -c 3 {inside}")
            for line in ("culvert status home", "culvert doctor home", "systemctl stop culvert@home"):
                failed += types(line)[0] != 0
            failed += types("culvert status home")[0] != 4
            return 1 if failed else 0
    finally:
        subprocess.run(["ip", "-n", PHONE, "link", "delete", name], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "netns", "delete", PHONE], check=False)


sys.exit(main())
