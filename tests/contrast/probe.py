# SPDX-License-Identifier: MIT
"""The client's measuring programs, for cost.py. Each prints one JSON object on its last line.

    probe.py connect KIND ADDRESS COUNT CA     opens and closes connections: clear, tls13, tls13r (resumed), tls12
    probe.py sizes KIND ADDRESS CA SIZE...     one request of each size on one connection, with the instants around it
    probe.py linger KIND ADDRESS CA            a request every 0.2 s on one connection, until 20 were answered or none is for 8 s
"""
import json
import socket
import ssl
import sys
import time

NAME = "www.example.test"


def context(ca, version=None):
    made = ssl.create_default_context(cafile=ca)
    made.set_alpn_protocols(["http/1.1"])
    if version:
        made.minimum_version = made.maximum_version = version
    return made


def open_stream(kind, address, ca, port=None):
    stream = socket.create_connection((address, port or (443 if kind == "tls" else 80)), 20)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context(ca).wrap_socket(stream, server_hostname=NAME) if kind == "tls" else stream


def request(size=0):
    text = f"GET /tick HTTP/1.1\r\nHost: {NAME}\r\n"
    padding = size - len(text) - 5
    return (text + (f"X:{'x' * (padding - 1)}\r\n" if padding > 0 else "") + "\r\n").encode()


def connect(kind, address, count, ca):
    version = {"tls13": ssl.TLSVersion.TLSv1_3, "tls13r": ssl.TLSVersion.TLSv1_3, "tls12": ssl.TLSVersion.TLSv1_2}.get(kind)
    made = context(ca, version) if version else None
    port = {"clear": 80, "tls12": 9444}.get(kind, 443)
    session, resumed = None, 0
    for _ in range(int(count)):
        with socket.create_connection((address, port), 20) as stream:
            if made:
                with made.wrap_socket(stream, server_hostname=NAME, session=session if kind == "tls13r" else None) as spoken:
                    if kind == "tls13r" and not session:
                        spoken.sendall(request())
                        spoken.recv(4096)
                        session = spoken.session
                    resumed += spoken.session_reused
    return {"connections": int(count), "resumed": resumed}


def sizes(kind, address, ca, *wanted):
    sent = []
    with open_stream(kind, address, ca) as stream:
        stream.sendall(request())
        stream.recv(65536)
        for size in map(int, wanted):
            time.sleep(0.15)
            begun, text = time.time(), request(size)
            stream.sendall(text)
            stream.recv(65536)
            sent.append([len(text), begun, time.time()])
    return {"sent": sent}


def linger(kind, address, ca):
    answered, longest, why = 0, 0.0, None
    with open_stream(kind, address, ca) as stream:
        stream.settimeout(8)
        try:
            while answered < 20:
                begun = time.monotonic()
                stream.sendall(request())
                if not stream.recv(65536):
                    raise OSError("the server closed the connection")
                longest = max(longest, time.monotonic() - begun)
                answered += 1
                print(f"answered {answered}", flush=True)
                time.sleep(0.2)
        except OSError as error:
            why = f"{type(error).__name__}: {error}"
    return {"survived": why is None, "answered": answered, "longest_wait": round(longest, 3), "why": why}


print(json.dumps({"connect": connect, "sizes": sizes, "linger": linger}[sys.argv[1]](*sys.argv[2:])), flush=True)
