# SPDX-License-Identifier: MIT
"""The access point's own server: takes every caller on ports 80 and 443, shows a certificate, and writes down what it is told.

    impostor.py CHOICE LOG FOLDER     CHOICE is a file that names the certificate, FOLDER/NAME.crt; read anew for each caller.
"""
import socket
import ssl
import sys
import threading

PAGE = b"<p>FORGED</p>\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(PAGE) + PAGE


def context(choice, folder):
    with open(choice, encoding="utf-8") as file:
        name = file.read().strip()
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(f"{folder}/{name}.crt", f"{folder}/{name}.key")
    return made


def talk(stream, log, wrap):
    try:
        with stream:
            stream.settimeout(10)
            spoken = wrap(stream)
            text = spoken.recv(65536)
            log.write(b"heard: " + text.replace(b"\r\n", b" | ") + b"\n")
            spoken.sendall(ANSWER)
            if spoken is not stream:
                spoken.unwrap()
    except (OSError, ValueError) as error:
        log.write(f"failed: {error}\n".encode())


def serve(port, log, wrap):
    with socket.create_server(("0.0.0.0", port), backlog=64) as server:
        while True:
            stream, _ = server.accept()
            threading.Thread(target=talk, args=(stream, log, wrap), daemon=True).start()


def main():
    choice, file, folder = sys.argv[1:]
    with open(file, "ab", buffering=0) as log:
        threading.Thread(target=serve, args=(80, log, lambda stream: stream), daemon=True).start()
        serve(443, log, lambda stream: context(choice, folder).wrap_socket(stream, server_side=True))


if __name__ == "__main__":
    main()
