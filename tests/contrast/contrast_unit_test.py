# SPDX-License-Identifier: MIT
"""The contrast's parts that need no network: reading captures, altering packets, opening tickets, and the page."""
import base64
import contextlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns")]

import conclusions  # noqa: E402
import cost  # noqa: E402
import pcap  # noqa: E402
import report  # noqa: E402
import secrecy  # noqa: E402
import table  # noqa: E402
import visibility  # noqa: E402
import wire  # noqa: E402
from world import OBSERVERS, PATHS  # noqa: E402

CLIENT, SERVER = bytes([10, 10, 0, 2]), bytes([198, 51, 100, 80])
SYN, ACK, PUSH = 2, 16, 24


def tcp(source, sport, target, dport, sequence, flags, payload=b"", acknowledged=0):
    return wire.build(wire.TCP, source, target, struct.pack("!HHIIBBHHH", sport, dport, sequence, acknowledged, 0x50, flags, 1000, 0, 0) + payload)


def udp(source, sport, target, dport, payload):
    return wire.build(wire.UDP, source, target, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload)


@contextlib.contextmanager
def recording(*packets):
    """A capture file of Ethernet with one packet a millisecond."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, packet in enumerate(packets):
            frame = bytes(12) + b"\x08\x00" + packet
            file.write(struct.pack("<IIII", 100, number * 1000, len(frame), len(frame)) + frame)
        file.flush()
        yield pcap.Recording(file.name)


def internet_checksum(data):
    """RFC 1071, for the eye: the sum of 16-bit words, end-around."""
    total = sum(int.from_bytes(data[at:at + 2].ljust(2, b"\0"), "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = total % 0x10000 + total // 0x10000
    return total


def checksums_are_true(packet):
    pseudo = packet[12:20] + bytes([0, packet[9]]) + (len(packet) - 20).to_bytes(2, "big")
    return internet_checksum(packet[:20]) == 0xFFFF and internet_checksum(pseudo + packet[20:]) == 0xFFFF


class Captures(unittest.TestCase):
    def test_a_secret_is_found_plainly_in_base64_at_every_offset_and_in_hexadecimal(self):
        secret = "token-0123456789"
        for text in (secret.encode(), *(base64.b64encode(b"x" * n + secret.encode() + b"yz") for n in range(5)), secret.encode().hex().encode()):
            with recording(udp(CLIENT, 1, SERVER, 2, b"before " + text + b" after")) as made:
                self.assertIsNotNone(made.find(secret), text)
                self.assertIsNone(made.find("token-0123406789"), text)

    def test_a_secret_split_over_segments_that_came_out_of_order_and_twice_is_found(self):
        pieces = [tcp(CLIENT, 9, SERVER, 80, 1000, SYN), tcp(CLIENT, 9, SERVER, 80, 1007, PUSH, b"d-42 end"),
                  tcp(CLIENT, 9, SERVER, 80, 1001, PUSH, b"passwor"[:6]), tcp(CLIENT, 9, SERVER, 80, 1001, PUSH, b"passwo")]
        pieces.append(tcp(CLIENT, 9, SERVER, 80, 1005, PUSH, b"word-42"[:2]))
        with recording(*pieces) as made:
            (stream,) = [text for text, _ in made.streams.values()]
            self.assertEqual(stream, b"passwod-42 end")
            self.assertIsNotNone(made.find("swod-42"))

    def test_a_hole_in_a_stream_joins_nothing(self):
        with recording(tcp(CLIENT, 9, SERVER, 80, 1001, PUSH, b"pass"), tcp(CLIENT, 9, SERVER, 80, 1105, PUSH, b"word")) as made:
            self.assertIsNone(made.find("password"))

    def test_those_called_are_told_by_syn_by_first_datagram_and_by_echo(self):
        echo = wire.build(wire.ICMP, CLIENT, SERVER, bytes(8))
        with recording(tcp(CLIENT, 9, SERVER, 443, 1, SYN), tcp(SERVER, 443, CLIENT, 9, 1, SYN | ACK), udp(CLIENT, 7, SERVER, 53, b"q"),
                       udp(SERVER, 53, CLIENT, 7, b"a"), echo, wire.build(wire.ICMP, SERVER, CLIENT, bytes(8))) as made:
            called = visibility.destinations_of([(made, frame) for frame in made.frames])
        self.assertEqual(set(called), {("198.51.100.80", "tcp", 443), ("198.51.100.80", "udp", 53), ("198.51.100.80", "icmp", 0)})

    def test_a_level_is_shut_at_none_open_at_all_and_part_between(self):
        self.assertEqual([visibility.level_of(found, 3) for found in (0, 1, 3)], ["shut", "part", "open"])

    def test_round_trips_count_only_answers_that_the_wire_had_time_for(self):
        frames = [(0.0, "10.10.0.2", SYN, b""), (0.041, "198.51.100.80", SYN | ACK, b""), (0.042, "10.10.0.2", PUSH, b"hello and early data"),
                  (0.083, "198.51.100.80", PUSH, b"finished"), (0.084, "10.10.0.2", PUSH, b"finished"), (0.086, "198.51.100.80", PUSH, b"page")]
        made = [pcap.Frame(n, at, source, "", 6, 0, 0, 0, flags, payload, 0) for n, (at, source, flags, payload) in enumerate(frames)]
        self.assertEqual(cost.turns(made, "198.51.100.80"), 2)


class HostileWire(unittest.TestCase):
    def only(self, options, packet):
        made = wire.Wire(options)
        return made, [each for _, each in made.handle(packet)]

    def test_a_flipped_bit_leaves_checksums_true_and_all_else_as_it_was(self):
        before = tcp(SERVER, 80, CLIENT, 9, 1, PUSH, bytes(700))
        made, (after,) = self.only({"flip": {"least": 600, "skip": 0, "times": 1}}, before)
        self.assertTrue(checksums_are_true(before) and checksums_are_true(after))
        different = [at for at in range(len(before)) if before[at] != after[at]]
        self.assertEqual((made.counts["acted"], [at for at in different if at >= 40]), (1, [40 + 350]))

    def test_small_packets_and_those_up_are_not_flipped(self):
        for packet in (tcp(SERVER, 80, CLIENT, 9, 1, PUSH, bytes(599)), tcp(CLIENT, 9, SERVER, 80, 1, PUSH, bytes(700))):
            self.assertEqual(self.only({"flip": {"least": 600, "skip": 0, "times": 1}}, packet)[1], [packet])

    def test_an_injected_answer_continues_the_conversation_and_silences_the_true_one(self):
        made = wire.Wire({"inject": b"FORGED".hex()})
        request = tcp(CLIENT, 9, SERVER, 80, 500, PUSH, b"GET / HTTP/1.1\r\n\r\n", acknowledged=900)
        sent, forged = [each for _, each in made.handle(request)]
        self.assertEqual(sent, request)
        answer = pcap.parse_ip(forged)
        self.assertEqual(answer[:6] + answer[7:8], ("198.51.100.80", "10.10.0.2", 6, 80, 9, 900, b"FORGED"))
        self.assertEqual(struct.unpack("!I", forged[28:32])[0], 500 + 18)
        self.assertTrue(checksums_are_true(forged))
        self.assertEqual(made.handle(tcp(SERVER, 80, CLIENT, 9, 900, PUSH, b"true")), [])

    def test_a_question_of_dns_is_answered_with_the_attackers_address(self):
        question = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x03www\x07example\x04test\0\0\x01\0\x01"
        _, (forged,) = self.only({"dns": "10.10.0.1"}, udp(CLIENT, 7, SERVER, 53, question))
        payload = pcap.parse_ip(forged)[7]
        self.assertEqual((payload[:2], payload[-4:]), (b"\x12\x34", bytes([10, 10, 0, 1])))

    def test_losses_follow_their_share_and_their_seed(self):
        packet = udp(CLIENT, 1, SERVER, 2, b"x")
        first, again = (wire.Wire({"loss": 0.1, "seed": 3}) for _ in range(2))
        fates = [[len(each.handle(packet)) for _ in range(2000)] for each in (first, again)]
        self.assertEqual(fates[0], fates[1])
        self.assertTrue(140 <= first.counts["lost"] <= 260, first.counts)


class Tickets(unittest.TestCase):
    def test_the_key_schedule_is_that_of_rfc_8448(self):
        # [RFC 8448, 3] early secret of no PSK, and what is derived of it for the handshake.
        early = bytes.fromhex("33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a")
        empty = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        self.assertEqual(secrecy.expand_label(early, b"derived", empty, 32, "sha256").hex(),
                         "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba")

    def test_a_ticket_opens_with_its_key_and_with_no_other(self):
        key, vector, secret = bytes(range(80)), bytes(range(100, 116)), bytes(range(48))
        members = b"\x02\x01\x01\x02\x02\x03\x03\x04\x02\xc0\x2f\x04\x00\x04\x30" + secret
        session = b"\x30" + bytes([len(members)]) + members
        sealed = subprocess.run(["openssl", "enc", "-aes-256-cbc", "-K", key[48:].hex(), "-iv", vector.hex()], input=session,
                                stdout=subprocess.PIPE, check=True).stdout
        body = key[:16] + vector + sealed
        ticket = body + secrecy.hmac.digest(key[16:48], body, "sha256")
        self.assertEqual(secrecy.open_ticket(ticket, key), secret)
        self.assertIsNone(secrecy.open_ticket(ticket, key[:47] + b"\xff" + key[48:]))
        self.assertIsNone(secrecy.open_ticket(ticket[:-1] + bytes([ticket[-1] ^ 1]), key))


def sample(evil="</script><script>alert(1)</script>"):
    """A whole result, with every level, made without a network."""
    def cell(level="open", short="3 of 3", text="words"):
        return {"level": level, "short": short, "text": text + evil, "evidence": [f"frame 1 {evil}"]}

    levels = list(report.LEVELS)
    rows = {"visibility": visibility.ROWS, "flows": {"pages": "pages", "ping": "ping"}, "attacks": {"flip": "a bit flipped"},
            "secrecy": {"rsa": "static RSA"}, "upkeep": {"chain": "a chain"}}
    return {
        "meta": {"date": "2026-01-01", "kernel": "6", "processors": 2, "missing": {"database": "postgresql-15"}, "seconds": 9},
        "rows": rows,
        "visibility": {path: {observer: {row: cell(levels[number % 5]) for number, row in enumerate(visibility.ROWS)} for observer in OBSERVERS}
                       for path in PATHS},
        "scope": {flow: {path: cell("shut" if path != "clear" else "open") for path in PATHS} for flow in rows["flows"]},
        "attacks": {path: {"flip": cell("unmeasured", "not measured", "no such program")} for path in PATHS},
        "secrecy": {"rsa": cell()}, "upkeep": {"chain": cell("part")},
        "cost": {"delay": 0.02, "film_part": 2 << 20,
                 "first_octet": [{"key": "clear", "title": "clear", "path": "clear", "milliseconds": 81.0, "round_trips": 2},
                                 {"key": "tls13", "title": "TLS", "path": "tls", "why": "no answer came"}],
                 "overhead": {path: [[64, 116 + n], [512, 564 + n]] for n, path in enumerate(PATHS)},
                 "bulk": {path: {"one": 900, "many": None, "cpu": {"nginx": 0.5, "curl": 0.2}} for path in PATHS},
                 "handshakes": [{"title": "TLS", "path": "tls", "microseconds": 300, "count": 10}],
                 "impaired": {path: {"clean": {"seconds": 0.2}, "loss": {"why": "not finished"}, "reorder": {"seconds": 0.3}} for path in PATHS},
                 "roaming": {path: {"survived": path in ("tunnel", "both"), "answered": 3, "longest_wait": 0.1, "why": None} for path in PATHS}},
    }


class Page(unittest.TestCase):
    def setUp(self):
        self.page = report.build(sample())

    def test_it_asks_for_nothing_from_a_network(self):
        self.assertEqual(re.findall(r"""(?:src|href)\s*=\s*["']?(?!data:,)[^"'>\s]+|url\([^)]*\)|@import[^;]*|https?://[^\s"'<]+""", self.page), [])

    def test_what_a_capture_says_is_never_markup(self):
        self.assertFalse("<script>alert" in self.page, "markup from a capture stands in the page")
        self.assertEqual(self.page.count("<script"), 2)
        self.assertEqual(self.page.count("</script>"), 2)

    def test_every_cell_has_its_evidence(self):
        kept = json.loads(re.search(r'id="evidence">(.*?)</script>', self.page, re.S).group(1))
        cells = [int(number) for number in re.findall(r'data-cell="(\d+)"', self.page)]
        self.assertEqual(cells, list(range(len(kept))))
        self.assertEqual(len(cells), 4 * 4 * len(visibility.ROWS) + 2 * 4 + 4 + 2 + 4)
        self.assertTrue(all(title and text for title, text, _ in kept))

    def test_what_was_not_measured_says_so_and_why(self):
        for words in ("? not measured", "no answer came", "not finished", "postgresql-15 is not installed"):
            self.assertTrue(words in self.page, f"'{words}' is missing")

    def test_the_figures_of_a_result_stand_in_the_answers(self):
        said = " ".join(sentence for _, sentences in conclusions.answer(sample("")) for sentence in sentences)
        for words in ("564 in the clear, 565 under TLS, 566 through the tunnel and 567 as both", "the connection in the tunnel went on"):
            self.assertIn(words, said)
        self.assertNotIn("round trips to its first octet", said)  # of two that it compares, one was not measured

    def test_a_result_of_less_makes_a_shorter_page(self):
        less = {key: value for key, value in sample("").items() if key not in ("attacks", "secrecy", "upkeep", "cost")}
        page = report.build(less)
        self.assertEqual((page.count('id="sight"'), page.count('id="cost"')), (1, 0))

    def test_the_page_is_balanced(self):
        for tag in ("table", "tr", "td", "th", "div", "section", "svg", "main", "dialog", "button", "p", "h2", "h3"):
            opened, closed = len(re.findall(rf"<{tag}[\s>]", self.page)), self.page.count(f"</{tag}>")
            self.assertEqual(opened, closed, tag)


class Terminal(unittest.TestCase):
    def test_every_line_of_a_table_is_as_wide_as_its_columns(self):
        lines = table.matrix("title", {"a": "short", "b": "a very long name of a row that is cut"}, {"x": "x", "y": "y"},
                             lambda row, column: {"level": "part", "short": "far too many words for it"}, first=20, each=12, colour=False)
        self.assertEqual({len(line) for line in lines[1:]}, {20 + 2 * 12})
        self.assertIn("…", lines[-1])


if __name__ == "__main__":
    unittest.main(verbosity=1)
